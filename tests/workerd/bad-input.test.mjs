// Malformed and extreme requests to a worker: each gets the right response or a clear refusal, none traps, and the next
// request works.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { Origin, valueFor } from "../../harness/origin.mjs";
import { assertValue, fetchJson, get, groupStats } from "../../harness/requests.mjs";
import { withTimeout } from "../../harness/waiting.mjs";
import { Workers } from "./runtime.mjs";

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
  origin?.close();
});

/** Paths of a peer request, as bytes in Latin-1, and the key to be served. @type {Array<[path: string, key: string]>} */
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

/** Paths without a valid key, and the status of the refusal. @type {Array<[path: string, status: number]>} */
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
  ["main/k\x00y", 400], // This path and the next one are refused by workerd itself.
  [`main/${"k".repeat(200_000)}`, 431],
];

test("path with a valid key: responds with the key's value", async () => {
  for (const [path, key] of KEYS) {
    const response = await rawRequest("GET", `/_geecache/${path}`);
    assert.equal(response.status, 200, describeResponse(path, response));
    assert.ok(response.body.equals(valueFor(key)), describeResponse(path, response));
    assert.equal(response.headers["cache-control"], "no-store");
  }
});

test("path without a valid key: is refused, and the next request works", async () => {
  for (const [i, [path, status]] of REFUSED.entries()) {
    const { requests } = await groupStats(url);
    const response = await rawRequest("GET", `/_geecache/${path}`);
    assert.equal(response.status, status, describeResponse(path, response));
    assert.ok(response.body.length > 0 && response.body.length < 300, "a short reason, for a path of any length");
    assert.equal(response.headers["geecache-outcome"], undefined, "a peer does not mistake it for an outcome");
    const key = `after refusal ${i}`;
    assertValue(await get(url, key), key);
    assert.equal((await groupStats(url)).requests, requests + 1);
  }
  assert.equal((await fetchJson(`${url}/stats`)).traps, 0);
});

test("path outside the pool's base path: the pool does not handle it", async () => {
  for (const path of [
    "/_geecache",
    "/%5fgeecache/main/x",
    "//_geecache/main/x",
    "/x/_geecache/main/x",
    "/_GEECACHE/main/x",
    "/_geecache/../x",
    "/?/_geecache/main/x",
  ]) {
    const response = await rawRequest("GET", path);
    assert.equal(response.body.toString(), "Unknown path.", path);
  }
});

test("HEAD: responds like GET, without the body", async () => {
  const { body, headers, status } = await rawRequest("HEAD", "/_geecache/main/head");
  assert.deepEqual([status, body.length, headers["cache-control"]], [200, 0, "no-store"]);
  assert.equal(origin.loads("head").length, 1);
  for (const [path, status] of /** @type {const} */ ([
    ["none/x", 404],
    ["main/%zz", 400],
    ["main", 400],
  ])) {
    const refused = await rawRequest("HEAD", `/_geecache/${path}`);
    assert.deepEqual([refused.status, refused.body.length], [status, 0], path);
  }
});

test("other methods: 405 with the allowed methods, and no load", async () => {
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
    for (const path of ["main/method", "none/method", "main/%zz", ""]) {
      const { status, headers } = await rawRequest(method, `/_geecache/${path}`, "content-length: 4\r\n", "body");
      assert.deepEqual(
        [status, headers.allow, headers["cache-control"]],
        [405, "GET, HEAD", "no-store"],
        `${method} ${path}`,
      );
    }
  }
  assert.equal(origin.loads("method").length, 0);
});

test("unknown key, failed load, unknown group: distinct status and outcome", async () => {
  origin.override("absent", 404);
  origin.override("failing", 500);
  const absent = await rawRequest("GET", "/_geecache/main/absent");
  assert.deepEqual([absent.status, absent.headers["geecache-outcome"]], [404, "not-found"]);
  const failing = await rawRequest("GET", "/_geecache/main/failing");
  assert.deepEqual([failing.status, failing.headers["geecache-outcome"]], [500, "ERR_LOAD"]);
  assert.match(failing.body.toString(), /status 500 from the origin/);
  const noGroup = await rawRequest("GET", "/_geecache/absent/absent");
  assert.deepEqual([noGroup.status, noGroup.headers["geecache-outcome"]], [404, undefined]);
});

test("empty value: is cached; value above maxBytes: is returned uncached, and not transferred to peers", async () => {
  const large = Buffer.alloc(1024 * 1024 + 1, "large");
  for (const [key, value, loads] of /** @type {const} */ ([
    ["nothing", Buffer.alloc(0), 1],
    ["large", large, 4],
  ])) {
    origin.override(key, 200, value);
    for (const path of [`/_geecache/main/${key}`, `/get?key=${key}`, `/_geecache/main/${key}`, `/get?key=${key}`]) {
      const response = await rawRequest("GET", path);
      if (key === "large" && path.startsWith("/_geecache/"))
        assert.deepEqual([response.status, response.headers["geecache-outcome"]], [500, "not-transferable"]);
      else
        assert.deepEqual(
          [response.status, response.body.length, response.body.equals(value)],
          [200, value.length, true],
          path,
        );
    }
    assert.equal(origin.loads(key).length, loads, key);
  }
  const { usedBytes, maxBytes } = await groupStats(url);
  assert.ok(usedBytes <= maxBytes);
});

test("connection reset within a request: the next request works", async () => {
  for (const part of [
    "GET /_geecache/main/half",
    "GET /_geecache/main/half HTTP/1.1\r\nhost:",
    "\x16\x03\x01\x02\x00\x01\x00",
    "\r\n\r\n\r\n",
    "GET",
  ]) {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    await once(socket, "connect");
    await new Promise((resolve) => socket.write(part, "latin1", resolve));
    socket.resetAndDestroy();
  }
  assertValue(await get(url, "whole"), "whole");
  assert.equal(origin.loads("half").length, 0);
});

/** @param {string} path @param {{ status: number, body: Buffer }} response */
function describeResponse(path, { status, body }) {
  return `${JSON.stringify(path.slice(0, 40))}: status ${status}: ${JSON.stringify(body.toString("latin1", 0, 200))}`;
}

/**
 * Sends a request byte for byte: HTTP clients normalize paths, or refuse to send them.
 * @param {string} method
 * @param {string} path in Latin-1
 * @param {string} [headers]
 * @param {string} [body]
 * @returns {Promise<RawResponse>}
 */
async function rawRequest(method, path, headers = "", body = "") {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: node\r\n${headers}\r\n${body}`, "latin1");
  try {
    return await withTimeout(`a response to ${method} ${path.slice(0, 40)}`, readResponse(socket, method === "HEAD"));
  } finally {
    socket.destroy();
  }
}

/** @typedef {{ status: number, headers: Record<string, string>, body: Buffer }} RawResponse */

/** @param {import("node:net").Socket} socket @param {boolean} isHead @returns {Promise<RawResponse>} */
async function readResponse(socket, isHead) {
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const [statusLine, ...lines] = received.subarray(0, end).toString("latin1").split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
    );
    const body = received.subarray(end + 4);
    if (isHead || body.length >= Number(headers["content-length"]))
      return { status: Number(statusLine.split(" ")[1]), headers, body };
  }
  throw new Error(`The connection ended after ${received.length} bytes.`);
}
