/**
 * The protocol between TypeScript and the core: numbers, names and orders that both know.
 *
 * Generated from `src/protocol.rs` by `UPDATE_PROTOCOL=1 cargo test --test protocol`. Do not edit.
 */

/** The next step of a lookup or of a flight's leader. */
export const enum Step {
  /** The flight is over; the last result is its outcome. */
  Done = 0,
  /** A fresh copy was found. */
  Hit = 1,
  /** A stale copy is the answer; a task refreshes it in the background if there is one. */
  Stale = 2,
  /** Another request is loading the key: follow its flight. */
  Join = 3,
  /** Lead: ask a peer. */
  Ask = 4,
  /** Lead: run the loader. */
  Load = 5,
  /** The flight was lost to another leader, or the key was filled concurrently: look it up again. */
  Retry = 6,
  /** The flight is over: a peer failed and no time was left for another attempt. */
  DeadlinePassed = 7,
  /** The result belongs to an earlier attempt and was ignored. */
  Superseded = 8,
  /** The call was refused; an error code and a message are staged. */
  Refused = 9,
}

/** The outcome of a task, of a request to a peer, or of a peer's request to this node. */
export const enum Outcome {
  /** A value. */
  Value = 0,
  /** The key does not exist. */
  NotFound = 1,
  /** The loader failed, here or at the owner. */
  LoadFailed = 2,
  /** The peer gave no usable response. */
  PeerFailed = 3,
  /** The key or its value cannot be transferred between peers; the peer is not at fault. */
  NotTransferable = 4,
}

/** The slots of the scratch area: float64 each, at the start of it. The key follows them. */
export const enum Slot {
  /** Address of the value in linear memory. */
  ValueAt = 0,
  /** Length of the value in bytes. */
  ValueBytes = 1,
  /** Freshness left in ms; -1 if the value stays fresh forever. */
  FreshMs = 2,
  /** The flight to lead or to follow; 0 for none. */
  Flight = 3,
  /** The leader's task, `Ask` or `Load`; 0 for none. */
  Task = 4,
  /** Number of the task's attempt. */
  Attempt = 5,
  /** Timeout of the task in ms. */
  TimeoutMs = 6,
  /** Address of the name of the peer to ask. */
  PeerAt = 7,
  /** Length of that name in bytes. */
  PeerBytes = 8,
  /** The `Outcome` of a peer's response. */
  Outcome = 9,
  /** Index of an error's code in `ERROR_CODES`. */
  Code = 10,
  /** Address of an error's message. */
  MessageAt = 11,
  /** Length of that message in bytes. */
  MessageBytes = 12,
}

/** The purpose of staged bytes; decides how many the core accepts. */
export const enum Staged {
  /** A value to cache. */
  Value = 0,
  /** The body of a peer's response. */
  Response = 1,
  /** The body of a peer's change to this node's copies. */
  Change = 2,
}

/** Calls that can be made to trap, in builds with the feature `injected-traps`. */
export const enum InjectedTrap {
  /** The injection itself. */
  Now = 0,
  /** `begin` */
  Begin = 1,
  /** `completeTask`, and the end of `peerAnswered`. */
  CompleteTask = 2,
  /** The beginning of `peerAnswered`. */
  PeerAnswered = 3,
  /** `heartbeat` and `abandon` */
  Heartbeat = 4,
  /** `timedOut` */
  TimedOut = 5,
  /** `watch` */
  Watch = 6,
  /** `stats` */
  Stats = 7,
}

/** The outcomes by their names in events, in the order of `Outcome`. */
export const OUTCOMES = ["value", "notFound", "loadFailed", "peerFailed", "notTransferable"] as const;

/** The sources of values, with their numbers. */
export const SOURCES = { memory: 0, stale: 1, flight: 2, peer: 3, loader: 4 } as const;

/** The error codes; an error crosses as its index. */
export const ERROR_CODES = [
  "ERR_OPTION",
  "ERR_KEY",
  "ERR_GROUP",
  "ERR_GROUP_EXISTS",
  "ERR_LOAD",
  "ERR_LOAD_TYPE",
  "ERR_TIMEOUT",
  "ERR_PEER",
  "ERR_TRAP",
] as const;

/** A stable error code. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** The pool's options that the core reads, in order. */
export const POOL_OPTIONS = {
  self: "string",
  basePath: "string",
  replicas: "number",
  seed: "number",
  wire: { geecache: 0, "geecache-proto": 1, groupcache: 2, "groupcache-v3": 3 },
  ring: { balanced: 0 },
} as const;

/** The group's options that the core reads, in order. */
export const GROUP_OPTIONS = {
  policy: { gdsf: 0, lru: 1 },
  maxBytes: "number",
  maxEntryBytes: "number",
  hashSeed: "number",
  ttlMs: "number",
  staleWhileRevalidateMs: "number",
  staleIfErrorMs: "number",
  hotTtlMs: "number",
  deadlineMs: "number",
  peerTimeoutMs: "number",
  failover: "number",
} as const;

/** A group's counters, in order. */
export const GROUP_COUNTERS = [
  "requests",
  "peerRequests",
  "hits",
  "staleHits",
  "coalesced",
  "peerHits",
  "peerFailures",
  "shortCircuits",
  "loads",
  "fallbacks",
  "notFound",
  "errors",
  "timeouts",
  "lostFlights",
  "rejected",
  "invalidatedLoads",
  "evictions",
  "entries",
  "usedBytes",
  "maxBytes",
  "flights",
] as const;

/** The pool's counters, which follow a group's. */
export const POOL_COUNTERS = ["unauthorized", "ringMismatches", "openBreakers"] as const;

/** The headers of a peer's response that the core reads, in order. */
export const RESPONSE_HEADERS = [
  "geecache-auth",
  "geecache-outcome",
  "geecache-fresh-ms",
  "content-type",
  "x-content-type-options",
] as const;

/** The header that signs peer requests and their responses. */
export const AUTH_HEADER = "geecache-auth";

/** In place of a key: the body of such a POST lists the keys to remove (groupcache-v3). */
export const REMOVE_KEYS = "_remove-keys/";

/** How many slots the scratch area has. */
export const SLOTS = 13;

/** The longest key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 65_535;

/** Room for a key in the scratch area: a longer one is noticed. */
export const KEY_ROOM_BYTES = 65_540;

/** How often a leader sends a heartbeat and a follower checks for it, in ms. */
export const HEARTBEAT_MS = 100;

/** The default of a group's `deadlineMs`. */
export const DEFAULT_DEADLINE_MS = 10_000;
