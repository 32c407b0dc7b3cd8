// Smoke test for every runtime: a get, a get from a peer, and the fallback after that peer fails.
import { createPool, text } from "geecache-edge";

/** @typedef {{ pool: import("geecache-edge").Pool, group: import("geecache-edge").Group<string> }} Node */

const NAMES = ["a", "b"];
const DOWN = new Set();

// At the module's top level, where a Worker forbids I/O and random values: creating pools must work there.
/** @type {Record<string, Node>} */
const nodes = Object.fromEntries(
  NAMES.map((self) => {
    const pool = createPool({ self, peers: NAMES, connect });
    return [self, { pool, group: pool.group("g", { maxBytes: 65_536, codec: text(), load: () => self }) }];
  }),
);

/** @param {string} peer @returns {import("geecache-edge").Fetcher} */
function connect(peer) {
  return {
    async fetch(url, init) {
      if (DOWN.has(peer)) throw new TypeError("connection refused");
      return /** @type {Promise<Response>} */ (nodes[peer].pool.handle(new Request(url, init)));
    },
  };
}

/** Returns the node whose loader made each value, and the source. */
export async function run() {
  const { pool, group } = nodes.a;
  const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`);
  const mine = /** @type {string} */ (keys.find((key) => pool.owner(key) === "a"));
  const [theirs, later] = keys.filter((key) => pool.owner(key) === "b");
  const from = async (/** @type {string} */ key) => {
    const { value, source } = await group.getEntry(key);
    return [value, source];
  };
  const answered = { get: await from(mine), again: await from(mine), peer: await from(theirs) };
  DOWN.add("b");
  return { ...answered, fallback: await from(later), fallbacks: group.stats().fallbacks, traps: pool.stats().traps };
}
