/** Browsers, Deno, Bun and other runtimes: the wasm is inlined in the JavaScript. */
import base64 from "../core-inline.js";
import { provideModule } from "../core/core.js";
provideModule(() => new WebAssembly.Module(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))));
export * from "../index.js";
