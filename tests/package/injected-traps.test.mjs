// A trap inside WebAssembly costs at most the request that met it: the instance is replaced, and waiting callers are still
// answered. Needs a build of the package that traps on request, in .cache/pkg-traps/.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../.cache/pkg-traps/entry/node.js";
import { bytes, countingLoader, deferred, keyOwnedBy, mockClock, text, turn, uncaught, until } from "./support.mjs";

/** @typedef {import("../../.cache/pkg-traps/index.js").Pool<any>} Pool */
/** @typedef {import("../../.cache/pkg-traps/index.js").Group} Group */

/** Where a trap can be injected, as the bindings number it. */
const [NOW, BEGIN, TOLD, ASK, NOTE, LATE, WATCH, STATS] = /** @type {const} */ ([0, 1, 2, 3, 4, 5, 6, 7]);
const MAX = { maxBytes: 64 * 1024 };
const HEARTBEAT_MS = 100;

/** The next call that reaches this point traps; `NOW` traps in this call. @param {Pool} pool @param {number} point */
const injectTrap = (pool, point) => /** @type {any} */ (pool).injectTrap(point);

/** Traps at once; the error reaches only this call. @param {Pool} pool */
function trap(pool) {
  const before = pool.stats().traps;
  assert.throws(() => injectTrap(pool, NOW), { name: "GeecacheError", code: "ERR_TRAP" });
  assert.equal(pool.stats().traps, before + 1);
}

/** Asserts that no error escaped, no flight is left, and the group loads and caches. @param {Group} group */
async function assertStillWorks(group) {
  await until(() => group.stats().flights === 0);
  assert.ok((await group.get("afterwards")) !== undefined);
  assert.equal((await group.getEntry("afterwards")).source, "memory");
  await turn();
  assert.deepEqual(uncaught, []);
}

/**
 * Advances the mock clock until the promise settles. Returns its value.
 * @template T
 * @param {(ms: number) => void} advance
 * @param {Promise<T>} promise
 */
async function settle(advance, promise) {
  let isPending = true;
  const settled = promise.finally(() => (isPending = false));
  settled.catch(() => {}); // awaited below
  for (let ticks = 0; isPending; ticks++) {
    assert.ok(ticks < 10_000, "the promise never settles");
    await turn();
    if (isPending) advance(10);
  }
  return settled;
}

test("trap between two requests: the cache is lost, the next request is answered", async () => {
  const pool = createPool();
  const { load, loads } = countingLoader();
  const group = pool.group("g", { ...MAX, load });
  await group.get("k");
  trap(pool);
  assert.equal(group.peek("k"), undefined, "the entries of the instance are lost");
  assert.equal(text(await group.get("k")), "k!");
  assert.equal(loads.get("k"), 2);
  await assertStillWorks(group);
});

test("trap at the start of a lookup: its caller does not notice", async () => {
  const pool = createPool();
  const group = pool.group("g", { ...MAX, load: countingLoader().load });
  injectTrap(pool, BEGIN);
  assert.equal(text(await group.get("k")), "k!");
  assert.equal(pool.stats().traps, 1);
  await assertStillWorks(group);
});

test("trap while a loaded value is inserted: the value is returned anyway", async () => {
  const pool = createPool();
  const group = pool.group("g", { ...MAX, load: countingLoader().load });
  injectTrap(pool, TOLD);
  assert.equal(text(await group.get("k")), "k!");
  assert.equal(pool.stats().traps, 1);
  await assertStillWorks(group);
});

test("trap while a failed load or a not found is recorded: the caller gets that result", async () => {
  const pool = createPool();
  const group = pool.group("g", {
    ...MAX,
    load: (key) => {
      if (key === "broken") throw new Error("the database is down");
      return key === "missing" ? undefined : bytes(key);
    },
  });
  injectTrap(pool, TOLD);
  await assert.rejects(group.get("broken"), { code: "ERR_LOAD" });
  injectTrap(pool, TOLD);
  assert.equal(await group.get("missing"), undefined);
  assert.equal(pool.stats().traps, 2);
  await assertStillWorks(group);
});

test("trap: groups, options, the ring and the last peer list survive", async (t) => {
  mockClock(t);
  const peers = /** @type {any[]} */ (["http://a.test", "http://b.test", "http://c.test"]);
  const pool = createPool({ self: "http://a.test", peers, replicas: 7, basePath: "/x/" });
  const first = pool.group("first", { ...MAX, ttlMs: 1_000, load: () => bytes("1") });
  pool.group("second", { ...MAX, load: () => bytes("2") });
  const owners = () => Array.from({ length: 200 }, (_, i) => pool.owner(`k${i}`));
  const before = owners();
  // The caller may change its list after the call.
  peers.reverse().push("", 7);
  trap(pool);
  assert.deepEqual(owners(), before);
  assert.equal((await first.getEntry(keyOwnedBy(/** @type {any} */ (pool), "http://a.test"))).freshMs, 1_000);
  assert.equal(await (await pool.handle(new Request("http://h/x/second/k")))?.text(), "2");
  assert.throws(() => pool.group("first", { ...MAX, load: () => undefined }), { code: "ERR_GROUP_EXISTS" });
  const next = ["http://d.test", "http://e.test"];
  pool.setPeers(next);
  const after = owners();
  next.length = 0;
  trap(pool);
  assert.deepEqual(owners(), after);
});

test("trap during a load: the leader and its followers get the value", async () => {
  const pool = createPool();
  const gate = deferred();
  const { load, total } = countingLoader(async (key) => (await gate.promise, bytes(key)));
  const group = pool.group("g", { ...MAX, load });
  const callers = [1, 2, 3].map(() => group.get("k"));
  await until(() => total() === 1);
  trap(pool);
  gate.resolve();
  for (const value of await Promise.all(callers)) assert.equal(text(value), "k");
  await assertStillWorks(group);
});

test("trap during a load that hangs: a follower loads for itself after one heartbeat", async (t) => {
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  const pool = createPool();
  let runs = 0;
  const group = pool.group("g", {
    ...MAX,
    deadlineMs: 2_000,
    load: (key) => (runs++ === 0 ? new Promise(() => {}) : bytes(key)),
  });
  const leader = assert.rejects(group.get("k"), { code: "ERR_TIMEOUT" });
  const follower = group.get("k");
  trap(pool);
  advance(HEARTBEAT_MS);
  assert.equal(text(await follower), "k");
  // Without the follower's copy, which a caller past its deadline may get instead of the error.
  group.remove("k");
  advance(2_000 - HEARTBEAT_MS);
  await leader;
  await assertStillWorks(group);
});

test("trap in one pool: another pool of the process recovers too, and counts only its own traps", async () => {
  const [one, other] = [createPool(), createPool()];
  const [a, b] = [one, other].map((pool) => pool.group("g", { ...MAX, load: countingLoader().load }));
  assert.ok(a && b);
  await b.get("k");
  trap(one);
  assert.equal(text(await b.get("k")), "k!");
  assert.equal(text(await a.get("k")), "k!");
  assert.deepEqual([one.stats().traps, other.stats().traps], [1, 0]);
  injectTrap(other, BEGIN);
  assert.equal(text(await b.get("other")), "other!");
  assert.equal(text(await a.get("k")), "k!");
  assert.deepEqual([one.stats().traps, other.stats().traps], [1, 1]);
  await Promise.all([assertStillWorks(a), assertStillWorks(b)]);
});

const PEER_TIMEOUT_MS = 2_000;
const LOAD_MS = 30;

/**
 * A node that requests every key from the peer "b". The peer's nth answer is the nth of `answers`, "theirs" after them.
 * The local loader takes `LOAD_MS`.
 * @param {Promise<Response>[]} [answers]
 */
function requestingNode(answers = []) {
  let requests = 0;
  const fetch = async () => answers[requests++] ?? new Response("theirs");
  const pool = createPool({ peers: ["b"], connect: () => ({ fetch }) });
  const { load, total } = countingLoader(
    (key) => new Promise((resolve) => setTimeout(() => resolve(bytes(`own ${key}`)), LOAD_MS)),
  );
  const options = { failover: 0, peerTimeoutMs: PEER_TIMEOUT_MS, deadlineMs: 30_000 };
  return { pool, requests: () => requests, total, group: pool.group("g", { ...MAX, ...options, load }) };
}

test("trap while a peer's response is read: the local loader answers within the deadline", async (t) => {
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  const { pool, group, requests, total } = requestingNode();
  injectTrap(pool, ASK);
  assert.equal(text(await settle(advance, group.get("k"))), "own k");
  assert.deepEqual([requests(), total(), pool.stats().traps], [1, 1, 1]);
  assert.equal(text(await group.get("next")), "theirs");
  await assertStillWorks(group);
});

/** @type {[name: string, late: (gate: import("./support.mjs").Deferred) => void][]} */
const LATE_ANSWERS = [
  ["a response", (gate) => gate.resolve(new Response("late"))],
  ["a failure", (gate) => gate.reject(new TypeError("late"))],
  ["nothing", () => {}],
];
for (const [name, late] of LATE_ANSWERS) {
  test(`trap during a request to a slow peer, then ${name}: no wait beyond the peer timeout`, async (t) => {
    const advance = mockClock(t, ["setTimeout", "setInterval"]);
    const gate = deferred();
    const { pool, group, requests } = requestingNode([gate.promise]);
    const began = Date.now();
    const caller = group.get("k");
    await until(() => requests() === 1);
    trap(pool);
    // This lookup replaces the instance; the new one does not know the pending request.
    assert.equal(text(await group.get("next")), "theirs");
    assert.equal(text(await settle(advance, caller)), "own k");
    assert.ok(Date.now() - began <= PEER_TIMEOUT_MS + LOAD_MS + 20, `${Date.now() - began} ms`);
    late(gate);
    await turn();
    await assertStillWorks(group);
  });
}

test("trap during a peer request: its response is still returned", async () => {
  const gate = deferred();
  const { pool, group, requests } = requestingNode([gate.promise]);
  const caller = group.get("k");
  await until(() => requests() === 1);
  trap(pool);
  gate.resolve(new Response("after the trap"));
  assert.equal(text(await caller), "after the trap");
  await assertStillWorks(group);
});

test("trap while a peer's body streams: the whole body is returned", async () => {
  /** @type {ReadableStreamDefaultController | undefined} */
  let stream;
  const body = new ReadableStream({ start: (controller) => void (stream = controller) });
  const { pool, group, requests } = requestingNode([Promise.resolve(new Response(body))]);
  const caller = group.get("k");
  await until(() => requests() === 1);
  stream?.enqueue(bytes("half"));
  await turn();
  trap(pool);
  stream?.enqueue(bytes("and half"));
  stream?.close();
  assert.equal(text(await caller), "halfand half");
  await assertStillWorks(group);
});

test("trap in the same turn as a peer request: the response is returned", async () => {
  const { pool, group } = requestingNode();
  const caller = group.get("k");
  trap(pool);
  assert.equal(text(await caller), "theirs");
  await assertStillWorks(group);
});

test("trap between any two steps of a peer request: the caller gets a right value", async (t) => {
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  // After each number of microtasks once, however many a peer request takes.
  for (let microtasks = 0; microtasks < 30; microtasks++) {
    const { pool, group } = requestingNode();
    const caller = group.get("k");
    for (let i = 0; i < microtasks; i++) await null;
    trap(pool);
    assert.match(String(text(await settle(advance, caller))), /^(own k|theirs)$/, `after ${microtasks} microtasks`);
    assert.deepEqual(uncaught, [], `after ${microtasks} microtasks`);
  }
});

test("trap on the owner: a failed peer for the requester, not a failed load", async () => {
  const pool = createPool();
  const group = pool.group("g", { ...MAX, load: (key) => (key === "k" ? injectTrap(pool, NOW) : bytes(key)) });
  const answer = await pool.handle(new Request("http://h/_geecache/g/k"));
  assert.equal(answer?.status, 500);
  assert.equal(answer.headers.get("geecache-outcome"), null);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  injectTrap(pool, BEGIN);
  assert.equal(await (await pool.handle(new Request("http://h/_geecache/g/other")))?.text(), "other");
  await assertStillWorks(group);
});

test("trap in a timer, heartbeat, follower or deadline: nothing escapes", async (t) => {
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  const pool = createPool();
  const gates = [deferred(), deferred()];
  let runs = 0;
  const group = pool.group("g", { ...MAX, load: async (key) => (await gates[runs++]?.promise, bytes(key)) });
  const leader = group.get("k");
  injectTrap(pool, NOTE);
  advance(HEARTBEAT_MS);
  assert.equal(pool.stats().traps, 1);
  // The flight was lost with its instance: the next caller leads a new one.
  const second = group.get("k");
  const follower = group.get("k");
  injectTrap(pool, WATCH);
  advance(HEARTBEAT_MS);
  assert.equal(pool.stats().traps, 2);
  for (const gate of gates) gate.resolve();
  for (const caller of [leader, second, follower]) assert.equal(text(await caller), "k");
  const hanging = pool.group("hanging", { ...MAX, deadlineMs: 300, load: () => new Promise(() => {}) });
  const late = assert.rejects(hanging.get("k", { deadlineMs: 20 }), { code: "ERR_TIMEOUT" });
  injectTrap(pool, LATE);
  advance(20);
  await late;
  assert.equal(pool.stats().traps, 3);
  await assertStillWorks(group);
});

test("trap while counters are read for a listener: no caller notices; in stats: ERR_TRAP", async () => {
  /** @type {string[]} */
  const events = [];
  const pool = createPool({
    peers: ["b"],
    connect: () => ({ fetch: async () => new Response("theirs") }),
    onEvent: (event) => events.push(event.type),
  });
  const group = pool.group("g", { ...MAX, load: countingLoader().load });
  injectTrap(pool, STATS);
  assert.equal(text(await group.get("k")), "theirs");
  await until(() => pool.stats().traps === 1);
  assert.deepEqual(events, ["miss", "peer"]);
  injectTrap(pool, STATS);
  assert.throws(() => group.stats(), { code: "ERR_TRAP" });
  await assertStillWorks(group);
});

test("100 traps in a row: each is counted, each instance is replaced", async () => {
  const pool = createPool();
  const group = pool.group("g", { ...MAX, load: countingLoader().load });
  for (let i = 0; i < 100; i++) {
    injectTrap(pool, i % 2 === 0 ? BEGIN : TOLD);
    assert.equal(text(await group.get(`k${i}`)), `k${i}!`);
  }
  assert.equal(pool.stats().traps, 100);
  await assertStillWorks(group);
});
