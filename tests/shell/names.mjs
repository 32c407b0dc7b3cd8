// Every public name of the package that this simulation depends on, in one table.

/** Headers of the wire between peers, and the outcome that says that there is no such key. */
export const AUTH_HEADER = "geecache-seal";
export const OUTCOME_HEADER = "geecache-outcome";
export const FRESH_HEADER = "geecache-fresh-ms";
export const OUTCOME_NOT_FOUND = "absent";

/** Counters of `stats()`, by the names that the invariants use. */
export const COUNTERS = {
  requests: "requests",
  peerRequests: "peerRequests",
  hits: "hits",
  staleHits: "staleHits",
  coalesced: "joins",
  peerHits: "peerHits",
  peerFailures: "peerFailures",
  shortCircuits: "passedOver",
  loads: "loads",
  fallbacks: "fallbacks",
  notFound: "absent",
  errors: "errors",
  timeouts: "timeouts",
  lostFlights: "lostFlights",
  rejected: "refused",
  invalidatedLoads: "overtaken",
  evictions: "evictions",
  usedBytes: "usedBytes",
  maxBytes: "maxBytes",
  flights: "flights",
};

/** The pool's own counters. */
export const POOL_COUNTERS = {
  traps: "traps",
  unauthorized: "unauthorized",
  ringMismatches: "otherRings",
  openBreakers: "peersDown",
};

/** Outcomes in the events `peer` and `load`. */
export const OUTCOMES = {
  value: "value",
  notFound: "absent",
  loadFailed: "failed",
  notTransferable: "unfit",
  peerFailed: "peer failed",
};

/** The event of two nodes whose lists of peers differ. */
export const RING_MISMATCH = "mismatch";
