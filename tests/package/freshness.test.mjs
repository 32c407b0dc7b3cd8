// How long a copy is fresh, how long it is served stale, and what that costs, by a clock that the test moves.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { TestNetwork } from "../../pkg/entry/testing.js";
import { bytes, deferred, keyOf, refused, text, until } from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };

/** A clock at some day, for this test. Timers stay real. */
function clock(t) {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  return (ms) => t.mock.timers.setTime(Date.now() + ms);
}

/** A group whose loader answers "v1", "v2" and so on, unless it is told to do something else. */
function group(options) {
  const it = { runs: 0, next: undefined };
  it.group = createPool().group("g", {
    ...MAX,
    ...options,
    load: () => (it.runs++, it.next ? it.next() : bytes(`v${it.runs}`)),
  });
  it.get = async () => {
    const { value, source, freshMs } = await it.group.getEntry("k");
    return [text(value), source, freshMs];
  };
  return it;
}

test("ttlMs: fresh to the last millisecond, then loaded anew", async (t) => {
  const pass = clock(t);
  const it = group({ ttlMs: 1_000 });
  assert.deepEqual(await it.get(), ["v1", "loader", 1_000]);
  assert.deepEqual(await it.get(), ["v1", "memory", 1_000]);
  pass(999);
  assert.deepEqual(await it.get(), ["v1", "memory", 1]);
  assert.equal(text(it.group.peek("k")), "v1");
  pass(1);
  assert.equal(it.group.peek("k"), undefined);
  assert.deepEqual(await it.get(), ["v2", "loader", 1_000]);
  it.group.set("k", bytes("own"));
  pass(999);
  assert.deepEqual(await it.get(), ["own", "memory", 1]);
  pass(1);
  assert.deepEqual(await it.get(), ["v3", "loader", 1_000]);
});

test("without ttlMs a copy is fresh for ever", async (t) => {
  const pass = clock(t);
  const it = group({});
  await it.get();
  pass(100 * 365 * 86_400_000);
  assert.deepEqual(await it.get(), ["v1", "memory", undefined]);
});

test("staleWhileRevalidateMs: the old copy is answered at once, and one load renews it behind", async (t) => {
  const pass = clock(t);
  const it = group({ ttlMs: 1_000, staleWhileRevalidateMs: 500 });
  await it.get();
  pass(1_000);
  const gate = deferred();
  it.next = async () => bytes(await gate.promise);
  for (let i = 0; i < 20; i++) assert.deepEqual(await it.get(), ["v1", "stale", 0]);
  assert.equal(it.runs, 2);
  gate.resolve("new");
  await until(() => it.group.stats().flights === 0);
  assert.deepEqual(await it.get(), ["new", "memory", 1_000]);
  assert.equal(it.group.stats().staleHits, 20);
  pass(1_500);
  it.next = undefined;
  assert.deepEqual(await it.get(), ["v3", "loader", 1_000], "past both, everybody waits");
});

test("a refresh behind is handed to waitUntil, and its failure is nobody's unhandled rejection", async (t) => {
  const pass = clock(t);
  const it = group({ ttlMs: 1_000, staleWhileRevalidateMs: 500 });
  await it.get();
  pass(1_000);
  it.next = () => {
    throw new Error("away");
  };
  const kept = [];
  assert.equal(text(await it.group.get("k", { ctx: { waitUntil: (promise) => kept.push(promise) } })), "v1");
  assert.equal(kept.length, 1);
  await kept[0];
  await until(() => it.group.stats().flights === 0);
  assert.deepEqual(await it.get(), ["v1", "stale", 0], "still there for the next");
  await until(() => it.group.stats().flights === 0);
  assert.equal(it.runs, 3);
});

test("staleIfErrorMs: a failed load falls back on the old copy, as long as that is allowed", async (t) => {
  const pass = clock(t);
  const it = group({ ttlMs: 1_000, staleIfErrorMs: 500 });
  await it.get();
  it.next = () => {
    throw new Error("away");
  };
  pass(1_499);
  const [one, other] = await Promise.all([it.get(), it.get()]);
  assert.deepEqual(one, ["v1", "stale", 0]);
  assert.deepEqual(other, ["v1", "flight", 0], "who joined gets it too");
  assert.equal(it.runs, 2);
  pass(1);
  await refused("ERR_LOAD", () => it.group.get("k"), /away/);
  it.next = undefined;
  assert.deepEqual(await it.get(), ["v4", "loader", 1_000]);
});

test("a caller who runs out of time gets the old copy too, as long as that is allowed", async (t) => {
  const pass = clock(t);
  const it = group({ ttlMs: 1_000, staleIfErrorMs: 500 });
  await it.get();
  it.next = () => new Promise(() => {});
  pass(1_200);
  const entry = await it.group.getEntry("k", { deadlineMs: 5 });
  assert.deepEqual([text(entry.value), entry.source], ["v1", "stale"]);
  assert.equal(it.group.stats().timeouts, 1);
  pass(400);
  await refused("ERR_TIMEOUT", () => it.group.get("k", { deadlineMs: 5 }));
});

test("no such key is no failure: the old copy goes", async (t) => {
  const pass = clock(t);
  const it = group({ ttlMs: 1_000, staleIfErrorMs: 500 });
  await it.get();
  pass(1_000);
  it.next = () => undefined;
  assert.equal(await it.group.get("k"), undefined);
  it.next = () => {
    throw new Error("away");
  };
  await refused("ERR_LOAD", () => it.group.get("k"));
});

/** Two nodes, of which b owns the key; a's hot copies by the options of both. */
function pair(optionsOfA, optionsOfB) {
  const network = new TestNetwork(["a", "b"], { peerTimeoutMs: 5_000 });
  const [a, b] = ["a", "b"].map((name) => network.pools.get(name));
  let runs = 0;
  const groupOfA = a.group("g", { ...MAX, ...optionsOfA, load: () => bytes("a's own") });
  b.group("g", { ...MAX, ...optionsOfB, load: () => bytes(`v${++runs}`) });
  const key = keyOf(a, "b");
  return {
    network,
    get: async () => {
      const entry = await groupOfA.getEntry(key);
      return [text(entry.value), entry.source, entry.freshMs];
    },
    stats: () => groupOfA.stats(),
  };
}

test("a hot copy is fresh as long as the owner's own is, however late it was fetched", async (t) => {
  const pass = clock(t);
  const it = pair({ ttlMs: 60_000 }, { ttlMs: 1_000 });
  assert.deepEqual(await it.get(), ["v1", "peer", 1_000]);
  pass(400);
  assert.deepEqual(await it.get(), ["v1", "memory", 600]);
  pass(600);
  assert.deepEqual(await it.get(), ["v2", "peer", 1_000]);
  const late = pair({}, { ttlMs: 1_000 });
  await late.get();
  assert.deepEqual(await late.get(), ["v1", "memory", 1_000]);
});

test("a hot copy never outlives this node's own ttlMs, nor hotTtlMs", async (t) => {
  const pass = clock(t);
  const short = pair({ ttlMs: 100 }, {});
  assert.equal((await short.get())[0], "v1");
  pass(99);
  assert.deepEqual(await short.get(), ["v1", "memory", 1]);
  pass(1);
  assert.deepEqual((await short.get()).slice(0, 2), ["v1", "peer"], "the owner still has it");
  const hot = pair({ ttlMs: 60_000, hotTtlMs: 50 }, {});
  await hot.get();
  assert.deepEqual(await hot.get(), ["v1", "memory", 50]);
  pass(50);
  assert.equal((await hot.get())[1], "peer");
});

test("hotTtlMs of 0 keeps no hot copies", async (t) => {
  clock(t);
  const it = pair({ hotTtlMs: 0 }, {});
  for (let i = 0; i < 3; i++) assert.deepEqual((await it.get()).slice(0, 2), ["v1", "peer"]);
  assert.equal(it.network.asked.get("b"), 3);
  assert.equal(it.stats().entries, 0);
});

test("a stale copy covers for an owner that has gone", async (t) => {
  const pass = clock(t);
  const it = pair({ ttlMs: 1_000, staleIfErrorMs: 1_000, failover: 0 }, { ttlMs: 1_000 });
  await it.get();
  pass(1_000);
  it.network.stop("b");
  assert.deepEqual((await it.get()).slice(0, 2), ["a's own", "loader"], "a loader that works comes first");
});
