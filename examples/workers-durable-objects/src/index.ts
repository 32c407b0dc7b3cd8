// Durable Objects own the keys: each user is loaded once for the whole world, and each isolate of the Worker stores hot copies.
import { DurableObject } from "cloudflare:workers";
import { createPool, json } from "geecache-edge";

interface User {
  id: number;
  name: string;
}

// The names on the ring. More of them share the work; a change moves some keys to another owner.
const shards = Array.from({ length: 8 }, (_, i) => `shard-${i}`);

/** The cache of an owner, or, without a name, of a node that owns nothing and asks the owners. */
function createCache(self?: string) {
  const pool = createPool<Env>({ self, peers: shards, connect: (shard, env) => env.SHARD.getByName(shard) });
  const users = pool.group<User>("users", {
    maxBytes: 8 * 1024 * 1024, // objects may share an isolate, and its 128 MB, with each other and with the Worker
    ttlMs: 60_000,
    codec: json(),
    load: async (id, { env, signal }) => {
      const answer = await fetch(`${env.API}/users/${encodeURIComponent(id)}`, { signal });
      if (answer.status === 404) return undefined;
      if (!answer.ok) throw new Error(`the API answered ${answer.status}`);
      return answer.json();
    },
  });
  return { pool, users };
}

/** An owner. Its entries are lost when the object is evicted, some time after its last request; later requests load anew. */
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
