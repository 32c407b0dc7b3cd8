/** A pool: this node among its peers, and its groups. A value: two in one isolate know nothing of each other. */
import { Core } from "./core/core.js";
import { encodeOptions, randomSeed } from "./core/options.js";
import { POOL_OPTIONS } from "./core/protocol.js";
import { EventEmitter } from "./emitter.js";
import { GeecacheError } from "./errors.js";
import { type AnyGroup, Group } from "./group.js";
import type { Context, Fetcher, GroupOptions, PeerConnection, PoolOptions } from "./options.js";
import { Server } from "./server.js";
import { nameCounters, type PoolStats } from "./stats.js";

/** The origin for peers whose name is not a URL: `connect` finds the peer, and the host is ignored. */
const ANY_ORIGIN = "http://peer";

/** The runtime's own fetch on the peer's URL, called as a plain function, as some runtimes require. */
const globalFetch: Fetcher = { fetch: (url, init) => fetch(url, init) };

/** A node among its peers, made by `createPool`. */
export class Pool<Env = unknown> {
  readonly #core: Core;
  readonly #connect: PoolOptions<Env>["connect"];
  readonly #secret: PoolOptions<Env>["secret"];
  readonly #self: string | undefined;
  /** Before names of the form `host:port`, on the wire whose peers have such names. */
  readonly #scheme: string;
  readonly #peerTimeoutMs: number | undefined;
  readonly #groups: AnyGroup<Env>[] = [];
  readonly #emitter: EventEmitter | undefined;
  readonly #server: Server<Env>;

  /** @internal Use `createPool`. */
  constructor(options: PoolOptions<Env>) {
    if (options === null || typeof options !== "object")
      throw new GeecacheError("ERR_OPTION", "the pool's options must be an object");
    const { connect, secret, peerTimeoutMs, peers, onEvent, ...plain } = options;
    if (connect !== undefined && typeof connect !== "function")
      throw new GeecacheError("ERR_OPTION", "the option connect must be a function");
    if (onEvent !== undefined && typeof onEvent !== "function")
      throw new GeecacheError("ERR_OPTION", "the option onEvent must be a function");
    this.#connect = connect;
    this.#secret = secret;
    this.#self = plain.self;
    this.#peerTimeoutMs = peerTimeoutMs;
    const names = copied(peers ?? undefined);
    this.#core = new Core(encodeOptions({ seed: randomSeed(), ...plain }, POOL_OPTIONS), names);
    this.#scheme = plain.wire === "groupcache-v3" ? "http://" : "";
    if (onEvent) this.#emitter = new EventEmitter(this.#core, onEvent);
    this.#server = new Server(this.#core, this.#groups, (env) => this.#secrets(env));
    this.#refuseUnreachable(names ?? []);
    // Read once here, so that an invalid secret is refused now and not by the first request.
    if (typeof secret !== "function") this.#core.readRequest("", "", undefined, 0, copied(secret));
  }

  /**
   * Makes a group. Make it once, at the module's top level, with the same name and codec on every peer.
   *
   * @throws {GeecacheError} `ERR_GROUP` for a name that no path can carry, `ERR_GROUP_EXISTS` the second time,
   * `ERR_OPTION`.
   */
  group<T = Uint8Array>(name: string, options: GroupOptions<T, Env>): Group<T, Env> {
    const timeout = this.#peerTimeoutMs === undefined ? {} : { peerTimeoutMs: this.#peerTimeoutMs };
    const given = typeof options === "object" && options !== null ? { ...timeout, ...options } : options;
    const resolvePeer = (peer: string, env: unknown) => this.#resolvePeer(peer, env as Env);
    const group = new Group<T, Env>(this.#core, resolvePeer, name, given, this.#emitter);
    this.#groups.push(group);
    return group;
  }

  /** Returns the name of the peer that owns `key`; undefined if there are no peers. */
  owner(key: string): string | undefined {
    return this.#core.owner(key);
  }

  /**
   * Replaces the list of peers, from the next lookup on. Flights go on with the new list, and stop waiting for a peer
   * that left.
   *
   * @throws {GeecacheError} `ERR_OPTION` for a list that cannot be a ring; the old one stays.
   */
  setPeers(peers: readonly string[]): void {
    const names = copied(peers);
    this.#refuseUnreachable(names);
    this.#core.setPeers(names);
    this.#emitter?.emitLeft(names);
  }

  /**
   * Answers a peer's request: resolves to a `Response` for every path under `basePath`, and to undefined for any other.
   * A peer's lookup is answered here and never forwarded.
   */
  async handle(request: Request, env?: Env, ctx?: Context): Promise<Response | undefined> {
    return this.#server.handle(request, env as Env, ctx);
  }

  /** The counters of the pool and of its groups. */
  stats(): PoolStats {
    return {
      traps: this.#core.traps,
      ...nameCounters.pool(this.#core.counts(-1)),
      groups: Object.fromEntries(this.#groups.map((group) => [group.name, group.stats()])),
    };
  }

  /** @internal Makes a call into wasm trap, in builds with the crate's feature `injected-traps` alone. */
  injectTrap(kind: number): void {
    this.#core.injectTrap(kind);
  }

  #resolvePeer(peer: string, env: Env): PeerConnection {
    const origin = this.#urlOf(peer) ?? ANY_ORIGIN;
    return { fetcher: this.#connect ? this.#connect(peer, env) : globalFetch, origin, secrets: this.#secrets(env) };
  }

  /**
   * The secrets as plain values. A function that returns nothing means a missing secret: null is refused, undefined is
   * none.
   */
  #secrets(env: Env): unknown {
    return copied(typeof this.#secret === "function" ? (this.#secret(env) ?? null) : this.#secret);
  }

  #urlOf(peer: string): string | undefined {
    return [peer, this.#scheme + peer].find(isUrl);
  }

  #refuseUnreachable(peers: unknown): void {
    if (this.#connect !== undefined || !Array.isArray(peers)) return;
    const odd = peers.find(
      (peer) => typeof peer === "string" && peer !== this.#self && this.#urlOf(peer) === undefined,
    );
    if (odd === undefined) return;
    throw new GeecacheError(
      "ERR_OPTION",
      `the peer ${JSON.stringify(odd)} is not a URL: name it by one, or say with connect how to reach it`,
    );
  }
}

/**
 * Makes a node among its peers; without options, a cache of one node. Cheap, does no I/O, and may be called at a
 * module's top level, where a Worker allows neither timers nor random numbers.
 *
 * ```ts
 * const pool = createPool();
 * const pages = pool.group("pages", { maxBytes: 16 << 20, codec: text(), load: async (path) => `<h1>${path}</h1>` });
 * const page = await pages.get("/about");
 * ```
 *
 * @throws {GeecacheError} `ERR_OPTION`, naming the option.
 */
export function createPool<Env = unknown>(options: PoolOptions<Env> = {}): Pool<Env> {
  return new Pool(options);
}

/** A plain copy of a list, so that none of its getters runs while the core is called; anything else as it is. */
function copied<T>(list: T): T {
  return Array.isArray(list) ? ([...list] as T) : list;
}

function isUrl(peer: string): boolean {
  return /^https?:\/\/[^/?#]/.test(peer) && URL.canParse(peer);
}
