/** Browsers, Deno, Bun and whatever else: the wasm travels inside of the JavaScript. */
import base64 from "../core-inline.js";
import { provide } from "../core/core.js";
provide(() => new WebAssembly.Module(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))));
export * from "../index.js";
