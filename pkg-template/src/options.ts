/** The public types: options, the scope of a call, entries. */
import type { Codec } from "./codec.js";
import type { CacheEvent } from "./events.js";

/** Any object with `fetch`: a service binding, the stub of a Durable Object, the global scope. */
export interface Fetcher {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

/** How a peer is reached: `origin` is its URL, or any origin if the fetcher leads to it. */
export interface PeerConnection {
  readonly fetcher: Fetcher;
  readonly origin: string;
  /** The secrets that sign and verify, as plain values. */
  readonly secrets: unknown;
}

/** Returns the way to a peer. Runs code of the user's: `connect` and `secret`. */
export type ResolvePeer = (peer: string, env: unknown) => PeerConnection;

/** A handler's `ctx`: keeps work alive after the response. */
export interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

/** The request at hand. Every field may be left out in a runtime that lacks it. */
export interface Scope<Env = unknown> {
  /** Passed to `load`, `connect` and `secret`. */
  env?: Env;
  /** Keeps a load alive when its caller hangs up. In a Worker, always pass it. */
  ctx?: Context;
  /** The deadline of this call, in ms. Default: the group's `deadlineMs`, which also bounds it. */
  deadlineMs?: number;
}

/** The source of a value. */
export type Source =
  /** A fresh copy on this node. */
  | "memory"
  /** A stale copy on this node. */
  | "stale"
  /** The load of another request, which this one joined. */
  | "flight"
  /** A peer: the key's owner or the next one on the ring. */
  | "peer"
  /** This node's own loader. */
  | "loader";

/** A value with its source and freshness. */
export interface Entry<T> {
  /** The value; undefined if the key does not exist. */
  value: T | undefined;
  /** The source of the value. */
  source: Source;
  /** Freshness left of the copy here, in ms; undefined if it stays fresh forever, or nothing was cached. */
  freshMs: number | undefined;
}

/** Options of `createPool`. */
export interface PoolOptions<Env = unknown> {
  /** This node's own name among the peers. Default: none, a node that owns no key. */
  self?: string | undefined;
  /**
   * The names of the peers, this node's among them, in the same order on every node. Names are compared byte for byte:
   * a trailing "/" makes another peer. A name is the peer's URL unless `connect` is given. At most 10,000. Default:
   * none, a cache of one node.
   */
  peers?: readonly string[];
  /** Points on the ring per peer, 1 to 1,000; the same on every peer. Default: 50, as in GeeCache. */
  replicas?: number;
  /**
   * The protocol between peers, the same on every peer; Go peers decide it. `geecache` is GeeCache up to its day 6,
   * `geecache-proto` from day 7 on, `groupcache` golang/groupcache, and `groupcache-v3` groupcache-go v3 and mailgun's,
   * whose peers may be named `host:port`. Default: `geecache`.
   */
  wire?: "geecache" | "geecache-proto" | "groupcache" | "groupcache-v3";
  /**
   * How peers are placed on the ring, the same on every peer. `balanced` evens out their shares of the keys; Go peers
   * do not know it. Default: the placement of the wire's Go peers.
   */
  ring?: "balanced";
  /** The path under which peers are asked and answered. Default: the wire's, `/_geecache/` or `/_groupcache/`. */
  basePath?: string;
  /**
   * The timeout of one peer, body included, in ms. The owner loads while it is asked: a timeout shorter than a load
   * makes the asking node load as well. Default: 2,000. A group may have its own.
   */
  peerTimeoutMs?: number;
  /**
   * A secret shared by all peers: signs requests and responses (HMAC-SHA256); unsigned requests are refused with 401.
   * The first of an array signs and all are accepted. To rotate it, append the new one on every peer, move it to the
   * front, then remove the old one. A function receives the request's `env` and is called once per request. Clocks of
   * peers may differ by 30 s. Default: none: **anyone who reaches `basePath` can read every key and make `load` run.**
   */
  secret?: string | readonly string[] | ((env: Env) => string | readonly string[]);
  /** Called with each event, synchronously. Its errors are dropped. Default: none. */
  onEvent?: (event: CacheEvent) => void;
  /** Returns the way to a peer; called once per request to it. Default: the global `fetch` on the peer's URL. */
  connect?: (peer: string, env: Env) => Fetcher;
}

/** The scope of a load. */
export interface LoadScope<Env = unknown> {
  /** The `env` of the request that leads the load. */
  env: Env;
  /** The `ctx` of that request. */
  ctx: Context | undefined;
  /** Aborts when the deadline has passed. Pass it to `fetch`. */
  signal: AbortSignal;
}

/**
 * Loads a value: the computation, database or API behind the cache. `undefined` means that the key does not exist. An
 * error reaches every waiting caller as the `cause` of an `ERR_LOAD`.
 */
export type Load<T, Env = unknown> = (key: string, scope: LoadScope<Env>) => Promise<T | undefined> | T | undefined;

/** Options of `pool.group`. */
export interface GroupOptions<T, Env = unknown> {
  /** The byte budget of keys, values and bookkeeping, from 8 KiB to 2 GiB. Required: an unbounded cache is refused. */
  maxBytes: number;
  /** Loads keys that no peer has. Required. */
  load: Load<T, Env>;
  /** Turns values into bytes. Default: values are `Uint8Array`s. */
  codec?: Codec<T>;
  /**
   * The largest value that is cached or read of a peer's response, in bytes. A larger value of the loader is returned
   * and not cached. Memory grows in steps of at least this size. Default: an eighth of `maxBytes`, at most 512 KiB.
   */
  maxEntryBytes?: number;
  /**
   * The eviction policy. `gdsf` weighs uses against size, with ageing, ghosts and admission. `lru` evicts the least
   * recently used entry, exactly. The `replay` example compares them on a trace. Default: `gdsf`.
   */
  policy?: "gdsf" | "lru";
  /** How long a copy is fresh, in ms. Default: forever. */
  ttlMs?: number;
  /** How long after that a copy is still returned while one load refreshes it in the background, in ms. Default: 0. */
  staleWhileRevalidateMs?: number;
  /** How long after that a copy is still returned if its load fails, in ms. Default: 0. */
  staleIfErrorMs?: number;
  /**
   * The longest freshness of a hot copy (a copy of a peer's value), in ms; 0 caches none. Default: the owner's
   * freshness.
   */
  hotTtlMs?: number;
  /** The deadline of a lookup, over peers and loader, in ms. Default: 10,000. */
  deadlineMs?: number;
  /** The timeout of one peer, body included, in ms. Default: the pool's. */
  peerTimeoutMs?: number;
  /** How many of the ring's next peers are asked after the owner failed, 0 to 16. Default: 1. */
  failover?: number;
}
