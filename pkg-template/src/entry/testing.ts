/** For tests: nodes in memory. Import it beside the main entry, which brings the wasm. */
export { TestNetwork } from "../testing.js";
