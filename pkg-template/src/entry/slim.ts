/** Bring your own wasm: call `init` with the compiled `geecache-edge/core.wasm` before the first `createPool`. */
import { provideModule } from "../core/core.js";
/** Tells where the compiled wasm is. The first call counts. */
export const init = (module: WebAssembly.Module): void => provideModule(() => module);
export * from "../index.js";
