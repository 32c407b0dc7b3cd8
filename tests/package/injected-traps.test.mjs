// A trap inside wasm costs that request at most: the next one is answered, and so is whoever waited. Needs a build with the crate's feature `faults`.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../.cache/pkg-faults/entry/node.js";
import { bytes, counting, deferred, keyOf, text, turn, uncaught, until } from "./support.mjs";

/** What `pool.fault` makes trap, as `fault` in src/wasm.rs numbers it. */
const [NOW, BEGIN, TOLD, ASK, NOTE, LATE, WATCH, STATS] = [0, 1, 2, 3, 4, 5, 6, 7];
const MAX = { maxBytes: 64 * 1024 };

/** Traps at once; only the call that did it may tell. */
function trap(pool) {
  const before = pool.stats().traps;
  assert.throws(() => pool.fault(NOW), { name: "GeecacheError", code: "ERR_TRAP" });
  assert.equal(pool.stats().traps, before + 1);
}

/** Nothing escaped, nothing hangs in the air, and the group answers. */
async function works(group) {
  await until(() => group.stats().flights === 0);
  assert.ok((await group.get("afterwards")) !== undefined);
  assert.equal((await group.getEntry("afterwards")).source, "memory");
  await turn();
  assert.deepEqual(uncaught, []);
}

test("the build traps when it is told to, and the next request is answered", async () => {
  const pool = createPool();
  const { load, loads } = counting();
  const group = pool.group("g", { ...MAX, load });
  await group.get("k");
  trap(pool);
  assert.equal(group.peek("k"), undefined, "what the instance held is gone");
  assert.equal(text(await group.get("k")), "k!");
  assert.equal(loads.get("k"), 2);
  await works(group);
});

test("a trap at the start of a look-up is not even noticed by its caller", async () => {
  const pool = createPool();
  const group = pool.group("g", { ...MAX, load: counting().load });
  pool.fault(BEGIN);
  assert.equal(text(await group.get("k")), "k!");
  assert.equal(pool.stats().traps, 1);
  await works(group);
});

test("a trap while the value is kept: it is answered all the same", async () => {
  const pool = createPool();
  const group = pool.group("g", { ...MAX, load: counting().load });
  pool.fault(TOLD);
  assert.equal(text(await group.get("k")), "k!");
  assert.equal(pool.stats().traps, 1);
  await works(group);
});

test("a trap while a failure, or nothing, is told", async () => {
  const pool = createPool();
  const group = pool.group("g", {
    ...MAX,
    load: (key) => {
      if (key === "broken") throw new Error("away");
      return key === "gone" ? undefined : bytes(key);
    },
  });
  pool.fault(TOLD);
  await assert.rejects(group.get("broken"), { code: "ERR_LOAD" });
  pool.fault(TOLD);
  assert.equal(await group.get("gone"), undefined);
  assert.equal(pool.stats().traps, 2);
  await works(group);
});

test("everything but what was kept survives: groups, options, the ring, the last list of peers", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const peers = ["http://a.test", "http://b.test", "http://c.test"];
  const pool = createPool({ self: "http://a.test", peers, replicas: 7, basePath: "/x/" });
  const first = pool.group("first", { ...MAX, ttlMs: 1_000, load: () => bytes("1") });
  pool.group("second", { ...MAX, load: () => bytes("2") });
  const owners = () => Array.from({ length: 200 }, (_, i) => pool.owner(`k${i}`));
  const before = owners();
  // A list is the caller's to change after the call.
  peers.reverse().push("", 7);
  trap(pool);
  assert.deepEqual(owners(), before);
  assert.equal((await first.getEntry(keyOf(pool, "http://a.test"))).freshMs, 1_000);
  assert.equal(await (await pool.handle(new Request("http://h/x/second/k"))).text(), "2");
  assert.throws(() => pool.group("first", { ...MAX, load() {} }), { code: "ERR_GROUP_EXISTS" });
  const next = ["http://d.test", "http://e.test"];
  pool.setPeers(next);
  const after = owners();
  next.length = 0;
  trap(pool);
  assert.deepEqual(owners(), after);
});

test("a load in flight when the instance is replaced still answers its callers", async () => {
  const pool = createPool();
  const gate = deferred();
  const { load, total } = counting(async (key) => (await gate.promise, bytes(key)));
  const group = pool.group("g", { ...MAX, load });
  const callers = [1, 2, 3].map(() => group.get("k"));
  await until(() => total() === 1);
  trap(pool);
  gate.resolve();
  for (const value of await Promise.all(callers)) assert.equal(text(value), "k");
  await works(group);
});

test("who follows a flight of a replaced instance does not wait for a leader that hangs", async () => {
  const pool = createPool();
  let runs = 0;
  const group = pool.group("g", {
    ...MAX,
    deadlineMs: 2_000,
    load: (key) => (runs++ === 0 ? new Promise(() => {}) : bytes(key)),
  });
  const leader = group.get("k");
  const follower = group.get("k");
  trap(pool);
  assert.equal(text(await follower), "k");
  await assert.rejects(leader, { code: "ERR_TIMEOUT" });
  await works(group);
});

test("another pool of the process recovers too, and its counter stays", async () => {
  const [one, other] = [createPool(), createPool()];
  const [a, b] = [one, other].map((pool) => pool.group("g", { ...MAX, load: counting().load }));
  await b.get("k");
  trap(one);
  assert.equal(text(await b.get("k")), "k!");
  assert.equal(text(await a.get("k")), "k!");
  assert.deepEqual([one.stats().traps, other.stats().traps], [1, 0]);
  other.fault(BEGIN);
  assert.equal(text(await b.get("other")), "other!");
  assert.equal(text(await a.get("k")), "k!");
  assert.deepEqual([one.stats().traps, other.stats().traps], [1, 1]);
  await Promise.all([works(a), works(b)]);
});

/** A node whose every key is a peer's, which answers when the test says so; its own loader takes its time. */
function asker(answers, options = {}) {
  const asked = [];
  const fetch = (url, init) => (asked.push({ url, init }), answers[asked.length - 1] ?? new Response("theirs"));
  const pool = createPool({ peers: ["b"], connect: () => ({ fetch }) });
  const { load, total } = counting(
    (key) => new Promise((resolve) => setTimeout(() => resolve(bytes(`own ${key}`)), 30)),
  );
  return {
    pool,
    asked,
    total,
    group: pool.group("g", { ...MAX, failover: 0, peerTimeoutMs: 2_000, deadlineMs: 30_000, load, ...options }),
  };
}

test("a trap while a peer's answer is read: our own loader answers, with all the time that is left", async () => {
  const { pool, group, asked, total } = asker([]);
  pool.fault(ASK);
  assert.equal(text(await group.get("k")), "own k");
  assert.deepEqual([asked.length, total(), pool.stats().traps], [1, 1, 1]);
  assert.equal(text(await group.get("next")), "theirs");
  await works(group);
});

test("an ask in flight to a slow peer when the trap comes: no wait beyond the peer timeout, nothing uncaught", async () => {
  for (const settle of [
    (gate) => gate.resolve(new Response("late")),
    (gate) => gate.reject(new TypeError("late")),
    () => {},
  ]) {
    const gate = deferred();
    const { pool, group, asked } = asker([gate.promise]);
    const caller = group.get("k");
    await until(() => asked.length === 1);
    trap(pool);
    // The next request makes a fresh instance, in which no task has been told yet.
    assert.equal(text(await group.get("next")), "theirs");
    assert.equal(text(await caller), "own k");
    settle(gate);
    await turn();
    await works(group);
  }
});

test("a peer that answers while the caller still waits, after the trap", async () => {
  const gate = deferred();
  const { pool, group, asked } = asker([gate.promise]);
  const caller = group.get("k");
  await until(() => asked.length === 1);
  trap(pool);
  gate.resolve(new Response("none the worse"));
  assert.equal(text(await caller), "none the worse");
  await works(group);
});

test("a body in flight when the trap comes", async () => {
  let stream;
  const body = new ReadableStream({ start: (controller) => (stream = controller) });
  const { pool, group, asked } = asker([Promise.resolve(new Response(body))]);
  const caller = group.get("k");
  await until(() => asked.length === 1);
  stream.enqueue(bytes("half"));
  await turn();
  trap(pool);
  stream.enqueue(bytes("and half"));
  stream.close();
  assert.equal(text(await caller), "halfand half");
  await works(group);
});

test("a trap in the same turn as an ask harms neither", async () => {
  const { pool, group } = asker([]);
  const caller = group.get("k");
  trap(pool);
  assert.equal(text(await caller), "theirs");
  await works(group);
});

test("a trap between every two steps of an ask", async () => {
  // However many turns of the microtask queue an ask takes: the trap comes after each number of them once.
  for (let turns = 0; turns < 30; turns++) {
    const { pool, group } = asker([]);
    const caller = group.get("k");
    for (let i = 0; i < turns; i++) await null;
    trap(pool);
    assert.match(text(await caller), /^(own k|theirs)$/, `after ${turns} turns`);
    assert.deepEqual(uncaught, [], `after ${turns} turns`);
  }
});

test("a trapped owner is a failed peer, not a failed load: whoever asks it goes on without it", async () => {
  const pool = createPool();
  const group = pool.group("g", { ...MAX, load: (key) => (key === "k" ? pool.fault(NOW) : bytes(key)) });
  const answer = await pool.handle(new Request("http://h/_geecache/g/k"));
  assert.equal(answer.status, 500);
  assert.equal(answer.headers.get("geecache-outcome"), null);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  pool.fault(BEGIN);
  assert.equal(await (await pool.handle(new Request("http://h/_geecache/g/other"))).text(), "other");
  await works(group);
});

test("a trap in a timer escapes nowhere: a leader's beat, a follower's look, a deadline that passes", async () => {
  const pool = createPool();
  const gates = [deferred(), deferred()];
  let runs = 0;
  const group = pool.group("g", { ...MAX, load: async (key) => (await gates[runs++]?.promise, bytes(key)) });
  const leader = group.get("k");
  pool.fault(NOTE);
  await until(() => pool.stats().traps === 1);
  // The flight went with its instance; who comes now leads another.
  const second = group.get("k");
  const follower = group.get("k");
  pool.fault(WATCH);
  await until(() => pool.stats().traps === 2);
  for (const gate of gates) gate.resolve();
  for (const caller of [leader, second, follower]) assert.equal(text(await caller), "k");
  const hanging = pool.group("hanging", { ...MAX, deadlineMs: 300, load: () => new Promise(() => {}) });
  const late = hanging.get("k", { deadlineMs: 20 });
  pool.fault(LATE);
  await assert.rejects(late, { code: "ERR_TIMEOUT" });
  assert.equal(pool.stats().traps, 3);
  await works(group);
});

test("a trap while the listener's events are counted is nobody's answer", async () => {
  const events = [];
  const pool = createPool({
    peers: ["b"],
    connect: () => ({ fetch: () => new Response("theirs") }),
    onEvent: (event) => events.push(event.type),
  });
  const group = pool.group("g", { ...MAX, load: counting().load });
  pool.fault(STATS);
  assert.equal(text(await group.get("k")), "theirs");
  await until(() => pool.stats().traps === 1);
  assert.deepEqual(events, ["miss", "peer"]);
  pool.fault(STATS);
  assert.throws(() => group.stats(), { code: "ERR_TRAP" });
  await works(group);
});

test("trap after trap: each is counted, none is the last", async () => {
  const pool = createPool();
  const group = pool.group("g", { ...MAX, load: counting().load });
  for (let i = 0; i < 100; i++) {
    pool.fault([BEGIN, TOLD][i % 2]);
    assert.equal(text(await group.get(`k${i}`)), `k${i}!`);
  }
  assert.equal(pool.stats().traps, 100);
  await works(group);
});
