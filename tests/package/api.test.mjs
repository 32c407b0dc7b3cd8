// The public API on one node: get, peek, set, remove, clear, stats, codecs, singleflight, invalidation.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool, Group, json, Pool, text as textCodec } from "../../pkg/entry/node.js";
import { assertFails, bytes, countingLoader, deferred, random, text, turn } from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };

test("get: a miss loads, a hit does not, the source says which", async () => {
  const { load, loads } = countingLoader();
  const pool = createPool();
  const group = pool.group("scores", { ...MAX, load });
  assert.ok(pool instanceof Pool && group instanceof Group);
  assert.equal(group.name, "scores");
  assert.equal(text(await group.get("Tom")), "Tom!");
  assert.deepEqual(await group.getEntry("Tom"), { value: bytes("Tom!"), source: "memory", freshMs: undefined });
  assert.deepEqual(await group.getEntry("Sam"), { value: bytes("Sam!"), source: "loader", freshMs: undefined });
  assert.deepEqual(Object.fromEntries(loads), { Tom: 1, Sam: 1 });
});

test("not found: undefined, not cached, loaded again", async () => {
  const { load, loads } = countingLoader(() => undefined);
  const group = createPool().group("scores", { ...MAX, load });
  assert.equal(await group.get("Tom"), undefined);
  assert.deepEqual(await group.getEntry("Tom"), { value: undefined, source: "loader", freshMs: undefined });
  assert.equal(loads.get("Tom"), 2);
  assert.equal(group.stats().notFound, 2);
});

test("singleflight: 100 concurrent callers of one key, one load, 99 coalesced", async () => {
  const gate = deferred();
  const { load, loads } = countingLoader(async (key) => (await gate.promise, bytes(key)));
  const group = createPool().group("scores", { ...MAX, load });
  const callers = Array.from({ length: 100 }, () => group.getEntry("Tom"));
  await turn();
  gate.resolve();
  const entries = await Promise.all(callers);
  assert.ok(entries.every((entry) => text(entry.value) === "Tom"));
  assert.deepEqual(entries.map((entry) => entry.source).sort(), [...Array(99).fill("flight"), "loader"]);
  assert.equal(loads.get("Tom"), 1);
  const { requests, coalesced, flights } = group.stats();
  assert.deepEqual({ requests, coalesced, flights }, { requests: 100, coalesced: 99, flights: 0 });
});

test("values: callers get copies of their own, set copies its argument", async () => {
  const gate = deferred();
  const own = bytes("abc");
  const group = createPool().group("g", { ...MAX, load: async () => (await gate.promise, own) });
  const callers = [group.get("k"), group.get("k"), group.get("k")];
  gate.resolve();
  const [first, second, third] = await Promise.all(callers);
  assert.ok(first && second);
  first.fill(0);
  assert.equal(text(second), "abc");
  second.fill(1);
  assert.equal(text(third), "abc");
  own.fill(2);
  const hit = await group.get("k");
  assert.ok(hit);
  assert.equal(text(hit), "abc");
  hit.fill(3);
  const peeked = group.peek("k");
  assert.ok(peeked);
  assert.equal(text(peeked), "abc");
  peeked.fill(4);
  const given = bytes("xyz");
  group.set("k", given);
  given.fill(5);
  assert.equal(text(await group.get("k")), "xyz");
  // Not a window into something larger, so that a caller may transfer it.
  assert.equal(hit.buffer.byteLength, hit.length);
});

test("peek: returns a cached value, loads nothing, counts no hit", async () => {
  const { load, total } = countingLoader();
  const group = createPool().group("g", { ...MAX, load });
  assert.equal(group.peek("k"), undefined);
  await group.get("k");
  assert.equal(text(group.peek("k")), "k!");
  assert.equal(total(), 1);
  assert.equal(group.stats().hits, 0);
});

test("set, remove, clear: change entries and usedBytes on this node", async () => {
  const { load, total } = countingLoader();
  const group = createPool().group("g", { ...MAX, load });
  const emptyBytes = group.stats().usedBytes;
  assert.equal(group.set("a", bytes("1")), true);
  assert.equal(text(await group.get("a")), "1");
  assert.equal(group.set("a", bytes("2")), true);
  assert.equal(text(await group.get("a")), "2");
  assert.equal(total(), 0);
  assert.equal(group.remove("a"), true);
  assert.equal(group.remove("a"), false);
  assert.equal(text(await group.get("a")), "a!");
  group.set("b", bytes("3"));
  assert.equal(group.stats().entries, 2);
  group.clear();
  assert.equal(group.stats().entries, 0);
  assert.equal(group.stats().usedBytes, emptyBytes, "usedBytes is that of an empty store again");
  assert.equal(group.peek("b"), undefined);
});

/** @type {[name: string, change: (group: import("../../pkg/index.js").Group) => unknown, cached: string | undefined][]} */
const CHANGES = [
  ["remove", (group) => group.remove("k"), undefined],
  ["clear", (group) => group.clear(), undefined],
  ["set", (group) => group.set("k", bytes("new")), "new"],
];
for (const [name, change, cached] of CHANGES) {
  test(`invalidate: ${name} during a load, the load's value is not cached`, async () => {
    const gates = [deferred(), deferred()];
    let run = 0;
    const group = createPool().group("g", { ...MAX, load: async () => bytes(await gates[run++].promise) });
    const before = group.get("k");
    change(group);
    gates[0].resolve("old");
    assert.equal(text(await before), "old");
    assert.equal(text(group.peek("k")), cached);
    const { invalidatedLoads, flights } = group.stats();
    assert.deepEqual({ invalidatedLoads, flights }, { invalidatedLoads: 1, flights: 0 });
    gates[1].resolve("fresh");
    assert.equal(text(await group.get("k")), cached ?? "fresh");
  });
}

test("invalidate: a caller after remove does not coalesce with the load before it", async () => {
  const gates = [deferred(), deferred()];
  let run = 0;
  const group = createPool().group("g", { ...MAX, load: async () => bytes(await gates[run++].promise) });
  const before = group.get("k");
  group.remove("k");
  const after = group.get("k");
  gates[1].resolve("new");
  assert.equal(text(await after), "new");
  gates[0].resolve("old");
  assert.equal(text(await before), "old");
  assert.equal(text(group.peek("k")), "new");
});

test("isolation: two pools with the same group name share nothing", async () => {
  const [a, b] = ["a", "b"].map((name) => createPool().group("g", { ...MAX, load: () => bytes(name) }));
  assert.equal(text(await a.get("k")), "a");
  assert.equal(b.peek("k"), undefined);
  assert.equal(text(await b.get("k")), "b");
  b.clear();
  assert.equal(text(a.peek("k")), "a");
  assert.deepEqual([a.stats().requests, b.stats().requests], [1, 1]);
});

test("isolation: groups of one pool share no keys, stats lists each", async () => {
  const pool = createPool();
  const [a, b] = ["a", "b"].map((name) => pool.group(name, { ...MAX, load: () => bytes(name) }));
  await Promise.all([a.get("k"), b.get("k")]);
  assert.equal(text(a.peek("k")), "a");
  assert.equal(text(b.peek("k")), "b");
  const stats = pool.stats();
  assert.equal(stats.traps, 0);
  assert.deepEqual(Object.keys(stats.groups), ["a", "b"]);
  assert.equal(stats.groups.a.entries, 1);
});

test("codecs: bytes, json, text, custom", async () => {
  const pool = createPool();
  const user = { name: "Tom", scores: [1, 2] };
  const users = pool.group("users", { ...MAX, codec: json(), load: () => user });
  const first = await users.get("k");
  assert.deepEqual(first, user);
  first.scores.push(3);
  assert.deepEqual(await users.get("k"), user, "each caller gets a decoded value of its own");
  const lines = pool.group("lines", { ...MAX, codec: textCodec(), load: (key) => `${key}: žluťoučký 🐎` });
  assert.equal(await lines.get("k"), "k: žluťoučký 🐎");
  assert.equal(lines.set("k", ""), true);
  assert.equal(await lines.get("k"), "");
  lines.set("k", "\ufeffa byte order mark");
  assert.equal(await lines.get("k"), "\ufeffa byte order mark", "the byte order mark stays");
  const numbers = pool.group("n", {
    ...MAX,
    codec: { encode: (n) => new Uint8Array([n]), decode: ([n]) => n },
    load: () => 7,
  });
  assert.equal(await numbers.get("k"), 7);
  const nothing = pool.group("null", { ...MAX, codec: json(), load: () => null });
  assert.equal(await nothing.get("k"), null, "null is a JSON value, not a missing key");
  // An ArrayBuffer is accepted too, which the types of the default codec do not say.
  const load = () => /** @type {any} */ (bytes("buffer").buffer);
  const buffers = pool.group("buffers", { ...MAX, load });
  assert.equal(text(await buffers.get("k")), "buffer");
  const views = pool.group("views", { ...MAX, load: () => Buffer.from("a view").subarray(2) });
  assert.equal(text(await views.get("k")), "view");
});

test("codec: decode throws, ERR_LOAD_TYPE with the cause", async () => {
  const cause = new Error("no");
  const codec = {
    encode: () => new Uint8Array(1),
    decode: () => {
      throw cause;
    },
  };
  const group = createPool().group("g", { ...MAX, codec, load: () => "x" });
  assert.equal((await assertFails("ERR_LOAD_TYPE", () => group.get("k"))).cause, cause);
  await assertFails("ERR_LOAD_TYPE", async () => group.peek("k"));
});

for (const policy of /** @type {const} */ (["gdsf", "lru"]))
  test(`policy ${policy}: usedBytes stays within maxBytes, evictions and rejections are counted`, async () => {
    const seed = 7;
    const below = random(seed);
    const maxBytes = 32 * 1024;
    const group = createPool().group("g", {
      maxBytes,
      policy,
      load: () => /** @type {Uint8Array | undefined} */ (undefined),
    });
    const model = new Map();
    let rejections = 0;
    for (let i = 0; i < 3_000; i++) {
      const key = `k${below(200)}`;
      const value = new Uint8Array(below(1_500)).fill(below(256));
      if (group.set(key, value)) model.set(key, value);
      else {
        rejections += 1;
        model.delete(key);
        assert.equal(group.peek(key), undefined, "a rejected value also drops the older value");
      }
      const other = `k${below(200)}`;
      const here = group.peek(other);
      if (here !== undefined) assert.deepEqual(here, model.get(other), `seed ${seed}, step ${i}`);
      const { usedBytes, evictions, rejected, entries } = group.stats();
      assert.equal(rejected, rejections);
      assert.ok(usedBytes <= maxBytes, `${usedBytes} bytes`);
      assert.ok(entries <= i + 1 - evictions);
    }
    const { evictions, entries } = group.stats();
    assert.ok(
      evictions + rejections > 1_000 && evictions > 100 && entries > 10,
      `${evictions} ${rejections} ${entries}`,
    );
    assert.ok(policy === "gdsf" || rejections === 0, "lru rejects nothing that fits");
  });

test("large values: memory grows, views taken before stay correct", async () => {
  const maxBytes = 24 * 1024 * 1024;
  const group = createPool().group("g", {
    maxBytes,
    maxEntryBytes: 21_000_000,
    load: (key) => new Uint8Array(Number(key)).fill(Number(key) % 251),
  });
  for (const size of [1, 70_000, 1_000_000, 5_000_000, 12_000_000, 20_000_000, 3]) {
    const value = await group.get(String(size));
    assert.equal(value?.length, size);
    const again = await group.getEntry(String(size));
    assert.equal(again.source, "memory");
    assert.ok(value && again.value && Buffer.compare(again.value, value) === 0);
  }
});
