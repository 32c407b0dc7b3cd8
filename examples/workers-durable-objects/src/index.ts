// Durable Objects own the keys: each user is loaded once worldwide. Each isolate of the Worker stores hot copies.
import { DurableObject } from "cloudflare:workers";
import { createPool, json } from "geecache-edge";

interface User {
  id: number;
  name: string;
}

// The peers' names on the ring. More peers spread the load; a change moves some keys to another owner.
const shards = Array.from({ length: 8 }, (_, i) => `shard-${i}`);

/** The cache of one owner. Without a name: of a node that owns no keys and sends peer requests to the owners. */
function createCache(self?: string) {
  const pool = createPool<Env>({
    self,
    peers: shards,
    connect: (shard, env) => env.SHARD.getByName(shard),
    secret: (env) => env.PEER_SECRET,
  });
  const users = pool.group<User>("users", {
    maxBytes: 8 * 1024 * 1024, // objects can share an isolate and its 128 MB with each other and with the Worker
    ttlMs: 60_000,
    codec: json(),
    load: async (id, { env, signal }) => {
      const response = await fetch(`${env.API}/users/${encodeURIComponent(id)}`, { signal });
      if (response.status === 404) return undefined;
      if (!response.ok) throw new Error(`the API returned ${response.status}`);
      return response.json();
    },
  });
  return { pool, users };
}

/** An owner. Its entries are in memory: the runtime evicts an idle object, and later requests load again. */
export class Shard extends DurableObject<Env> {
  #pool = createCache(this.ctx.id.name).pool;

  override async fetch(request: Request) {
    return (await this.#pool.handle(request, this.env, this.ctx)) ?? new Response("Not found", { status: 404 });
  }
}

const { pool, users } = createCache();

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/stats") return Response.json(pool.stats());
    const { value, source } = await users.getEntry(pathname.slice(1), { env, ctx });
    return value
      ? Response.json(value, { headers: { "x-source": source } })
      : new Response("Not found", { status: 404 });
  },
} satisfies ExportedHandler<Env>;
