/** For dashboards: a pool's counters as Prometheus text, and `Cache-Status` for your own answers. */
export { cacheStatus, prometheus } from "../observe.js";
