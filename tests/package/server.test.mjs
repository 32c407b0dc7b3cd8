// The server side: the responses of `pool.handle` to requests from peers and from strangers.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { bytes, countingLoader, deferred, mockClock, turn, until } from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };
const HOST = "http://peer.test";

/**
 * A node whose loader returns, fails or hangs by key. `request` sends it a request that it must answer.
 * @param {import("../../pkg/index.js").PoolOptions<any>} [options]
 * @param {Partial<import("../../pkg/index.js").GroupOptions<Uint8Array>>} [group]
 */
function node(options, group) {
  const pool = createPool(options);
  const loader = countingLoader((key) => {
    if (key === "missing") return undefined;
    if (key === "broken") throw new Error("the database is down");
    if (key === "odd") return 7;
    if (key === "hangs") return new Promise(() => {});
    if (key === "empty") return new Uint8Array(0);
    return bytes(key);
  });
  const it = pool.group("g", { ...MAX, ...group, load: loader.load });
  const handle = (/** @type {string} */ path, /** @type {RequestInit} */ init = {}) =>
    pool.handle(new Request(HOST + path, init));
  const request = async (/** @type {string} */ path, /** @type {RequestInit} */ init = {}) =>
    (await handle(path, init)) ?? assert.fail(`${path} was not answered`);
  return { pool, group: it, loader, handle, request };
}

const NO_STORE = ["cache-control", "no-store"];
const headersOf = (/** @type {Response} */ response) => Object.fromEntries([...response.headers].sort());

test("value: 200 with raw bytes, no-store", async () => {
  const { request } = node();
  const answer = await request("/_geecache/g/k");
  assert.equal(answer.status, 200);
  const { "geecache-auth": auth, ...headers } = headersOf(answer);
  assert.deepEqual(
    headers,
    Object.fromEntries([
      NO_STORE,
      ["cache-status", "geecache-edge; fwd=miss"],
      ["content-type", "application/octet-stream"],
    ]),
  );
  assert.match(String(auth), /^[0-9a-f]{16}$/, "ring and digest");
  assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), bytes("k"));
});

test("value with a ttlMs: geecache-fresh-ms says how long it stays fresh", async (t) => {
  const advance = mockClock(t);
  const { request } = node({}, { ttlMs: 1_000, staleWhileRevalidateMs: 1_000 });
  assert.equal((await request("/_geecache/g/k")).headers.get("geecache-fresh-ms"), "1000");
  advance(300);
  assert.equal((await request("/_geecache/g/k")).headers.get("geecache-fresh-ms"), "700");
  advance(700);
  assert.equal(
    (await request("/_geecache/g/k")).headers.get("geecache-fresh-ms"),
    "0",
    "a stale value is not cached by the requester",
  );
});

test("empty value: 200", async () => {
  const { request } = node();
  const answer = await request("/_geecache/g/empty");
  assert.equal(answer.status, 200);
  assert.equal((await answer.arrayBuffer()).byteLength, 0);
});

test("not found, failed load, unknown group: told apart by status and outcome", async () => {
  const { request } = node();
  for (const [path, status, outcome, message] of /** @type {const} */ ([
    ["/_geecache/g/missing", 404, "not-found", /the key does not exist/],
    ["/_geecache/g/broken", 500, "ERR_LOAD", /the database is down/],
    ["/_geecache/g/odd", 500, "ERR_LOAD_TYPE", /number/],
    ["/_geecache/nobody/k", 404, null, /no group "nobody"/],
  ])) {
    const answer = await request(path);
    assert.equal(answer.status, status, path);
    assert.equal(answer.headers.get("geecache-outcome"), outcome, path);
    assert.match(await answer.text(), message);
    assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");
  }
});

test("loader hangs: a failed load at its deadline", async (t) => {
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  const { request, group } = node({}, { deadlineMs: 30 });
  const pending = request("/_geecache/g/hangs");
  await turn();
  advance(30);
  const answer = await pending;
  assert.equal(answer.status, 500);
  assert.equal(answer.headers.get("geecache-outcome"), "ERR_TIMEOUT");
  assert.match(await answer.text(), /deadline/);
  await until(() => group.stats().flights === 0);
});

test("HEAD: the headers of GET, no body", async () => {
  const { request } = node();
  for (const path of [
    "/_geecache/g/k",
    "/_geecache/g/missing",
    "/_geecache/g/broken",
    "/_geecache/nobody/k",
    "/_geecache/g/%zz",
  ]) {
    const [get, head] = [await request(path), await request(path, { method: "HEAD" })];
    assert.equal(head.status, get.status, path);
    const { "cache-status": cacheStatus, ...headers } = headersOf(head);
    const { "cache-status": was, ...same } = headersOf(get);
    assert.deepEqual([headers, cacheStatus], [same, was && "geecache-edge; hit"], path);
    assert.equal((await head.arrayBuffer()).byteLength, 0);
  }
});

test("other methods: 405 with Allow, nothing is loaded", async () => {
  const { request, loader } = node();
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE"]) {
    const answer = await request("/_geecache/g/k", { method });
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.get("allow"), "GET, HEAD");
    assert.equal(answer.headers.get("cache-control"), "no-store");
  }
  assert.equal(loader.total(), 0);
});

test("invalid path: 400 with the reason, nothing is loaded", async () => {
  const { request, loader } = node();
  for (const [path, message] of /** @type {[path: string, message: RegExp][]} */ ([
    ["/_geecache/", /the path has no key/],
    ["/_geecache/g", /the path has no key/],
    ["/_geecache/g/", /key is empty/],
    ["/_geecache/g/%zz", /escape/],
    ["/_geecache/g/%", /escape/],
    ["/_geecache/g/%2", /escape/],
    ["/_geecache/g/a%g0", /escape/],
    ["/_geecache/%zz/k", /escape/],
    ["/_geecache/%ff/k", /escape/],
    ["/_geecache/g/%ff", /UTF-8/],
    ["/_geecache/g/%c3%28", /UTF-8/],
    ["/_geecache/g/%ed%a0%80", /UTF-8/],
    ["/_geecache/g/%00%80", /UTF-8/],
    // URL parsing removes dot segments, escaped or not, before the key is read.
    ["/_geecache/g/..", /the path has no key/],
    ["/_geecache/g/%2e%2e", /the path has no key/],
    ["/_geecache/g/.%2E", /the path has no key/],
    ["/_geecache/g/.", /key is empty/],
    ["/_geecache/g/%2e", /key is empty/],
    [`/_geecache/g/${"x".repeat(65_536)}`, /65535/],
    [`/_geecache/g/${"%C3%A9".repeat(32_768)}`, /65535/],
  ])) {
    const answer = await request(path);
    assert.equal(answer.status, 400, path.slice(0, 40));
    assert.match(await answer.text(), message, path.slice(0, 40));
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.equal(answer.headers.get("geecache-outcome"), null, "without an outcome the requester runs its own loader");
  }
  assert.equal(loader.total(), 0);
});

test("value above maxEntryBytes: not transferable, no loader error", async () => {
  const { request, group } = node({}, { maxEntryBytes: 3 });
  assert.deepEqual(new Uint8Array(await (await request("/_geecache/g/abc")).arrayBuffer()), bytes("abc"));
  const answer = await request("/_geecache/g/abcd");
  assert.deepEqual([answer.status, answer.headers.get("geecache-outcome")], [500, "not-transferable"]);
  assert.equal(group.stats().errors, 0);
});

test("keys: the path is split first, unescaped after", async () => {
  const { request, loader } = node({}, { maxEntryBytes: 65_535 });
  for (const [path, key] of /** @type {[path: string, key: string][]} */ ([
    ["k", "k"],
    ["a%20b", "a b"],
    ["a+b", "a b"],
    ["a%2Bb", "a+b"],
    ["a/b", "a/b"],
    ["a%2Fb", "a/b"],
    ["a%2fb", "a/b"],
    ["/", "/"],
    ["//x", "//x"],
    ["a//b", "a//b"],
    ["%25zz", "%zz"],
    ["%2525", "%25"],
    ["%00", "\0"],
    ["%0d%0a", "\r\n"],
    ["%7F", "\x7f"],
    ["%C3%A9", "é"],
    ["é", "é"],
    ["%F0%9F%90%8E", "🐎"],
    ["%EF%BB%BFx", "\ufeffx"],
    ["a%3Fb", "a?b"],
    ["a?b=c", "a"],
    ["a#b", "a"],
    ["a%23b", "a#b"],
    ["~!*'()", "~!*'()"],
    ["..a", "..a"],
    ["a..", "a.."],
    ["...", "..."],
    ["a;b", "a;b"],
    ["a:b@c", "a:b@c"],
    ["x".repeat(65_535), "x".repeat(65_535)],
  ])) {
    const answer = await request(`/_geecache/g/${path}`);
    assert.equal(answer.status, 200, path.slice(0, 40));
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), bytes(key), path.slice(0, 40));
    assert.ok(loader.loads.has(key));
  }
});

test("group names: unescaped like keys", async () => {
  const pool = createPool();
  pool.group("a b%", { ...MAX, load: () => bytes("v") });
  pool.group("группа", { ...MAX, load: () => bytes("w") });
  for (const [path, status] of /** @type {[path: string, status: number][]} */ ([
    ["a%20b%25/k", 200],
    ["a+b%25/k", 200],
    [`${encodeURIComponent("группа")}/k`, 200],
    ["a%2Fb/k", 404],
    ["/k", 404],
    ["%00/k", 404],
    [`${"x".repeat(300)}/k`, 404],
  ])) {
    const answer = await pool.handle(new Request(`${HOST}/_geecache/${path}`));
    assert.equal(answer?.status, status, path.slice(0, 40));
  }
});

test("any other path: undefined, left to the worker", async () => {
  const { handle, loader } = node();
  for (const path of [
    "/",
    "",
    "/x",
    "/_geecache",
    "/_geecacheg/k",
    "/_GEECACHE/g/k",
    "//_geecache/g/k",
    "/x/_geecache/g/k",
    "/_geecache/../g/k",
    "/_geecache/%2e%2e/x",
    "/?/_geecache/g/k",
    "/#/_geecache/g/k",
    "/_geecache%2Fg/k",
  ]) {
    assert.equal(await handle(path), undefined, path);
    assert.equal(await handle(path, { method: "POST", body: "x" }), undefined, path);
  }
  assert.equal(loader.total(), 0);
});

test("basePath option: answers under it, and nowhere else", async () => {
  const { handle, request } = node({ basePath: "/_groupcache/v1/" });
  assert.equal(await handle("/_geecache/g/k"), undefined);
  assert.equal(await handle("/_groupcache/g/k"), undefined);
  assert.equal(await (await request("/_groupcache/v1/g/k")).text(), "k");
});

test("peer requests: answered locally for any owner, counted as peerRequests", async () => {
  /** @type {string[]} */
  const requests = [];
  const connect = (/** @type {string} */ peer) => ({
    fetch: async () => (requests.push(peer), new Response("theirs")),
  });
  const { request, group, loader } = node({ self: "me", peers: ["me", "you", "them"], connect });
  for (let i = 0; i < 30; i++) assert.equal(await (await request(`/_geecache/g/k${i}`)).text(), `k${i}`);
  assert.deepEqual(requests, []);
  assert.equal(loader.total(), 30);
  const stats = group.stats();
  assert.deepEqual({ requests: stats.requests, peerRequests: stats.peerRequests }, { requests: 0, peerRequests: 30 });
});

test("singleflight: 100 concurrent peer requests cost one load, a local caller coalesces", async () => {
  const gate = deferred();
  const pool = createPool();
  const { load, total } = countingLoader(async () => bytes(await gate.promise));
  const group = pool.group("g", { ...MAX, load });
  const peers = Array.from({ length: 100 }, () => pool.handle(new Request(`${HOST}/_geecache/g/k`)));
  const own = group.getEntry("k");
  gate.resolve("v");
  for (const answer of await Promise.all(peers)) assert.equal(await answer?.text(), "v");
  assert.equal((await own).source, "flight");
  assert.equal(total(), 1);
});

test("handle: env and ctx reach the loader", async () => {
  const pool = createPool();
  const env = {};
  /** @type {Promise<unknown>[]} */
  const background = [];
  /** @type {import("./support.mjs").LoadScope | undefined} */
  let given;
  pool.group("g", { ...MAX, load: (_, scope) => ((given = scope), bytes("v")) });
  await pool.handle(new Request(`${HOST}/_geecache/g/k`), env, { waitUntil: (promise) => background.push(promise) });
  assert.equal(given?.env, env);
  assert.equal(background.length, 1);
});

test("loader's error message: any script and length, a valid response", async () => {
  const pool = createPool();
  const messages = ["кириллица 🐎", "\u0000\r\nset-cookie: x", "x".repeat(1_000_000), "", "\ud800"];
  pool.group("g", {
    ...MAX,
    load: (key) => {
      throw new Error(messages[Number(key)]);
    },
  });
  for (const [key, message] of messages.entries()) {
    const answer = await pool.handle(new Request(`${HOST}/_geecache/g/${key}`));
    assert.equal(answer?.status, 500);
    assert.equal(answer.headers.get("set-cookie"), null);
    assert.ok((await answer.text()).includes(message.toWellFormed()));
  }
});
