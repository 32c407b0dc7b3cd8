// Peers over real HTTP on loopback: the right owner, one load for a crowd, and every way in which a peer can fail on a wire.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import {
  adapt,
  bytes,
  counting,
  deadUrl,
  deferred,
  keyOf,
  refused,
  serve,
  serveRaw,
  text,
  turn,
  uncaught,
  until,
} from "./support.mjs";

const MAX = { maxBytes: 64 * 1024 };
/** Longer than any test takes: where nobody is late, no timeout may decide. */
const PATIENT = { peerTimeoutMs: 30_000, deadlineMs: 60_000 };

/** Nodes on ports of their own; `give(name)` makes each one's loader. */
async function cluster(t, count, options = PATIENT, give = (i) => (key) => bytes(`${i}:${key}`)) {
  const nodes = [];
  const servers = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      serve(t, (req, res) => {
        nodes[i].asked.push(req.url);
        nodes[i].given = req.headers;
        return adapt((request) => nodes[i].pool.handle(request), req, res);
      }),
    ),
  );
  const peers = servers.map((server) => server.url);
  for (const [i, server] of servers.entries()) {
    const pool = createPool({ self: server.url, peers });
    const loader = counting(give(i));
    nodes.push({
      ...server,
      pool,
      loader,
      asked: [],
      group: pool.group("a group", { ...MAX, ...options, load: loader.load }),
    });
  }
  return nodes;
}

/** A node of which another, that answers as told, owns every key. */
function asker(url, options = {}) {
  const pool = createPool({ peers: [url] });
  const loader = counting((key) => bytes(`own ${key}`));
  return { pool, loader, group: pool.group("g", { ...MAX, ...PATIENT, failover: 0, ...options, load: loader.load }) };
}

/** That the peer counted as failed, and that our own loader answered. */
async function fellBack({ group, loader }, key = "k") {
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

test("whoever is asked, the owner answers, with keys of every kind", async (t) => {
  const nodes = await cluster(t, 3);
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
    const owner = nodes.findIndex(({ url }) => url === nodes[0].pool.owner(key));
    for (const [i, { group }] of nodes.entries()) {
      // No URL can carry a key of one dot or two: whoever is asked for it loads it.
      const from = key === "." || key === ".." ? i : owner;
      assert.equal(text(await group.get(key)), text(bytes(`${from}:${key}`)), key);
    }
  }
});

test("what goes over the wire is what a Go peer understands", async (t) => {
  const [a, b] = await cluster(t, 2);
  const key = keyOf(a.pool, b.url, "a b/c+d%");
  await a.group.get(key);
  assert.deepEqual(b.asked, [`/_geecache/a%20group/${encodeURIComponent(key)}`]);
});

test("a hundred first requests over three nodes cost one load", async (t) => {
  const gate = deferred();
  const nodes = await cluster(t, 3, PATIENT, (i) => async (key) => (await gate.promise, bytes(`${i}:${key}`)));
  const owner = nodes.findIndex(({ url }) => url === nodes[0].pool.owner("k"));
  const callers = Array.from({ length: 100 }, (_, i) => nodes[i % 3].group.get("k"));
  await until(() => nodes[owner].group.stats().peerRequests === 2);
  gate.resolve();
  for (const value of await Promise.all(callers)) assert.equal(text(value), `${owner}:k`);
  assert.equal(
    nodes.reduce((sum, { loader }) => sum + loader.total(), 0),
    1,
  );
  assert.deepEqual(nodes.map(({ asked }) => asked.length).sort(), [0, 0, 2]);
});

test("a hundred keys over three nodes, with one of them stopped and brought back", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const nodes = await cluster(t, 3, { ...PATIENT, hotTtlMs: 0 });
  const round = async (keys, asked) => {
    const values = await Promise.all(keys.flatMap((key) => asked.map(({ group }) => group.get(key))));
    assert.ok(values.every((value, i) => text(value).endsWith(`:${keys[Math.floor(i / asked.length)]}`)));
  };
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
  await round(keys, nodes);
  assert.equal(
    nodes.reduce((sum, { loader }) => sum + loader.total(), 0),
    100,
  );
  const [, , gone] = nodes;
  const alive = nodes.slice(0, 2);
  const { port } = new URL(gone.url);
  for (const socket of gone.sockets) socket.destroy();
  await new Promise((resolve) => gone.server.close(resolve));
  await round(
    keys.map((key) => `${key} while one is down`),
    alive,
  );
  assert.equal(
    alive.reduce((sum, { group }) => sum + group.stats().errors, 0),
    0,
  );
  const before = gone.asked.length;
  await serve(
    t,
    (req, res) => (gone.asked.push(req.url), adapt((request) => gone.pool.handle(request), req, res)),
    Number(port),
  );
  // Known to be down, it is not asked again before its cool-down is over, and then by one probe of each node.
  await round([keyOf(nodes[0].pool, gone.url, "too early")], alive);
  assert.equal(gone.asked.length, before);
  t.mock.timers.setTime(1_700_000_001_000);
  await round([keyOf(nodes[0].pool, gone.url, "probe")], alive);
  const again = Array.from({ length: 40 }, (_, i) => `again ${i}`);
  await round(again, alive);
  const owned = again.filter((key) => nodes[0].pool.owner(key) === gone.url);
  assert.ok(owned.length > 0 && gone.asked.length > before);
  for (const key of owned) assert.equal(text(gone.group.peek(key)), `2:${key}`);
});

test("the owner's freshness comes along, and its word on what there is not", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const [a, b] = await cluster(
    t,
    2,
    { ...PATIENT, ttlMs: 60_000 },
    (i) => (key) => (key.startsWith("gone") ? undefined : bytes(`${i}:${key}`)),
  );
  const key = keyOf(a.pool, b.url);
  await b.group.get(key);
  t.mock.timers.setTime(1_700_000_020_000);
  assert.deepEqual(await a.group.getEntry(key), { value: bytes(`1:${key}`), source: "peer", freshMs: 40_000 });
  assert.equal((await a.group.getEntry(key)).freshMs, 40_000);
  const gone = keyOf(a.pool, b.url, "gone");
  assert.deepEqual(await a.group.getEntry(gone), { value: undefined, source: "peer", freshMs: undefined });
  assert.equal(a.loader.total(), 0);
});

test("the owner's failed load is passed on, not tried again here", async (t) => {
  const [a, b] = await cluster(t, 2, PATIENT, (i) => () => {
    throw new Error(`away at ${i}: žluť`);
  });
  await refused("ERR_LOAD", () => a.group.get(keyOf(a.pool, b.url)), /the owner http.*away at 1: žluť/);
  assert.equal(a.loader.total(), 0);
});

test("an owner that is down", async () => {
  await fellBack(asker(await deadUrl()));
});

for (const [what, answer] of [
  [
    "500 with a page in HTML",
    (res) => res.writeHead(500, { "content-type": "text/html" }).end("<h1>Internal Server Error</h1>"),
  ],
  ["a 404 of somebody else", (res) => res.writeHead(404).end("Not Found")],
  ["a 404 with another outcome", (res) => res.writeHead(404, { "geecache-outcome": "ERR_LOAD" }).end()],
  ["a 503 that says absent", (res) => res.writeHead(503, { "geecache-outcome": "absent" }).end()],
  ["400", (res) => res.writeHead(400).end("bad request")],
  ["201", (res) => res.writeHead(201).end("made")],
  ["204", (res) => res.writeHead(204).end()],
  ["206", (res) => res.writeHead(206, { "content-range": "bytes 0-1/9" }).end("pa")],
  ["304", (res) => res.writeHead(304).end()],
  ["a redirect to another key's value", (res) => res.writeHead(301, { location: "/elsewhere" }).end()],
  ["307", (res) => res.writeHead(307, { location: "/elsewhere" }).end()],
  ["302 to itself", (res, req) => res.writeHead(302, { location: req.url }).end()],
  [
    "a body cut short of its length",
    (res) => (res.writeHead(200, { "content-length": 100 }), res.write("half"), turn().then(() => res.destroy())),
  ],
  [
    "a body cut in the midst of a chunk",
    (res) => (res.writeHead(200), res.write("half"), turn().then(() => res.socket.destroy())),
  ],
  ["a body above maxEntryBytes", (res) => res.end(Buffer.alloc(MAX.maxBytes + 1))],
  [
    "an answer that was compressed wrongly",
    (res) => res.writeHead(200, { "content-encoding": "gzip" }).end("this is no gzip"),
  ],
]) {
  test(`an owner that answers ${what}`, async (t) => {
    let elsewhere = 0;
    const { url } = await serve(t, (req, res) => {
      if (req.url !== "/elsewhere") return answer(res, req);
      elsewhere += 1;
      res.end("another key's value");
    });
    await fellBack(asker(url));
    assert.equal(elsewhere, 0, "no redirect was followed");
  });
}

for (const [what, talk] of [
  ["bytes that are no HTTP", (socket) => socket.end("\x00\x01SSH-2.0-OpenSSH_9.2\r\n\x80\xff")],
  ["nothing, and hangs up", (socket) => socket.end()],
  ["with a reset", (socket) => socket.resetAndDestroy()],
  ["with a head that never ends", (socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(200_000)}`)],
  ["with a status that is none", (socket) => socket.end("HTTP/1.1 999999 What\r\n\r\n")],
  ["with a length that is none", (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello")],
  [
    "with chunks that are none",
    (socket) => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
  ],
]) {
  test(`an owner that answers ${what}`, async (t) => {
    const { url } = await serveRaw(t, talk);
    await fellBack(asker(url));
  });
}

test("an owner that never answers is given up after peerTimeoutMs, and hung up on", async (t) => {
  const hungUp = deferred();
  const { url } = await serve(t, (req) => req.socket.on("close", hungUp.resolve));
  await fellBack(asker(url, { peerTimeoutMs: 40 }));
  await hungUp.promise;
});

test("an owner whose body never ends is cut off at maxEntryBytes, and hung up on", async (t) => {
  const hungUp = deferred();
  const { url } = await serve(t, (req, res) => {
    req.socket.on("close", hungUp.resolve);
    res.writeHead(200);
    const more = () => {
      while (!res.destroyed && res.write(Buffer.alloc(16_384)));
    };
    res.on("drain", more);
    more();
  });
  await fellBack(asker(url));
  await hungUp.promise;
});

test("an owner whose body drips is given up after peerTimeoutMs, body included", async (t) => {
  const hungUp = deferred();
  const { url } = await serve(t, (req, res) => {
    res.writeHead(200);
    const drip = setInterval(() => res.write("x"), 5);
    req.socket.on("close", () => (clearInterval(drip), hungUp.resolve()));
  });
  await fellBack(asker(url, { peerTimeoutMs: 60 }));
  await hungUp.promise;
});

test("an empty body, a body in many chunks, and a freshness that cannot be read", async (t) => {
  const { url } = await serve(t, async (req, res) => {
    if (req.url.endsWith("empty")) return res.end();
    if (req.url.endsWith("odd")) return res.writeHead(200, { "geecache-fresh-ms": "soon" }).end("odd");
    for (let i = 0; i < 50; i++) {
      res.write(`${i} `);
      await turn();
    }
    res.end();
  });
  const { group } = asker(url);
  assert.deepEqual(await group.getEntry("empty"), { value: new Uint8Array(0), source: "peer", freshMs: undefined });
  assert.equal((await group.getEntry("empty")).source, "memory");
  assert.equal(text(await group.get("many")), Array.from({ length: 50 }, (_, i) => `${i} `).join(""));
  assert.equal((await group.getEntry("odd")).freshMs, 0);
  assert.equal((await group.getEntry("odd")).source, "peer", "what cannot be read must not become for ever");
});
