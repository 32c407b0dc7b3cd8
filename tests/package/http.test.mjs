// Peers over HTTP on loopback: the right owner, singleflight, failover, and every way in which a response can be broken.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import {
  assertFails,
  bytes,
  closedPortUrl,
  countingLoader,
  deferred,
  keyOwnedBy,
  mockClock,
  NO_TIMEOUT,
  respond,
  serve,
  serveRaw,
  text,
  turn,
  uncaught,
  until,
} from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };
/** @typedef {import("./support.mjs").TestContext} TestContext */
/** @typedef {Partial<import("../../pkg/index.js").GroupOptions<Uint8Array>>} Options */

/**
 * Nodes on ports of their own. By default a node's loader returns "<index>:<key>".
 * @param {TestContext} t
 * @param {number} count
 * @param {Options} [options] of every node's group
 * @param {(i: number) => (key: string) => any} [give] makes a node's loader
 */
async function startNodes(t, count, options = NO_TIMEOUT, give = (i) => (key) => bytes(`${i}:${key}`)) {
  /** @type {string[][]} the paths that each node was requested for */
  const requests = Array.from({ length: count }, () => []);
  /** @type {import("./support.mjs").Pool[]} */
  const pools = [];
  const servers = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      serve(t, (req, res) => {
        requests[i]?.push(String(req.url));
        return respond(async (request) => pools[i]?.handle(request), req, res);
      }),
    ),
  );
  const peers = servers.map((server) => server.url);
  return servers.map((server, i) => {
    const pool = createPool({ self: server.url, peers });
    pools.push(pool);
    const loader = countingLoader(give(i));
    const group = pool.group("a group", { ...MAX, ...options, load: loader.load });
    return { ...server, pool, loader, group, requests: requests[i] ?? [] };
  });
}

/** Two nodes. @param {TestContext} t @param {Options} [options] @param {(i: number) => (key: string) => any} [give] */
async function startPair(t, options, give) {
  const [a, b] = await startNodes(t, 2, options, give);
  assert.ok(a && b);
  return { a, b };
}

/** The loads of all nodes. @param {{ loader: { total: () => number } }[]} nodes */
const loadsOf = (nodes) => nodes.reduce((sum, { loader }) => sum + loader.total(), 0);

/** A node that requests every key from `url`. @param {string} url @param {Options} [options] */
function requestingNode(url, options = {}) {
  const pool = createPool({ peers: [url] });
  const loader = countingLoader((key) => bytes(`own ${key}`));
  return { loader, group: pool.group("g", { ...MAX, ...NO_TIMEOUT, failover: 0, ...options, load: loader.load }) };
}

/** Asserts that the peer counts as failed, and that the local loader answers. @param {ReturnType<typeof requestingNode>} node */
async function assertFallsBack({ group, loader }, key = "k") {
  assert.deepEqual(await group.getEntry(key), { value: bytes(`own ${key}`), source: "loader", freshMs: undefined });
  const { peerFailures, fallbacks, flights, timeouts } = group.stats();
  assert.deepEqual(
    { peerFailures, fallbacks, flights, timeouts },
    { peerFailures: 1, fallbacks: 1, flights: 0, timeouts: 0 },
  );
  assert.equal(loader.total(), 1);
  await turn();
  assert.deepEqual(uncaught, []);
}

test("keys of every kind: any node is asked, the owner answers", async (t) => {
  const nodes = await startNodes(t, 3);
  for (const key of [
    "k",
    "a b",
    "a+b",
    "a/b",
    "//",
    "../x",
    "%2e%2e",
    "?",
    "#",
    "\u0000",
    "\r\n",
    "ключ",
    "🐎",
    "\ufeff",
    "~!*'()",
    "x".repeat(1_900),
    "...",
    ".",
    "..",
  ]) {
    const owner = nodes.findIndex(({ url }) => url === nodes[0]?.pool.owner(key));
    for (const [i, { group }] of nodes.entries()) {
      // No URL can carry the keys "." and "..": the node that is asked loads them.
      const from = key === "." || key === ".." ? i : owner;
      assert.equal(text(await group.get(key)), text(bytes(`${from}:${key}`)), key);
    }
  }
});

test("request path: escaped as a Go peer expects it", async (t) => {
  const { a, b } = await startPair(t);
  const key = keyOwnedBy(a.pool, b.url, "a b/c+d%");
  await a.group.get(key);
  assert.deepEqual(b.requests, [`/_geecache/a%20group/${encodeURIComponent(key)}`]);
});

test("singleflight: 100 concurrent lookups over three nodes, one load", async (t) => {
  const gate = deferred();
  const nodes = await startNodes(t, 3, NO_TIMEOUT, (i) => async (key) => (await gate.promise, bytes(`${i}:${key}`)));
  const owner = nodes.findIndex(({ url }) => url === nodes[0]?.pool.owner("k"));
  const callers = Array.from({ length: 100 }, (_, i) => nodes[i % 3]?.group.get("k"));
  await until(() => nodes[owner]?.group.stats().peerRequests === 2);
  gate.resolve();
  for (const value of await Promise.all(callers)) assert.equal(text(value), `${owner}:k`);
  assert.equal(loadsOf(nodes), 1);
  assert.deepEqual(nodes.map(({ requests }) => requests.length).sort(), [0, 0, 2]);
});

test("circuit breaker: 100 keys over three nodes, one stops and comes back, a probe per node finds it", async (t) => {
  const advance = mockClock(t);
  const nodes = await startNodes(t, 3, { ...NO_TIMEOUT, hotTtlMs: 0 });
  const [first, , stopped] = nodes;
  assert.ok(first && stopped);
  const round = async (/** @type {string[]} */ keys, /** @type {typeof nodes} */ asked) => {
    const values = await Promise.all(keys.flatMap((key) => asked.map(({ group }) => group.get(key))));
    assert.ok(values.every((value, i) => text(value)?.endsWith(`:${keys[Math.floor(i / asked.length)]}`)));
  };
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
  await round(keys, nodes);
  assert.equal(loadsOf(nodes), 100);
  const alive = nodes.slice(0, 2);
  const { port } = new URL(stopped.url);
  for (const socket of stopped.sockets) socket.destroy();
  await new Promise((resolve) => stopped.server.close(resolve));
  await round(
    keys.map((key) => `${key} while one node is down`),
    alive,
  );
  assert.equal(
    alive.reduce((sum, { group }) => sum + group.stats().errors, 0),
    0,
  );
  const before = stopped.requests.length;
  await serve(
    t,
    (req, res) => (
      stopped.requests.push(String(req.url)), respond((request) => stopped.pool.handle(request), req, res)
    ),
    Number(port),
  );
  // Its breakers are open: no request before the cool-down has passed, then one probe from each node.
  await round([keyOwnedBy(first.pool, stopped.url, "too early")], alive);
  assert.equal(stopped.requests.length, before);
  advance(1_000);
  await round([keyOwnedBy(first.pool, stopped.url, "probe")], alive);
  const again = Array.from({ length: 40 }, (_, i) => `again ${i}`);
  await round(again, alive);
  const owned = again.filter((key) => first.pool.owner(key) === stopped.url);
  assert.ok(owned.length > 0 && stopped.requests.length > before);
  for (const key of owned) assert.equal(text(stopped.group.peek(key)), `2:${key}`);
});

test("response: carries the owner's freshness, and its not found is final", async (t) => {
  const advance = mockClock(t);
  const { a, b } = await startPair(
    t,
    { ...NO_TIMEOUT, ttlMs: 60_000 },
    (i) => (key) => (key.startsWith("missing") ? undefined : bytes(`${i}:${key}`)),
  );
  const key = keyOwnedBy(a.pool, b.url);
  await b.group.get(key);
  advance(20_000);
  assert.deepEqual(await a.group.getEntry(key), { value: bytes(`1:${key}`), source: "peer", freshMs: 40_000 });
  assert.equal((await a.group.getEntry(key)).freshMs, 40_000);
  const missing = keyOwnedBy(a.pool, b.url, "missing");
  assert.deepEqual(await a.group.getEntry(missing), { value: undefined, source: "peer", freshMs: undefined });
  assert.equal(a.loader.total(), 0);
});

test("the owner's failed load: ERR_LOAD with its message, no local load", async (t) => {
  const { a, b } = await startPair(t, NO_TIMEOUT, (i) => () => {
    throw new Error(`down at ${i}: žluť`);
  });
  await assertFails("ERR_LOAD", () => a.group.get(keyOwnedBy(a.pool, b.url)), /the owner http.*down at 1: žluť/);
  assert.equal(a.loader.total(), 0);
});

test("owner is down: failed peer", async () => {
  await assertFallsBack(requestingNode(await closedPortUrl()));
});

/** @type {[name: string, answer: (res: import("node:http").ServerResponse, req: import("node:http").IncomingMessage) => unknown][]} */
const BROKEN_RESPONSES = [
  [
    "500 with a page in HTML",
    (res) => res.writeHead(500, { "content-type": "text/html" }).end("<h1>Internal Server Error</h1>"),
  ],
  ["a 404 from another server", (res) => res.writeHead(404).end("Not Found")],
  ["a 404 with another outcome", (res) => res.writeHead(404, { "geecache-outcome": "ERR_LOAD" }).end()],
  ["a 503 with the outcome of a 404", (res) => res.writeHead(503, { "geecache-outcome": "not-found" }).end()],
  ["400", (res) => res.writeHead(400).end("bad request")],
  ["201", (res) => res.writeHead(201).end("made")],
  ["204", (res) => res.writeHead(204).end()],
  ["206", (res) => res.writeHead(206, { "content-range": "bytes 0-1/9" }).end("pa")],
  ["304", (res) => res.writeHead(304).end()],
  ["a redirect to another key's value", (res) => res.writeHead(301, { location: "/elsewhere" }).end()],
  ["307", (res) => res.writeHead(307, { location: "/elsewhere" }).end()],
  ["302 to itself", (res, req) => res.writeHead(302, { location: req.url }).end()],
  [
    "a body shorter than its length",
    (res) => (res.writeHead(200, { "content-length": 100 }), res.write("half"), turn().then(() => res.destroy())),
  ],
  [
    "a body cut within a chunk",
    (res) => (res.writeHead(200), res.write("half"), turn().then(() => res.socket?.destroy())),
  ],
  ["a body above maxEntryBytes", (res) => res.end(Buffer.alloc(MAX.maxBytes + 1))],
  [
    "a body that is not the gzip it claims",
    (res) => res.writeHead(200, { "content-encoding": "gzip" }).end("this is not gzip"),
  ],
];
for (const [name, answer] of BROKEN_RESPONSES) {
  test(`owner answers ${name}: failed peer`, async (t) => {
    let elsewhere = 0;
    const { url } = await serve(t, (req, res) => {
      if (req.url !== "/elsewhere") return answer(res, req);
      elsewhere += 1;
      res.end("another key's value");
    });
    await assertFallsBack(requestingNode(url));
    assert.equal(elsewhere, 0, "no redirect was followed");
  });
}

/** @type {[name: string, talk: (socket: import("node:net").Socket) => unknown][]} */
const BROKEN_HTTP = [
  ["bytes that are not HTTP", (socket) => socket.end("\x00\x01SSH-2.0-OpenSSH_9.2\r\n\x80\xff")],
  ["nothing and hangs up", (socket) => socket.end()],
  ["with a reset", (socket) => socket.resetAndDestroy()],
  ["with a head that never ends", (socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(200_000)}`)],
  ["with an invalid status", (socket) => socket.end("HTTP/1.1 999999 What\r\n\r\n")],
  ["with an invalid length", (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello")],
  [
    "with invalid chunks",
    (socket) => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
  ],
];
for (const [name, talk] of BROKEN_HTTP) {
  test(`owner answers ${name}: failed peer`, async (t) => {
    const { url } = await serveRaw(t, talk);
    await assertFallsBack(requestingNode(url));
  });
}

test("owner never answers: failed peer after peerTimeoutMs, its connection is closed", async (t) => {
  const closed = deferred();
  const { url } = await serve(t, (req) => void req.socket.on("close", closed.resolve));
  await assertFallsBack(requestingNode(url, { peerTimeoutMs: 40 }));
  await closed.promise;
});

test("owner's body never ends: cut off at maxEntryBytes, its connection is closed", async (t) => {
  const closed = deferred();
  const { url } = await serve(t, (req, res) => {
    void req.socket.on("close", closed.resolve);
    res.writeHead(200);
    const more = () => {
      while (!res.destroyed && res.write(Buffer.alloc(16_384)));
    };
    res.on("drain", more);
    more();
  });
  await assertFallsBack(requestingNode(url));
  await closed.promise;
});

test("owner's body drips: failed peer after peerTimeoutMs, body included", async (t) => {
  const closed = deferred();
  const { url } = await serve(t, (req, res) => {
    res.writeHead(200);
    const drip = setInterval(() => res.write("x"), 5);
    req.socket.on("close", () => (clearInterval(drip), closed.resolve()));
  });
  await assertFallsBack(requestingNode(url, { peerTimeoutMs: 60 }));
  await closed.promise;
});

test("response: an empty body, a body in many chunks, an unreadable freshness", async (t) => {
  const { url } = await serve(t, async (req, res) => {
    if (req.url?.endsWith("empty")) return void res.end();
    if (req.url?.endsWith("odd")) return void res.writeHead(200, { "geecache-fresh-ms": "soon" }).end("odd");
    for (let i = 0; i < 50; i++) {
      res.write(`${i} `);
      await turn();
    }
    res.end();
  });
  const { group } = requestingNode(url);
  assert.deepEqual(await group.getEntry("empty"), { value: new Uint8Array(0), source: "peer", freshMs: undefined });
  assert.equal((await group.getEntry("empty")).source, "memory");
  assert.equal(text(await group.get("many")), Array.from({ length: 50 }, (_, i) => `${i} `).join(""));
  assert.equal((await group.getEntry("odd")).freshMs, 0);
  assert.equal((await group.getEntry("odd")).source, "peer", "an unreadable freshness is not cached");
});
