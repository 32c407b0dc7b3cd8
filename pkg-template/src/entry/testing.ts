/** For tests: a cluster in memory. Import it next to the main entry, which brings the wasm. */
export { TestCluster } from "../testing.js";
