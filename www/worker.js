// A worker that serves map tiles from a cache shared with its peers.
import { env as globalEnv } from "cloudflare:workers";
import { createPool } from "geecache-edge";

/**
 * @typedef {object} Env
 * @property {string} SELF its own URL
 * @property {string[]} PEERS the URLs of all peers, including its own
 * @property {string} ORIGIN the URL of the origin
 */
/** @typedef {import("geecache-edge").Context} Context */

const { SELF, PEERS } = /** @type {Env} */ (globalEnv);

/** @type {import("geecache-edge").Pool<Env>} */
const pool = createPool({ self: SELF, peers: PEERS });

const tiles = pool.group("tiles", {
  maxBytes: 64 * 1024 * 1024,
  // A load can wait in the origin's queue. A short peer timeout would render the tile twice.
  peerTimeoutMs: 20_000,
  deadlineMs: 30_000,
  load: async (key, { env, signal }) => {
    const response = await fetch(`${env.ORIGIN}/${key}`, { signal });
    const body = new Uint8Array(await response.arrayBuffer());
    if (response.ok) return body;
    if (response.status === 404) return undefined;
    throw new Error(`Status ${response.status} from the origin for tile ${key}.`);
  },
});

/** The page has another origin, and reads the owner, the source and the timing of a tile. */
const HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "x-owner, x-cache",
  "timing-allow-origin": "*",
  "cache-control": "no-store",
};

export default {
  /** @param {Request} request @param {Env} env @param {Context} ctx */
  async fetch(request, env, ctx) {
    const peerResponse = await pool.handle(request, env, ctx);
    if (peerResponse) return peerResponse;
    const { pathname } = new URL(request.url);
    if (pathname === "/stats") return Response.json(pool.stats(), { headers: HEADERS });
    if (pathname.startsWith("/tile/")) return serveTile(pathname.slice("/tile/".length), env, ctx);
    return new Response("Paths: /tile/zoom/column/row and /stats.\n", { status: 404, headers: HEADERS });
  },
};

/** @param {string} key @param {Env} env @param {Context} ctx */
async function serveTile(key, env, ctx) {
  try {
    const owner = pool.owner(key) ?? SELF;
    const { value, source } = await tiles.getEntry(key, { env, ctx });
    const headers = {
      ...HEADERS,
      "x-owner": owner,
      "x-cache": source === "loader" && owner !== SELF ? "fallback" : LABELS[source],
    };
    if (!value) return new Response("No such tile.\n", { status: 404, headers });
    const body = /** @type {Uint8Array<ArrayBuffer>} */ (value);
    return new Response(body, { headers: { ...headers, "content-type": "image/png" } });
  } catch (error) {
    return new Response(`${error}\n`, { status: 502, headers: HEADERS });
  }
}

/** A label for each source of an entry. A load at a peer that does not own the tile is a fallback. */
const LABELS = { memory: "hit", stale: "stale", flight: "join", peer: "peer", loader: "load" };
