// Shared by the package's tests: deferred promises, errors by code, counting loaders, a mock clock, servers on loopback.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { GeecacheError } from "../../pkg/entry/node.js";

export { TestCluster } from "../../pkg/entry/testing.js";

/** @typedef {import("node:test").TestContext} TestContext */
/** @typedef {import("../../pkg/index.js").Pool<any>} Pool */
/** @typedef {import("../../pkg/index.js").Load<any, any>} Load */
/** @typedef {import("../../pkg/index.js").LoadScope<any>} LoadScope */
/** @typedef {{ promise: Promise<any>, resolve: (value?: any) => void, reject: (reason?: any) => void }} Deferred */

/** Longer than any test. For tests in which no timeout may decide the result. */
export const NO_TIMEOUT = { peerTimeoutMs: 30_000, deadlineMs: 60_000 };

/** @param {Uint8Array | undefined} bytes */
export const text = (bytes) => bytes && new TextDecoder().decode(bytes);
/** @param {string} string */
export const bytes = (string) => new TextEncoder().encode(string);

/**
 * Uncaught exceptions and unhandled rejections. Either would end a process outside of the test runner, so a test that
 * provokes failures ends with `assert.deepEqual(uncaught, [])`.
 * @type {unknown[]}
 */
export const uncaught = [];
process.on("uncaughtExceptionMonitor", (error) => uncaught.push(error));
process.on("unhandledRejection", (error) => uncaught.push(error));

/**
 * A promise that the test settles.
 * @returns {Deferred}
 */
export function deferred() {
  /** @type {Partial<Deferred>} */
  const parts = {};
  const promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return /** @type {Deferred} */ ({ ...parts, promise });
}

/**
 * A promise that hangs for the whole test. It resolves to `undefined` when the test ends, because the flight that waits
 * for it holds timers, and a pending timer keeps the test process alive until the deadline.
 * @param {TestContext} t
 * @returns {Promise<any>}
 */
export function hanging(t) {
  const { promise, resolve } = deferred();
  t.after(() => resolve());
  return promise;
}

const START = 1_700_000_000_000;

/**
 * Mocks the clock. Timers stay real unless they are listed too.
 * @param {TestContext} t
 * @param {("setTimeout" | "setInterval")[]} [timers]
 * @returns {(ms: number) => void} advances the clock, and fires the mocked timers that are due
 */
export function mockClock(t, timers = []) {
  t.mock.timers.enable({ apis: ["Date", ...timers], now: START });
  return (ms) => (timers.length > 0 ? t.mock.timers.tick(ms) : t.mock.timers.setTime(Date.now() + ms));
}

/**
 * A loader that counts its runs per key. It returns `<key>!`, or the result of `give`.
 * @param {(key: string, scope: LoadScope) => any} [give]
 */
export function countingLoader(give = (key) => bytes(`${key}!`)) {
  /** @type {Map<string, number>} */
  const loads = new Map();
  /** @type {Load} */
  const load = (key, scope) => {
    loads.set(key, (loads.get(key) ?? 0) + 1);
    return give(key, scope);
  };
  return { load, loads, total: () => [...loads.values()].reduce((sum, count) => sum + count, 0) };
}

/**
 * Asserts that `work` throws or rejects with a `GeecacheError` of this code, whose message matches. Returns the error.
 * @param {string} code
 * @param {() => unknown} work
 * @param {RegExp} [message]
 * @returns {Promise<GeecacheError>}
 */
export async function assertFails(code, work, message = /./) {
  /** @type {unknown} */
  let thrown;
  try {
    const value = await work();
    assert.fail(`expected ${code}, got ${value}`);
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown instanceof GeecacheError, `expected a GeecacheError, got ${thrown}`);
  assert.equal(thrown.name, "GeecacheError");
  assert.equal(thrown.code, code, thrown.message);
  assert.match(thrown.message, message);
  return thrown;
}

/**
 * The first `count` keys that `peer` owns, of those with the prefix.
 * @param {Pool} pool
 * @param {string} peer
 * @param {number} count
 */
export function keysOwnedBy(pool, peer, count, prefix = "key") {
  const keys = [];
  for (let i = 0; i < 10_000 && keys.length < count; i++)
    if (pool.owner(`${prefix}-${i}`) === peer) keys.push(`${prefix}-${i}`);
  assert.equal(keys.length, count, `${peer} owns too few keys`);
  return keys;
}

/**
 * The first key that `peer` owns.
 * @param {Pool} pool
 * @param {string} peer
 * @returns {string}
 */
export const keyOwnedBy = (pool, peer, prefix = "key") => /** @type {string} */ (keysOwnedBy(pool, peer, 1, prefix)[0]);

/** Runs every callback and microtask that is due. Enough for everything whose result is already decided. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Polls until `holds` returns true, without a sleep; a condition that never holds fails the test.
 * @param {() => boolean | Promise<boolean>} holds
 */
export async function until(holds) {
  const givesUpAt = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > givesUpAt) assert.fail(`timed out waiting for: ${holds}`);
    await turn();
  }
}

/**
 * Listens on loopback until the test ends.
 * @template {net.Server} Server
 * @param {TestContext} t
 * @param {Server} server
 * @param {number} port
 * @returns {Promise<{ server: Server, sockets: Set<net.Socket>, url: string }>}
 */
function listen(t, server, port) {
  /** @type {Set<net.Socket>} */
  const sockets = new Set();
  server.on("connection", (/** @type {net.Socket} */ socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve({ server, sockets, url: `http://127.0.0.1:${portOf(server)}` }));
  });
}

/** @param {net.Server} server */
const portOf = (server) => /** @type {net.AddressInfo} */ (server.address()).port;

/**
 * An HTTP server, on a free port of loopback unless one is given.
 * @param {TestContext} t
 * @param {http.RequestListener} answer
 */
export const serve = (t, answer, port = 0) => listen(t, http.createServer(answer), port);

/**
 * A TCP server. `talk` runs once the head of a request has arrived.
 * @param {TestContext} t
 * @param {(socket: net.Socket) => void} talk
 */
export const serveRaw = (t, talk) =>
  listen(
    t,
    net.createServer((socket) => void socket.once("data", () => talk(socket))),
    0,
  );

/** The URL of a port of loopback on which nothing listens. */
export async function closedPortUrl() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/**
 * Answers a Node request with the `Response` of a fetch-style handler.
 * @param {(request: Request) => Promise<Response | undefined>} handle
 * @param {http.IncomingMessage} req
 * @param {http.ServerResponse} res
 */
export async function respond(handle, req, res) {
  const headers = Object.entries(req.headers).map(([name, value]) => [name, String(value)]);
  const request = new Request(`http://${req.headers.host}${req.url}`, {
    method: req.method ?? "GET",
    headers: Object.fromEntries(headers),
  });
  const answer = (await handle(request)) ?? new Response("not a peer's path", { status: 404 });
  res.writeHead(answer.status, Object.fromEntries(answer.headers));
  res.end(Buffer.from(await answer.arrayBuffer()));
}

/**
 * Pseudo-random integers from a seed (SplitMix32), so that a failure can be replayed.
 * @param {number} seed
 * @returns {(below: number) => number}
 */
export function random(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    mixed ^= mixed >>> 15;
    return (mixed >>> 0) % below;
  };
}
