// Loaders that throw, reject, hang, return wrong types, or use their own group: an error with its code, and the next call works.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool, json } from "../../pkg/entry/node.js";
import { assertFails, bytes, countingLoader, deferred, mockClock, text, turn, until } from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };
const DEADLINE_MS = 40;

/** @typedef {(key: string, scope: import("./support.mjs").LoadScope) => any} AnyLoad wrong types included */

/**
 * A group whose loader is set by the test.
 * @param {Partial<import("../../pkg/index.js").GroupOptions<Uint8Array>>} [options]
 */
function start(options) {
  const pool = createPool();
  const loader = { load: /** @type {AnyLoad} */ (() => undefined) };
  const group = pool.group("g", { ...MAX, ...options, load: (key, scope) => loader.load(key, scope) });
  return { loader, pool, group };
}

/**
 * Mocks the clock and all timers. The result starts `call`, which must still be pending 1 ms before `DEADLINE_MS`, and
 * awaits it at the deadline.
 * @param {import("./support.mjs").TestContext} t
 */
function deadlines(t) {
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  return async (/** @type {() => Promise<unknown>} */ call) => {
    let isPending = true;
    const settled = call().finally(() => (isPending = false));
    settled.catch(() => {}); // awaited below
    await turn();
    advance(DEADLINE_MS - 1);
    await turn();
    assert.ok(isPending, "before the deadline");
    advance(1);
    return settled;
  };
}

/** Asserts that the group still answers, key "k" included, and that no flight is left. @param {ReturnType<typeof start>} it */
async function assertStillWorks({ group, loader, pool }) {
  loader.load = (key) => bytes(`${key} again`);
  assert.equal(text(await group.get("k")), "k again");
  assert.equal(text(await group.get("other")), "other again");
  assert.equal(group.stats().flights, 0);
  assert.equal(pool.stats().traps, 0);
}

const cause = new RangeError("the database is down");
const withoutText = Object.create(null);
const throwingMessage = Object.defineProperty(new Error(), "message", {
  get: () => {
    throw withoutText;
  },
});
/** @type {[name: string, load: () => unknown, thrown: unknown][]} */
const FAILING = [
  [
    "throws",
    () => {
      throw cause;
    },
    cause,
  ],
  ["rejects", () => Promise.reject(cause), cause],
  [
    "rejects later",
    async () => {
      await null;
      throw cause;
    },
    cause,
  ],
  [
    "throws a string",
    () => {
      throw "away";
    },
    "away",
  ],
  ["rejects with a number", () => Promise.reject(0), 0],
  ["rejects with null", () => Promise.reject(null), null],
  [
    "throws a symbol",
    () => {
      throw Symbol.iterator;
    },
    Symbol.iterator,
  ],
  [
    "throws an object without text",
    () => {
      throw withoutText;
    },
    withoutText,
  ],
  [
    "throws an error whose message throws",
    () => {
      throw throwingMessage;
    },
    throwingMessage,
  ],
  [
    "returns a thenable that throws",
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: the loader returns a thenable on purpose
      then() {
        throw cause;
      },
    }),
    cause,
  ],
];
for (const [name, load, thrown] of FAILING) {
  test(`loader ${name}: ERR_LOAD with the cause, for the leader and its followers`, async () => {
    const it = start();
    it.loader.load = load;
    const errors = await Promise.all([1, 2, 3].map(() => assertFails("ERR_LOAD", () => it.group.get("k"))));
    for (const error of errors) assert.equal(error.cause, thrown);
    assert.equal(it.group.stats().errors, 1);
    assert.equal(it.group.stats().lostFlights, 0);
    await assertStillWorks(it);
  });
}

test("loader rejects with undefined: ERR_LOAD", async () => {
  const it = start();
  it.loader.load = () => Promise.reject();
  await assertFails("ERR_LOAD", () => it.group.get("k"));
  await assertStillWorks(it);
});

test("loader returns no bytes: ERR_LOAD_TYPE, the message names the type", async () => {
  const it = start();
  for (const [value, message] of /** @type {[value: any, message: RegExp][]} */ ([
    [null, /null/],
    ["text", /string/],
    [7, /number/],
    [true, /boolean/],
    [{}, /object/],
    [[1], /object/],
    [() => {}, /function/],
    [new Uint16Array(2), /object/],
    [new Response("x"), /object/],
  ])) {
    it.loader.load = () => value;
    const error = await assertFails("ERR_LOAD_TYPE", () => it.group.get("k"), message);
    assert.ok(error.cause instanceof TypeError);
    await assertFails("ERR_LOAD_TYPE", async () => it.group.set("k", value), message);
    assert.equal(it.group.peek("k"), undefined);
  }
  await assertStillWorks(it);
});

test("codec returns no bytes, or JSON cannot express the value: ERR_LOAD_TYPE", async () => {
  const pool = createPool();
  const wrong = pool.group("wrong", {
    ...MAX,
    codec: /** @type {any} */ ({ encode: () => "text", decode: () => 1 }),
    load: () => 1,
  });
  await assertFails("ERR_LOAD_TYPE", () => wrong.get("k"));
  /** @type {any} */
  const cycle = {};
  cycle.cycle = cycle;
  const values = [cycle, 1n, () => {}, Symbol("s")];
  const odd = pool.group("odd", { ...MAX, codec: json(), load: (key) => values[Number(key)] });
  for (const key of values.keys()) await assertFails("ERR_LOAD_TYPE", () => odd.get(String(key)));
  assert.equal(odd.stats().flights, 0);
});

test("empty value: a value, cached", async () => {
  const { load, total } = countingLoader(() => new Uint8Array(0));
  const it = createPool().group("g", { ...MAX, load });
  for (let i = 0; i < 3; i++) assert.equal((await it.get("k")).length, 0);
  assert.equal(total(), 1);
  assert.equal(it.peek("k").length, 0);
  assert.equal(it.set("other", new Uint8Array(0)), true);
});

/** @type {[name: string, options: { maxBytes?: number, maxEntryBytes?: number }, length: number][]} */
const TOO_LARGE = [
  ["the default maxEntryBytes, an eighth of maxBytes", {}, 8 * 1024 + 1],
  ["maxBytes less the overhead of an entry", { maxBytes: 8_192, maxEntryBytes: 8_192 }, 8_100],
  ["maxEntryBytes", { maxEntryBytes: 100 }, 101],
  ["maxBytes", { maxBytes: 8_192, maxEntryBytes: 8_192 }, 8_193],
  ["all memory of the store", {}, 30_000_000],
];
for (const [name, options, length] of TOO_LARGE) {
  test(`value above ${name}: returned, not cached, counted as rejected; other entries stay`, async () => {
    const { load, total } = countingLoader(() => new Uint8Array(length).fill(7));
    const it = createPool().group("g", { ...MAX, ...options, load });
    it.set("small", bytes("s"));
    for (let i = 0; i < 2; i++) {
      const value = await it.get("k");
      assert.equal(value.length, length);
      assert.equal(value[length - 1], 7);
    }
    assert.equal(total(), 2);
    assert.equal(it.stats().rejected, 2);
    assert.equal(text(it.peek("small")), "s");
    it.set("k", bytes("old"));
    assert.equal(it.set("k", new Uint8Array(length)), false);
    assert.equal(it.peek("k"), undefined, "the older value is dropped");
    assert.equal(it.stats().rejected, 3);
  });
}

test("deadlineMs: the loader hangs, ERR_TIMEOUT, and its signal aborts", async (t) => {
  const atDeadline = deadlines(t);
  const it = start({ deadlineMs: DEADLINE_MS });
  /** @type {AbortSignal[]} */
  const signals = [];
  it.loader.load = (_, { signal }) => (signals.push(signal), new Promise(() => {}));
  await atDeadline(() => assertFails("ERR_TIMEOUT", () => it.group.get("k"), /deadlineMs/));
  await until(() => it.group.stats().flights === 0);
  assert.equal(signals.length, 1);
  assert.equal(signals[0]?.aborted, true);
  assert.equal(signals[0]?.reason.code, "ERR_TIMEOUT");
  await assertStillWorks(it);
});

test("deadlineMs of a call: ERR_TIMEOUT for that caller, the load continues and is cached", async (t) => {
  const atDeadline = deadlines(t);
  const gate = deferred();
  const it = start();
  /** @type {AbortSignal | undefined} */
  let signal;
  it.loader.load = async (_, scope) => ((signal = scope.signal), bytes(await gate.promise));
  for (let callers = 0; callers < 2; callers++)
    await atDeadline(() => assertFails("ERR_TIMEOUT", () => it.group.get("k", { deadlineMs: DEADLINE_MS })));
  assert.equal(it.group.stats().timeouts, 2);
  assert.equal(signal?.aborted, false);
  const patient = it.group.getEntry("k");
  gate.resolve("late");
  assert.equal((await patient).source, "flight");
  assert.equal(text(it.group.peek("k")), "late");
});

test("deadlineMs: a value after it is dropped", async (t) => {
  const atDeadline = deadlines(t);
  const gate = deferred();
  const it = start({ deadlineMs: DEADLINE_MS });
  it.loader.load = () => gate.promise;
  await atDeadline(() => assertFails("ERR_TIMEOUT", () => it.group.get("k")));
  await until(() => it.group.stats().flights === 0);
  it.group.set("k", bytes("newer"));
  gate.resolve(bytes("late"));
  await gate.promise;
  assert.equal(text(it.group.peek("k")), "newer");
  assert.equal(it.group.stats().errors, 1);
});

test("deadlineMs: a rejection after it is not an unhandled rejection", async (t) => {
  const atDeadline = deadlines(t);
  const gate = deferred();
  const it = start({ deadlineMs: DEADLINE_MS });
  it.loader.load = () => gate.promise;
  await atDeadline(() => assertFails("ERR_TIMEOUT", () => it.group.get("k")));
  gate.reject(new Error("late"));
  await until(() => it.group.stats().flights === 0);
  await assertStillWorks(it);
});

test("loader gets another key of its own group: works", async () => {
  const it = start();
  it.loader.load = async (key) =>
    key === "0" ? bytes("end") : bytes(`${key} ${text(await it.group.get(String(Number(key) - 1)))}`);
  assert.equal(text(await it.group.get("20")), "20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 end");
  assert.equal(it.group.stats().loads, 21);
});

test("loader uses its own group and pool: set, peek, remove, stats, group and setPeers work", async () => {
  const it = start();
  it.loader.load = (key) => {
    it.group.set("beside", bytes("b"));
    it.group.peek("beside");
    it.group.remove("nothing");
    it.group.stats();
    it.pool.group(`made by ${key}`, { ...MAX, load: () => bytes("v") });
    it.pool.setPeers([]);
    return bytes("v");
  };
  assert.equal(text(await it.group.get("k")), "v");
  assert.equal(text(it.group.peek("beside")), "b");
  assert.equal(text(it.group.peek("k")), "v");
});

test("loader gets its own key: coalesces with itself, ERR_TIMEOUT at the deadline, the next call works", async (t) => {
  const atDeadline = deadlines(t);
  const it = start({ deadlineMs: DEADLINE_MS });
  /** @type {Promise<unknown> | undefined} */
  let inner;
  it.loader.load = (key) => (inner = it.group.get(key));
  await atDeadline(() => assertFails("ERR_TIMEOUT", () => it.group.get("k")));
  await assertFails("ERR_TIMEOUT", () => inner);
  await until(() => it.group.stats().flights === 0);
  assert.equal(it.group.stats().loads, 1, "it coalesced with its own load");
  await assertStillWorks(it);
});

test("loader arguments: key, the request's env and ctx, a signal; the load is handed to waitUntil", async () => {
  const it = start();
  const env = { DB: 1 };
  /** @type {Promise<unknown>[]} */
  const background = [];
  const ctx = { waitUntil: (/** @type {Promise<unknown>} */ promise) => background.push(promise) };
  /** @type {({ key: string } & import("./support.mjs").LoadScope) | undefined} */
  let given;
  it.loader.load = (key, scope) => ((given = { key, ...scope }), bytes("v"));
  await it.group.get("k", { env, ctx });
  assert.equal(given?.key, "k");
  assert.equal(given?.env, env);
  assert.equal(given?.ctx, ctx);
  assert.equal(given?.signal.aborted, false);
  assert.equal(background.length, 1, "handed to waitUntil");
  await background[0];
  await it.group.get("other");
  assert.equal(given?.ctx, undefined);
});

test("waitUntil throws: the value is returned anyway", async () => {
  const it = start();
  it.loader.load = () => bytes("v");
  const waitUntil = () => {
    throw new Error("the request has ended");
  };
  assert.equal(text(await it.group.get("k", { ctx: { waitUntil } })), "v");
});
