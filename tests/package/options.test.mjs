// Options: an invalid one is ERR_OPTION with its name, and leaves nothing half made behind.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { assertFails, bytes, text } from "./support.mjs";

const load = () => bytes("v");
const GROUP = { maxBytes: 8192, load };

test("createPool: an invalid option is ERR_OPTION with its name", async () => {
  /** @type {[options: any, message: RegExp][]} */
  const wrong = [
    [{ self: 7 }, /self/],
    [{ self: "" }, /self/],
    [{ peers: "http://a" }, /peers/],
    [{ peers: [7] }, /peers/],
    [{ peers: [""] }, /peers/],
    [{ peers: { length: 1 } }, /peers/],
    [{ peers: ["not a url"] }, /not a url/],
    [{ peers: ["ftp://a"] }, /ftp/],
    [{ peers: ["http://"] }, /http:\/\//],
    [{ replicas: 0 }, /replicas/],
    [{ replicas: 1001 }, /replicas/],
    [{ replicas: 1.5 }, /replicas/],
    [{ replicas: NaN }, /replicas/],
    [{ replicas: "50" }, /replicas/],
    [{ replicas: -1 }, /replicas/],
    [{ replicas: Infinity }, /replicas/],
    [{ replicas: 2 ** 40 }, /replicas/],
    [{ basePath: "x" }, /basePath/],
    [{ basePath: "/" }, /basePath/],
    [{ basePath: "/a" }, /basePath/],
    [{ basePath: "/a b/" }, /basePath/],
    [{ basePath: "/../" }, /basePath/],
    [{ basePath: 7 }, /basePath/],
    [{ basePath: "" }, /basePath/],
    [{ connect: "x" }, /connect/],
    [{ connect: {} }, /connect/],
    [{ peer: [] }, /"peer"/],
    [{ "control\u0000name": 1 }, /control/],
  ];
  for (const [options, message] of wrong) {
    await assertFails("ERR_OPTION", () => createPool(options), message);
  }
  for (const options of /** @type {any[]} */ ([null, 7, "x"]))
    await assertFails("ERR_OPTION", () => createPool(options), /options/);
});

test("createPool: undefined and null mean the default", () => {
  const options = { self: undefined, peers: null, replicas: undefined, basePath: undefined, connect: undefined };
  const pool = createPool(/** @type {any} */ (options));
  assert.equal(pool.owner("k"), undefined);
});

test("pool.group: an invalid option is ERR_OPTION with its name", async () => {
  const pool = createPool();
  const wrong = /** @type {[options: any, message: RegExp][]} */ ([
    [{ load }, /maxBytes/],
    [{ maxBytes: 8192 }, /load/],
    [{ maxBytes: 8192, load: "x" }, /load/],
    [{ maxBytes: 8192, load: null }, /load/],
    ...[
      0,
      8191,
      2 * 2 ** 30 + 1,
      2 ** 32,
      2 ** 32 + 4096,
      2 ** 41,
      -1,
      1024.5,
      NaN,
      Infinity,
      "4096",
      true,
      {},
      4096n,
    ].map((maxBytes) => [{ maxBytes, load }, /maxBytes/]),
    ...[0, 8193, -1, 0.5, "x"].map((maxEntryBytes) => [{ ...GROUP, maxEntryBytes }, /maxEntryBytes/]),
    ...["ttlMs", "staleWhileRevalidateMs", "staleIfErrorMs", "hotTtlMs", "deadlineMs", "peerTimeoutMs"].flatMap(
      (name) => [-1, 0.5, "1", NaN, Infinity, 2 ** 43].map((value) => [{ ...GROUP, [name]: value }, new RegExp(name)]),
    ),
    ...["ttlMs", "deadlineMs", "peerTimeoutMs"].map((name) => [{ ...GROUP, [name]: 0 }, new RegExp(name)]),
    // A timer with a longer delay fires at once.
    ...["deadlineMs", "peerTimeoutMs"].map((name) => [{ ...GROUP, [name]: 2 ** 31 }, new RegExp(name)]),
    ...[-1, 17, 0.5].map((failover) => [{ ...GROUP, failover }, /failover/]),
    ...[null, "json", {}, { encode() {} }, { decode() {} }].map((codec) => [{ ...GROUP, codec }, /codec/]),
    ...["LRU", "", "gdfs", 7, {}].map((policy) => [{ ...GROUP, policy }, /policy/]),
    [{ ...GROUP, maxByte: 1 }, /"maxByte"/],
    [{ ...GROUP, ttl: 1 }, /"ttl"/],
    [null, /options/],
    [7, /options/],
    [undefined, /options/],
  ]);
  for (const [options, message] of wrong) await assertFails("ERR_OPTION", () => pool.group("g", options), message);
  // No call made a group.
  assert.deepEqual(pool.stats().groups, {});
  assert.equal(text(await pool.group("g", GROUP).get("k")), "v");
});

test("group name: ERR_GROUP if no path can carry it, any other works", async () => {
  const pool = createPool();
  for (const name of ["", ".", "..", "...", "a/b", "/", "x".repeat(256)])
    await assertFails("ERR_GROUP", () => pool.group(name, GROUP));
  for (const name of /** @type {any[]} */ ([null, undefined, 7, {}]))
    await assertFails("ERR_GROUP", () => pool.group(name, GROUP));
  for (const name of ["a", "a b", "группа", "x".repeat(255), "%zz", "a.b", "..a", "\u0000", "__proto__"]) {
    assert.equal(text(await pool.group(name, GROUP).get("k")), "v");
    await assertFails("ERR_GROUP_EXISTS", () => pool.group(name, GROUP));
    assert.equal(Object.getOwnPropertyDescriptor(pool.stats().groups, name)?.value.loads, 1);
  }
});

test("setPeers: an invalid list is ERR_OPTION, the old list stays", async () => {
  const peers = ["http://a.test", "http://b.test"];
  const pool = createPool({ peers });
  const before = pool.owner("Tom");
  for (const wrong of /** @type {any[]} */ ([
    null,
    undefined,
    "http://a",
    [""],
    [7],
    ["bare"],
    Array(10_001).fill("http://a"),
  ])) {
    await assertFails("ERR_OPTION", () => pool.setPeers(wrong), /peer/);
  }
  assert.equal(pool.owner("Tom"), before);
  pool.setPeers(["http://c.test"]);
  assert.equal(pool.owner("Tom"), "http://c.test");
  pool.setPeers([]);
  assert.equal(pool.owner("Tom"), undefined);
});

test("connect option: peers may have any name", () => {
  const pool = createPool({ peers: ["shard-1", "žluť", "a b"], connect: () => ({ fetch }) });
  assert.ok(["shard-1", "žluť", "a b"].includes(String(pool.owner("k"))));
  pool.setPeers(["other"]);
  assert.equal(pool.owner("k"), "other");
});

test("self: needs no URL", () => {
  const pool = createPool({ self: "me", peers: ["me"] });
  assert.equal(pool.owner("k"), "me");
});
