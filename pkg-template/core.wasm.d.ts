/** The compiled core, as Workers and their bundlers import it: hand it to `init` of `geecache-edge/slim`. */
declare const module: WebAssembly.Module;
export default module;
