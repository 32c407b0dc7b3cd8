/** Browsers, Deno, Bun and other runtimes: the wasm is inlined in the JavaScript. */

import { provideModule } from "../core/core.js";
import base64 from "../core-inline.js";

provideModule(() => new WebAssembly.Module(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))));

export * from "../index.js";
