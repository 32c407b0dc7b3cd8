// Reentrancy: code of the user's that looks into the cache between two steps of a lookup. Every value is derived from its key, so
// a value or a peer of another lookup is noticed.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool, text } from "../../pkg/entry/node.js";
import { NO_TIMEOUT, random, TestCluster, turn, uncaught, until } from "./support.mjs";

/** @typedef {import("../../pkg/index.js").Pool<any>} Pool */
/** @typedef {import("../../pkg/index.js").Group<string, any>} Group */

const GROUP = { maxBytes: 1 << 20, ttlMs: 60_000, codec: text(), ...NO_TIMEOUT };

/** The header that signs a peer's response. */
const AUTH_HEADER = "geecache-auth";

/** @param {string} key */
const valueFor = (key) => `the value of ${key}`;

/** A group of another pool, in the same WebAssembly instance. */
function otherGroup() {
  return createPool().group("other", { ...GROUP, load: valueFor });
}

/**
 * Calls of every kind, on groups that a test registers: what code of the user's may do at any time. Each value that a call returns is
 * checked against its key.
 */
class Intruder {
  /** @type {Group[]} */
  groups = [];
  /** @type {string[]} */
  wrong = [];
  calls = 0;
  isActive = true;
  #depth = 0;

  /** Sync calls of every kind and one lookup on each group. */
  run = () => {
    // A listener that is called by its own calls.
    if (!this.isActive || this.#depth > 2) return;
    this.#depth++;
    for (const group of this.groups) {
      const key = `intruder-${this.calls++ % 7}`;
      group.set(key, valueFor(key));
      this.check(key, group.peek(key));
      this.check("bob", group.peek("bob"));
      group.remove(`nobody-${key}`);
      group.stats();
      void group.get(key).then((value) => this.check(key, value));
    }
    this.#depth--;
  };

  /**
   * @param {string} key
   * @param {string | undefined} value
   */
  check(key, value) {
    if (value !== undefined && value !== valueFor(key)) this.wrong.push(`${key}: ${value}`);
  }
}

/**
 * A node that asks peers, with an intruder at every place where code of the user's runs; `where` chooses one of them.
 * @param {string} where
 */
function askingNode(where) {
  const intruder = new Intruder();
  /** @param {string} place */
  const at = (place) => {
    if (place === where || where === "everywhere") intruder.run();
  };
  /** @type {string[]} */
  const asked = [];
  const owner = createPool().group("g", { ...GROUP, load: valueFor });
  /** @type {(peer: string) => any} */
  const connect = (peer) => {
    at("connect");
    return {
      /** @param {string} url */
      async fetch(url) {
        at("fetch");
        const key = decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "");
        asked.push(`${peer} ${key}`);
        const bytes = new TextEncoder().encode((await owner.get(key)) ?? "");
        return {
          get status() {
            at("status");
            return 200;
          },
          get headers() {
            at("headers");
            return {
              get(/** @type {string} */ name) {
                at("headers.get");
                return name === "geecache-fresh-ms" ? "60000" : null;
              },
            };
          },
          get body() {
            at("body");
            let isRead = false;
            return {
              getReader: () => ({
                read: async () => {
                  at("reader.read");
                  if (isRead) return { done: true };
                  isRead = true;
                  return { done: false, value: new Piece(bytes) };
                },
                cancel: async () => {},
              }),
            };
          },
        };
      },
    };
  };
  class Piece extends Uint8Array {
    /** @override */
    get length() {
      at("piece.length");
      return 1 << 30;
    }
  }
  const pool = createPool({
    peers: ["http://a.test", "http://b.test"],
    connect,
    onEvent: (event) => at(`event ${event.type}`),
  });
  const codec = {
    encode(/** @type {string} */ value) {
      at("encode");
      return text().encode(value);
    },
    decode(/** @type {Uint8Array} */ encoded) {
      at("decode");
      return text().decode(encoded);
    },
  };
  const load = (/** @type {string} */ key) => {
    at("load");
    return valueFor(key);
  };
  const group = pool.group("g", { ...GROUP, codec, load });
  const ctx = {
    waitUntil() {
      at("waitUntil");
    },
  };
  intruder.groups = [group, otherGroup()];
  return { pool, group, intruder, asked, scope: { ctx } };
}

/** @param {string[]} asked @param {Pool} pool */
function assertOwnersAsked(asked, pool) {
  for (const request of asked) {
    const [peer, ...key] = request.split(" ");
    assert.equal(pool.owner(key.join(" ")), peer, request);
  }
}

const PLACES = [
  ...["hit", "miss", "peer"].map((type) => `event ${type}`),
  ...["connect", "fetch", "status", "headers", "headers.get", "body", "reader.read", "piece.length"],
  ...["waitUntil", "decode"],
];

for (const place of PLACES) {
  test(`asking a peer: ${place} looks into the cache, every lookup returns its own value`, async () => {
    const { pool, group, intruder, asked, scope } = askingNode(place);
    for (const key of ["alice", "bob", "carol", "alice", "bob"]) {
      assert.equal(await group.get(key, scope), valueFor(key), key);
      assert.equal(group.peek(key), valueFor(key), key);
    }
    const keys = ["dave", "erin", "frank", "alice"];
    assert.deepEqual(await Promise.all(keys.map((key) => group.get(key, scope))), keys.map(valueFor));
    intruder.isActive = false;
    await until(() => group.stats().flights === 0);
    // Of a piece, only its own length counts.
    assert.equal(intruder.calls > 0, place !== "piece.length", "the place was reached");
    assert.deepEqual(intruder.wrong, []);
    assert.equal(pool.stats().traps, 0);
    assert.equal(group.stats().peerFailures, 0);
    assertOwnersAsked(asked, pool);
    // Every pool still asks peers, also one made later.
    const later = askingNode("nowhere");
    assert.equal(await later.group.get("zoe"), valueFor("zoe"));
    assert.equal(later.group.stats().peerHits, 1);
    assert.deepEqual(uncaught, []);
  });
}

test("listener that calls peek on a hit: get returns the value of its own key", async () => {
  /** @type {Group} */
  let group;
  const pool = createPool({ onEvent: (event) => void (event.type === "hit" && group.peek("bob")) });
  group = pool.group("g", { ...GROUP, load: valueFor });
  await group.get("alice");
  await group.get("bob");
  assert.equal(await group.get("alice"), valueFor("alice"));
});

test("listener of a miss that looks up the same key: it joins the flight at once", async () => {
  /** @type {Group} */
  let group;
  /** @type {Promise<string | undefined>[]} */
  const joined = [];
  let isFirst = true;
  const pool = createPool({
    onEvent(event) {
      if (event.type !== "miss" || !isFirst) return;
      isFirst = false;
      joined.push(group.get("alice"));
    },
  });
  group = pool.group("g", { ...GROUP, load: valueFor });
  const began = performance.now();
  assert.equal(await group.get("alice"), valueFor("alice"));
  assert.deepEqual(await Promise.all(joined), [valueFor("alice")]);
  assert.ok(performance.now() - began < 90, "it does not wait for a heartbeat");
  assert.equal(group.stats().loads, 1);
});

/** What a peer answers that fails: its ring is another one as well. */
const failing = () => new Response("", { status: 503, headers: { [AUTH_HEADER]: "ffffffff00000000" } });

const LOADING = ["load", "event fallback", "event breaker", "event ringMismatch", "event stale", "event evict"];
for (const place of [...LOADING, "encode", "event load"]) {
  test(`loading here: ${place} looks into the cache, every lookup returns its own value`, async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
    const intruder = new Intruder();
    const at = (/** @type {string} */ here) => here === place && intruder.run();
    const isFailing = ["event fallback", "event breaker", "event ringMismatch"].includes(place);
    const pool = createPool({
      ...(isFailing && { peers: ["http://a.test"], connect: () => ({ fetch: async () => failing() }) }),
      onEvent: (event) => void at(`event ${event.type}`),
    });
    const group = pool.group("g", {
      ...GROUP,
      maxBytes: place === "event evict" ? 8_192 : GROUP.maxBytes,
      ttlMs: 1_000,
      staleWhileRevalidateMs: 60_000,
      codec: { ...text(), encode: (value) => (at("encode"), text().encode(value)) },
      load: (key) => (at("load"), valueFor(key)),
    });
    intruder.groups = [group, otherGroup()];
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < (place === "event evict" ? 400 : 20); i++) {
        assert.equal(await group.get(`key-${i}`), valueFor(`key-${i}`));
      }
      // Past their freshness: served stale, and refreshed in the background.
      t.mock.timers.tick(2_000);
    }
    intruder.isActive = false;
    await until(() => group.stats().flights === 0);
    assert.ok(intruder.calls > 0, "the place was reached");
    assert.deepEqual(intruder.wrong, []);
    assert.equal(pool.stats().traps, 0);
    assert.deepEqual(uncaught, []);
  });
}

test("secret function that looks into the cache: signed requests are for their own keys and peers", async () => {
  const intruder = new Intruder();
  const secret = () => {
    intruder.run();
    // An array whose elements are code as well.
    return Object.defineProperty(/** @type {string[]} */ ([]), 0, {
      enumerable: true,
      configurable: true,
      get: () => (intruder.run(), "a secret"),
    });
  };
  const names = ["http://a.test", "http://b.test"];
  const cluster = new TestCluster(names, { secret });
  const groups = [...cluster.pools.values()].map((pool) => pool.group("g", { ...GROUP, load: valueFor }));
  intruder.groups = [otherGroup()];
  for (const group of groups) {
    for (let i = 0; i < 30; i++) assert.equal(await group.get(`key-${i}`), valueFor(`key-${i}`));
    assert.equal(group.stats().peerFailures, 0);
  }
  assert.ok(groups.some((group) => group.stats().peerHits > 0));
  assert.deepEqual(intruder.wrong, []);
  for (const pool of cluster.pools.values()) assert.equal(pool.stats().unauthorized, 0);
});

test("list of peers with getters: they run before the core is called", () => {
  const group = otherGroup();
  const peers = Object.defineProperty(["http://a.test", "http://b.test"], 1, {
    get: () => (group.set("k", "v"), "http://b.test"),
  });
  const pool = createPool({ peers });
  pool.setPeers(peers);
  assert.ok(["http://a.test", "http://b.test"].includes(pool.owner("k") ?? ""));
  assert.equal(pool.stats().traps, 0);
});

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`random walk, seed ${seed}: code of the user's everywhere, no wrong value and no wrong peer`, async () => {
    const next = random(seed);
    const { pool, group, intruder, asked, scope } = askingNode("everywhere");
    const keys = Array.from({ length: 12 }, (_, i) => `key-${i}`);
    /** @type {Promise<unknown>[]} */
    const lookups = [];
    for (let step = 0; step < 150; step++) {
      const key = /** @type {string} */ (keys[next(keys.length)]);
      const act = next(10);
      if (act < 6) lookups.push(group.get(key, scope).then((value) => intruder.check(key, value)));
      else if (act === 6) intruder.check(key, group.peek(key));
      else if (act === 7) group.set(key, valueFor(key));
      else if (act === 8) group.remove(key);
      else await turn();
    }
    await Promise.all(lookups);
    intruder.isActive = false;
    await until(() => group.stats().flights === 0);
    assert.deepEqual(intruder.wrong, []);
    assert.equal(pool.stats().traps, 0);
    assert.equal(group.stats().peerFailures, 0);
    assert.ok(asked.length > 0);
    assertOwnersAsked(asked, pool);
    assert.deepEqual(uncaught, []);
  });
}
