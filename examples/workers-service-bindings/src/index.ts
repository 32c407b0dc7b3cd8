// Three Workers share a cache. Each owns a share of the keys, and requests other keys from their owners over service bindings.
import { env, WorkerEntrypoint } from "cloudflare:workers";
import { createPool, json } from "geecache-edge";

interface User {
  id: number;
  name: string;
}

// A peer's name is the name of its binding in the other two Workers.
const peers = ["ONE", "TWO", "THREE"] as const;

const pool = createPool<Env>({
  self: env.SELF,
  peers,
  connect: (peer, env) => env[peer as (typeof peers)[number]]!,
  secret: (env) => env.PEER_SECRET,
});

const users = pool.group<User>("users", {
  maxBytes: 16 * 1024 * 1024,
  ttlMs: 60_000,
  codec: json(),
  load: async (id, { env, signal }) => {
    const response = await fetch(`${env.API}/users/${encodeURIComponent(id)}`, { signal });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`the API returned ${response.status}`);
    return response.json();
  },
});

/** Serves peer requests. It has no URL, but any Worker of the account can bind to it: the secret keeps others out. */
export class Peer extends WorkerEntrypoint<Env> {
  override async fetch(request: Request) {
    return (await pool.handle(request, this.env, this.ctx)) ?? new Response("Not found", { status: 404 });
  }
}

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
