// What can be seen of a pool: events as they happen, counters under their right names, Prometheus text, Cache-Status.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { cacheStatus, prometheus } from "../../pkg/entry/observe.js";
import { bytes, refused, turn, uncaught } from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };

/** A node that asks the peer "b" for everything and writes down what happens, without times. */
function watched(answer, options = {}) {
  const events = [];
  const onEvent = ({ ms, ...event }) => (events.push(event), ms === undefined || assert.ok(ms >= 0));
  const pool = createPool({ onEvent, peers: ["b"], connect: () => ({ fetch: async () => answer() }) });
  const group = pool.group("g", { ...MAX, load: (key) => (key === "gone" ? undefined : bytes(key)), ...options });
  return { pool, group, events, take: async () => (await turn(), events.splice(0)) };
}

test("a look-up tells where it went", async () => {
  const { group, take } = watched(() => new Response("theirs"));
  await group.get("k");
  const at = { group: "g", key: "k" };
  assert.deepEqual(await take(), [
    { type: "miss", ...at, fromPeer: false },
    { type: "peer", ...at, peer: "b", outcome: "value" },
  ]);
  await group.get("k");
  assert.deepEqual(await take(), [{ type: "hit", ...at, fromPeer: false }]);
});

test("a peer that fails tells of the fallback, and of its breaker", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  let answer = () => new Response("no", { status: 503 });
  const { pool, group, take } = watched(() => answer(), { hotTtlMs: 0 });
  const of = async (key) => (
    await group.get(key), (await take()).map(({ type, outcome, isOpen, peer }) => [type, outcome ?? isOpen ?? peer])
  );
  assert.deepEqual(await of("k0"), [
    ["miss", undefined],
    ["peer", "peer failed"],
    ["fallback", undefined],
    ["load", "value"],
  ]);
  for (const key of ["k1", "k2", "k3"]) await of(key);
  assert.deepEqual((await of("k4")).at(-1), ["breaker", true]);
  assert.equal(pool.stats().peersDown, 1);
  assert.deepEqual(
    await of("k5"),
    [
      ["miss", undefined],
      ["load", "value"],
    ],
    "passed over",
  );
  t.mock.timers.setTime(1_700_000_001_000);
  answer = () => new Response("theirs");
  assert.deepEqual(await of("k6"), [
    ["miss", undefined],
    ["peer", "value"],
    ["breaker", false],
  ]);
});

test("a breaker is told by the name of its peer, and not of the next that answers", async () => {
  const events = [];
  const fetches = {
    b: () => Promise.reject(new TypeError("refused")),
    c: () => Promise.resolve(new Response("theirs")),
  };
  const pool = createPool({
    onEvent: (event) => events.push(event),
    peers: ["b", "c"],
    connect: (peer) => ({ fetch: fetches[peer] }),
  });
  const group = pool.group("peersDown", { ...MAX, load: (key) => bytes(key) });
  const owned = Array.from({ length: 100 }, (_, i) => `k${i}`).filter((key) => pool.owner(key) === "b");
  for (const key of owned.slice(0, 6)) await group.get(key);
  await turn();
  assert.deepEqual(
    events.filter(({ type }) => type === "breaker"),
    [{ type: "breaker", peer: "b", isOpen: true }],
  );
});

test("evictions, mismatches and stale copies are told", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const { pool, group, take } = watched(
    () => new Response("theirs", { headers: { "geecache-seal": "0000000000000000" } }),
    { ttlMs: 10, staleWhileRevalidateMs: 100, maxBytes: 8_192, policy: "lru" },
  );
  await group.get("k");
  assert.ok((await take()).some(({ type }) => type === "mismatch"));
  t.mock.timers.setTime(1_700_000_000_020);
  pool.setPeers([]);
  await group.get("k");
  await group.get("k");
  t.mock.timers.setTime(1_700_000_000_040);
  await group.get("k");
  assert.ok((await take()).some(({ type }) => type === "stale"));
  for (let i = 0; i < 20; i++) group.set(`large ${i}`, new Uint8Array(900));
  await group.get("one more");
  const { count } = (await take()).find(({ type }) => type === "evict");
  assert.equal(count, group.stats().evictions);
});

test("a listener that throws is nobody's trouble; one that is none is refused", async () => {
  const pool = createPool({
    onEvent: () => {
      throw new Error("full");
    },
  });
  const group = pool.group("g", { ...MAX, load: (key) => bytes(key) });
  assert.ok(await group.get("k"));
  await refused("ERR_OPTION", () => createPool({ onEvent: 7 }), /onEvent/);
  assert.deepEqual(uncaught, []);
});

test("the counters have the names and the order of the core's", async () => {
  const source = await readFile(new URL("../../src/stats.rs", import.meta.url), "utf8");
  const names = [...source.matchAll(/= "(\w+)",$/gm)].map(([, name]) => name);
  const pool = createPool();
  assert.deepEqual(Object.keys(pool.group("g", { ...MAX, load: () => bytes("v") }).stats()), names);
  assert.deepEqual(Object.keys(pool.stats()), ["traps", "unauthorized", "otherRings", "peersDown", "groups"]);
  assert.equal(pool.stats().groups.g.maxBytes, MAX.maxBytes);
});

test("counters as Prometheus text", async () => {
  const pool = createPool();
  for (const name of ["users", 'od"d\\']) await pool.group(name, { ...MAX, load: (key) => bytes(key) }).get("k");
  const text = prometheus(pool.stats());
  const lines = text.trimEnd().split("\n");
  assert.ok(
    lines.every(
      (line) =>
        /^# TYPE geecache_[a-z_]+ (counter|gauge)$/.test(line) ||
        /^geecache_[a-z_]+(\{group="(?:[^"\\\n]|\\.)*"\})? \d+$/.test(line),
    ),
    text,
  );
  for (const line of [
    "# TYPE geecache_loads_total counter",
    'geecache_loads_total{group="users"} 1',
    'geecache_loads_total{group="od\\"d\\\\"} 1',
    "geecache_traps_total 0",
    "geecache_peers_down 0",
    `geecache_max_bytes{group="users"} ${MAX.maxBytes}`,
  ]) {
    assert.ok(lines.includes(line), `${line} is not in\n${text}`);
  }
  assert.equal(
    new Set(lines.filter((line) => line.startsWith("#"))).size,
    lines.filter((line) => line.startsWith("#")).length,
    "one TYPE a family",
  );
});

test("Cache-Status of peers' answers and of your own", async () => {
  const pool = createPool();
  const group = pool.group("g", { ...MAX, ttlMs: 60_000, load: (key) => (key === "gone" ? undefined : bytes(key)) });
  const ask = async (key) =>
    (await pool.handle(new Request(`http://h/_geecache/g/${key}`))).headers.get("cache-status");
  assert.equal(await ask("k"), "geecache-edge; fwd=miss; ttl=60");
  assert.match(await ask("k"), /^geecache-edge; hit; ttl=(59|60)$/);
  assert.equal(await ask("gone"), null);
  assert.match(cacheStatus(await group.getEntry("k")), /^geecache-edge; hit; ttl=(59|60)$/);
  assert.equal(cacheStatus({ source: "flight", freshMs: undefined }), "geecache-edge; fwd=miss; collapsed");
  assert.equal(cacheStatus({ source: "stale", freshMs: 0 }), "geecache-edge; hit; detail=stale; ttl=0");
});
