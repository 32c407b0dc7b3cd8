// One of our nodes among Go's, whatever it runs in: a pool, a group "main", and a face that the tests ask.

/** @param {typeof import("geecache-edge").createPool} createPool @param {{ SELF: string, PEERS: string[], ORIGIN: string, WIRE: any }} env */
export function face(createPool, { SELF, PEERS, ORIGIN, WIRE }) {
  const pool = createPool({ self: SELF, peers: PEERS, wire: WIRE, peerTimeoutMs: 5_000 });
  const group = pool.group("main", {
    maxBytes: 16 * 1024 * 1024,
    deadlineMs: 15_000,
    load: async (key, { signal }) => {
      const answer = await fetch(`${ORIGIN}/load?${new URLSearchParams({ key, by: SELF })}`, { signal });
      if (answer.status === 404) return undefined;
      if (!answer.ok) throw new Error(`the origin answered ${answer.status}`);
      return new Uint8Array(await answer.arrayBuffer());
    },
  });

  /** @param {Request} request @param {unknown} env @param {any} ctx */
  return async (request, env, ctx) => {
    const answered = await pool.handle(request, env, ctx);
    if (answered) return answered;
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/owners")
      return Response.json((await request.json()).map((/** @type {string} */ key) => pool.owner(key)));
    if (pathname === "/stats") return Response.json(pool.stats());
    try {
      const value = await group.get(searchParams.get("key") ?? "", { env, ctx });
      return value === undefined ? new Response("There is no such key.", { status: 404 }) : new Response(value);
    } catch (error) {
      return new Response(`${error}`, { status: 502 });
    }
  };
}
