// Tests of three workers that are peers, for any transport between them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Origin } from "../../harness/origin.mjs";
import { assertValue, fetchJson, get, groupStats, startGet } from "../../harness/requests.mjs";
import { goRing, unusedKeys } from "../../harness/ring.mjs";
import { eventually } from "../../harness/waiting.mjs";

/**
 * One of the three.
 * @typedef {object} Node
 * @property {string} name on the ring
 * @property {string} url where the test requests keys
 */

/**
 * Three peers.
 * @typedef {object} Trio
 * @property {Node[]} nodes
 * @property {(node: Node, sabotage: string) => Promise<void>} sabotage makes a node respond wrongly to its peers, or
 *   not at all
 * @property {(node: Node) => Promise<void>} repair undoes it
 * @property {() => Promise<void>} stop
 */

const TIMEOUT = { timeout: 60_000 };
const REQUESTS = 100;

/** Keys that a URL path carries only escaped. */
const AWKWARD_KEYS = [
  "%zz",
  "%2e%2e",
  "a/b",
  "/",
  "//",
  "a b",
  "a+b",
  "%20",
  "?x=1#y",
  "ключ",
  "🚀",
  "\u0000",
  "\u0001\u007f\r\n",
  "\\",
  "*",
  "é",
  "e\u0301",
  " ",
  "a".repeat(5_000),
];
/** Keys that no URL can carry: URL parsers resolve dot segments, and the others are too long for a path. */
const LOCAL_KEYS = [".", "..", "k".repeat(8_200), "ü".repeat(5_000), "k".repeat(65_535)];

/** @param {(origin: Origin) => Promise<Trio>} start @param {string[]} sabotages the names that `Trio.sabotage` accepts */
export function testPeers(start, sabotages) {
  /** @type {Origin} */ let origin;
  /** @type {Trio} */ let trio;
  /** @type {(key: string) => string} */ let ring;
  before(async () => {
    origin = await Origin.start();
    trio = await start(origin);
    ring = goRing(trio.nodes.map(({ name }) => name));
  });
  after(async () => {
    await trio?.stop();
    origin?.close();
  });

  test("owners: all three nodes and Go name the same", TIMEOUT, async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `tile/${i}`).concat(AWKWARD_KEYS, LOCAL_KEYS);
    const rings = goldenRings();
    assert.ok(rings.length > 100, `${rings.length} golden rings of three`);
    for (const { url } of trio.nodes) {
      assert.deepEqual(await fetchJson(`${url}/owners`, keys), keys.map(ring));
      const owners = await fetchJson(`${url}/rings`, rings);
      for (const [i, golden] of rings.entries())
        assert.deepEqual(owners[i], golden.owners, JSON.stringify(golden.peers));
    }
  });

  test(
    `stampede: ${REQUESTS} concurrent first requests over all three cost one load, at the owner; repeated, none`,
    TIMEOUT,
    async () => {
      const failures = await total("peerFailures");
      for (const owner of trio.nodes) {
        const [key] = unusedKeys(owner.name, ring, 1);
        const nodes = Array.from({ length: REQUESTS }, (_, i) => trio.nodes[i % 3]);
        const requests = await total("requests");
        origin.hold(key);
        const responses = nodes.map(({ url }) => get(url, key));
        await eventually(
          `all requests for ${key} to begin`,
          async () => (await total("requests")) === requests + REQUESTS,
        );
        await origin.received(key, 1);
        origin.release(key);
        for (const response of await Promise.all(responses)) assertValue(response, key);
        assert.deepEqual(origin.loads(key), [{ by: owner.name, aborted: false }]);

        const peerRequests = await total("peerRequests");
        for (const response of await Promise.all(nodes.map(({ url }) => get(url, key)))) {
          assertValue(response, key);
          assert.equal(response.source, "memory");
        }
        assert.equal(origin.loads(key).length, 1);
        assert.equal(await total("peerRequests"), peerRequests);
      }
      assert.equal(await total("peerFailures"), failures);
    },
  );

  test(
    `loads: ${REQUESTS} keys requested at every node at once, each is loaded once, by its owner`,
    TIMEOUT,
    async () => {
      const keys = trio.nodes.flatMap(({ name }) => unusedKeys(name, ring, Math.ceil(REQUESTS / 3)));
      const responses = await Promise.all(trio.nodes.flatMap(({ url }) => keys.map((key) => get(url, key))));
      for (const [i, response] of responses.entries()) assertValue(response, keys[i % keys.length]);
      for (const key of keys) assert.deepEqual(origin.loaders(key), [ring(key)], key);
    },
  );

  for (const ctx of ["given", "none", "inert"]) {
    test(`leader of a peer request cancelled, ctx ${ctx}: followers get the value, one load`, TIMEOUT, async () => {
      const [owner, requester] = trio.nodes;
      const [key] = unusedKeys(owner.name, ring, 1);
      origin.hold(key);
      const leader = startGet(requester.url, key, { ctx });
      await origin.received(key, 1);
      const { coalesced, lostFlights } = await groupStats(requester.url);
      const followers = Array.from({ length: 20 }, () => get(requester.url, key, { ctx }));
      await eventually(
        "the followers to join",
        async () => (await groupStats(requester.url)).coalesced === coalesced + followers.length,
      );
      leader.disconnect();
      await assert.rejects(leader.response);
      if (ctx === "inert")
        await eventually("a follower to lead", async () => (await groupStats(requester.url)).lostFlights > lostFlights);
      origin.release(key);
      for (const response of await Promise.all(followers)) assertValue(response, key);
      assert.deepEqual(origin.loads(key), [{ by: owner.name, aborted: false }], ctx);
    });
  }

  test("awkward keys: the owner loads them unchanged, or every node if no URL can carry them", TIMEOUT, async () => {
    for (const key of AWKWARD_KEYS) {
      for (const { url } of trio.nodes) assertValue(await get(url, key), key);
      assert.deepEqual(origin.loaders(key), [ring(key)], JSON.stringify(key));
    }
    const names = trio.nodes.map(({ name }) => name);
    for (const key of LOCAL_KEYS) {
      for (const { url } of trio.nodes) assertValue(await get(url, key), key);
      assert.deepEqual(origin.loaders(key), names, key.slice(0, 9));
    }
    for (const { url } of trio.nodes) {
      assert.equal((await get(url, "")).code, "ERR_KEY");
      assert.equal((await get(url, "k".repeat(65_536))).code, "ERR_KEY");
      assert.equal((await fetchJson(`${url}/stats`)).traps, 0);
    }
  });

  test(
    "failed load at the owner: the requester gets ERR_LOAD and does not load, later requests succeed",
    TIMEOUT,
    async () => {
      const [owner, requester] = trio.nodes;
      const [key] = unusedKeys(owner.name, ring, 1);
      origin.override(key, 500);
      assert.equal((await get(requester.url, key)).code, "ERR_LOAD");
      assert.deepEqual(origin.loaders(key), [owner.name]);
      origin.restore(key);
      assertValue(await get(requester.url, key), key);
    },
  );

  for (const [i, sabotage] of sabotages.entries()) {
    test(`failover, the owner ${sabotage}: the others serve its keys, and request from it after repair`, TIMEOUT, () =>
      testFailover(trio.nodes[i % 3], sabotage),
    );
  }

  /** @param {Node} owner @param {string} sabotage */
  async function testFailover(owner, sabotage) {
    const others = trio.nodes.filter((node) => node !== owner);
    const [cached, missing, later] = unusedKeys(owner.name, ring, 3);
    for (const { url } of others) assert.equal((await get(url, cached)).source, "peer");

    await trio.sabotage(owner, sabotage);
    await assertServedByOthers(owner, others, cached, missing).finally(() => trio.repair(owner));

    const before = await Promise.all(others.map(({ url }) => groupStats(url)));
    for (const { url } of others) assert.equal((await get(url, later)).source, "peer");
    assert.deepEqual(origin.loaders(later), [owner.name]);
    for (const [i, { url }] of others.entries()) assert.equal((await groupStats(url)).peerHits, before[i].peerHits + 1);
  }

  /**
   * Only the missing key is requested from the group with the short peer timeout: the tests of a working owner must
   * not time out on a busy machine.
   * @param {Node} owner
   * @param {Node[]} others
   * @param {string} cached a hot copy in the group "main" of the others
   * @param {string} missing a key that nobody has cached
   */
  async function assertServedByOthers(owner, others, cached, missing) {
    const group = "quick";
    const before = await Promise.all(others.map(({ url }) => groupStats(url, group)));
    const responses = await Promise.all(
      Array.from({ length: 10 }, (_, i) => get(others[i % 2].url, missing, { group })),
    );
    for (const response of responses) assertValue(response, missing);
    for (const { url } of others) assert.equal((await get(url, cached)).source, "memory");
    // The next peer on the ring loads for both, or each loads for itself.
    const loaders = origin.loaders(missing);
    assert.ok(loaders.length >= 1 && loaders.length <= 2 && !loaders.includes(owner.name), `loaded by ${loaders}`);
    const after = await Promise.all(others.map(({ url }) => groupStats(url, group)));
    // One of them can be the only one that requests from the owner: the other joins its flight as the next peer.
    assert.ok(
      after.some((stats, i) => stats.peerFailures > before[i].peerFailures),
      "the failed peer request is counted",
    );
    for (const [i, { errors, flights }] of after.entries()) {
      assert.equal(errors, before[i].errors, "no caller gets an error");
      assert.equal(flights, 0, "no flight is left open");
    }
  }

  /** Sums a counter over all three nodes. @param {string} counter */
  async function total(counter) {
    const stats = await Promise.all(trio.nodes.map(({ url }) => groupStats(url)));
    return stats.reduce((sum, group) => sum + group[counter], 0);
  }
}

/**
 * The file of golden rings, see `tests/golden/README.md`.
 * @typedef {object} GoldenFile
 * @property {Record<string, string[]>} peers lists of names
 * @property {Record<string, { text: string[] }>} keys lists of keys
 * @property {Array<{ peers: string, keys: string, listed: number[], replicas: number, owners: number[] }>} rings
 */

/**
 * The owners that Go names on rings of three.
 * @returns {Array<{ peers: string[], replicas: number, keys: string[], owners: Array<string | null> }>}
 */
function goldenRings() {
  const file = readFileSync(new URL("../golden/ring.json.gz", import.meta.url));
  /** @type {GoldenFile} */
  const { peers, keys, rings } = JSON.parse(gunzipSync(file).toString());
  const ofThree = rings.filter(({ listed }) => new Set(listed).size === 3);
  return ofThree.map((ring) => {
    const names = peers[ring.peers];
    const { text } = keys[ring.keys];
    return {
      peers: ring.listed.map((i) => names[i]),
      replicas: ring.replicas,
      keys: text,
      // The owners of keys that are not valid text follow those of text keys.
      owners: ring.owners.slice(0, text.length).map((i) => names[i] ?? null),
    };
  });
}
