// What the package's tests share: promises to settle by hand, errors by their code, and servers on loopback.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { GeecacheError } from "../../pkg/entry/node.js";

export const text = (bytes) => bytes && new TextDecoder().decode(bytes);
export const bytes = (string) => new TextEncoder().encode(string);

/**
 * What nobody caught. Outside of a test runner either ends the process, so a test that provokes trouble ends with
 * `assert.deepEqual(uncaught, [])`.
 */
export const uncaught = [];
process.on("uncaughtExceptionMonitor", (error) => uncaught.push(error));
process.on("unhandledRejection", (error) => uncaught.push(error));

/** A promise that the test settles. */
export function deferred() {
  let resolve, reject;
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

/** A loader that counts its runs by key and answers `<key>!`, or what `give` makes. */
export function counting(give = (key) => bytes(`${key}!`)) {
  const loads = new Map();
  const load = (key, scope) => {
    loads.set(key, (loads.get(key) ?? 0) + 1);
    return give(key, scope);
  };
  return { load, loads, total: () => [...loads.values()].reduce((sum, count) => sum + count, 0) };
}

/** That `work` throws or rejects with a `GeecacheError` of that code, whose message matches; the error. */
export async function refused(code, work, message = /./) {
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

/** The first of `candidates` keys that `peer` owns. */
export function keyOf(pool, peer, prefix = "key") {
  for (let i = 0; i < 10_000; i++) if (pool.owner(`${prefix}-${i}`) === peer) return `${prefix}-${i}`;
  throw new Error(`${peer} owns no key`);
}

/** Settles once every callback that is due has run: no more than that may be needed for what was decided already. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Waits, by looking, until `is` holds. What never comes to hold is a failure, not a wait without end. */
export async function until(is) {
  const givesUpAt = performance.now() + 10_000;
  while (!(await is())) {
    if (performance.now() > givesUpAt) assert.fail(`this never came to hold: ${is}`);
    await turn();
  }
}

/** Closes what a test opened when the test ends. */
function atTheEnd(t, server, sockets) {
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
}

function listen(t, server, port) {
  const sockets = new Set();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  atTheEnd(t, server, sockets);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () =>
      resolve({ server, sockets, url: `http://127.0.0.1:${server.address().port}` }),
    );
  });
}

/** An HTTP server on a free port of loopback. */
export const serve = (t, answer, port = 0) => listen(t, http.createServer(answer), port);

/** A TCP server: `talk(socket)` once the question's head has come. */
export const serveRaw = (t, talk) =>
  listen(
    t,
    net.createServer((socket) => socket.once("data", () => talk(socket))),
    0,
  );

/** A port of loopback that nobody listens on. */
export async function deadUrl() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** Answers a Node request as a worker's handler would: with what `handle` makes of the `Request`. */
export async function adapt(handle, req, res) {
  const answer =
    (await handle(new Request(`http://${req.headers.host}${req.url}`, { method: req.method, headers: req.headers }))) ??
    new Response("not a peer's path", { status: 404 });
  res.writeHead(answer.status, Object.fromEntries(answer.headers));
  res.end(Buffer.from(await answer.arrayBuffer()));
}

/** Numbers from a seed (SplitMix32), so that a failure can be replayed. */
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
