/** For tests: nodes in memory. Import it beside the main entry, which brings the wasm. */
export { TestCluster } from "../testing.js";
