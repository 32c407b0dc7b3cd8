// Peers in memory: the owner answers its keys, singleflight holds over all nodes, hot copies, and a ring that changes.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { MAX, startCluster } from "./cluster.mjs";
import {
  assertFails,
  bytes,
  deferred,
  hanging,
  keyOwnedBy,
  mockClock,
  NO_TIMEOUT,
  TestCluster,
  text,
  turn,
  until,
} from "./support.mjs";

test("lookup on any node: the owner answers, and loads once", async () => {
  const { all, loads } = startCluster();
  const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);
  for (const key of keys) {
    const owner = all[0]?.pool.owner(key);
    for (const { name, pool, group } of all) {
      assert.equal(pool.owner(key), owner);
      assert.equal(text(await group.get(key)), `${owner}:${key}`, name);
    }
  }
  assert.equal(loads(), keys.length);
});

test("singleflight: 100 concurrent lookups over three nodes, one load and one peer request per other node", async () => {
  const gate = deferred();
  const { node, loads, cluster } = startCluster(
    ["a", "b", "c"],
    NO_TIMEOUT,
    (name) => async (key) => (await gate.promise, bytes(`${name}:${key}`)),
  );
  const owner = String(node("a").pool.owner("k"));
  const callers = Array.from({ length: 100 }, (_, i) => node("abc".charAt(i % 3)).group.get("k"));
  await until(() => loads() === 1 && node(owner).group.stats().peerRequests === 2);
  gate.resolve();
  for (const value of await Promise.all(callers)) assert.equal(text(value), `${owner}:k`);
  assert.equal(loads(), 1);
  assert.equal(
    [...cluster.requests.values()].reduce((sum, count) => sum + count),
    2,
    "one request from each of the other nodes",
  );
});

test("stampede: the owner stops at any step, at most two loads, every value is right", async () => {
  const names = ["a", "b", "c", "d", "e"];
  for (let stopsAt = 0; stopsAt < 12; stopsAt++) {
    /** @type {((value?: unknown) => void)[]} */
    const gates = [];
    const { node, loads, cluster } = startCluster(names, NO_TIMEOUT, (name) => async (key) => {
      await new Promise((resolve) => gates.push(resolve));
      return bytes(`${name}:${key}`);
    });
    const owner = String(node("a").pool.owner("k"));
    const others = names.filter((name) => name !== owner).map(node);
    const callers = Array.from({ length: 10 }, () => others.map(({ group }) => group.getEntry("k"))).flat();
    // One turn of the event loop at a time: the owner stops before, while or after it loads.
    let answered = false;
    const all = Promise.all(callers).finally(() => (answered = true));
    for (let step = 0; !answered; step++) {
      if (step === stopsAt) cluster.stop(owner);
      if (step % 5 === 4) gates.shift()?.();
      await turn();
    }
    const values = new Set((await all).map(({ value }) => text(value)));
    assert.ok(
      loads() <= 2 && [...values].every((value) => value?.endsWith(":k")),
      `stops at ${stopsAt}: ${loads()} loads, ${[...values]}`,
    );
    for (const { group } of others) assert.equal(group.stats().flights, 0);
  }
});

test("deadlineMs of a call: shorter than the group's, ERR_TIMEOUT; not a positive number, ERR_OPTION", async (t) => {
  const { group } = startCluster(["a"], NO_TIMEOUT, () => () => hanging(t)).node("a");
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  const fails = assertFails("ERR_TIMEOUT", () => group.get("k", { deadlineMs: 5 }));
  await turn();
  advance(5);
  await fails;
  for (const deadlineMs of /** @type {any[]} */ ([0, -1, NaN, "5x", null]))
    await assertFails("ERR_OPTION", () => group.get("k", { deadlineMs }), /deadlineMs/);
});

test("hot copy: saves the next peer request; remove drops it on this node alone", async () => {
  const { node, cluster } = startCluster();
  const [a, b] = [node("a"), node("b")];
  const key = keyOwnedBy(a.pool, "b");
  assert.equal((await a.group.getEntry(key)).source, "peer");
  assert.equal((await a.group.getEntry(key)).source, "memory");
  assert.equal(cluster.requests.get("b"), 1);
  assert.equal(a.group.remove(key), true);
  assert.equal(text(b.group.peek(key)), `b:${key}`);
  assert.equal((await a.group.getEntry(key)).source, "peer");
  assert.equal(b.loader.total(), 1);
});

test("peer request: never forwarded, even if the peer lists disagree", async () => {
  /** @type {string[]} */
  const requests = [];
  /** @type {Record<string, import("./support.mjs").Pool>} */
  const pools = {};
  const start = (/** @type {string} */ self, /** @type {string[]} */ peers) => {
    const pool = createPool({
      self,
      peers,
      connect: (peer) => ({
        async fetch(url, init) {
          requests.push(`${self}>${peer}`);
          return (await pools[peer]?.handle(new Request(url, init))) ?? assert.fail(url);
        },
      }),
    });
    pools[self] = pool;
    return pool.group("g", { ...MAX, ...NO_TIMEOUT, load: (key) => bytes(`${self}:${key}`) });
  };
  // Each node believes that the other owns every key.
  const [a, b] = [start("a", ["b"]), start("b", ["a"])];
  assert.equal(text(await a.get("k")), "b:k");
  assert.equal(text(await b.get("other")), "a:other");
  assert.deepEqual(requests, ["a>b", "b>a"]);
  // Both at once for the same key: neither waits for the other.
  const both = await Promise.all([a.get("both"), b.get("both")]);
  assert.ok(
    both.map(text).every((value) => /^[ab]:both$/.test(String(value))),
    both.map(text).join(),
  );
  assert.deepEqual([a.stats().timeouts, b.stats().timeouts], [0, 0]);
});

test("setPeers: a peer that left the list gets no request from then on", async () => {
  const { node, cluster } = startCluster();
  const { pool, group } = node("a");
  const key = keyOwnedBy(pool, "c");
  pool.setPeers(["a", "b"]);
  await group.get(key);
  assert.equal(cluster.requests.get("c"), 0);
});

test("setPeers: a pending peer request to a peer that left is abandoned, followers get the local load", async (t) => {
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  const fetch = () => hanging(t);
  const pool = createPool({ self: "a", peers: ["a", "b"], connect: () => ({ fetch }) });
  let loads = 0;
  const group = pool.group("g", { ...MAX, ...NO_TIMEOUT, load: () => (loads++, bytes("own")) });
  const key = keyOwnedBy(pool, "b");
  const pending = group.getEntry(key);
  pool.setPeers(["a"]);
  const follower = group.getEntry(key);
  advance(100);
  const [entry, late] = await Promise.all([pending, follower]);
  assert.deepEqual([entry.source, late.source, loads], ["loader", "flight", 1]);
});

test("failover: after a peer that left, the next one may take longer than a heartbeat", async (t) => {
  const advance = mockClock(t, ["setTimeout", "setInterval"]);
  const answer = deferred();
  const asked = deferred();
  /** @type {Record<string, () => Promise<Response>>} */
  const fetches = { b: () => hanging(t), c: () => (asked.resolve(), answer.promise) };
  const pool = createPool({ peers: ["b", "c"], connect: (peer) => ({ fetch: fetches[peer] ?? assert.fail(peer) }) });
  const group = pool.group("g", { ...MAX, load: () => bytes("own") });
  const pending = group.getEntry(keyOwnedBy(pool, "b"));
  pool.setPeers(["c"]);
  // The heartbeat finds that b has left; that says nothing about c.
  advance(100);
  await asked.promise;
  for (let heartbeats = 0; heartbeats < 2; heartbeats++) {
    advance(100);
    await turn();
  }
  answer.resolve(new Response("theirs"));
  const { source, value } = await pending;
  assert.deepEqual([source, text(value), group.stats().peerFailures], ["peer", "theirs", 1]);
});

test("a node outside the ring: requests every key from its owner", async () => {
  const cluster = new TestCluster(["a", "b"]);
  for (const [name, pool] of cluster.pools) pool.group("g", { ...MAX, load: (key) => bytes(`${name}:${key}`) });
  const outside = createPool({ peers: ["a", "b"], connect: (peer) => cluster.connect(peer) });
  const group = outside.group("g", { ...MAX, ...NO_TIMEOUT, load: () => bytes("own") });
  for (let i = 0; i < 10; i++) assert.equal(text(await group.get(`k${i}`)), `${outside.owner(`k${i}`)}:k${i}`);
});

test("connect: called with the peer and the request's env, for each peer request", async () => {
  /** @type {unknown[][]} */
  const calls = [];
  const fetcher = { fetch: async () => new Response("v") };
  const pool = createPool({ peers: ["shard"], connect: (peer, env) => (calls.push([peer, env]), fetcher) });
  const group = pool.group("g", { ...MAX, ...NO_TIMEOUT, load: () => bytes("own") });
  const env = {};
  assert.equal(text(await group.get("k", { env })), "v");
  await group.get("other");
  assert.equal(calls[0]?.[1], env);
  assert.deepEqual(calls, [
    ["shard", env],
    ["shard", undefined],
  ]);
});

test("connect returns undefined: no request through the global fetch instead", async (t) => {
  const fetched = t.mock.method(globalThis, "fetch", async () => new Response("another server's"));
  // @ts-expect-error connect must return a fetcher
  const pool = createPool({ peers: ["b", "http://peer.test"], connect: () => undefined });
  const group = pool.group("g", { ...MAX, ...NO_TIMEOUT, load: () => bytes("own") });
  for (let i = 0; i < 10; i++) assert.equal(text(await group.get(`k${i}`)), "own");
  assert.equal(fetched.mock.callCount(), 0);
});

test("fetch returns a Response without a promise: accepted", async () => {
  // @ts-expect-error fetch must return a promise
  const pool = createPool({ peers: ["b"], connect: () => ({ fetch: () => new Response("v") }) });
  const group = pool.group("g", { ...MAX, ...NO_TIMEOUT, load: () => bytes("own") });
  assert.equal(text(await group.get("k")), "v");
});

test("ring mismatch: another peer list is counted by both nodes, and requests are still answered", async () => {
  const { node } = startCluster(["a", "b"]);
  const [a, b] = [node("a").pool, node("b").pool];
  b.setPeers(["b", "a"]);
  const key = keyOwnedBy(a, "b");
  assert.equal((await node("a").group.getEntry(key)).source, "peer");
  assert.deepEqual([a.stats().ringMismatches, b.stats().ringMismatches], [1, 1]);
});
