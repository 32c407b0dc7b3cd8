/** Bring your own wasm: call `init` with the compiled `geecache-edge/core.wasm` before the first `createPool`. */
import { provide } from "../core/core.js";
/** Tells where the compiled wasm is. The first call counts. */
export const init = (module: WebAssembly.Module): void => provide(() => module);
export * from "../index.js";
