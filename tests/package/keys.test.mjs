// Keys of every kind, from callers and over the cluster: a right value or ERR_KEY, and the next call works.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { assertFails, bytes, countingLoader, TestCluster, text } from "./support.mjs";

const MAX = { maxBytes: 1024 * 1024 };
const MAX_KEY_BYTES = 65_535;

const ODD_KEYS = [
  ".",
  "..",
  "...",
  "/",
  "//",
  "a/b",
  "../x",
  "./x",
  "a/../b",
  "%",
  "%zz",
  "%2e%2e",
  "%2F",
  "%00",
  "a b",
  "a+b",
  "+",
  "?",
  "#",
  "a?b#c",
  "&=",
  "\u0000",
  "a\u0000b",
  "\u0001\u001f\u007f",
  "\t",
  "\r\n",
  "\u0085",
  "\u2028",
  "\\",
  '"',
  "'",
  "<script>",
  ":",
  "://",
  "http://a/b",
  "@",
  "~",
  "*",
  "ключ",
  "キー",
  "🐎",
  "e\u0301",
  "\u00e9",
  "\ufeff",
  "\ufffd",
  "\uffff",
  "\u{10ffff}",
  "\u202e",
  "constructor",
  "__proto__",
  "undefined",
  "null",
  " ",
  "0",
  "x".repeat(8_000),
  "🐎".repeat(2_000),
];

/**
 * Values that are not valid keys, wrong types included.
 * @type {[key: any, message: RegExp][]}
 */
const INVALID_KEYS = [
  ["", /empty/],
  ["x".repeat(MAX_KEY_BYTES + 1), /65535/],
  ["x".repeat(1_000_000), /65535/],
  ["é".repeat(MAX_KEY_BYTES / 2 + 1), /65535/],
  ["🐎".repeat(MAX_KEY_BYTES / 4 + 1), /65535/],
  ["\ud800", /surrogate/],
  ["a\udc00", /surrogate/],
  ["\udc00\ud800", /surrogate/],
  ["\ud83d x", /surrogate/],
  [undefined, /string/],
  [null, /null/],
  [7, /number/],
  [{}, /object/],
  [Symbol("k"), /symbol/],
  [["k"], /object/],
  [bytes("k"), /object/],
];

test("keys of every kind: distinct, loaded once each, unchanged", async () => {
  const { load, loads } = countingLoader((key) => bytes(key));
  const group = createPool().group("g", { ...MAX, load });
  // The first insert allocates a page of the index, which stays.
  group.set("k", bytes("v"));
  group.remove("k");
  const emptyBytes = group.stats().usedBytes;
  for (const key of ODD_KEYS) assert.equal(text(await group.get(key)), text(bytes(key)));
  for (const key of ODD_KEYS) {
    assert.equal((await group.getEntry(key)).source, "memory", key.slice(0, 20));
    assert.equal(loads.get(key), 1);
  }
  assert.equal(group.stats().entries, ODD_KEYS.length);
  for (const key of ODD_KEYS) assert.equal(group.remove(key), true);
  assert.equal(group.stats().entries, 0);
  assert.equal(group.stats().usedBytes, emptyBytes);
});

test("keys of every kind through a peer: loaded locally if no path can carry them", async () => {
  const cluster = new TestCluster(["a", "b"], { peerTimeoutMs: 5_000 });
  const [group] = [...cluster.pools].map(([name, pool]) =>
    pool.group("группа %", { ...MAX, load: (key) => bytes(`${name}:${key}`) }),
  );
  for (const key of ODD_KEYS) {
    // URL parsing removes dot segments, escaped or not; the longest keys do not fit a request line.
    const isCarried = key !== "." && key !== ".." && bytes(key).length < 1_000;
    const from = cluster.pools.get("a")?.owner(key) === "b" && isCarried ? "b" : "a";
    const entry = await group.getEntry(key);
    assert.equal(text(entry.value), text(bytes(`${from}:${key}`)), JSON.stringify(key.slice(0, 20)));
    assert.equal(entry.source, from === "a" ? "loader" : "peer");
  }
});

test("invalid key: ERR_KEY with the reason, nothing is loaded", async () => {
  const { load, total } = countingLoader();
  const group = createPool().group("g", { ...MAX, load });
  for (const [key, message] of INVALID_KEYS) {
    await assertFails("ERR_KEY", () => group.get(key), message);
    await assertFails("ERR_KEY", () => group.getEntry(key), message);
    await assertFails("ERR_KEY", async () => group.set(key, bytes("v")), message);
    assert.equal(text(await group.get("next")), "next!");
  }
  assert.equal(total(), 1);
  assert.equal(group.stats().entries, 1);
  assert.equal(group.stats().flights, 0);
});

test("invalid key in peek, remove, owner: an empty result or ERR_KEY, no trap", async () => {
  const pool = createPool({ peers: ["http://a.test"] });
  const group = pool.group("g", { ...MAX, load: () => bytes("v") });
  for (const [key] of INVALID_KEYS) {
    for (const use of [() => group.peek(key), () => group.remove(key), () => pool.owner(key)]) {
      try {
        assert.ok(/** @type {unknown[]} */ ([undefined, false, "http://a.test"]).includes(use()));
      } catch (error) {
        assert.equal(/** @type {any} */ (error).code, "ERR_KEY");
      }
    }
  }
  assert.equal(pool.stats().traps, 0);
  assert.equal(group.set("k", bytes("v")), true);
});

test("longest keys: cached like any other", async () => {
  const { load, total } = countingLoader((key) => bytes(String(key.length)));
  const group = createPool().group("g", { ...MAX, load });
  const keys = [
    "x".repeat(MAX_KEY_BYTES),
    "y".repeat(MAX_KEY_BYTES),
    `${"é".repeat((MAX_KEY_BYTES - 1) / 2)}x`,
    `${"🐎".repeat((MAX_KEY_BYTES - 3) / 4)}xyz`,
  ];
  for (const key of keys) {
    assert.equal(bytes(key).length, MAX_KEY_BYTES);
    assert.equal(text(await group.get(key)), String(key.length));
    assert.equal((await group.getEntry(key)).source, "memory");
  }
  assert.equal(total(), keys.length);
});

test("a short key after a long one: not confused with the rest of the buffer", async () => {
  const group = createPool().group("g", { ...MAX, load: (key) => bytes(key) });
  await group.get("x".repeat(1_000));
  assert.equal(text(await group.get("xx")), "xx");
  assert.equal(group.peek("xxx"), undefined);
});
