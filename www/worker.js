// A worker that serves map tiles out of a cache which it shares with its peers.
import { env } from "cloudflare:workers";
import { createPool } from "geecache-edge";

/** @type {import("geecache-edge").Pool<Env>} */
const pool = createPool({ self: env.SELF, peers: env.PEERS });

const tiles = pool.group("tiles", {
  maxBytes: 64 * 1024 * 1024,
  // A tile may wait behind others at the origin. Whoever gave up on its owner would have it rendered twice.
  peerTimeoutMs: 20_000,
  deadlineMs: 30_000,
  load: async (key, { env, signal }) => {
    const answer = await fetch(`${env.ORIGIN}/${key}`, { signal });
    const body = new Uint8Array(await answer.arrayBuffer());
    if (answer.ok) return body;
    if (answer.status === 404) return undefined;
    throw new Error(`The origin answered ${answer.status} for tile ${key}.`);
  },
});

/** The page comes from another origin and reads what tells how a tile was had and how long that took. */
const HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "x-owner, x-cache",
  "timing-allow-origin": "*",
  "cache-control": "no-store",
};

export default {
  /** @param {Request} request @param {Env} env @param {import("geecache-edge").Context} ctx */
  async fetch(request, env, ctx) {
    const answered = await pool.handle(request, env, ctx);
    if (answered) return answered;
    const { pathname } = new URL(request.url);
    if (pathname === "/stats") return Response.json(pool.stats(), { headers: HEADERS });
    if (pathname.startsWith("/tile/")) return tile(pathname.slice("/tile/".length), env, ctx);
    return new Response("There are /tile/zoom/column/row and /stats here.\n", { status: 404, headers: HEADERS });
  },
};

/** @param {string} key @param {Env} env @param {import("geecache-edge").Context} ctx */
async function tile(key, env, ctx) {
  try {
    const owner = pool.owner(key) ?? env.SELF;
    const { value, source } = await tiles.getEntry(key, { env, ctx });
    const headers = {
      ...HEADERS,
      "x-owner": owner,
      "x-cache": source === "loader" && owner !== env.SELF ? "fallback" : WAYS[source],
    };
    if (!value) return new Response("There is no such tile.\n", { status: 404, headers });
    return new Response(value, { headers: { ...headers, "content-type": "image/png" } });
  } catch (error) {
    return new Response(`${error}\n`, { status: 502, headers: HEADERS });
  }
}

/** How a tile was had, in one word; loaded by one who does not own it, it is a fallback. */
const WAYS = { memory: "hit", stale: "stale", flight: "join", peer: "peer", loader: "load" };
