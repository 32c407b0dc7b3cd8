// Observability: events, counters and their names, Prometheus text, Cache-Status.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { cacheStatus, prometheus } from "../../pkg/entry/observe.js";
import { assertFails, bytes, keysOwnedBy, mockClock, turn, uncaught } from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };

/** @typedef {import("../../pkg/index.js").CacheEvent} CacheEvent */

/**
 * A node that requests every key from the peer "b" and records its events, without times.
 * @param {() => Response} answer of the peer
 * @param {Partial<import("../../pkg/index.js").GroupOptions<Uint8Array>>} [options]
 */
function recording(answer, options) {
  /** @type {any[]} */
  const events = [];
  const onEvent = (/** @type {any} */ { ms, ...event }) => {
    events.push(event);
    assert.ok(ms === undefined || ms >= 0);
  };
  const pool = createPool({ onEvent, peers: ["b"], connect: () => ({ fetch: async () => answer() }) });
  const group = pool.group("g", { ...MAX, load: (key) => (key === "missing" ? undefined : bytes(key)), ...options });
  return { pool, group, events, take: async () => (await turn(), events.splice(0)) };
}

test("lookup events: miss and peer, then hit", async () => {
  const { group, take } = recording(() => new Response("theirs"));
  await group.get("k");
  const at = { group: "g", key: "k" };
  assert.deepEqual(await take(), [
    { type: "miss", ...at, fromPeer: false },
    { type: "peer", ...at, peer: "b", outcome: "value" },
  ]);
  await group.get("k");
  assert.deepEqual(await take(), [{ type: "hit", ...at, fromPeer: false }]);
});

test("failed peer events: fallback and load, and the circuit breaker opens and closes", async (t) => {
  const advance = mockClock(t);
  let answer = () => new Response("no", { status: 503 });
  const { pool, group, take } = recording(() => answer(), { hotTtlMs: 0 });
  const of = async (/** @type {string} */ key) => {
    await group.get(key);
    return (await take()).map(({ type, outcome, isOpen, peer }) => [type, outcome ?? isOpen ?? peer]);
  };
  assert.deepEqual(await of("k0"), [
    ["miss", undefined],
    ["peer", "peerFailed"],
    ["fallback", undefined],
    ["load", "value"],
  ]);
  for (const key of ["k1", "k2", "k3"]) await of(key);
  assert.deepEqual(await of("k4"), [
    ["miss", undefined],
    ["peer", "peerFailed"],
    ["breaker", true],
    ["fallback", undefined],
    ["load", "value"],
  ]);
  assert.equal(pool.stats().openBreakers, 1);
  assert.deepEqual(
    await of("k5"),
    [
      ["miss", undefined],
      ["load", "value"],
    ],
    "no request while the breaker is open",
  );
  advance(1_000);
  answer = () => new Response("theirs");
  assert.deepEqual(await of("k6"), [
    ["miss", undefined],
    ["peer", "value"],
    ["breaker", false],
  ]);
});

test("breaker event: names the peer that failed, not the next one that answers", async () => {
  /** @type {CacheEvent[]} */
  const events = [];
  /** @type {Record<string, () => Promise<Response>>} */
  const fetches = {
    b: () => Promise.reject(new TypeError("refused")),
    c: () => Promise.resolve(new Response("theirs")),
  };
  const pool = createPool({
    onEvent: (event) => events.push(event),
    peers: ["b", "c"],
    connect: (peer) => ({ fetch: fetches[peer] ?? assert.fail(peer) }),
  });
  const group = pool.group("openBreakers", { ...MAX, load: (key) => bytes(key) });
  for (const key of keysOwnedBy(pool, "b", 6)) await group.get(key);
  await turn();
  assert.deepEqual(
    events.filter(({ type }) => type === "breaker"),
    [{ type: "breaker", peer: "b", isOpen: true }],
  );
});

test("evict, ring mismatch and stale events", async (t) => {
  const advance = mockClock(t);
  const { pool, group, take } = recording(
    () => new Response("theirs", { headers: { "geecache-auth": "0000000000000000" } }),
    { ttlMs: 10, staleWhileRevalidateMs: 100, maxBytes: 8_192, policy: "lru" },
  );
  await group.get("k");
  assert.ok((await take()).some(({ type }) => type === "ringMismatch"));
  advance(20);
  pool.setPeers([]);
  await group.get("k");
  await group.get("k");
  advance(20);
  await group.get("k");
  assert.ok((await take()).some(({ type }) => type === "stale"));
  for (let i = 0; i < 20; i++) group.set(`large ${i}`, new Uint8Array(900));
  await group.get("one more");
  const { count } = (await take()).find(({ type }) => type === "evict");
  assert.equal(count, group.stats().evictions);
});

test("onEvent throws: the lookup succeeds; onEvent is not a function: ERR_OPTION", async () => {
  const pool = createPool({
    onEvent: () => {
      throw new Error("full");
    },
  });
  const group = pool.group("g", { ...MAX, load: (key) => bytes(key) });
  assert.ok(await group.get("k"));
  await assertFails("ERR_OPTION", () => createPool({ onEvent: /** @type {any} */ (7) }), /onEvent/);
  assert.deepEqual(uncaught, []);
});

test("stats: the core's counters, in its order", async () => {
  const source = await readFile(new URL("../../src/group/stats.rs", import.meta.url), "utf8");
  const names = [...source.matchAll(/= "(\w+)",$/gm)].map(([, name]) => name);
  const pool = createPool();
  assert.deepEqual(Object.keys(pool.group("g", { ...MAX, load: () => bytes("v") }).stats()), names);
  assert.deepEqual(Object.keys(pool.stats()), ["traps", "unauthorized", "ringMismatches", "openBreakers", "groups"]);
  assert.equal(pool.stats().groups.g?.maxBytes, MAX.maxBytes);
});

test("prometheus: the counters as text", async () => {
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
    "geecache_open_breakers 0",
    `geecache_max_bytes{group="users"} ${MAX.maxBytes}`,
  ]) {
    assert.ok(lines.includes(line), `${line} is not in\n${text}`);
  }
  assert.equal(
    new Set(lines.filter((line) => line.startsWith("#"))).size,
    lines.filter((line) => line.startsWith("#")).length,
    "one TYPE per family",
  );
});

test("Cache-Status: of responses to peers, and of an entry", async () => {
  const pool = createPool();
  const group = pool.group("g", { ...MAX, ttlMs: 60_000, load: (key) => (key === "missing" ? undefined : bytes(key)) });
  const statusOf = async (/** @type {string} */ key) =>
    (await pool.handle(new Request(`http://h/_geecache/g/${key}`)))?.headers.get("cache-status");
  assert.equal(await statusOf("k"), "geecache-edge; fwd=miss; ttl=60");
  assert.match(String(await statusOf("k")), /^geecache-edge; hit; ttl=(59|60)$/);
  assert.equal(await statusOf("missing"), null);
  assert.match(cacheStatus(await group.getEntry("k")), /^geecache-edge; hit; ttl=(59|60)$/);
  assert.equal(cacheStatus({ source: "flight", freshMs: undefined }), "geecache-edge; fwd=miss; collapsed");
  assert.equal(cacheStatus({ source: "stale", freshMs: 0 }), "geecache-edge; hit; detail=stale; ttl=0");
});
