// Keys that a person or the network can send: each is a right answer or a clear error, and the next request works.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { TestNetwork } from "../../pkg/entry/testing.js";
import { bytes, counting, refused, text } from "./support.mjs";

const MAX = { maxBytes: 1024 * 1024 };
const LONGEST = 65_535;

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

/** What no store can tell from another key, or what is no key at all. */
const NOT_KEYS = [
  ["", /empty/],
  ["x".repeat(LONGEST + 1), /65535/],
  ["x".repeat(1_000_000), /65535/],
  ["é".repeat(LONGEST / 2 + 1), /65535/],
  ["🐎".repeat(LONGEST / 4 + 1), /65535/],
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

test("keys of every kind are told apart, loaded once each, and come back byte for byte", async () => {
  const { load, loads } = counting((key) => bytes(key));
  const group = createPool().group("g", { ...MAX, load });
  // Once there was an entry, the store keeps a page of its index.
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

test("keys of every kind through a peer: those that no path can carry are loaded where they are asked", async () => {
  const network = new TestNetwork(["a", "b"], { peerTimeoutMs: 5_000 });
  const [group] = [...network.pools].map(([name, pool]) =>
    pool.group("группа %", { ...MAX, load: (key) => bytes(`${name}:${key}`) }),
  );
  for (const key of ODD_KEYS) {
    // Dots are taken for a step up however they are written; 8,000 bytes are too long for a request line.
    const carried = key !== "." && key !== ".." && bytes(key).length < 1_000;
    const from = network.pools.get("a").owner(key) === "b" && carried ? "b" : "a";
    const entry = await group.getEntry(key);
    assert.equal(text(entry.value), text(bytes(`${from}:${key}`)), JSON.stringify(key.slice(0, 20)));
    assert.equal(entry.source, from === "a" ? "loader" : "peer");
  }
});

test("what is no key is refused by name, and nothing is loaded for it", async () => {
  const { load, total } = counting();
  const group = createPool().group("g", { ...MAX, load });
  for (const [key, message] of NOT_KEYS) {
    await refused("ERR_KEY", () => group.get(key), message);
    await refused("ERR_KEY", () => group.getEntry(key), message);
    await refused("ERR_KEY", async () => group.set(key, bytes("v")), message);
    assert.equal(text(await group.get("next")), "next!");
  }
  assert.equal(total(), 1);
  assert.equal(group.stats().entries, 1);
  assert.equal(group.stats().flights, 0);
});

test("peek, remove and owner of what is no key trap nothing", async () => {
  const pool = createPool({ peers: ["http://a.test"] });
  const group = pool.group("g", { ...MAX, load: () => bytes("v") });
  for (const [key] of NOT_KEYS) {
    for (const use of [() => group.peek(key), () => group.remove(key), () => pool.owner(key)]) {
      try {
        assert.ok([undefined, false, "http://a.test"].includes(use()));
      } catch (error) {
        assert.equal(error.code, "ERR_KEY");
      }
    }
  }
  assert.equal(pool.stats().traps, 0);
  assert.equal(group.set("k", bytes("v")), true);
});

test("the longest key there may be", async () => {
  const { load, total } = counting((key) => bytes(String(key.length)));
  const group = createPool().group("g", { ...MAX, load });
  const keys = [
    "x".repeat(LONGEST),
    "y".repeat(LONGEST),
    `${"é".repeat((LONGEST - 1) / 2)}x`,
    `${"🐎".repeat((LONGEST - 3) / 4)}xyz`,
  ];
  for (const key of keys) {
    assert.equal(bytes(key).length, LONGEST);
    assert.equal(text(await group.get(key)), String(key.length));
    assert.equal((await group.getEntry(key)).source, "memory");
  }
  assert.equal(total(), keys.length);
});

test("a short key after a long one is not mixed up with its rest", async () => {
  const group = createPool().group("g", { ...MAX, load: (key) => bytes(key) });
  await group.get("x".repeat(1_000));
  assert.equal(text(await group.get("xx")), "xx");
  assert.equal(group.peek("xxx"), undefined);
});
