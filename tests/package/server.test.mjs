// The server side: what `pool.handle` makes of requests that a peer, or anybody else, may send.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { bytes, counting, deferred, until } from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };
const HOST = "http://peer.test";

/** A node whose loader answers, lacks, fails and hangs, by the key; `ask` sends it a request. */
function node(options = {}, group = {}) {
  const pool = createPool(options);
  const loader = counting((key) => {
    if (key === "gone") return undefined;
    if (key === "broken") throw new Error("the database is away");
    if (key === "odd") return 7;
    if (key === "hangs") return new Promise(() => {});
    if (key === "empty") return new Uint8Array(0);
    return bytes(key);
  });
  const it = pool.group("g", { ...MAX, ...group, load: loader.load });
  return { pool, group: it, loader, ask: (path, init) => pool.handle(new Request(HOST + path, init)) };
}

const NO_STORE = ["cache-control", "no-store"];
const headersOf = (response) => Object.fromEntries([...response.headers].sort());

test("a value: 200, raw bytes, never stored in between", async () => {
  const { ask } = node();
  const answer = await ask("/_geecache/g/k");
  assert.equal(answer.status, 200);
  const { "geecache-seal": seal, ...headers } = headersOf(answer);
  assert.deepEqual(
    headers,
    Object.fromEntries([
      NO_STORE,
      ["cache-status", "geecache-edge; fwd=miss"],
      ["content-type", "application/octet-stream"],
    ]),
  );
  assert.match(seal, /^[0-9a-f]{16}$/, "ring and digest");
  assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), bytes("k"));
});

test("a value that does not stay fresh for ever says for how long it will", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const { ask } = node({}, { ttlMs: 1_000, staleWhileRevalidateMs: 1_000 });
  assert.equal((await ask("/_geecache/g/k")).headers.get("geecache-fresh-ms"), "1000");
  t.mock.timers.setTime(1_700_000_000_300);
  assert.equal((await ask("/_geecache/g/k")).headers.get("geecache-fresh-ms"), "700");
  t.mock.timers.setTime(1_700_000_001_000);
  assert.equal(
    (await ask("/_geecache/g/k")).headers.get("geecache-fresh-ms"),
    "0",
    "stale here is not to be kept there",
  );
});

test("a value of no bytes is a 200", async () => {
  const { ask } = node();
  const answer = await ask("/_geecache/g/empty");
  assert.equal(answer.status, 200);
  assert.equal((await answer.arrayBuffer()).byteLength, 0);
});

test("no such key is told apart from a failed load, and both from an unknown group", async () => {
  const { ask } = node();
  for (const [path, status, outcome, said] of [
    ["/_geecache/g/gone", 404, "absent", /no such key/],
    ["/_geecache/g/broken", 500, "ERR_LOAD", /the database is away/],
    ["/_geecache/g/odd", 500, "ERR_LOAD_TYPE", /number/],
    ["/_geecache/nobody/k", 404, null, /no group "nobody"/],
  ]) {
    const answer = await ask(path);
    assert.equal(answer.status, status, path);
    assert.equal(answer.headers.get("geecache-outcome"), outcome, path);
    assert.match(await answer.text(), said);
    assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");
  }
});

test("a loader that hangs is a failed load at its deadline", async () => {
  const { ask, group } = node({}, { deadlineMs: 30 });
  const answer = await ask("/_geecache/g/hangs");
  assert.equal(answer.status, 500);
  assert.equal(answer.headers.get("geecache-outcome"), "ERR_TIMEOUT");
  assert.match(await answer.text(), /deadline/);
  await until(() => group.stats().flights === 0);
});

test("HEAD answers as GET does, without the body", async () => {
  const { ask } = node();
  for (const path of [
    "/_geecache/g/k",
    "/_geecache/g/gone",
    "/_geecache/g/broken",
    "/_geecache/nobody/k",
    "/_geecache/g/%zz",
  ]) {
    const [get, head] = [await ask(path), await ask(path, { method: "HEAD" })];
    assert.equal(head.status, get.status, path);
    const { "cache-status": said, ...headers } = headersOf(head);
    const { "cache-status": was, ...same } = headersOf(get);
    assert.deepEqual([headers, said], [same, was && "geecache-edge; hit"], path);
    assert.equal((await head.arrayBuffer()).byteLength, 0);
  }
});

test("another method is 405 with Allow, and loads nothing", async () => {
  const { ask, loader } = node();
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE"]) {
    const answer = await ask("/_geecache/g/k", { method });
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.get("allow"), "GET, HEAD");
    assert.equal(answer.headers.get("cache-control"), "no-store");
  }
  assert.equal(loader.total(), 0);
});

test("a path that makes no sense is 400, says why, and loads nothing", async () => {
  const { ask, loader } = node();
  for (const [path, said] of [
    ["/_geecache/", /lacks a key/],
    ["/_geecache/g", /lacks a key/],
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
    // URL parsing takes dots for a step up, escaped or not: the key never arrives.
    ["/_geecache/g/..", /lacks a key/],
    ["/_geecache/g/%2e%2e", /lacks a key/],
    ["/_geecache/g/.%2E", /lacks a key/],
    ["/_geecache/g/.", /key is empty/],
    ["/_geecache/g/%2e", /key is empty/],
    [`/_geecache/g/${"x".repeat(65_536)}`, /65535/],
    [`/_geecache/g/${"%C3%A9".repeat(32_768)}`, /65535/],
  ]) {
    const answer = await ask(path);
    assert.equal(answer.status, 400, path.slice(0, 40));
    assert.match(await answer.text(), said, path.slice(0, 40));
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.equal(answer.headers.get("geecache-outcome"), null, "a peer that asks so wrongly runs its own loader");
  }
  assert.equal(loader.total(), 0);
});

test("a value larger than maxEntryBytes is for the asker to load, and the loader is not at fault", async () => {
  const { ask, group } = node({}, { maxEntryBytes: 3 });
  assert.deepEqual(new Uint8Array(await (await ask("/_geecache/g/abc")).arrayBuffer()), bytes("abc"));
  const answer = await ask("/_geecache/g/abcd");
  assert.deepEqual([answer.status, answer.headers.get("geecache-outcome")], [500, "unfit"]);
  assert.equal(group.stats().errors, 0);
});

test("keys arrive as they were meant: split first, unescaped after", async () => {
  const { ask, loader } = node({}, { maxEntryBytes: 65_535 });
  for (const [path, key] of [
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
    [`${"x".repeat(65_535)}`, "x".repeat(65_535)],
  ]) {
    const answer = await ask(`/_geecache/g/${path}`);
    assert.equal(answer.status, 200, path.slice(0, 40));
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), bytes(key), path.slice(0, 40));
    assert.ok(loader.loads.has(key));
  }
});

test("group names arrive escaped too", async () => {
  const pool = createPool();
  pool.group("a b%", { ...MAX, load: () => bytes("v") });
  pool.group("группа", { ...MAX, load: () => bytes("w") });
  for (const [path, status] of [
    ["a%20b%25/k", 200],
    ["a+b%25/k", 200],
    [`${encodeURIComponent("группа")}/k`, 200],
    ["a%2Fb/k", 404],
    ["/k", 404],
    ["%00/k", 404],
    [`${"x".repeat(300)}/k`, 404],
  ]) {
    const answer = await pool.handle(new Request(`${HOST}/_geecache/${path}`));
    assert.equal(answer.status, status, path.slice(0, 40));
  }
});

test("every other path is undefined: the worker's own", async () => {
  const { ask, loader } = node();
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
    assert.equal(await ask(path), undefined, path);
    assert.equal(await ask(path, { method: "POST", body: "x" }), undefined, path);
  }
  assert.equal(loader.total(), 0);
});

test("another basePath answers there and nowhere else", async () => {
  const { ask } = node({ basePath: "/_groupcache/v1/" });
  assert.equal(await ask("/_geecache/g/k"), undefined);
  assert.equal(await ask("/_groupcache/g/k"), undefined);
  assert.equal(await (await ask("/_groupcache/v1/g/k")).text(), "k");
});

test("what a peer asks is answered here, whoever owns the key, and counted apart", async () => {
  const asked = [];
  const connect = (peer) => ({ fetch: async () => (asked.push(peer), new Response("theirs")) });
  const { ask, group, loader } = node({ self: "me", peers: ["me", "you", "them"], connect });
  for (let i = 0; i < 30; i++) assert.equal(await (await ask(`/_geecache/g/k${i}`)).text(), `k${i}`);
  assert.deepEqual(asked, []);
  assert.equal(loader.total(), 30);
  const { requests, peerRequests } = group.stats();
  assert.deepEqual({ requests, peerRequests }, { requests: 0, peerRequests: 30 });
});

test("a hundred peers that ask at once cost one load; a caller of our own joins them", async () => {
  const gate = deferred();
  const pool = createPool();
  const { load, total } = counting(async () => bytes(await gate.promise));
  const group = pool.group("g", { ...MAX, load });
  const peers = Array.from({ length: 100 }, () => pool.handle(new Request(`${HOST}/_geecache/g/k`)));
  const own = group.getEntry("k");
  gate.resolve("v");
  for (const answer of await Promise.all(peers)) assert.equal(await answer.text(), "v");
  assert.equal((await own).source, "flight");
  assert.equal(total(), 1);
});

test("env and ctx reach the loader", async () => {
  const pool = createPool();
  const [env, kept] = [{}, []];
  let given;
  pool.group("g", { ...MAX, load: (_, scope) => ((given = scope), bytes("v")) });
  await pool.handle(new Request(`${HOST}/_geecache/g/k`), env, { waitUntil: (promise) => kept.push(promise) });
  assert.equal(given.env, env);
  assert.equal(kept.length, 1);
});

test("a loader's message in any script, and of any length, makes a sound answer", async () => {
  const pool = createPool();
  const messages = ["кириллица 🐎", "\u0000\r\nset-cookie: x", "x".repeat(1_000_000), "", "\ud800"];
  pool.group("g", {
    ...MAX,
    load: (key) => {
      throw new Error(messages[key]);
    },
  });
  for (const [key, message] of messages.entries()) {
    const answer = await pool.handle(new Request(`${HOST}/_geecache/g/${key}`));
    assert.equal(answer.status, 500);
    assert.equal(answer.headers.get("set-cookie"), null);
    assert.ok((await answer.text()).includes(message.toWellFormed()));
  }
});
