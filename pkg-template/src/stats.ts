/** What is counted: the same counters, in the same words, as `src/stats.rs`. */

/** A group's counters since it was made, and its size now. */
export interface Stats {
  /** Look-ups by callers on this node. */
  requests: number;
  /** Look-ups by other peers that this node answered. */
  peerRequests: number;
  /** Look-ups answered with a fresh copy from memory. */
  hits: number;
  /** Look-ups answered with a copy past its freshness. */
  staleHits: number;
  /** Look-ups that joined a flight instead of leading one. */
  joins: number;
  /** Flights that another peer answered with a value. */
  peerHits: number;
  /** Asks that no usable answer came back from. */
  peerFailures: number;
  /** Asks not made, because the peer was known to be down. */
  passedOver: number;
  /** Runs of this node's own loader. */
  loads: number;
  /** Runs of this node's own loader because a peer had failed. */
  fallbacks: number;
  /** Flights that ended with "there is no such key". */
  absent: number;
  /** Flights that ended with an error. */
  errors: number;
  /** Callers whose deadline passed before their flight had landed. */
  timeouts: number;
  /** Flights whose leader vanished, so that another took over. */
  lostFlights: number;
  /** Values that were loaded or set and not kept: too large, not admitted, or no memory. */
  refused: number;
  /** Values that were answered and not kept because a remove or a set came while they were loading. */
  overtaken: number;
  /** Entries that made room for others. */
  evictions: number;
  /** Entries now. */
  entries: number;
  /** Bytes now: keys, values and bookkeeping. */
  usedBytes: number;
  /** The bound on those bytes. */
  maxBytes: number;
  /** Flights in the air now. */
  flights: number;
}

/** What a pool has counted. */
export interface PoolStats {
  /** Failed wasm instances that were replaced. */
  traps: number;
  /** Questions refused because they were not signed by one who knows the secret. */
  unauthorized: number;
  /** Questions and answers from peers whose list of peers is another than ours. */
  otherRings: number;
  /** Peers now known to be down, and passed over. */
  peersDown: number;
  /** Every group's counters, by name. */
  groups: Record<string, Stats>;
}

/** The counters in the order in which the core tells them: a group's, then the pool's. */
const COUNTERS = [
  ...[
    "requests",
    "peerRequests",
    "hits",
    "staleHits",
    "joins",
    "peerHits",
    "peerFailures",
    "passedOver",
    "loads",
    "fallbacks",
    "absent",
    "errors",
  ],
  ...["timeouts", "lostFlights", "refused", "overtaken", "evictions", "entries", "usedBytes", "maxBytes", "flights"],
  ...["unauthorized", "otherRings", "peersDown"],
];
/** How many of them are the pool's. */
export const POOL_COUNTERS = 3;

/** @internal Some of the core's counters, by name. */
export function named(counts: number[], from: number, to?: number): Record<string, number> {
  return Object.fromEntries(counts.map((count, at): [string, number] => [COUNTERS[at]!, count]).slice(from, to));
}
