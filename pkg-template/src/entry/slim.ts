/** Without wasm: call `init` with the compiled `geecache-edge/core.wasm` before the first `createPool`. */
import { provideModule } from "../core/core.js";
/** Provides the compiled wasm. The first call counts. */
export const init = (module: WebAssembly.Module): void => provideModule(() => module);
export * from "../index.js";
