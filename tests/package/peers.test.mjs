// Peers in memory: a key's owner answers it, a crowd costs one load, and whoever fails is done without.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool } from "../../pkg/entry/node.js";
import { TestNetwork } from "../../pkg/entry/testing.js";
import { bytes, counting, deferred, keyOf, refused, text, turn, uncaught, until } from "./support.mjs";

const MAX = { maxBytes: 256 * 1024 };
/** Longer than any test takes: where nobody is late, no timeout may decide. */
const PATIENT = { peerTimeoutMs: 30_000, deadlineMs: 60_000 };

/** Nodes with a group each, whose loaders answer "<node>:<key>". */
function cluster(names = ["a", "b", "c"], options = PATIENT, give = (name) => (key) => bytes(`${name}:${key}`)) {
  const network = new TestNetwork(names);
  const nodes = Object.fromEntries(
    [...network.pools].map(([name, pool]) => {
      const loader = counting(give(name));
      return [name, { pool, loader, group: pool.group("g", { ...MAX, ...options, load: loader.load }) }];
    }),
  );
  return { network, nodes, loads: () => Object.values(nodes).reduce((sum, { loader }) => sum + loader.total(), 0) };
}

test("whoever is asked, the owner answers, and loads once", async () => {
  const { nodes, loads } = cluster();
  const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);
  for (const key of keys) {
    const owner = nodes.a.pool.owner(key);
    for (const [name, { pool, group }] of Object.entries(nodes)) {
      assert.equal(pool.owner(key), owner);
      assert.equal(text(await group.get(key)), `${owner}:${key}`, name);
    }
  }
  assert.equal(loads(), keys.length);
});

test("a hundred first requests over three nodes cost one load", async () => {
  const gate = deferred();
  const { nodes, loads, network } = cluster(
    ["a", "b", "c"],
    PATIENT,
    (name) => async (key) => (await gate.promise, bytes(`${name}:${key}`)),
  );
  const owner = nodes.a.pool.owner("k");
  const all = Object.values(nodes);
  const callers = Array.from({ length: 100 }, (_, i) => all[i % 3].group.get("k"));
  await until(() => loads() === 1 && nodes[owner].group.stats().peerRequests === 2);
  gate.resolve();
  for (const value of await Promise.all(callers)) assert.equal(text(value), `${owner}:k`);
  assert.equal(loads(), 1);
  assert.equal(
    [...network.asked.values()].reduce((sum, count) => sum + count),
    2,
    "each of the others asked once",
  );
});

test("whenever the owner dies in a stampede, there are two loads at most and every answer is right", async () => {
  const names = ["a", "b", "c", "d", "e"];
  for (let dies = 0; dies < 12; dies++) {
    const gates = [];
    const give = (name) => async (key) => (await new Promise((go) => gates.push(go)), bytes(`${name}:${key}`));
    const { nodes, loads, network } = cluster(names, PATIENT, give);
    const owner = nodes.a.pool.owner("k");
    const living = names.filter((name) => name !== owner);
    const callers = Array.from({ length: 40 }, (_, i) => nodes[living[i % 4]].group.getEntry("k"));
    // A step at a time, until it is answered: the owner dies before, while or after it loads.
    let answered = false;
    void Promise.all(callers).finally(() => (answered = true));
    for (let step = 0; !answered; step++) {
      if (step === dies) network.stop(owner);
      if (step % 5 === 4) gates.shift()?.();
      await turn();
    }
    const values = new Set((await Promise.all(callers)).map(({ value }) => text(value)));
    assert.ok(
      loads() <= 2 && [...values].every((value) => value.endsWith(":k")),
      `dies at ${dies}: ${loads()} loads, ${[...values]}`,
    );
    for (const name of living) assert.equal(nodes[name].group.stats().flights, 0);
  }
});

test("a call may have a shorter deadline, and only a sensible one", async () => {
  const { nodes } = cluster(["a"], PATIENT, () => () => new Promise(() => {}));
  await refused("ERR_TIMEOUT", () => nodes.a.group.get("k", { deadlineMs: 5 }));
  for (const deadlineMs of [0, -1, NaN, "5x", null])
    await refused("ERR_OPTION", () => nodes.a.group.get("k", { deadlineMs }), /deadlineMs/);
});

test("a hot copy spares the next question, and can be forgotten here alone", async () => {
  const { nodes, network } = cluster();
  const key = keyOf(nodes.a.pool, "b");
  assert.equal((await nodes.a.group.getEntry(key)).source, "peer");
  assert.equal((await nodes.a.group.getEntry(key)).source, "memory");
  assert.equal(network.asked.get("b"), 1);
  assert.equal(nodes.a.group.remove(key), true);
  assert.equal(text(nodes.b.group.peek(key)), `b:${key}`);
  assert.equal((await nodes.a.group.getEntry(key)).source, "peer");
  assert.equal(nodes.b.loader.total(), 1);
});

test("an owner that is down is done without, and asked again once it is back", async () => {
  const { nodes, network } = cluster(["a", "b", "c"], { ...PATIENT, hotTtlMs: 0 });
  const key = keyOf(nodes.a.pool, "b");
  network.stop("b");
  const fallback = await nodes.a.group.getEntry(key);
  assert.match(text(fallback.value), /^[ac]:/);
  nodes.a.group.remove(key);
  network.start("b");
  assert.equal(text(await nodes.a.group.get(key)), `b:${key}`);
  assert.equal(nodes.a.group.stats().peerFailures >= 1, true);
});

test("the ladder: the owner, then the ring's next peers as failover allows, then our own loader", async () => {
  for (const failover of [0, 1, 2, 16]) {
    const names = ["a", "b", "c", "d"];
    const { nodes, network } = cluster(names, { ...PATIENT, failover });
    const key = keyOf(nodes.a.pool, "b");
    for (const name of ["b", "c", "d"]) network.stop(name);
    assert.deepEqual(await nodes.a.group.getEntry(key), {
      value: bytes(`a:${key}`),
      source: "loader",
      freshMs: undefined,
    });
    const { peerFailures, fallbacks, loads } = nodes.a.group.stats();
    assert.equal(fallbacks, 1);
    assert.equal(loads, 1);
    // The ladder ends where it meets this node itself.
    assert.ok(
      peerFailures >= 1 && peerFailures <= 1 + failover && peerFailures <= 3,
      `failover ${failover}: ${peerFailures} failures`,
    );
    if (failover === 0) assert.equal(peerFailures, 1);
  }
});

test("an owner that is slow is given up after peerTimeoutMs, and what it says later changes nothing", async () => {
  const gate = deferred();
  const give = (name) => async (key) => (name === "b" && (await gate.promise), bytes(`${name}:${key}`));
  const { nodes } = cluster(["a", "b"], { peerTimeoutMs: 30, deadlineMs: 30_000 }, give);
  const key = keyOf(nodes.a.pool, "b");
  assert.equal(text(await nodes.a.group.get(key)), `a:${key}`);
  gate.resolve();
  await until(() => nodes.b.group.stats().flights === 0);
  await turn();
  assert.equal(text(nodes.a.group.peek(key)), `a:${key}`);
  assert.equal(text(nodes.b.group.peek(key)), `b:${key}`);
});

test("the owner's word is final on what there is not, and on what cannot be loaded", async () => {
  const away = new Error("the database is away");
  const { nodes } = cluster(["a", "b"], PATIENT, (name) => (key) => {
    if (name === "a") return bytes("never");
    if (key.startsWith("gone")) return undefined;
    throw away;
  });
  const [gone, broken] = ["gone", "broken"].map((prefix) => keyOf(nodes.a.pool, "b", prefix));
  assert.deepEqual(await nodes.a.group.getEntry(gone), { value: undefined, source: "peer", freshMs: undefined });
  await refused("ERR_LOAD", () => nodes.a.group.get(broken), /the owner b .*the database is away/s);
  assert.equal(nodes.a.loader.total(), 0);
});

test("what came from a peer is never forwarded, even with lists that disagree", async () => {
  const asked = [];
  const pools = {};
  const node = (self, peers) => {
    pools[self] = createPool({
      self,
      peers,
      connect: (peer) => ({
        fetch: (url, init) => (asked.push(`${self}>${peer}`), pools[peer].handle(new Request(url, init))),
      }),
    });
    return pools[self].group("g", { ...MAX, ...PATIENT, load: (key) => bytes(`${self}:${key}`) });
  };
  // Each believes that the other owns everything.
  const [a, b] = [node("a", ["b"]), node("b", ["a"])];
  assert.equal(text(await a.get("k")), "b:k");
  assert.equal(text(await b.get("other")), "a:other");
  assert.deepEqual(asked, ["a>b", "b>a"]);
  // Both at once, for the same key: neither may wait for the other.
  const both = await Promise.all([a.get("both"), b.get("both")]);
  assert.ok(
    both.map(text).every((value) => /^[ab]:both$/.test(value)),
    both.map(text).join(),
  );
  assert.deepEqual([a.stats().timeouts, b.stats().timeouts], [0, 0]);
});

test("a peer that this list does not know any more is not asked, from setPeers on", async () => {
  const { nodes, network } = cluster();
  const key = keyOf(nodes.a.pool, "c");
  nodes.a.pool.setPeers(["a", "b"]);
  await nodes.a.group.get(key);
  assert.equal(network.asked.get("c"), 0);
});

test("a node that owns nothing asks for everything", async () => {
  const network = new TestNetwork(["a", "b"]);
  for (const [name, pool] of network.pools) pool.group("g", { ...MAX, load: (key) => bytes(`${name}:${key}`) });
  const outside = createPool({ peers: ["a", "b"], connect: (peer) => network.connect(peer) });
  const group = outside.group("g", { ...MAX, ...PATIENT, load: () => bytes("own") });
  for (let i = 0; i < 10; i++) assert.equal(text(await group.get(`k${i}`)), `${outside.owner(`k${i}`)}:k${i}`);
});

test("connect is given the peer and the request's env, for each question", async () => {
  const given = [];
  const fetcher = { fetch: async () => new Response("v") };
  const pool = createPool({ peers: ["shard"], connect: (peer, env) => (given.push([peer, env]), fetcher) });
  const group = pool.group("g", { ...MAX, ...PATIENT, load: () => bytes("own") });
  const env = {};
  assert.equal(text(await group.get("k", { env })), "v");
  await group.get("other");
  assert.equal(given[0][1], env);
  assert.deepEqual(given, [
    ["shard", env],
    ["shard", undefined],
  ]);
});

const used = new Response("used");
await used.text();
const once = new Response("once");
for (const [what, connect] of [
  [
    "connect throws",
    () => {
      throw new Error("no binding");
    },
  ],
  ["connect gives nothing", () => undefined],
  ["connect gives null", () => null],
  ["connect gives what cannot fetch", () => ({})],
  ["connect gives a text", () => "http://127.0.0.1:1"],
  [
    "fetch throws",
    () => ({
      fetch() {
        throw new TypeError("no");
      },
    }),
  ],
  [
    "fetch throws no error",
    () => ({
      fetch() {
        throw undefined;
      },
    }),
  ],
  [
    "fetch rejects",
    () => ({
      fetch: async () => {
        throw new TypeError("no");
      },
    }),
  ],
  ["fetch rejects with nothing", () => ({ fetch: () => Promise.reject() })],
  ["fetch never answers", () => ({ fetch: () => new Promise(() => {}) })],
  ["fetch gives nothing", () => ({ fetch() {} })],
  ["fetch resolves to nothing", () => ({ fetch: async () => {} })],
  ["fetch resolves to null", () => ({ fetch: async () => null })],
  ["fetch resolves to a text", () => ({ fetch: async () => "text" })],
  ["fetch resolves to half an answer", () => ({ fetch: async () => ({ status: 200 }) })],
  [
    "fetch resolves to an answer without a status",
    () => ({ fetch: async () => ({ headers: new Headers(), body: null }) }),
  ],
  ["fetch resolves to an answer that was read already", () => ({ fetch: async () => used })],
  [
    "fetch resolves to one answer twice",
    () => ({ fetch: async () => (once.body?.locked || once.body?.getReader(), once) }),
  ],
  ["the body is a text", () => ({ fetch: async () => ({ status: 200, headers: new Headers(), body: "text" }) })],
  [
    "the body breaks off",
    () => ({
      fetch: async () =>
        new Response(new ReadableStream({ start: (c) => (c.enqueue(bytes("half")), c.error(new Error("cut"))) })),
    }),
  ],
  [
    "the body gives texts instead of bytes",
    () => ({ fetch: async () => new Response(new ReadableStream({ start: (c) => (c.enqueue("text"), c.close()) })) }),
  ],
  [
    "the body never ends",
    () => ({ fetch: async () => new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(16_384)) })) }),
  ],
  [
    "the body never ends and cannot be cancelled",
    () => ({
      fetch: async () =>
        new Response(
          new ReadableStream({
            pull: (c) => c.enqueue(new Uint8Array(16_384)),
            cancel: () => Promise.reject(new Error("no")),
          }),
        ),
    }),
  ],
  [
    "the body never begins",
    () => ({ fetch: async () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })) }),
  ],
]) {
  test(`a peer that cannot be asked is done without: ${what}`, async () => {
    const pool = createPool({ peers: ["b"], connect });
    const group = pool.group("g", { ...MAX, peerTimeoutMs: 60, failover: 0, load: (key) => bytes(`own ${key}`) });
    for (const key of ["k", "other"]) {
      assert.deepEqual(await group.getEntry(key), { value: bytes(`own ${key}`), source: "loader", freshMs: undefined });
    }
    const { peerFailures, fallbacks, flights } = group.stats();
    assert.deepEqual({ peerFailures, fallbacks, flights }, { peerFailures: 2, fallbacks: 2, flights: 0 });
    assert.equal(pool.stats().traps, 0);
    await turn();
    assert.deepEqual(uncaught, []);
  });
}

test("where connect gives nothing, nobody is asked in its place", async (t) => {
  const fetched = t.mock.method(globalThis, "fetch", async () => new Response("somebody else's"));
  const pool = createPool({ peers: ["b", "http://peer.test"], connect: () => undefined });
  const group = pool.group("g", { ...MAX, ...PATIENT, load: () => bytes("own") });
  for (let i = 0; i < 10; i++) assert.equal(text(await group.get(`k${i}`)), "own");
  assert.equal(fetched.mock.callCount(), 0);
});

test("a fetch that answers at once, without a promise, is as good", async () => {
  const pool = createPool({ peers: ["b"], connect: () => ({ fetch: () => new Response("v") }) });
  const group = pool.group("g", { ...MAX, ...PATIENT, load: () => bytes("own") });
  assert.equal(text(await group.get("k")), "v");
});
