/** The public types: options, the scope of a call, entries. */
import type { Codec } from "./codec.js";
import type { CacheEvent } from "./events.js";

/** Anything with `fetch`: a service binding, a Durable Object's stub, the global scope. */
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

/** The request at hand. Every field may be left out in a runtime that has no such thing. */
export interface Scope<Env = unknown> {
  /** Passed to `load`, `connect` and `secret`. */
  env?: Env;
  /** Keeps a load alive when its caller hangs up. In a Worker, always pass it. */
  ctx?: Context;
  /** The deadline of this call, in ms. Default: the group's `deadlineMs`, which also bounds it. */
  deadlineMs?: number;
}

/** Where a value came from. */
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
  /** Where it came from. */
  source: Source;
  /** Freshness left of the copy here, in ms; undefined if it stays fresh forever, or nothing was cached. */
  freshMs: number | undefined;
}

/** Options of `createPool`. */
export interface PoolOptions<Env = unknown> {
  /** This node's own name among the peers. Default: none, a node that owns nothing. */
  self?: string | undefined;
  /**
   * The peers' names, this node's among them, in the same order everywhere. Names count byte for byte: a trailing "/"
   * makes another peer. A name is the peer's URL, unless `connect` is given. Default: none, a cache of one node.
   */
  peers?: readonly string[];
  /** Points on the ring for each peer, 1 to 1,000; the same on every peer. Default: 50, GeeCache's. */
  replicas?: number;
  /**
   * What peers speak, the same on every peer: what Go peers there are decides. `geecache` is GeeCache up to its day 6,
   * `geecache-proto` from day 7 on, `groupcache` golang/groupcache, `groupcache-v3` groupcache-go v3 and mailgun's, whose
   * peers may be named `host:port`. Default: `geecache`.
   */
  wire?: "geecache" | "geecache-proto" | "groupcache" | "groupcache-v3";
  /**
   * Where peers lie on the ring, the same on every peer. `balanced` gives the busiest of ten at most 1.15 times its share,
   * where Go's ring gives up to 2.5 times: choose it where no peer is Go. Default: as the wire's Go peers have it.
   */
  ring?: "balanced";
  /** Where peers are asked and answered. Default: the wire's, `/_geecache/` or `/_groupcache/`. */
  basePath?: string;
  /**
   * How long one peer may take, body included, in ms. The owner loads while it is asked: a time shorter than a load
   * takes makes the asker load as well. Default: 2,000. A group may have its own.
   */
  peerTimeoutMs?: number;
  /**
   * Shared by all peers: signs every question and every answer (HMAC-SHA256), and refuses what is not signed, with 401.
   * Of an array the first signs and all are accepted: to change it, first add the new one at the end everywhere, then
   * put it first, then take the old one away. A function is given the request's `env`, for each question. Peers' clocks
   * may be 30 s apart. Default: none: **whoever reaches `basePath` can read every key and make `load` run.**
   */
  secret?: string | readonly string[] | ((env: Env) => string | readonly string[]);
  /** Told of what happens, as it happens: hits, misses, peers, loads, evictions. What it throws is dropped. Default: nobody. */
  onEvent?: (event: CacheEvent) => void;
  /** How to reach a peer, called for each question. Default: the global `fetch` on the peer's URL. */
  connect?: (peer: string, env: Env) => Fetcher;
}

/** What a loader is given besides its key. */
export interface LoadScope<Env = unknown> {
  /** The `env` of the request that leads the load. */
  env: Env;
  /** The `ctx` of that request. */
  ctx: Context | undefined;
  /** Aborts when nobody waits any longer: the deadline has passed. Hand it to `fetch`. */
  signal: AbortSignal;
}

/**
 * Loads a value: the slow thing that the cache is there for. `undefined` says that there is no such key. What it throws
 * reaches every caller who waits as the `cause` of an `ERR_LOAD`.
 */
export type Load<T, Env = unknown> = (key: string, scope: LoadScope<Env>) => Promise<T | undefined> | T | undefined;

/** Options of `pool.group`. */
export interface GroupOptions<T, Env = unknown> {
  /** The bound on keys, values and bookkeeping together, in bytes, from 8 KiB to 2 GiB. Required: an unbounded cache is refused. */
  maxBytes: number;
  /** Loads what no peer has. Required. */
  load: Load<T, Env>;
  /** How values become bytes. Default: they are `Uint8Array`s as they are. */
  codec?: Codec<T>;
  /**
   * The largest value that is kept, and the most that is read of a peer's answer, in bytes; a larger one is answered and
   * not kept. Memory is taken in steps of at least this size. Default: an eighth of `maxBytes`, at most 512 KiB.
   */
  maxEntryBytes?: number;
  /**
   * What makes room for what. `gdsf`, the default, keeps what is worth most: uses by size, with age. `lru` drops what was used least
   * recently, exactly. The `replay` example tells which one fits a trace of yours.
   */
  policy?: "gdsf" | "lru";
  /** How long a copy is fresh, in ms. Default: for ever. */
  ttlMs?: number;
  /** How long after that it is still answered while one load renews it behind, in ms. Default: 0. */
  staleWhileRevalidateMs?: number;
  /** How long after that it is still answered when its load fails, in ms. Default: 0. */
  staleIfErrorMs?: number;
  /** The most that a copy of another peer's value is kept here, in ms; 0 keeps none. Default: as long as the owner's is fresh. */
  hotTtlMs?: number;
  /** How long a caller waits in all, over peers, loader and everything, in ms. Default: 10,000. */
  deadlineMs?: number;
  /** How long one peer may take, body included, in ms. Default: the pool's. */
  peerTimeoutMs?: number;
  /** How many of the ring's next peers are asked after the owner failed. Default: 1. */
  failover?: number;
}
