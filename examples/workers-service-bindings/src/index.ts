// Three Workers share a cache: each owns a share of the keys, and asks the others for theirs over service bindings.
import { env, WorkerEntrypoint } from "cloudflare:workers";
import { createPool, json } from "geecache-edge";

interface User {
  id: number;
  name: string;
}

// Each peer has the name of the binding that leads to it, and bindings to the other two.
const peers = ["ONE", "TWO", "THREE"] as const;

const pool = createPool<Env>({
  self: env.SELF,
  peers,
  connect: (peer, env) => env[peer as (typeof peers)[number]]!,
});

const users = pool.group<User>("users", {
  maxBytes: 16 * 1024 * 1024,
  ttlMs: 60_000,
  codec: json(),
  load: async (id, { env, signal }) => {
    const answer = await fetch(`${env.API}/users/${encodeURIComponent(id)}`, { signal });
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Error(`the API answered ${answer.status}`);
    return answer.json();
  },
});

/** Serves peer requests. Only bindings lead here, no URL, so no secret is needed. */
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
