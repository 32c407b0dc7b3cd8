// Conformance of peers: asked, failing, signed, refused, changed; and what `handle` answers.
import { cacheStatus, prometheus } from "geecache-edge/observe";
import { TestNetwork } from "geecache-edge/testing";
import { equal, gate, pair, refused, until } from "./assert.mjs";

const failing = {
  "connection refused": () => Promise.reject(new TypeError("connection refused")),
  "a 500 of somebody else's": () => new Response("<h1>Oops</h1>", { status: 500 }),
  "a 200 of somebody else's": () => new Response("<h1>Welcome</h1>"),
  "a redirect": () => new Response(null, { status: 302, headers: { location: "http://elsewhere.test/" } }),
  "no answer": () => new Promise(() => {}),
  "a body that breaks off": () =>
    new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("broken off")) })),
  "nothing at all": () => undefined,
};

export const cases = (geecache) => ({
  async "a peer's get: the owner loads, a copy stays here"() {
    const { a, b, key } = pair(geecache);
    const first = await a.group.getEntry(key);
    equal([first.value, first.source, (await a.group.getEntry(key)).source], [`${key} of b`, "peer", "memory"]);
    equal([a.load.runs, b.load.runs, a.group.stats().peerHits, b.group.stats().peerRequests], [0, 1, 1, 1]);
  },

  async "50 callers on each of two nodes cost one load"() {
    const { opened, open } = gate();
    const { a, b, key } = pair(geecache, { load: async (key) => (await opened, key) });
    const callers = Array.from({ length: 100 }, (_, i) => (i % 2 ? a : b).group.get(key));
    await until(() => b.group.stats().peerRequests === 1 && a.group.stats().joins === 49);
    open();
    equal([new Set(await Promise.all(callers)).size, a.load.runs, b.load.runs], [1, 0, 1]);
  },

  async "fallback: whatever a peer does wrongly, the own loader answers"() {
    for (const [what, answer] of Object.entries(failing)) {
      // Without a secret a stranger's 200 is believed, as Go's is: whoever wants it otherwise has a secret.
      const secret = "s";
      const { a, key } = pair(geecache, { wire: answer, a: { secret }, group: { peerTimeoutMs: 20 } });
      const entry = await a.group.getEntry(key);
      equal([entry.value, entry.source], [`${key} of a`, "loader"], what);
      const { fallbacks, peerFailures, errors } = a.group.stats();
      equal({ fallbacks, peerFailures, errors }, { fallbacks: 1, peerFailures: 1, errors: 0 }, what);
    }
  },

  async "no such key, and a failed load, at the owner are final"() {
    const { a, b, keys } = pair(geecache, {
      load: (key) => {
        if (key === keys[0]) return undefined;
        throw new Error("the database is away");
      },
    });
    equal(await a.group.get(keys[0]), undefined);
    const error = await refused(geecache.GeecacheError, "ERR_LOAD", () => a.group.get(keys[1]));
    equal([error.message.includes("the database is away"), a.load.runs, b.load.runs], [true, 0, 2]);
  },

  async "a peer that is down is passed over after five failures"() {
    let asked = 0;
    const { a, keys } = pair(geecache, {
      wire: () => ((asked += 1), Promise.reject(new TypeError("connection refused"))),
    });
    for (const key of keys.slice(0, 20)) equal(await a.group.get(key), `${key} of a`);
    equal([asked, a.group.stats().passedOver], [5, 15]);
  },

  async "signed peers: accepted with one secret, and over an exchange of it"() {
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

  async "signed peers: refused without the secret, and nothing is loaded for it"() {
    for (const secret of [undefined, "wrong", ["wrong", "s "]]) {
      const { a, b, key } = pair(geecache, { a: { secret }, b: { secret: "s" } });
      equal([await a.group.get(key), b.load.runs, b.pool.stats().unauthorized], [`${key} of a`, 0, 1]);
    }
    const { b } = pair(geecache, { b: { secret: "s" } });
    const answer = await b.pool.handle(new Request("http://b.test/_geecache/g/k"));
    equal([answer.status, answer.headers.get("geecache-seal"), b.load.runs], [401, null, 0]);
  },

  async "signed peers: an answer that was altered is not believed"() {
    const altered = async (asks) => {
      const answer = await asks();
      return new Response(`${await answer.text()} and more`, { status: answer.status, headers: answer.headers });
    };
    for (const secret of [undefined, "s"]) {
      const { a, key } = pair(geecache, { wire: altered, a: { secret }, b: { secret } });
      equal([await a.group.get(key), a.group.stats().peerFailures], [`${key} of a`, 1]);
    }
  },

  async "handle: its statuses, and undefined for every other path"() {
    const { createPool } = geecache;
    const pool = createPool();
    let loads = 0;
    pool.group("g", {
      maxBytes: 65_536,
      load: (key) => {
        loads += 1;
        if (key === "gone") return undefined;
        if (key === "broken") throw new Error("away");
        return new TextEncoder().encode(key);
      },
    });
    const answer = (path, method = "GET") => pool.handle(new Request(`http://a.test${path}`, { method }));
    for (const [path, method, status, body, outcome = null] of [
      ["/_geecache/g/a%20b", "GET", 200, "a b"],
      ["/_geecache/g/a%20b", "HEAD", 200, ""],
      ["/_geecache/g/gone", "GET", 404, undefined, "absent"],
      ["/_geecache/g/broken", "GET", 500, undefined, "ERR_LOAD"],
      ["/_geecache/nobody/k", "GET", 404],
      ["/_geecache/g/k", "POST", 405],
      ["/_geecache/g/k", "DELETE", 405],
      ["/_geecache/g/%zz", "GET", 400],
      ["/_geecache/g/", "GET", 400],
      ["/_geecache/", "GET", 400],
    ]) {
      const given = await answer(path, method);
      const text = await given.text();
      equal(
        [given.status, given.headers.get("geecache-outcome"), given.headers.get("cache-control")],
        [status, outcome, "no-store"],
        `${method} ${path}`,
      );
      if (body !== undefined) equal(text, body, path);
    }
    equal([await answer("/"), await answer("/elsewhere"), loads], [undefined, undefined, 3]);
  },

  async "setPeers changes owners, from the next look-up on"() {
    const { a, key } = pair(geecache);
    equal(a.pool.owner(key), "http://b.test");
    a.pool.setPeers(["http://a.test"]);
    equal([a.pool.owner(key), await a.group.get(key)], ["http://a.test", `${key} of a`]);
    await refused(geecache.GeecacheError, "ERR_OPTION", () => a.pool.setPeers([""]));
    equal(a.pool.owner(key), "http://a.test");
  },

  async "the ring is GeeCache's"() {
    const peers = ["http://10.0.0.1:8001", "http://10.0.0.2:8001", "http://10.0.0.3:8001"];
    const pool = geecache.createPool({ peers });
    const owners = ["Tom", "Jack", "Sam", "k", "a longer key", "ключ"].map((key) => peers.indexOf(pool.owner(key)));
    equal(owners, RING);
  },

  async "every wire, and the balanced ring, between two nodes"() {
    for (const options of [
      { wire: "geecache-proto" },
      { wire: "groupcache" },
      { wire: "groupcache-v3" },
      { ring: "balanced" },
    ]) {
      const { a, b, key } = pair(geecache, { a: options, b: options });
      const { value, source } = await a.group.getEntry(key);
      equal([value, source, a.load.runs, b.load.runs], [`${key} of b`, "peer", 0, 1], JSON.stringify(options));
    }
  },

  async "events, Cache-Status and Prometheus tell what happened"() {
    const events = [];
    const { a, key } = pair(geecache, { a: { onEvent: (event) => events.push(event) } });
    const entries = [await a.group.getEntry(key), await a.group.getEntry(key)];
    const told = events.map(({ type, key, outcome }) => [type, key, outcome].filter(Boolean).join(" "));
    equal(told.sort(), [`hit ${key}`, `miss ${key}`, `peer ${key} value`]);
    equal(
      entries.map((entry) => cacheStatus(entry).includes("hit")),
      [false, true],
    );
    equal(prometheus(a.pool.stats()).includes('geecache_hits_total{group="g"} 1\n'), true);
  },

  async "test peers in memory: asked, stopped, started"() {
    const names = ["a", "b"];
    const network = new TestNetwork(names);
    const [group] = [...network.pools].map(([name, pool]) =>
      pool.group("g", { maxBytes: 65_536, codec: geecache.text(), load: () => name }),
    );
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`).filter(
      (key) => network.pools.get("a").owner(key) === "b",
    );
    equal([await group.get(keys[0]), network.asked.get("b")], ["b", 1]);
    network.stop("b");
    equal(await group.get(keys[1]), "a");
    network.start("b");
    equal(await group.get(keys[2]), "b");
  },
});

/** The owners' places by GeeCache's rule (crc32 of index and name, 50 points), worked out apart from the product. */
const RING = [1, 2, 2, 2, 0, 1];
