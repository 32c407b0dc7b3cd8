/** Node: the wasm is read from the file next to this one. */
import { readFileSync } from "node:fs";
import { provideModule } from "../core/core.js";

provideModule(() => new WebAssembly.Module(readFileSync(new URL("../core.wasm", import.meta.url))));

export * from "../index.js";
