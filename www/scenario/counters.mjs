// The counters of a group that the demo displays, in the round's table and on the page.

/** The name in `stats()`, the heading. @type {ReadonlyArray<readonly [string, string]>} */
export const COUNTERS = [
  ["requests", "requests"],
  ["hits", "local hits"],
  ["coalesced", "coalesced"],
  ["peerHits", "peer hits"],
  ["peerRequests", "from peers"],
  ["loads", "loads"],
  ["fallbacks", "fallbacks"],
  ["errors", "errors"],
];

/**
 * @param {{ groups: { tiles: Record<string, unknown> } }} stats a worker's response to /stats
 * @returns {number[]} in the order of COUNTERS
 */
export function countersOf(stats) {
  return COUNTERS.map(([name]) => Number(stats.groups.tiles[name]));
}

/** The number of requests from other peers. @param {number[]} counters in the order of COUNTERS */
export function peerRequestsIn(counters) {
  return counters[COUNTERS.findIndex(([name]) => name === "peerRequests")];
}
