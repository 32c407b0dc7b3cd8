// Every public name of the package that this simulation depends on, in one table.

/** Headers of the wire between peers, and the outcome that says that there is no such key. */
export const AUTH_HEADER = "geecache-auth";
export const OUTCOME_HEADER = "geecache-outcome";
export const FRESH_HEADER = "geecache-fresh-ms";
export const OUTCOME_NOT_FOUND = "not-found";

/** Counters of `stats()`, by the names that the invariants use. */
export const COUNTERS = {
  requests: "requests",
  peerRequests: "peerRequests",
  hits: "hits",
  staleHits: "staleHits",
  coalesced: "coalesced",
  peerHits: "peerHits",
  peerFailures: "peerFailures",
  shortCircuits: "shortCircuits",
  loads: "loads",
  fallbacks: "fallbacks",
  notFound: "notFound",
  errors: "errors",
  timeouts: "timeouts",
  lostFlights: "lostFlights",
  rejected: "rejected",
  invalidatedLoads: "invalidatedLoads",
  evictions: "evictions",
  usedBytes: "usedBytes",
  maxBytes: "maxBytes",
  flights: "flights",
};

/** The pool's own counters. */
export const POOL_COUNTERS = {
  traps: "traps",
  unauthorized: "unauthorized",
  ringMismatches: "ringMismatches",
  openBreakers: "openBreakers",
};

/** Outcomes in the events `peer` and `load`. */
export const OUTCOMES = {
  value: "value",
  notFound: "notFound",
  loadFailed: "loadFailed",
  notTransferable: "notTransferable",
  peerFailed: "peerFailed",
};

/** The event of two nodes whose lists of peers differ. */
export const RING_MISMATCH = "ringMismatch";
