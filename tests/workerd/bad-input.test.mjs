// What the network can send to a worker: each gets a right answer or a clear refusal, nothing traps, the next request works.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { Origin, valueOf } from "../../harness/origin.mjs";
import { ask, assertValue, bounded, counters, get, Workers } from "../../harness/requests.mjs";

/** @type {Workers} */ let workers;
/** @type {Origin} */ let origin;
let url = "";

before(async () => {
  [origin, workers] = [await Origin.start(), new Workers()];
  const node = { folder: await workers.bundle("node"), port: 0, bindings: { SELF: "node", ORIGIN: origin.url } };
  url = (await workers.start({ node })).urls.node;
});
after(async () => {
  await workers?.stop();
  origin.close();
});

/** Paths that ask for a key, as bytes in Latin-1, and the key that must be loaded. @type {Array<[path: string, key: string]>} */
const KEYS = [
  ["main/plain", "plain"],
  ["main/a+b", "a b"],
  ["main/a%20b", "a b"],
  ["main/%2e%2e", ".."],
  ["main/%2E", "."],
  ["main/x/../y", "y"],
  ["main/a/b", "a/b"],
  ["main/a%2Fb", "a/b"],
  ["main/%00%01%7f", "\u0000\u0001\u007f"],
  ["main/\x01\x7f\x1b", "\u0001\u007f\u001b"],
  ["main/key?with=a&query#and-more", "key"],
  ["main/%25zz", "%zz"],
  ["main/%D0%B6%F0%9F%9A%80", "ж🚀"],
  ["main/\xd0\xb6", "ж"],
  ["main/\xff", "\ufffd"],
  ["%6dain/escaped", "escaped"],
  [`main/${"k".repeat(8_200)}`, "k".repeat(8_200)],
  [`main/${"%41".repeat(40_000)}`, "A".repeat(40_000)],
  [`main/${"k".repeat(65_535)}`, "k".repeat(65_535)],
];

/** Paths that no key can be read from, and the status of the refusal. @type {Array<[path: string, status: number]>} */
const REFUSED = [
  ["main/%zz", 400],
  ["main/%", 400],
  ["main/x%4", 400],
  ["main/%4\xc3\xa4", 400],
  ["main/%ff", 400],
  ["main/%ED%A0%80", 400],
  ["%zz/key", 400],
  ["%ff/key", 400],
  ["main/", 400],
  ["main", 400],
  ["", 400],
  ["main/..", 400],
  ["main/x/..", 400],
  [`main/${"k".repeat(65_536)}`, 400],
  ["/key", 404],
  ["none/key", 404],
  ["ma%00in/key", 404],
  ["%E2%98%83/key", 404],
  [`${"g".repeat(8_200)}/key`, 404],
  ["main/k\x00y", 400], // refused by workerd itself, as the next two are
  [`main/${"k".repeat(200_000)}`, 431],
];

test("a path that holds a key gets that key's value", async () => {
  for (const [path, key] of KEYS) {
    const answer = await raw("GET", `/_geecache/${path}`);
    assert.equal(answer.status, 200, said(path, answer));
    assert.ok(answer.body.equals(valueOf(key)), said(path, answer));
    assert.equal(answer.headers["cache-control"], "no-store");
  }
});

test("a path that holds none is refused, and the next request works", async () => {
  for (const [i, [path, status]] of REFUSED.entries()) {
    const { requests } = await counters(url);
    const answer = await raw("GET", `/_geecache/${path}`);
    assert.equal(answer.status, status, said(path, answer));
    assert.ok(answer.body.length > 0 && answer.body.length < 300, "a sentence says why, however long the path");
    assert.equal(answer.headers["geecache-outcome"], undefined, "and nobody takes it for an answer about the key");
    const key = `after refusal ${i}`;
    assertValue(await get(url, key), key);
    assert.equal((await counters(url)).requests, requests + 1);
  }
  assert.equal((await ask(`${url}/stats`)).traps, 0);
});

test("other paths are not the pool's", async () => {
  for (const path of [
    "/_geecache",
    "/%5fgeecache/main/x",
    "//_geecache/main/x",
    "/x/_geecache/main/x",
    "/_GEECACHE/main/x",
    "/_geecache/../x",
    "/?/_geecache/main/x",
  ]) {
    const answer = await raw("GET", path);
    assert.equal(answer.body.toString(), "What is asked?", path);
  }
});

test("HEAD is answered like GET, without the body", async () => {
  const { body, headers, status } = await raw("HEAD", "/_geecache/main/head");
  assert.deepEqual([status, body.length, headers["cache-control"]], [200, 0, "no-store"]);
  assert.equal(origin.loads("head").length, 1);
  for (const [path, status] of /** @type {const} */ ([
    ["none/x", 404],
    ["main/%zz", 400],
    ["main", 400],
  ])) {
    const refused = await raw("HEAD", `/_geecache/${path}`);
    assert.deepEqual([refused.status, refused.body.length], [status, 0], path);
  }
});

test("other methods are refused with what is allowed, and load nothing", async () => {
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
    for (const path of ["main/method", "none/method", "main/%zz", ""]) {
      const { status, headers } = await raw(method, `/_geecache/${path}`, "content-length: 4\r\n", "body");
      assert.deepEqual(
        [status, headers.allow, headers["cache-control"]],
        [405, "GET, HEAD", "no-store"],
        `${method} ${path}`,
      );
    }
  }
  assert.equal(origin.loads("method").length, 0);
});

test("no such key, a failed load and no such group are told apart", async () => {
  origin.answer("absent", 404);
  origin.answer("failing", 500);
  const absent = await raw("GET", "/_geecache/main/absent");
  assert.deepEqual([absent.status, absent.headers["geecache-outcome"]], [404, "absent"]);
  const failing = await raw("GET", "/_geecache/main/failing");
  assert.deepEqual([failing.status, failing.headers["geecache-outcome"]], [500, "ERR_LOAD"]);
  assert.match(failing.body.toString(), /the origin answered 500/);
  const group = await raw("GET", "/_geecache/absent/absent");
  assert.deepEqual([group.status, group.headers["geecache-outcome"]], [404, undefined]);
});

test("a value of no bytes is kept; one above the budget is answered, to peers as theirs to load, and not kept", async () => {
  const large = Buffer.alloc(1024 * 1024 + 1, "large");
  for (const [key, value, loads] of /** @type {const} */ ([
    ["nothing", Buffer.alloc(0), 1],
    ["large", large, 4],
  ])) {
    origin.answer(key, 200, value);
    for (const path of [`/_geecache/main/${key}`, `/get?key=${key}`, `/_geecache/main/${key}`, `/get?key=${key}`]) {
      const answer = await raw("GET", path);
      if (key === "large" && path.startsWith("/_geecache/"))
        assert.deepEqual([answer.status, answer.headers["geecache-outcome"]], [500, "unfit"]);
      else
        assert.deepEqual(
          [answer.status, answer.body.length, answer.body.equals(value)],
          [200, value.length, true],
          path,
        );
    }
    assert.equal(origin.loads(key).length, loads, key);
  }
  const { usedBytes, maxBytes } = await counters(url);
  assert.ok(usedBytes <= maxBytes);
});

test("connections that break off in the midst of a question harm nobody", async () => {
  for (const part of [
    "GET /_geecache/main/half",
    "GET /_geecache/main/half HTTP/1.1\r\nhost:",
    "\x16\x03\x01\x02\x00\x01\x00",
    "\r\n\r\n\r\n",
    "GET",
  ]) {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    await once(socket, "connect");
    await new Promise((done) => socket.write(part, "latin1", done));
    socket.resetAndDestroy();
  }
  assertValue(await get(url, "whole"), "whole");
  assert.equal(origin.loads("half").length, 0);
});

/** @param {string} path @param {{ status: number, body: Buffer }} answer */
function said(path, { status, body }) {
  return `${JSON.stringify(path.slice(0, 40))} was answered with status ${status}: ${JSON.stringify(body.toString("latin1", 0, 200))}`;
}

/**
 * Sends a request byte for byte: clients of HTTP mend paths, or refuse to send them.
 * @param {string} method @param {string} path in Latin-1 @param {string} [headers] @param {string} [body]
 * @returns {Promise<{ status: number, headers: Record<string, string>, body: Buffer }>}
 */
async function raw(method, path, headers = "", body = "") {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: node\r\n${headers}\r\n${body}`, "latin1");
  try {
    return await bounded(`an answer to ${method} ${path.slice(0, 40)}`, answerFrom(socket, method === "HEAD"));
  } finally {
    socket.destroy();
  }
}

/** @param {import("node:net").Socket} socket @param {boolean} isHead */
async function answerFrom(socket, isHead) {
  let all = Buffer.alloc(0);
  for await (const chunk of socket) {
    all = Buffer.concat([all, chunk]);
    const end = all.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const [status, ...lines] = all.subarray(0, end).toString("latin1").split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
    );
    const body = all.subarray(end + 4);
    if (isHead || body.length >= Number(headers["content-length"]))
      return { status: Number(status.split(" ")[1]), headers, body };
  }
  throw new Error(`The connection ended after ${all.length} bytes.`);
}
