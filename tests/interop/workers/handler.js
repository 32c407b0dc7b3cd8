// A node of this package in a cluster with Go nodes, for any runtime: a pool, the group "main", and the paths that
// the tests request.

/**
 * @typedef {object} Bindings
 * @property {string} SELF
 * @property {string[]} PEERS
 * @property {string} ORIGIN
 * @property {string} WIRE
 * @property {number} PEER_TIMEOUT_MS
 */

/**
 * @param {typeof import("geecache-edge").createPool} createPool
 * @param {Bindings} bindings
 */
export function createHandler(createPool, { SELF, PEERS, ORIGIN, WIRE, PEER_TIMEOUT_MS }) {
  const wire = /** @type {import("geecache-edge").PoolOptions<unknown>["wire"]} */ (WIRE);
  const pool = createPool({ self: SELF, peers: PEERS, wire, peerTimeoutMs: PEER_TIMEOUT_MS });
  const group = pool.group("main", {
    maxBytes: 16 * 1024 * 1024,
    deadlineMs: 15_000,
    load: async (key, { signal }) => {
      const response = await fetch(`${ORIGIN}/load?${new URLSearchParams({ key, by: SELF })}`, { signal });
      if (response.status === 404) return undefined;
      if (!response.ok) throw new Error(`status ${response.status} from the origin`);
      return new Uint8Array(await response.arrayBuffer());
    },
  });

  /** @param {Request} request @param {unknown} env @param {import("geecache-edge").Context} [ctx] */
  return async (request, env, ctx) => {
    const peerResponse = await pool.handle(request, env, ctx);
    if (peerResponse) return peerResponse;
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/owners") {
      const keys = /** @type {string[]} */ (await request.json());
      return Response.json(keys.map((key) => pool.owner(key)));
    }
    if (pathname === "/stats") return Response.json(pool.stats());
    try {
      const value = await group.get(searchParams.get("key") ?? "", { env, ctx });
      return value === undefined
        ? new Response("No such key.", { status: 404 })
        : new Response(/** @type {Uint8Array<ArrayBuffer>} */ (value));
    } catch (error) {
      return new Response(`${error}`, { status: 502 });
    }
  };
}
