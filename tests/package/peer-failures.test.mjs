// Peers that fail, in memory: failover, the circuit breaker, timeouts, and every way in which a peer request can fail.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { MAX, startCluster } from "./cluster.mjs";
import {
  assertFails,
  bytes,
  countingLoader,
  deferred,
  keyOwnedBy,
  keysOwnedBy,
  mockClock,
  NO_TIMEOUT,
  text,
  turn,
  uncaught,
  until,
} from "./support.mjs";

test("failover: the owner is down, another node answers; the owner is back, it answers again", async () => {
  const { node, cluster } = startCluster(["a", "b", "c"], { ...NO_TIMEOUT, hotTtlMs: 0 });
  const { pool, group } = node("a");
  const key = keyOwnedBy(pool, "b");
  cluster.stop("b");
  const fallback = await group.getEntry(key);
  assert.match(String(text(fallback.value)), /^[ac]:/);
  group.remove(key);
  cluster.start("b");
  assert.equal(text(await group.get(key)), `b:${key}`);
  assert.equal(group.stats().peerFailures >= 1, true);
});

test("failover: the owner, then the ring's next peers up to the option, then the local loader", async () => {
  for (const failover of [0, 1, 2, 16]) {
    const { node, cluster } = startCluster(["a", "b", "c", "d"], { ...NO_TIMEOUT, failover });
    const { pool, group } = node("a");
    const key = keyOwnedBy(pool, "b");
    for (const name of ["b", "c", "d"]) cluster.stop(name);
    assert.deepEqual(await group.getEntry(key), { value: bytes(`a:${key}`), source: "loader", freshMs: undefined });
    const { peerFailures, fallbacks, loads } = group.stats();
    assert.equal(fallbacks, 1);
    assert.equal(loads, 1);
    // Failover ends where the ring's next peer is this node.
    assert.ok(
      peerFailures >= 1 && peerFailures <= 1 + failover && peerFailures <= 3,
      `failover ${failover}: ${peerFailures} failures`,
    );
    if (failover === 0) assert.equal(peerFailures, 1);
  }
});

test("peerTimeoutMs: a slow owner is given up on time, and its late answer changes nothing", async (t) => {
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  const gate = deferred();
  const { node } = startCluster(
    ["a", "b"],
    { peerTimeoutMs: 30, deadlineMs: 30_000 },
    (name) => async (key) => (name === "b" && (await gate.promise), bytes(`${name}:${key}`)),
  );
  const [a, b] = [node("a"), node("b")];
  const key = keyOwnedBy(a.pool, "b");
  const pending = a.group.get(key);
  await until(() => b.loader.total() === 1);
  advance(29);
  await turn();
  assert.equal(a.loader.total(), 0);
  advance(1);
  assert.equal(text(await pending), `a:${key}`);
  gate.resolve();
  await until(() => b.group.stats().flights === 0);
  await turn();
  assert.equal(text(a.group.peek(key)), `a:${key}`);
  assert.equal(text(b.group.peek(key)), `b:${key}`);
});

test("owner: its not found and its failed load are final, no failover", async () => {
  const { node } = startCluster(["a", "b"], NO_TIMEOUT, (name) => (key) => {
    if (name === "a") return bytes("never");
    if (key.startsWith("missing")) return undefined;
    throw new Error("the database is down");
  });
  const { pool, group, loader } = node("a");
  const missing = keyOwnedBy(pool, "b", "missing");
  assert.deepEqual(await group.getEntry(missing), { value: undefined, source: "peer", freshMs: undefined });
  const broken = keyOwnedBy(pool, "b", "broken");
  await assertFails("ERR_LOAD", () => group.get(broken), /the owner b .*the database is down/s);
  assert.equal(loader.total(), 0);
});

test("circuit breaker: five failures open it, requests are skipped, a probe after the cool-down closes it", async (t) => {
  const advance = mockClock(t);
  let requests = 0;
  let isDown = true;
  const fetch = async () => {
    requests += 1;
    if (isDown) throw new TypeError("connection refused");
    return new Response("theirs");
  };
  const pool = createPool({ self: "a", peers: ["a", "b"], connect: () => ({ fetch }) });
  const group = pool.group("g", { ...MAX, load: (key) => bytes(key) });
  const owned = keysOwnedBy(pool, "b", 22);
  const get = async (/** @type {string | undefined} */ key) => (await group.getEntry(String(key))).source;
  for (const key of owned.slice(0, 20)) assert.equal(await get(key), "loader");
  assert.deepEqual([requests, group.stats().shortCircuits], [5, 15]);
  advance(1_000);
  isDown = false;
  assert.equal(await get(owned[20]), "peer");
  assert.equal(await get(owned[21]), "peer");
  assert.equal(requests, 7);
});

const used = new Response("used");
await used.text();
const once = new Response("once");

/** @param {UnderlyingDefaultSource} source */
const streaming = (source) => ({ fetch: async () => new Response(new ReadableStream(source)) });
/** @param {any} value */
const resolving = (value) => ({ fetch: async () => value });
const pull = (/** @type {ReadableStreamDefaultController} */ body) => body.enqueue(new Uint8Array(16_384));
const HANGS = true;

/** @type {[name: string, connect: () => unknown, hangs?: boolean][]} */
const FAILURES = [
  [
    "connect throws",
    () => {
      throw new Error("no binding");
    },
  ],
  ["connect returns undefined", () => undefined],
  ["connect returns null", () => null],
  ["connect returns an object without fetch", () => ({})],
  ["connect returns a string", () => "http://127.0.0.1:1"],
  [
    "fetch throws",
    () => ({
      fetch() {
        throw new TypeError("no");
      },
    }),
  ],
  [
    "fetch throws undefined",
    () => ({
      fetch() {
        throw undefined;
      },
    }),
  ],
  ["fetch rejects", () => ({ fetch: () => Promise.reject(new TypeError("no")) })],
  ["fetch rejects with undefined", () => ({ fetch: () => Promise.reject() })],
  ["fetch never settles", () => ({ fetch: () => new Promise(() => {}) }), HANGS],
  ["fetch returns undefined", () => ({ fetch() {} })],
  ["fetch resolves to undefined", () => resolving(undefined)],
  ["fetch resolves to null", () => resolving(null)],
  ["fetch resolves to a string", () => resolving("text")],
  ["fetch resolves to an object with a status alone", () => resolving({ status: 200 })],
  ["fetch resolves to a response without a status", () => resolving({ headers: new Headers(), body: null })],
  ["fetch resolves to a response that was read already", () => resolving(used)],
  ["fetch resolves to the same response twice", () => (once.body?.locked || once.body?.getReader(), resolving(once))],
  ["the body is a string", () => resolving({ status: 200, headers: new Headers(), body: "text" })],
  ["the body breaks off", () => streaming({ start: (c) => (c.enqueue(bytes("half")), c.error(new Error("cut"))) })],
  ["the body streams strings instead of bytes", () => streaming({ start: (c) => (c.enqueue("text"), c.close()) })],
  ["the body never ends", () => streaming({ pull })],
  [
    "the body never ends and cannot be cancelled",
    () => streaming({ pull, cancel: () => Promise.reject(new Error("no")) }),
  ],
  ["the body never starts", () => streaming({ pull: () => new Promise(() => {}) }), HANGS],
];

for (const [name, connect, hangs] of FAILURES) {
  test(`failed peer: ${name}, the local loader answers`, async (t) => {
    const advance = mockClock(t, ["setTimeout", "setInterval"]);
    // @ts-expect-error most of these break the types of connect and fetch
    const pool = createPool({ peers: ["b"], connect });
    const { load, total } = countingLoader((key) => bytes(`own ${key}`));
    const group = pool.group("g", { ...MAX, peerTimeoutMs: 60, failover: 0, load });
    for (const [i, key] of ["k", "other"].entries()) {
      const pending = group.getEntry(key);
      if (hangs) {
        advance(59);
        await turn();
        assert.equal(total(), i, "the peer still has time");
        advance(1);
      }
      assert.deepEqual(await pending, { value: bytes(`own ${key}`), source: "loader", freshMs: undefined });
    }
    const { peerFailures, fallbacks, flights } = group.stats();
    assert.deepEqual({ peerFailures, fallbacks, flights }, { peerFailures: 2, fallbacks: 2, flights: 0 });
    assert.equal(pool.stats().traps, 0);
    await turn();
    assert.deepEqual(uncaught, []);
  });
}
