// A worker that makes every permitted call in its global scope, and one that is forbidden there.
import { createPool, json, text } from "geecache-edge";

const pool = createPool({
  self: "a",
  peers: ["a", "b"],
  connect: () => ({ fetch: () => Promise.reject(new Error("unreachable")) }),
});
const other = createPool();
const objects = pool.group("objects", { maxBytes: 65_536, ttlMs: 60_000, codec: json(), load: (key) => ({ key }) });
const texts = other.group("texts", { maxBytes: 65_536, codec: text(), load: (key) => key });

const early = {
  owner: pool.owner("key"),
  stats: pool.stats(),
  set: texts.set("set early", "cached"),
  peek: texts.peek("set early"),
  removed: texts.remove("never set"),
};
pool.setPeers(["a", "c"]);
texts.clear();
texts.set("set early", "cached");

// A lookup needs timers, which the global scope does not have. The key works in a request later.
const earlyGet = texts.get("requested early").then(
  () => "returned",
  (error) => String(error),
);

export default {
  /** @param {Request} _request @param {unknown} env @param {import("geecache-edge").Context} ctx */
  async fetch(_request, env, ctx) {
    const scope = { env, ctx };
    return Response.json({
      early,
      earlyGet: await earlyGet,
      object: await objects.get("x", scope),
      setEarly: await texts.getEntry("set early", scope),
      retried: await texts.get("requested early", scope),
      repeated: await texts.getEntry("requested early", scope),
      traps: pool.stats().traps + other.stats().traps,
    });
  },
};
