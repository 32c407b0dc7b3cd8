// A worker that does at its module's top level all that may be done there, and one thing that may not.
import { createPool, json, text } from "geecache-edge";

const load = (key) => ({ key });
const pool = createPool({
  self: "a",
  peers: ["a", "b"],
  connect: () => ({ fetch: () => Promise.reject(new Error("not there")) }),
});
const other = createPool();
const objects = pool.group("objects", { maxBytes: 65_536, ttlMs: 60_000, codec: json(), load });
const texts = other.group("texts", { maxBytes: 65_536, codec: text(), load: (key) => key });

const early = {
  owner: pool.owner("key"),
  stats: pool.stats(),
  set: texts.set("set early", "kept"),
  peek: texts.peek("set early"),
  removed: texts.remove("never set"),
};
pool.setPeers(["a", "c"]);
texts.clear();
texts.set("set early", "kept");

// Waiting needs timers, which the top level has not. That is refused, and the key works later.
const refused = texts.get("got early").then(
  () => "answered",
  (error) => String(error),
);

export default {
  async fetch(request, env, ctx) {
    const scope = { env, ctx };
    return Response.json({
      early,
      refused: await refused,
      objects: await objects.get("x", scope),
      kept: await texts.getEntry("set early", scope),
      gotEarly: await texts.get("got early", scope),
      again: await texts.getEntry("got early", scope),
      traps: pool.stats().traps + other.stats().traps,
    });
  },
};
