// Loaders that throw, reject, hang, lie, or ask their own group: an error with its code, and the next request works.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool, json } from "../../pkg/entry/node.js";
import { bytes, counting, deferred, refused, text, until } from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };
/** Long enough for a machine with other things to do, short enough to be waited for. */
const SOON_MS = 40;

/** A group whose loader does what the test sets. */
function group(options = {}, pool = createPool()) {
  const loader = { load: undefined };
  return {
    loader,
    pool,
    group: pool.group("g", { ...MAX, ...options, load: (key, scope) => loader.load(key, scope) }),
  };
}

/** That the group still answers, the key included, and that nothing hangs in the air. */
async function works({ group, loader, pool }) {
  loader.load = (key) => (group === undefined ? undefined : bytes(`${key} again`));
  assert.equal(text(await group.get("k")), "k again");
  assert.equal(text(await group.get("other")), "other again");
  assert.equal(group.stats().flights, 0);
  assert.equal(pool.stats().traps, 0);
}

const cause = new RangeError("the database is away");
const unspeakable = Object.create(null);
const furious = Object.defineProperty(new Error(), "message", {
  get: () => {
    throw unspeakable;
  },
});
for (const [what, load, thrown] of [
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
    "throws what has no text",
    () => {
      throw unspeakable;
    },
    unspeakable,
  ],
  [
    "throws an error that throws",
    () => {
      throw furious;
    },
    furious,
  ],
  [
    "returns a thenable that throws",
    () => ({
      then() {
        throw cause;
      },
    }),
    cause,
  ],
]) {
  test(`a loader that ${what} is ERR_LOAD with its cause, for all who wait`, async () => {
    const it = group();
    it.loader.load = load;
    const errors = await Promise.all([1, 2, 3].map(() => refused("ERR_LOAD", () => it.group.get("k"))));
    for (const error of errors) assert.equal(error.cause, thrown);
    assert.equal(it.group.stats().errors, 1);
    assert.equal(it.group.stats().lostFlights, 0);
    await works(it);
  });
}

test("a loader that rejects with undefined is ERR_LOAD", async () => {
  const it = group();
  it.loader.load = () => Promise.reject();
  await refused("ERR_LOAD", () => it.group.get("k"));
  await works(it);
});

test("what a loader cannot give is ERR_LOAD_TYPE, said with the type", async () => {
  const it = group();
  for (const [value, said] of [
    [null, /null/],
    ["text", /string/],
    [7, /number/],
    [true, /boolean/],
    [{}, /object/],
    [[1], /object/],
    [() => {}, /function/],
    [new Uint16Array(2), /object/],
    [new Response("x"), /object/],
  ]) {
    it.loader.load = () => value;
    const error = await refused("ERR_LOAD_TYPE", () => it.group.get("k"), said);
    assert.ok(error.cause instanceof TypeError);
    await refused("ERR_LOAD_TYPE", async () => it.group.set("k", value), said);
    assert.equal(it.group.peek("k"), undefined);
  }
  await works(it);
});

test("a codec that gives no bytes, and JSON of what has none, are ERR_LOAD_TYPE", async () => {
  const pool = createPool();
  const wrong = pool.group("wrong", { ...MAX, codec: { encode: () => "text", decode: (b) => b }, load: () => 1 });
  await refused("ERR_LOAD_TYPE", () => wrong.get("k"));
  const cycle = {};
  cycle.cycle = cycle;
  const values = [cycle, 1n, () => {}, Symbol("s")];
  const odd = pool.group("odd", { ...MAX, codec: json(), load: (key) => values[key] });
  for (const key of values.keys()) await refused("ERR_LOAD_TYPE", () => odd.get(String(key)));
  assert.equal(odd.stats().flights, 0);
});

test("a value of no bytes is a value", async () => {
  const { load, total } = counting(() => new Uint8Array(0));
  const it = createPool().group("g", { ...MAX, load });
  for (let i = 0; i < 3; i++) assert.equal((await it.get("k")).length, 0);
  assert.equal(total(), 1);
  assert.equal(it.peek("k").length, 0);
  assert.equal(it.set("other", new Uint8Array(0)), true);
});

for (const [what, options, bytesLong] of [
  ["the default maxEntryBytes, an eighth of the budget,", {}, 8 * 1024 + 1],
  ["the budget with its bookkeeping", { maxBytes: 8_192, maxEntryBytes: 8_192 }, 8_100],
  ["maxEntryBytes", { maxEntryBytes: 100 }, 101],
  ["the budget", { maxBytes: 8_192, maxEntryBytes: 8_192 }, 8_193],
  ["everything", {}, 30_000_000],
]) {
  test(`a value above ${what} is answered, not kept, and counted; what was there stays`, async () => {
    const { load, total } = counting(() => new Uint8Array(bytesLong).fill(7));
    const it = createPool().group("g", { ...MAX, ...options, load });
    it.set("small", bytes("s"));
    for (let i = 0; i < 2; i++) {
      const value = await it.get("k");
      assert.equal(value.length, bytesLong);
      assert.equal(value[bytesLong - 1], 7);
    }
    assert.equal(total(), 2);
    assert.equal(it.stats().refused, 2);
    assert.equal(text(it.peek("small")), "s");
    it.set("k", bytes("old"));
    assert.equal(it.set("k", new Uint8Array(bytesLong)), false);
    assert.equal(it.peek("k"), undefined, "an older value would be a wrong one");
    assert.equal(it.stats().refused, 3);
  });
}

test("a loader that hangs is ERR_TIMEOUT at the deadline, and its signal aborts", async () => {
  const it = group({ deadlineMs: SOON_MS });
  const signals = [];
  it.loader.load = (_, { signal }) => (signals.push(signal), new Promise(() => {}));
  await refused("ERR_TIMEOUT", () => it.group.get("k"), /deadlineMs/);
  await until(() => it.group.stats().flights === 0);
  assert.equal(signals.length, 1);
  assert.equal(signals[0].aborted, true);
  assert.equal(signals[0].reason.code, "ERR_TIMEOUT");
  await works(it);
});

test("a caller in more of a hurry than its group leaves; the load goes on and is kept", async () => {
  const gate = deferred();
  const it = group();
  let signal;
  it.loader.load = async (_, scope) => ((signal = scope.signal), bytes(await gate.promise));
  await refused("ERR_TIMEOUT", () => it.group.get("k", { deadlineMs: SOON_MS }));
  await refused("ERR_TIMEOUT", () => it.group.get("k", { deadlineMs: SOON_MS }));
  assert.equal(it.group.stats().timeouts, 2);
  assert.equal(signal.aborted, false);
  const patient = it.group.getEntry("k");
  gate.resolve("late");
  assert.equal((await patient).source, "flight");
  assert.equal(text(it.group.peek("k")), "late");
});

test("a loader that answers after its deadline changes nothing any more", async () => {
  const gate = deferred();
  const it = group({ deadlineMs: SOON_MS });
  it.loader.load = () => gate.promise;
  await refused("ERR_TIMEOUT", () => it.group.get("k"));
  await until(() => it.group.stats().flights === 0);
  it.group.set("k", bytes("newer"));
  gate.resolve(bytes("late"));
  await gate.promise;
  assert.equal(text(it.group.peek("k")), "newer");
  assert.equal(it.group.stats().errors, 1);
});

test("a loader that fails after its deadline is nobody's unhandled rejection", async () => {
  const gate = deferred();
  const it = group({ deadlineMs: SOON_MS });
  it.loader.load = () => gate.promise;
  await refused("ERR_TIMEOUT", () => it.group.get("k"));
  gate.reject(new Error("late"));
  await until(() => it.group.stats().flights === 0);
  await works(it);
});

test("a loader that asks its own group for another key gets it", async () => {
  const it = group();
  it.loader.load = async (key) =>
    key === "0" ? bytes("end") : bytes(`${key} ${text(await it.group.get(String(key - 1)))}`);
  assert.equal(text(await it.group.get("20")), "20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 end");
  assert.equal(it.group.stats().loads, 21);
});

test("a loader may set, peek, remove, clear and count in its own group, and make another", async () => {
  const it = group();
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

test("a loader that asks its own group for its own key ends at the deadline, and the next request works", async () => {
  const it = group({ deadlineMs: SOON_MS });
  let inner;
  it.loader.load = (key) => (inner = it.group.get(key));
  await refused("ERR_TIMEOUT", () => it.group.get("k"));
  await refused("ERR_TIMEOUT", () => inner);
  await until(() => it.group.stats().flights === 0);
  assert.equal(it.group.stats().loads, 1, "it joined itself");
  await works(it);
});

test("the loader is given its key, the request's env and ctx, and a signal", async () => {
  const it = group();
  const [env, kept] = [{ DB: 1 }, []];
  const ctx = { waitUntil: (promise) => kept.push(promise) };
  let given;
  it.loader.load = (key, scope) => ((given = { key, ...scope }), bytes("v"));
  await it.group.get("k", { env, ctx });
  assert.equal(given.key, "k");
  assert.equal(given.env, env);
  assert.equal(given.ctx, ctx);
  assert.equal(given.signal.aborted, false);
  assert.equal(kept.length, 1, "the load was handed to waitUntil");
  await kept[0];
  await it.group.get("other");
  assert.equal(given.ctx, undefined);
});

test("a ctx whose waitUntil throws stops nobody", async () => {
  const it = group();
  it.loader.load = () => bytes("v");
  assert.equal(
    text(
      await it.group.get("k", {
        ctx: {
          waitUntil() {
            throw new Error("the request has ended");
          },
        },
      }),
    ),
    "v",
  );
});
