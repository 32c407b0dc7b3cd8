/** A pool: this node among its peers, and its groups. A value: two in one isolate do not know of each other. */
import { Core, type Head, REPLY_LOAD_FAILED, REPLY_NO_SUCH_KEY, REPLY_VALUE } from "./wasm.js";
import { GeecacheError } from "./errors.js";
import { Group } from "./group.js";
import type { Context, Fetcher, GroupOptions, PoolOptions } from "./options.js";
import type { PoolStats } from "./stats.js";

/** Where a peer is asked whose name is not a URL: `connect` leads there, whatever the host is called. */
const ANY_ORIGIN = "http://peer";

/** The peer's own URL through the runtime's own fetch, called as a plain function, as some runtimes insist. */
const overHttp: Fetcher = { fetch: (url, init) => fetch(url, init) };

/** A node among its peers, made by `createPool`. */
export class Pool<Env = unknown> {
  readonly #core: Core;
  readonly #connect: PoolOptions<Env>["connect"];
  readonly #self: string | undefined;
  readonly #basePath: string;
  readonly #peerTimeoutMs: number | undefined;
  readonly #groups: Group<any, Env>[] = [];

  /** @internal Use `createPool`. */
  constructor(options: PoolOptions<Env>) {
    if (options === null || typeof options !== "object") throw new GeecacheError("ERR_OPTION", "the pool's options must be an object");
    const { connect, peerTimeoutMs, ...core } = options;
    if (connect !== undefined && typeof connect !== "function") throw new GeecacheError("ERR_OPTION", "the option connect must be a function");
    this.#connect = connect;
    this.#self = options.self;
    this.#basePath = options.basePath ?? "/_geecache/";
    this.#peerTimeoutMs = peerTimeoutMs;
    this.#core = new Core(core);
    this.#refuseUnreachable(options.peers ?? []);
  }

  /**
   * Makes a group. Make it once, at the module's top level, with the same name and codec on every peer.
   *
   * @throws {GeecacheError} `ERR_GROUP` for a name that no path can carry, `ERR_GROUP_EXISTS` the second time, `ERR_OPTION`.
   */
  group<T = Uint8Array>(name: string, options: GroupOptions<T, Env>): Group<T, Env> {
    const timeout = this.#peerTimeoutMs === undefined ? {} : { peerTimeoutMs: this.#peerTimeoutMs };
    const given = typeof options === "object" && options !== null ? { ...timeout, ...options } : options;
    const group = new Group<T, Env>(this.#core, (peer, env) => this.#reach(peer, env as Env), name, given);
    this.#groups.push(group);
    return group;
  }

  /** The name of the peer that owns `key`; undefined where there are no peers. */
  owner(key: string): string | undefined {
    return this.#core.withKey(key, (wasm, keyBytes) => wasm.owner(keyBytes));
  }

  /**
   * Another list of peers, from the next look-up on. What is in flight ends as it began. `ERR_OPTION` for a list that
   * cannot be a ring; the old one stays then.
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
    const question = this.#core.call((wasm) => wasm.question(request.method, path)) as Head | [group: number, key: string, head: boolean] | undefined;
    if (question === undefined) return undefined;
    if (typeof question[1] !== "string") return answer(question as Head, null, request.method === "HEAD");
    const [id, key, isHead] = question as [number, string, boolean];
    const group = this.#groups[id]!;
    const reply = (kind: number, freshMs = -1, message = "") => this.#core.call((wasm) => wasm.reply(kind, freshMs, message)) as unknown as Head;
    try {
      const found = await group.answerPeer(key, { env: env as Env, ...(ctx && { ctx }) });
      if (found.kind === "absent") return answer(reply(REPLY_NO_SUCH_KEY), null, isHead);
      return answer(reply(REPLY_VALUE, found.freshMs), found.bytes, isHead);
    } catch (thrown) {
      const said = thrown instanceof GeecacheError ? `${thrown.code}: ${thrown.message}` : String(thrown);
      // This node is at fault and not the loader: a plain 500 sends the asker to the next peer or its own loader.
      if (said.startsWith("ERR_TRAP")) return answer([500, [["cache-control", "no-store"]], said], null, isHead);
      return answer(reply(REPLY_LOAD_FAILED, -1, said), null, isHead);
    }
  }

  /** What the pool and its groups have counted. */
  stats(): PoolStats {
    return { traps: this.#core.traps, groups: Object.fromEntries(this.#groups.map((group) => [group.name, group.stats()])) };
  }

  /** @internal Makes wasm trap, in builds with the crate's feature `faults` alone: see `fault` in `src/wasm.rs`. */
  fault(kind: number): void {
    this.#core.call((wasm) => (wasm as typeof wasm & { fault?(kind: number): void }).fault?.(kind));
  }

  #reach(peer: string, env: Env): { fetcher: Fetcher; origin: string } {
    const origin = isUrl(peer) ? peer : ANY_ORIGIN;
    return { fetcher: this.#connect ? this.#connect(peer, env) : overHttp, origin };
  }

  #refuseUnreachable(peers: readonly string[]): void {
    if (this.#connect !== undefined || !Array.isArray(peers)) return;
    const odd = peers.find((peer) => typeof peer === "string" && peer !== this.#self && !isUrl(peer));
    if (odd === undefined) return;
    throw new GeecacheError("ERR_OPTION", `the peer ${JSON.stringify(odd)} is not a URL: name it by one, or say with connect how to reach it`);
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

function answer([status, headers, text]: Head, value: Uint8Array<ArrayBuffer> | null, isHead: boolean): Response {
  const body = text ?? value;
  return new Response(isHead ? null : body, { status, headers });
}
