// Conformance of peers: requests, failures, authentication, setPeers, and the responses of `handle`.
import { cacheStatus, prometheus } from "geecache-edge/observe";
import { TestCluster } from "geecache-edge/testing";
import { assertFails, equal, gate, pair, until } from "./assert.mjs";

const failing = {
  "connection refused": () => Promise.reject(new TypeError("connection refused")),
  "a 500 from another server": () => new Response("<h1>Oops</h1>", { status: 500 }),
  "a 200 from another server": () => new Response("<h1>Welcome</h1>"),
  "a redirect": () => new Response(null, { status: 302, headers: { location: "http://elsewhere.test/" } }),
  "no answer": () => new Promise(() => {}),
  "a body that breaks off": () =>
    new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("broken off")) })),
  "nothing at all": () => undefined,
};

/** @param {import("./assert.mjs").Geecache} geecache */
export const cases = (geecache) => ({
  async "peer request: the owner loads, a hot copy stays here"() {
    const { a, b, key } = pair(geecache);
    const first = await a.group.getEntry(key);
    equal([first.value, first.source, (await a.group.getEntry(key)).source], [`${key} of b`, "peer", "memory"]);
    equal([a.load.runs, b.load.runs, a.group.stats().peerHits, b.group.stats().peerRequests], [0, 1, 1, 1]);
  },

  async "singleflight: 50 concurrent callers on each of two nodes, one load"() {
    const { opened, open } = gate();
    const { a, b, key } = pair(geecache, { load: async (key) => (await opened, key) });
    const callers = Array.from({ length: 100 }, (_, i) => (i % 2 ? a : b).group.get(key));
    await until(() => b.group.stats().peerRequests === 1 && a.group.stats().coalesced === 49);
    open();
    equal([new Set(await Promise.all(callers)).size, a.load.runs, b.load.runs], [1, 0, 1]);
  },

  async "failed peer: of every kind, the local loader answers"() {
    for (const [name, answer] of Object.entries(failing)) {
      // Without a secret any 200 is accepted, as from a Go peer.
      const secret = "s";
      const { a, key } = pair(geecache, { wire: answer, a: { secret }, group: { peerTimeoutMs: 20 } });
      const entry = await a.group.getEntry(key);
      equal([entry.value, entry.source], [`${key} of a`, "loader"], name);
      const { fallbacks, peerFailures, errors } = a.group.stats();
      equal({ fallbacks, peerFailures, errors }, { fallbacks: 1, peerFailures: 1, errors: 0 }, name);
    }
  },

  async "owner: its not found and its failed load are final"() {
    const { a, b, keys } = pair(geecache, {
      load: (key) => {
        if (key === keys[0]) return undefined;
        throw new Error("the database is down");
      },
    });
    equal(await a.group.get(keys[0]), undefined);
    const error = await assertFails(geecache.GeecacheError, "ERR_LOAD", () => a.group.get(keys[1]));
    equal([error.message.includes("the database is down"), a.load.runs, b.load.runs], [true, 0, 2]);
  },

  async "circuit breaker: opens after five failures, requests are skipped"() {
    let asked = 0;
    const { a, keys } = pair(geecache, {
      wire: () => ((asked += 1), Promise.reject(new TypeError("connection refused"))),
    });
    for (const key of keys.slice(0, 20)) equal(await a.group.get(key), `${key} of a`);
    equal([asked, a.group.stats().shortCircuits], [5, 15]);
  },

  async "authentication: one secret, and a rotation of it, accepted"() {
    for (const [ofA, ofB] of [
      ["s", "s"],
      ["old", ["new", "old"]],
      [
        ["new", "old"],
        ["old", "new"],
      ],
      [() => "s", "s"],
    ]) {
      const { a, b, key } = pair(geecache, { a: { secret: ofA }, b: { secret: ofB } });
      equal([await a.group.get(key), b.pool.stats().unauthorized, a.group.stats().peerFailures], [`${key} of b`, 0, 0]);
    }
  },

  async "authentication: no or wrong secret, 401, nothing is loaded"() {
    for (const secret of [undefined, "wrong", ["wrong", "s "]]) {
      const { a, b, key } = pair(geecache, { a: { secret }, b: { secret: "s" } });
      equal([await a.group.get(key), b.load.runs, b.pool.stats().unauthorized], [`${key} of a`, 0, 1]);
    }
    const { b } = pair(geecache, { b: { secret: "s" } });
    const answer = /** @type {Response} */ (await b.pool.handle(new Request("http://b.test/_geecache/g/k")));
    equal([answer.status, answer.headers.get("geecache-auth"), b.load.runs], [401, null, 0]);
  },

  async "authentication: an altered response is a failed peer"() {
    const altered = async (/** @type {() => Promise<Response>} */ send) => {
      const answer = await send();
      return new Response(`${await answer.text()} and more`, { status: answer.status, headers: answer.headers });
    };
    for (const secret of [undefined, "s"]) {
      const { a, key } = pair(geecache, { wire: altered, a: { secret }, b: { secret } });
      equal([await a.group.get(key), a.group.stats().peerFailures], [`${key} of a`, 1]);
    }
  },

  async "handle: the statuses, and undefined for any other path"() {
    const { createPool } = geecache;
    const pool = createPool();
    let loads = 0;
    pool.group("g", {
      maxBytes: 65_536,
      load: (key) => {
        loads += 1;
        if (key === "missing") return undefined;
        if (key === "broken") throw new Error("away");
        return new TextEncoder().encode(key);
      },
    });
    const answer = (/** @type {string} */ path, method = "GET") =>
      pool.handle(new Request(`http://a.test${path}`, { method }));
    for (const [path, method, status, body, outcome = null] of [
      ["/_geecache/g/a%20b", "GET", 200, "a b"],
      ["/_geecache/g/a%20b", "HEAD", 200, ""],
      ["/_geecache/g/missing", "GET", 404, undefined, "not-found"],
      ["/_geecache/g/broken", "GET", 500, undefined, "ERR_LOAD"],
      ["/_geecache/nobody/k", "GET", 404],
      ["/_geecache/g/k", "POST", 405],
      ["/_geecache/g/k", "DELETE", 405],
      ["/_geecache/g/%zz", "GET", 400],
      ["/_geecache/g/", "GET", 400],
      ["/_geecache/", "GET", 400],
    ]) {
      const given = /** @type {Response} */ (await answer(String(path), String(method)));
      const text = await given.text();
      equal(
        [given.status, given.headers.get("geecache-outcome"), given.headers.get("cache-control")],
        [status, outcome, "no-store"],
        `${method} ${path}`,
      );
      if (body !== undefined) equal(text, body, String(path));
    }
    equal([await answer("/"), await answer("/elsewhere"), loads], [undefined, undefined, 3]);
  },

  async "setPeers: changes owners from the next lookup on"() {
    const { a, key } = pair(geecache);
    equal(a.pool.owner(key), "http://b.test");
    a.pool.setPeers(["http://a.test"]);
    equal([a.pool.owner(key), await a.group.get(key)], ["http://a.test", `${key} of a`]);
    await assertFails(geecache.GeecacheError, "ERR_OPTION", () => a.pool.setPeers([""]));
    equal(a.pool.owner(key), "http://a.test");
  },

  async "owner: equal to GeeCache's ring"() {
    const peers = ["http://10.0.0.1:8001", "http://10.0.0.2:8001", "http://10.0.0.3:8001"];
    const pool = geecache.createPool({ peers });
    const owners = ["Tom", "Jack", "Sam", "k", "a longer key", "ключ"].map((key) =>
      peers.indexOf(/** @type {string} */ (pool.owner(key))),
    );
    equal(owners, RING);
  },

  async "each wire, and the balanced ring: two nodes answer each other"() {
    /** @type {import("./assert.mjs").PoolOptions[]} */
    const all = [{ wire: "geecache-proto" }, { wire: "groupcache" }, { wire: "groupcache-v3" }, { ring: "balanced" }];
    for (const options of all) {
      const { a, b, key } = pair(geecache, { a: options, b: options });
      const { value, source } = await a.group.getEntry(key);
      equal([value, source, a.load.runs, b.load.runs], [`${key} of b`, "peer", 0, 1], JSON.stringify(options));
    }
  },

  async "events, Cache-Status and Prometheus: report a miss, a peer value and a hit"() {
    /** @type {{ type: string, key?: string, outcome?: string }[]} */
    const events = [];
    const { a, key } = pair(geecache, { a: { onEvent: (event) => events.push(event) } });
    const entries = [await a.group.getEntry(key), await a.group.getEntry(key)];
    const reported = events.map(({ type, key, outcome }) => [type, key, outcome].filter(Boolean).join(" "));
    equal(reported.sort(), [`hit ${key}`, `miss ${key}`, `peer ${key} value`]);
    equal(
      entries.map((entry) => cacheStatus(entry).includes("hit")),
      [false, true],
    );
    equal(prometheus(a.pool.stats()).includes('geecache_hits_total{group="g"} 1\n'), true);
  },

  async "test cluster: requests counted, nodes stopped and started"() {
    const names = ["a", "b"];
    const network = new TestCluster(names);
    const [group] = [...network.pools].map(([name, pool]) =>
      pool.group("g", { maxBytes: 65_536, codec: geecache.text(), load: () => name }),
    );
    const first = /** @type {import("geecache-edge").Pool} */ (network.pools.get("a"));
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`).filter((key) => first.owner(key) === "b");
    equal([await group.get(keys[0]), network.requests.get("b")], ["b", 1]);
    network.stop("b");
    equal(await group.get(keys[1]), "a");
    network.start("b");
    equal(await group.get(keys[2]), "b");
  },
});

/** The owners' indexes by GeeCache's rule (crc32 of index and name, 50 points), computed independently of the package. */
const RING = [1, 2, 2, 2, 0, 1];
