// The counters of a cache group that people are shown, in the round's table and on the page.

/** Name in `stats()`, heading. @type {ReadonlyArray<readonly [string, string]>} */
export const COUNTERS = [
  ["requests", "requests"],
  ["hits", "local hits"],
  ["joins", "joins"],
  ["peerHits", "peer hits"],
  ["peerRequests", "from peers"],
  ["loads", "loads"],
  ["fallbacks", "fallbacks"],
  ["errors", "errors"],
];

/**
 * @param {any} stats what a worker answers at /stats
 * @returns {number[]} in the order of COUNTERS
 */
export function countersOf(stats) {
  return COUNTERS.map(([name]) => Number(stats.groups.tiles[name]));
}

/** How often a peer has been asked by others. @param {number[]} counters in the order of COUNTERS */
export function peerRequestsIn(counters) {
  return counters[COUNTERS.findIndex(([name]) => name === "peerRequests")];
}
