// A TypeScript program that uses the package: every exported name, inferred types, and calls that the types must reject.
import {
  type CacheEvent,
  type Codec,
  type Context,
  createPool,
  type Entry,
  type ErrorCode,
  type Fetcher,
  GeecacheError,
  type Group,
  type GroupOptions,
  json,
  type Load,
  type LoadScope,
  type Pool,
  type PoolOptions,
  type PoolStats,
  type Scope,
  type Source,
  type Stats,
  text,
} from "geecache-edge";
import wasm from "geecache-edge/core.wasm";
import { cacheStatus, prometheus } from "geecache-edge/observe";
import { init, createPool as slimPool } from "geecache-edge/slim";
import { TestCluster } from "geecache-edge/testing";

interface Env {
  DB: { find(key: string, signal: AbortSignal): Promise<User | null> };
}
interface User {
  id: string;
}

const options: PoolOptions<Env> = {
  peers: ["https://a.example"],
  connect: (peer: string, env: Env): Fetcher => ({ fetch: async () => new Response(peer + String(env)) }),
};
const pool: Pool<Env> = createPool<Env>(options);
const load: Load<User, Env> = async (key: string, { env, signal }: LoadScope<Env>) =>
  (await env.DB.find(key, signal)) ?? undefined;
const users: Group<User, Env> = pool.group<User>("users", {
  maxBytes: 65_536,
  codec: json(),
  load,
} satisfies GroupOptions<User, Env>);
const codec: Codec<string> = text();

export async function use(scope: Scope<Env>, ctx: Context): Promise<[Source, ErrorCode | undefined]> {
  const user: User | undefined = await users.get("k", { ...scope, ctx });
  const entry: Entry<User> = await users.getEntry("k");
  const bytes: Uint8Array | undefined = await pool.group("bytes", { maxBytes: 65_536, load: () => undefined }).get("k");
  const words: string | undefined = createPool()
    .group("words", { maxBytes: 65_536, codec, load: (key) => key })
    .peek("k");
  const stats: Stats = users.stats();
  const poolStats: PoolStats = pool.stats();
  const answered: Response | undefined = await pool.handle(
    new Request("https://a.example/"),
    { DB: { find: async () => user ?? null } },
    ctx,
  );
  const said: string[] = [];
  createPool({
    onEvent: (event: CacheEvent) => void (event.type === "peer" ? said.push(event.peer, event.outcome) : event.type),
  });
  said.push(prometheus(poolStats), cacheStatus(entry));
  const network = new TestCluster<Env>(["a", "b"]);
  init(wasm satisfies WebAssembly.Module);
  slimPool().setPeers([]);
  void [bytes, words, stats.hits, poolStats.traps, answered, network.requests.get("a")];

  // @ts-expect-error the bound is required
  pool.group("a", { load });
  // @ts-expect-error the loader is required
  pool.group("a", { maxBytes: 65_536 });
  // @ts-expect-error there is no such option
  createPool({ peer: [] });
  // @ts-expect-error there is no such wire
  createPool({ wire: "memcached" });
  // @ts-expect-error a group of users takes users
  users.set("k", 7);
  // @ts-expect-error a value may be missing
  const certain: User = await users.get("k");
  // @ts-expect-error env must be an Env
  await users.get("k", { env: 7 });
  // @ts-expect-error a key is a string
  await users.get(7);
  void certain;
  return [entry.source, user instanceof GeecacheError ? user.code : undefined];
}
