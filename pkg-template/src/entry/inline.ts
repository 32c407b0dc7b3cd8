/** Browsers, Deno, Bun and whatever else: the wasm travels inside of the JavaScript. */
import base64 from "../core-inline.js";
import { provideModule } from "../core/core.js";
provideModule(() => new WebAssembly.Module(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))));
export * from "../index.js";
