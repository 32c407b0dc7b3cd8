// Freshness by a mock clock: ttlMs, stale-while-revalidate, stale-if-error, and the freshness of hot copies.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import {
  assertFails,
  bytes,
  deferred,
  hanging,
  keyOwnedBy,
  mockClock,
  TestCluster,
  text,
  turn,
  until,
} from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };
/** @typedef {Partial<import("../../pkg/index.js").GroupOptions<Uint8Array>>} Options */
/** @typedef {import("../../pkg/index.js").Group} Group */

/** @param {Group} group @param {string} key */
async function entryOf(group, key) {
  const { value, source, freshMs } = await group.getEntry(key);
  return [text(value), source, freshMs];
}

/**
 * A group whose loader returns "v1", "v2" and so on, or the result of `next` once that is set.
 * @param {Options} options
 */
function numbered(options) {
  /** @type {{ runs: number, next: (() => any) | undefined, group: Group, get: () => ReturnType<typeof entryOf> }} */
  const it = {
    runs: 0,
    next: undefined,
    group: createPool().group("g", {
      ...MAX,
      ...options,
      load: () => (it.runs++, it.next ? it.next() : bytes(`v${it.runs}`)),
    }),
    get: () => entryOf(it.group, "k"),
  };
  return it;
}
const fails = () => {
  throw new Error("the database is down");
};

test("ttlMs: fresh to the last millisecond, then loaded again", async (t) => {
  const advance = mockClock(t);
  const it = numbered({ ttlMs: 1_000 });
  assert.deepEqual(await it.get(), ["v1", "loader", 1_000]);
  assert.deepEqual(await it.get(), ["v1", "memory", 1_000]);
  advance(999);
  assert.deepEqual(await it.get(), ["v1", "memory", 1]);
  assert.equal(text(it.group.peek("k")), "v1");
  advance(1);
  assert.equal(it.group.peek("k"), undefined);
  assert.deepEqual(await it.get(), ["v2", "loader", 1_000]);
  it.group.set("k", bytes("own"));
  advance(999);
  assert.deepEqual(await it.get(), ["own", "memory", 1]);
  advance(1);
  assert.deepEqual(await it.get(), ["v3", "loader", 1_000]);
});

test("no ttlMs: entries never expire", async (t) => {
  const advance = mockClock(t);
  const it = numbered({});
  await it.get();
  advance(100 * 365 * 86_400_000);
  assert.deepEqual(await it.get(), ["v1", "memory", undefined]);
});

test("stale-while-revalidate: the stale value at once, one load in the background", async (t) => {
  const advance = mockClock(t);
  const it = numbered({ ttlMs: 1_000, staleWhileRevalidateMs: 500 });
  await it.get();
  advance(1_000);
  const gate = deferred();
  it.next = async () => bytes(await gate.promise);
  for (let i = 0; i < 20; i++) assert.deepEqual(await it.get(), ["v1", "stale", 0]);
  assert.equal(it.runs, 2);
  gate.resolve("new");
  await until(() => it.group.stats().flights === 0);
  assert.deepEqual(await it.get(), ["new", "memory", 1_000]);
  assert.equal(it.group.stats().staleHits, 20);
  advance(1_500);
  it.next = undefined;
  assert.deepEqual(await it.get(), ["v3", "loader", 1_000], "past both, callers wait for the load");
});

test("stale-while-revalidate: the load is handed to waitUntil, and its failure is not an unhandled rejection", async (t) => {
  const advance = mockClock(t);
  const it = numbered({ ttlMs: 1_000, staleWhileRevalidateMs: 500 });
  await it.get();
  advance(1_000);
  it.next = fails;
  /** @type {Promise<unknown>[]} */
  const background = [];
  assert.equal(text(await it.group.get("k", { ctx: { waitUntil: (promise) => background.push(promise) } })), "v1");
  assert.equal(background.length, 1);
  await background[0];
  await until(() => it.group.stats().flights === 0);
  assert.deepEqual(await it.get(), ["v1", "stale", 0], "the stale entry stays");
  await until(() => it.group.stats().flights === 0);
  assert.equal(it.runs, 3);
});

test("stale-if-error: a failed load returns the stale value until staleIfErrorMs has passed", async (t) => {
  const advance = mockClock(t);
  const it = numbered({ ttlMs: 1_000, staleIfErrorMs: 500 });
  await it.get();
  it.next = fails;
  advance(1_499);
  const [leader, follower] = await Promise.all([it.get(), it.get()]);
  assert.deepEqual(leader, ["v1", "stale", 0]);
  assert.deepEqual(follower, ["v1", "flight", 0], "followers get it too");
  assert.equal(it.runs, 2);
  advance(1);
  await assertFails("ERR_LOAD", () => it.group.get("k"), /the database is down/);
  it.next = undefined;
  assert.deepEqual(await it.get(), ["v4", "loader", 1_000]);
});

test("stale-if-error: a caller past its deadline gets the stale value, until staleIfErrorMs has passed", async (t) => {
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  const it = numbered({ ttlMs: 1_000, staleIfErrorMs: 500 });
  await it.get();
  it.next = () => hanging(t);
  advance(1_200);
  const stale = it.group.getEntry("k", { deadlineMs: 5 });
  await turn();
  advance(5);
  const entry = await stale;
  assert.deepEqual([text(entry.value), entry.source], ["v1", "stale"]);
  assert.equal(it.group.stats().timeouts, 1);
  advance(400);
  const late = assertFails("ERR_TIMEOUT", () => it.group.get("k", { deadlineMs: 5 }));
  await turn();
  advance(5);
  await late;
});

test("not found: no failure, the stale entry is dropped", async (t) => {
  const advance = mockClock(t);
  const it = numbered({ ttlMs: 1_000, staleIfErrorMs: 500 });
  await it.get();
  advance(1_000);
  it.next = () => undefined;
  assert.equal(await it.group.get("k"), undefined);
  it.next = fails;
  await assertFails("ERR_LOAD", () => it.group.get("k"));
});

/**
 * Two nodes of which b owns the key; `get` looks it up on a.
 * @param {Options} optionsOfA
 * @param {Options} optionsOfB
 */
function pair(optionsOfA, optionsOfB) {
  const cluster = new TestCluster(["a", "b"], { peerTimeoutMs: 5_000 });
  const [a, b] = ["a", "b"].map((name) => cluster.pools.get(name));
  assert.ok(a && b);
  let runs = 0;
  const groupOfA = a.group("g", { ...MAX, ...optionsOfA, load: () => bytes("a's own") });
  b.group("g", { ...MAX, ...optionsOfB, load: () => bytes(`v${++runs}`) });
  const key = keyOwnedBy(a, "b");
  return { cluster, get: () => entryOf(groupOfA, key), stats: () => groupOfA.stats() };
}

test("hot copy: fresh as long as the owner's entry, however late it was fetched", async (t) => {
  const advance = mockClock(t);
  const it = pair({ ttlMs: 60_000 }, { ttlMs: 1_000 });
  assert.deepEqual(await it.get(), ["v1", "peer", 1_000]);
  advance(400);
  assert.deepEqual(await it.get(), ["v1", "memory", 600]);
  advance(600);
  assert.deepEqual(await it.get(), ["v2", "peer", 1_000]);
  const withoutTtl = pair({}, { ttlMs: 1_000 });
  await withoutTtl.get();
  assert.deepEqual(await withoutTtl.get(), ["v1", "memory", 1_000]);
});

test("hot copy: never fresh for longer than this node's ttlMs or hotTtlMs", async (t) => {
  const advance = mockClock(t);
  const short = pair({ ttlMs: 100 }, {});
  assert.equal((await short.get())[0], "v1");
  advance(99);
  assert.deepEqual(await short.get(), ["v1", "memory", 1]);
  advance(1);
  assert.deepEqual((await short.get()).slice(0, 2), ["v1", "peer"], "the owner's entry is still fresh");
  const hot = pair({ ttlMs: 60_000, hotTtlMs: 50 }, {});
  await hot.get();
  assert.deepEqual(await hot.get(), ["v1", "memory", 50]);
  advance(50);
  assert.equal((await hot.get())[1], "peer");
});

test("hot copy: hotTtlMs of 0 stores none", async (t) => {
  mockClock(t);
  const it = pair({ hotTtlMs: 0 }, {});
  for (let i = 0; i < 3; i++) assert.deepEqual((await it.get()).slice(0, 2), ["v1", "peer"]);
  assert.equal(it.cluster.requests.get("b"), 3);
  assert.equal(it.stats().entries, 0);
});

test("stale-if-error: the owner is down, the local loader comes before the stale hot copy", async (t) => {
  const advance = mockClock(t);
  const it = pair({ ttlMs: 1_000, staleIfErrorMs: 1_000, failover: 0 }, { ttlMs: 1_000 });
  await it.get();
  advance(1_000);
  it.cluster.stop("b");
  assert.deepEqual((await it.get()).slice(0, 2), ["a's own", "loader"]);
});
