/** The counters of a group and of a pool. */
import { GROUP_COUNTERS, POOL_COUNTERS } from "./core/protocol.js";

/** A group's counters since it was made, and its current size. Counters start again when the isolate does. */
export interface Stats {
  /** Lookups by callers on this node. */
  requests: number;
  /** Lookups by peers, answered here. */
  peerRequests: number;
  /** Lookups that found a fresh copy. */
  hits: number;
  /** Lookups that returned a stale copy. */
  staleHits: number;
  /** Lookups coalesced into the flight of another request. */
  coalesced: number;
  /** Flights that a peer answered with a value. */
  peerHits: number;
  /** Peer requests without a usable response. */
  peerFailures: number;
  /** Peer requests skipped because the peer's circuit breaker was open. */
  shortCircuits: number;
  /** Runs of this node's own loader. */
  loads: number;
  /** Runs of this node's own loader after a peer had failed. */
  fallbacks: number;
  /** Flights that ended because the key does not exist. */
  notFound: number;
  /** Flights that ended with an error. */
  errors: number;
  /** Callers whose deadline passed before their flight ended. */
  timeouts: number;
  /** Flights whose leader vanished, so that a follower took over. */
  lostFlights: number;
  /** Values that were loaded or set and not cached: too large, not admitted, or no memory. */
  rejected: number;
  /** Loads whose value was returned and not cached, because a `remove`, `clear` or `set` invalidated it meanwhile. */
  invalidatedLoads: number;
  /** Entries evicted for others. */
  evictions: number;
  /** Current entries. */
  entries: number;
  /** Current bytes: keys, values and bookkeeping. */
  usedBytes: number;
  /** The bound on those bytes. */
  maxBytes: number;
  /** Current flights. */
  flights: number;
}

/** A pool's counters since it was made. */
export interface PoolStats {
  /** WebAssembly instances that trapped and were replaced. */
  traps: number;
  /** Peer requests refused for want of a valid signature. */
  unauthorized: number;
  /** Requests and responses of peers whose list of peers differs from this node's. */
  ringMismatches: number;
  /** Peers whose circuit breaker is open now. */
  openBreakers: number;
  /** Every group's counters, by name. */
  groups: Record<string, Stats>;
}

/** Names the core's counts: a group's, or the pool's behind them. */
export const nameCounters = {
  group: (counts: number[]): Stats => named(GROUP_COUNTERS, counts),
  pool: (counts: number[]): Omit<PoolStats, "traps" | "groups"> =>
    named(POOL_COUNTERS, counts.slice(GROUP_COUNTERS.length)),
};

function named<Name extends string>(names: readonly Name[], counts: number[]): Record<Name, number> {
  return Object.fromEntries(names.map((name, at) => [name, counts[at]!])) as Record<Name, number>;
}
