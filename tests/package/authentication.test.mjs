// Authentication between peers: signed requests, signed responses, secret rotation, and a 401 that reveals nothing.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { assertFails, bytes, countingLoader, keyOwnedBy, mockClock, text } from "./support.mjs";

const [A, B] = ["http://a.test", "http://b.test"];
const MAX = { maxBytes: 64 * 1024 };
/** The header of a request's and of a response's signature. */
const AUTH_HEADER = "geecache-auth";

/** @typedef {any} Secret wrong types included */
/** @typedef {(send: () => Promise<Response>, url: string, init?: RequestInit) => Promise<Response>} Wire */

/**
 * Two nodes in memory, each with its secret. `wire` sees every exchange and may change it. `key` is owned by b.
 * @param {Secret} secretOfA
 * @param {Secret} secretOfB
 * @param {Wire} [wire]
 */
function pair(secretOfA, secretOfB, wire = (send) => send()) {
  /** @type {Map<string, import("./support.mjs").Pool>} */
  const pools = new Map();
  const connect = (/** @type {string} */ peer) => ({
    fetch: (/** @type {string} */ url, /** @type {RequestInit | undefined} */ init) => {
      const send = async () => {
        const answer = await pools.get(peer)?.handle(new Request(url, init), { env: peer });
        return answer ?? assert.fail(url);
      };
      return wire(send, url, init);
    },
  });
  const start = (/** @type {string} */ self, /** @type {Secret} */ secret) => {
    const pool = createPool({ self, peers: [A, B], connect, ...(secret !== undefined && { secret }) });
    pools.set(self, pool);
    const loader = countingLoader((key) => bytes(`${self} ${key}`));
    return { pool, loader, group: pool.group("g", { ...MAX, load: loader.load }) };
  };
  const [a, b] = [start(A, secretOfA), start(B, secretOfB)];
  return { a, b, key: keyOwnedBy(a.pool, B) };
}

test("secret: nodes that share one answer each other", async () => {
  for (const [ofA, ofB] of [
    ["s", "s"],
    ["s", ["new", "s"]],
    [
      ["s", "new"],
      ["new", "s"],
    ],
    [() => "s", () => ["s"]],
    [(/** @type {any} */ env) => (env ?? { env: "s" }).env.slice(0, 1), "s"],
  ]) {
    const { a, b, key } = pair(ofA, ofB);
    assert.equal(text(await a.group.get(key)), `${B} ${key}`);
    assert.deepEqual(
      [a.loader.total(), b.loader.total(), b.pool.stats().unauthorized, b.pool.stats().ringMismatches],
      [0, 1, 0, 0],
    );
  }
});

test("secret rotation: both directions work at every stage", async () => {
  for (const [ofA, ofB] of [
    ["old", "old"],
    [["old", "new"], "old"],
    [
      ["old", "new"],
      ["old", "new"],
    ],
    [
      ["new", "old"],
      ["old", "new"],
    ],
    [
      ["new", "old"],
      ["new", "old"],
    ],
    ["new", ["new", "old"]],
    ["new", "new"],
  ]) {
    const { a, b, key } = pair(ofA, ofB);
    await a.group.get(key);
    await b.group.get(keyOwnedBy(a.pool, A, "back"));
    assert.deepEqual([a.group.stats().peerHits, b.group.stats().peerHits], [1, 1], JSON.stringify([ofA, ofB]));
  }
});

test("request without the secret: 401 and counted, loads nothing, reveals nothing; the requester fails over", async () => {
  for (const wrong of [undefined, "wrong", ["wrong", "s "]]) {
    const { a, b, key } = pair(wrong, "s");
    const entry = await a.group.getEntry(key);
    assert.deepEqual([text(entry.value), entry.source], [`${A} ${key}`, "loader"]);
    assert.deepEqual([b.loader.total(), b.group.stats().peerRequests, b.pool.stats().unauthorized], [0, 0, 1]);
  }
  const { b } = pair(undefined, "s");
  for (const [path, method] of /** @type {const} */ ([
    ["g/k", "GET"],
    ["g/k", "HEAD"],
    ["nobody/k", "GET"],
    ["g/%zz", "GET"],
    ["g/", "GET"],
    ["", "GET"],
    ["g/k", "DELETE"],
  ])) {
    const answer = await b.pool.handle(new Request(`http://b.test/_geecache/${path}`, { method }));
    assert.ok(answer, path);
    assert.equal(answer.status, 401, path);
    assert.equal(await answer.text(), method === "HEAD" ? "" : "the request has no valid signature");
    assert.deepEqual(
      [answer.headers.get("cache-control"), answer.headers.get("geecache-outcome"), answer.headers.get(AUTH_HEADER)],
      ["no-store", null, null],
    );
  }
});

test("replayed request: valid for 30 seconds, and only for its own URL", async (t) => {
  const advance = mockClock(t);
  let recorded = { url: "", headers: /** @type {HeadersInit} */ ({}) };
  const { a, b, key } = pair("s", "s", (send, url, init) => {
    recorded = { url, headers: init?.headers ?? {} };
    return send();
  });
  await a.group.get(key);
  const replay = async (url = recorded.url) =>
    (await b.pool.handle(new Request(url, { headers: recorded.headers })))?.status;
  assert.equal(await replay(), 200);
  assert.notEqual(recorded.url.replace("/g/k", "/g/x"), recorded.url);
  assert.equal(await replay(recorded.url.replace("/g/k", "/g/x")), 401);
  advance(30_000);
  assert.equal(await replay(), 200);
  advance(1);
  assert.equal(await replay(), 401);
});

test("response that is not the peer's own: a failed peer", async () => {
  /** @type {[name: string, change: (answer: Response) => Response | Promise<Response>][]} */
  const changes = [
    ["a portal's page", () => new Response("<h1>Log in</h1>", { headers: { "content-type": "text/html" } })],
    ["unsigned", async (answer) => new Response(await answer.arrayBuffer(), { status: 200 })],
    ["altered", async (answer) => new Response((await answer.text()).replace("b.test", "x.test"), answer)],
    ["cut short", async (answer) => new Response((await answer.arrayBuffer()).slice(0, 3), answer)],
    [
      "value turned into not found",
      async (answer) =>
        new Response(await answer.arrayBuffer(), {
          status: 404,
          headers: { ...Object.fromEntries(answer.headers), "geecache-outcome": "not-found" },
        }),
    ],
    [
      "longer freshness",
      async (answer) =>
        new Response(await answer.arrayBuffer(), {
          headers: { ...Object.fromEntries(answer.headers), "geecache-fresh-ms": "9" },
        }),
    ],
  ];
  for (const [name, change] of changes) {
    const { a, key } = pair("s", "s", async (send) => change(await send()));
    assert.equal((await a.group.getEntry(key)).source, "loader", name);
    assert.equal(a.group.stats().peerFailures, 1, name);
  }
});

test("missing or invalid secret: no peer is requested, no peer is answered", async () => {
  for (const secret of [
    () => undefined,
    () => null,
    () => "",
    () => 7,
    () => {
      throw new Error("no such binding");
    },
  ]) {
    const { a, b, key } = pair(secret, secret);
    assert.equal((await a.group.getEntry(key)).source, "loader", "no peer request without a secret");
    await assert.rejects(b.pool.handle(new Request("http://b.test/_geecache/g/k")), /secret|no such binding/);
    assert.equal(b.loader.total(), 0);
  }
  for (const secret of /** @type {any[]} */ (["", [], ["a", ""], 7, null, {}]))
    await assertFails("ERR_OPTION", () => createPool({ secret }), /secret/);
});
