/** A pool: this node among its peers, and its groups. A value: two in one isolate do not know of each other. */
import {
  Core,
  type Head,
  REPLY_BROKEN,
  REPLY_LOAD_FAILED,
  REPLY_NO_SUCH_KEY,
  REPLY_UNFIT,
  REPLY_VALUE,
} from "./core/core.js";
import { GeecacheError } from "./errors.js";
import { Teller } from "./events.js";
import { asError } from "./flights.js";
import { type Connect, Group, randomSeed } from "./group.js";
import { type Context, type Fetcher, type GroupOptions, listed, POOL_KINDS, type PoolOptions } from "./options.js";
import { named, POOL_COUNTERS, type PoolStats } from "./stats.js";

/** Where a peer is asked whose name is not a URL: `connect` leads there, whatever the host is called. */
const ANY_ORIGIN = "http://peer";

/** What a change may hold beside a value, or hold of keys. */
const CHANGE_BYTES = 128 * 1024;
const DEFAULT_MAX_ENTRY_BYTES = 512 * 1024;
const NO_STORE = { "cache-control": "no-store" };

/** The peer's own URL through the runtime's own fetch, called as a plain function, as some runtimes insist. */
const overHttp: Fetcher = { fetch: (url, init) => fetch(url, init) };

/** A node among its peers, made by `createPool`. */
export class Pool<Env = unknown> {
  readonly #core: Core;
  readonly #connect: PoolOptions<Env>["connect"];
  readonly #secret: PoolOptions<Env>["secret"];
  readonly #self: string | undefined;
  readonly #basePath: string;
  /** Before names of the form `host:port`, where the wire's peers have such. */
  readonly #scheme: string;
  readonly #peerTimeoutMs: number | undefined;
  readonly #groups: Group<any, Env>[] = [];
  readonly #teller: Teller | undefined;
  /** The most that is read of a change's body. */
  #changeBytes = 0;

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
    this.#self = options.self;
    this.#peerTimeoutMs = peerTimeoutMs;
    this.#core = new Core(listed({ seed: randomSeed(), ...plain }, POOL_KINDS), peers ?? undefined);
    const wire = options.wire ?? "geecache";
    this.#basePath = options.basePath ?? (wire.startsWith("geecache") ? "/_geecache/" : "/_groupcache/");
    this.#scheme = wire === "groupcache-v3" ? "http://" : "";
    if (onEvent) this.#teller = new Teller(this.#core, onEvent);
    this.#refuseUnreachable(peers ?? []);
    // Read once here, so that a secret that is none is refused now and not by the first question.
    if (typeof secret !== "function") this.#core.call((wasm) => wasm.question("", "", undefined, 0, secret));
  }

  /**
   * Makes a group. Make it once, at the module's top level, with the same name and codec on every peer.
   *
   * @throws {GeecacheError} `ERR_GROUP` for a name that no path can carry, `ERR_GROUP_EXISTS` the second time, `ERR_OPTION`.
   */
  group<T = Uint8Array>(name: string, options: GroupOptions<T, Env>): Group<T, Env> {
    const timeout = this.#peerTimeoutMs === undefined ? {} : { peerTimeoutMs: this.#peerTimeoutMs };
    const given = typeof options === "object" && options !== null ? { ...timeout, ...options } : options;
    const group = new Group<T, Env>(
      this.#core,
      (peer, env) => this.#reach(peer, env as Env),
      name,
      given,
      this.#teller,
    );
    this.#groups.push(group);
    this.#changeBytes = Math.max(this.#changeBytes, (options.maxEntryBytes ?? DEFAULT_MAX_ENTRY_BYTES) + CHANGE_BYTES);
    return group;
  }

  /** The name of the peer that owns `key`; undefined where there are no peers. */
  owner(key: string): string | undefined {
    return this.#core.withKey(key, (wasm, keyBytes) => wasm.owner(keyBytes));
  }

  /**
   * Another list of peers, from the next look-up on. What is in flight goes on by the new one, and nobody waits for a
   * peer that left. `ERR_OPTION` for a list that cannot be a ring; the old one stays then.
   */
  setPeers(peers: readonly string[]): void {
    this.#refuseUnreachable(peers);
    this.#core.setPeers(peers);
  }

  /**
   * Answers a peer's question: a `Response` for every path under `basePath`, undefined for any other. What a peer asks
   * is answered here and never forwarded.
   */
  async handle(request: Request, env?: Env, ctx?: Context): Promise<Response | undefined> {
    const path = pathOf(request.url);
    if (!path.startsWith(this.#basePath)) return undefined;
    const isHead = request.method === "HEAD";
    const seal = request.headers.get("geecache-seal") ?? undefined;
    const [now, secrets] = [Date.now(), this.#secrets(env as Env)];
    const question = this.#core.call((wasm) => wasm.question(request.method, path, seal, now, secrets)) as
      | Head
      | [group: number, key: string, signer: number]
      | undefined;
    if (question === undefined) return undefined;
    if (typeof question[1] !== "string") return this.#respond(question as Head, isHead);
    const [id, key, signer] = question as [number, string, number];
    if (request.method !== "GET" && !isHead)
      return new Response(null, { status: await this.#change(request, id, key, now), headers: NO_STORE });
    const reply = (kind: number, freshMs = -1, code = "", message = "") => {
      const head = this.#core.withKey(key, (wasm, keyBytes) =>
        wasm.answer(id, keyBytes, seal, signer, now, secrets, kind, freshMs, code, message),
      );
      return this.#respond(head as unknown as Head, isHead);
    };
    try {
      const found = await this.#groups[id]!.answerPeer(key, { env: env as Env, ...(ctx && { ctx }) });
      if (found.kind === "absent") return reply(REPLY_NO_SUCH_KEY);
      return this.#core.hand(id, [found.bytes]) ? reply(REPLY_VALUE, found.freshMs, found.source) : reply(REPLY_UNFIT);
    } catch (thrown) {
      const { code, message } = asError(thrown);
      // A trap is this node's fault and not the loader's: the asker goes on down its ladder.
      return reply(code === "ERR_TRAP" ? REPLY_BROKEN : REPLY_LOAD_FAILED, -1, code, message);
    }
  }

  /** Makes the change to this node's copies that a peer of groupcache-v3 tells; the status that says how it went. */
  async #change(request: Request, id: number, key: string, now: number): Promise<number> {
    const group = this.#groups[id]!;
    if (request.method === "DELETE") return (group.remove(key), 200);
    // Whoever does not say how long a body is may send one without end.
    if (!(Number(request.headers.get("content-length") ?? NaN) <= this.#changeBytes)) return 413;
    const body = new Uint8Array(await request.arrayBuffer());
    if (request.method === "PUT") return this.#core.call((wasm) => wasm.setRequest(id, now, body)) ? 200 : 400;
    if (key !== "_remove-keys/") return 405;
    try {
      for (const named of JSON.parse(new TextDecoder().decode(body)).keys) group.remove(named);
      return 200;
    } catch {
      return 400;
    }
  }

  /** What the pool and its groups have counted. */
  stats(): PoolStats {
    const counted = named(this.#core.counts(-1), -POOL_COUNTERS) as Omit<PoolStats, "traps" | "groups">;
    return {
      traps: this.#core.traps,
      ...counted,
      groups: Object.fromEntries(this.#groups.map((group) => [group.name, group.stats()])),
    };
  }

  /** @internal Makes wasm trap, in builds with the crate's feature `faults` alone: see `fault` in `src/wasm.rs`. */
  fault(kind: number): void {
    this.#core.call((wasm) => (wasm as typeof wasm & { fault?(kind: number): void }).fault?.(kind));
  }

  #reach(peer: string, env: Env): ReturnType<Connect> {
    const origin = this.#urlOf(peer) ?? ANY_ORIGIN;
    return { fetcher: this.#connect ? this.#connect(peer, env) : overHttp, origin, secrets: this.#secrets(env) };
  }

  /** A secret that is to be there and is not would let everybody in: null is refused where undefined is none. */
  #secrets(env: Env): unknown {
    return typeof this.#secret === "function" ? (this.#secret(env) ?? null) : this.#secret;
  }

  #respond([status, headers]: Head, isHead: boolean): Response {
    return new Response(isHead ? null : this.#core.value(), { status, headers });
  }

  #urlOf(peer: string): string | undefined {
    return [peer, this.#scheme + peer].find(isUrl);
  }

  #refuseUnreachable(peers: readonly string[]): void {
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
 * A node among its peers; without options, a cache of one node. Cheap, does no I/O, and may be called at a module's top
 * level, where a Worker allows neither timers nor random numbers.
 *
 * @throws {GeecacheError} `ERR_OPTION`, naming the option.
 */
export function createPool<Env = unknown>(options: PoolOptions<Env> = {}): Pool<Env> {
  return new Pool(options);
}

function isUrl(peer: string): boolean {
  return /^https?:\/\/[^/?#]/.test(peer) && URL.canParse(peer);
}

/** The path of a request as it came, escapes and all. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const path = start < 0 ? "/" : url.slice(start);
  const end = path.search(/[?#]/);
  return end < 0 ? path : path.slice(0, end);
}
