/** Observability: counters as Prometheus text, and `Cache-Status`. */
export { cacheStatus, prometheus } from "../observe.js";
