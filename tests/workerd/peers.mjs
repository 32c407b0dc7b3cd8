// What must hold of three workers that are each other's peers, however they reach each other.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Origin } from "../../harness/origin.mjs";
import { ask, assertValue, counters, eventually, freshKeys, get, openGet, ringOf } from "../../harness/requests.mjs";

/**
 * One of the three.
 * @typedef {object} Node
 * @property {string} name on the ring
 * @property {string} url where the test asks it
 */

/**
 * Three peers.
 * @typedef {object} Trio
 * @property {Node[]} nodes
 * @property {(node: Node, how: string) => Promise<void>} sabotage makes a node answer its peers wrongly, or not at all
 * @property {(node: Node) => Promise<void>} mend undoes it
 * @property {() => Promise<void>} stop
 */

const TIMEOUT = { timeout: 60_000 };
const REQUESTS = 100;

/** Keys that a path can carry only escaped, or not at all. */
const ODD_KEYS = [
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
/** Those that each peer loads for itself: URL parsers take the first two for a step up, the rest is too long for a path. */
const HOMEBOUND_KEYS = [".", "..", "k".repeat(8_200), "ü".repeat(5_000), "k".repeat(65_535)];

/** @param {(origin: Origin) => Promise<Trio>} start @param {string[]} sabotages ways in which `sabotage` can break a peer */
export function testPeers(start, sabotages) {
  /** @type {Origin} */ let origin;
  /** @type {Trio} */ let trio;
  /** @type {(key: string) => string} */ let ring;
  before(async () => {
    origin = await Origin.start();
    trio = await start(origin);
    ring = ringOf(trio.nodes.map(({ name }) => name));
  });
  after(async () => {
    await trio?.stop();
    origin.close();
  });

  test("all three name the same owner, and the one that Go names", TIMEOUT, async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `tile/${i}`).concat(ODD_KEYS, HOMEBOUND_KEYS);
    const rings = goldenRings();
    assert.ok(rings.length > 100, `${rings.length} golden rings of three`);
    for (const { url } of trio.nodes) {
      assert.deepEqual(await ask(`${url}/owners`, keys), keys.map(ring));
      const owners = await ask(`${url}/rings`, rings);
      for (const [i, golden] of rings.entries())
        assert.deepEqual(owners[i], golden.owners, JSON.stringify(golden.peers));
    }
  });

  test(
    `${REQUESTS} concurrent first requests over all three cost one load, at the owner; the second round none`,
    TIMEOUT,
    async () => {
      for (const owner of trio.nodes) {
        const [key] = freshKeys(owner.name, ring, 1);
        const all = Array.from({ length: REQUESTS }, (_, i) => trio.nodes[i % 3]);
        const before = await total("requests");
        origin.hold(key);
        const first = all.map(({ url }) => get(url, key));
        await eventually(
          `all requests for ${key} to be under way`,
          async () => (await total("requests")) === before + REQUESTS,
        );
        // The owner's load, and the two questions to it, are under way as well.
        await origin.arrived(key, 1);
        origin.release(key);
        for (const answer of await Promise.all(first)) assertValue(answer, key);
        assert.deepEqual(origin.loads(key), [{ by: owner.name, cutOff: false }]);

        const asked = await total("peerRequests");
        for (const answer of await Promise.all(all.map(({ url }) => get(url, key)))) {
          assertValue(answer, key);
          assert.equal(answer.source, "memory");
        }
        assert.equal(origin.loads(key).length, 1);
        assert.equal(await total("peerRequests"), asked);
      }
      assert.equal(await total("peerFailures"), 0);
    },
  );

  test(`${REQUESTS} different keys at once from every peer: each loaded once, at its owner`, TIMEOUT, async () => {
    const keys = trio.nodes.flatMap(({ name }) => freshKeys(name, ring, Math.ceil(REQUESTS / 3)));
    const answers = await Promise.all(trio.nodes.flatMap(({ url }) => keys.map((key) => get(url, key))));
    answers.forEach((answer, i) => assertValue(answer, keys[i % keys.length]));
    for (const key of keys)
      assert.deepEqual(
        origin.loads(key).map(({ by }) => by),
        [ring(key)],
        key,
      );
  });

  test("one who asks the owner and is cut off leaves nobody waiting, and the owner loads once", TIMEOUT, async () => {
    for (const ctx of ["given", "none", "inert"]) {
      const [owner, other] = trio.nodes;
      const [key] = freshKeys(owner.name, ring, 1);
      origin.hold(key);
      const leader = openGet(other.url, key, { ctx });
      await origin.arrived(key, 1);
      const { joins, lostFlights } = await counters(other.url);
      const followers = Array.from({ length: 20 }, () => get(other.url, key, { ctx }));
      await eventually(
        "the followers to join",
        async () => (await counters(other.url)).joins === joins + followers.length,
      );
      leader.hangUp();
      await assert.rejects(leader.answer);
      if (ctx === "inert")
        await eventually("another to lead", async () => (await counters(other.url)).lostFlights > lostFlights);
      origin.release(key);
      for (const answer of await Promise.all(followers)) assertValue(answer, key);
      assert.deepEqual(origin.loads(key), [{ by: owner.name, cutOff: false }], ctx);
    }
  });

  test(
    "odd keys reach their owner unchanged; one that no URL can carry is loaded where it is asked",
    TIMEOUT,
    async () => {
      for (const key of ODD_KEYS) {
        for (const { url } of trio.nodes) assertValue(await get(url, key), key);
        assert.deepEqual(
          origin.loads(key).map(({ by }) => by),
          [ring(key)],
          JSON.stringify(key),
        );
      }
      for (const key of HOMEBOUND_KEYS) {
        for (const { url } of trio.nodes) assertValue(await get(url, key), key);
        assert.deepEqual(
          origin.loads(key).map(({ by }) => by),
          trio.nodes.map(({ name }) => name),
          key.slice(0, 9),
        );
      }
      for (const { url } of trio.nodes) {
        assert.equal((await get(url, "")).code, "ERR_KEY");
        assert.equal((await get(url, "k".repeat(65_536))).code, "ERR_KEY");
        assert.equal((await ask(`${url}/stats`)).traps, 0);
      }
    },
  );

  test("the owner's failed load is everybody's error, and is not tried again behind its back", TIMEOUT, async () => {
    const [owner, other] = trio.nodes;
    const [key] = freshKeys(owner.name, ring, 1);
    origin.answer(key, 500);
    assert.equal((await get(other.url, key)).code, "ERR_LOAD");
    assert.deepEqual(
      origin.loads(key).map(({ by }) => by),
      [owner.name],
    );
    origin.mend(key);
    assertValue(await get(other.url, key), key);
  });

  for (const [i, how] of sabotages.entries()) {
    test(`the owner ${how}: the others answer without it, and ask it again afterwards`, TIMEOUT, () =>
      breakAndMend(trio.nodes[i % 3], how),
    );
  }

  /** @param {Node} owner @param {string} how */
  async function breakAndMend(owner, how) {
    const others = trio.nodes.filter((node) => node !== owner);
    const [warm, lost, back] = freshKeys(owner.name, ring, 3);
    for (const { url } of others) assert.equal((await get(url, warm, { group: "quick" })).source, "peer");

    await trio.sabotage(owner, how);
    await withoutOwner(owner, others, warm, lost).finally(() => trio.mend(owner));

    const before = await Promise.all(others.map(({ url }) => counters(url, "quick")));
    for (const { url } of others) assert.equal((await get(url, back, { group: "quick" })).source, "peer");
    assert.deepEqual(
      origin.loads(back).map(({ by }) => by),
      [owner.name],
    );
    for (const [i, { url }] of others.entries())
      assert.equal((await counters(url, "quick")).peerHits, before[i].peerHits + 1);
  }

  /** @param {Node} owner @param {Node[]} others @param {string} warm a key that they have @param {string} lost one that they have not */
  async function withoutOwner(owner, others, warm, lost) {
    const before = await Promise.all(others.map(({ url }) => counters(url, "quick")));
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => get(others[i % 2].url, lost, { group: "quick" })),
    );
    for (const answer of answers) assertValue(answer, lost);
    // What was had before stays here; the next peer on the ring may have loaded for both, or each for itself.
    for (const { url } of others) assert.equal((await get(url, warm, { group: "quick" })).source, "memory");
    const loaders = origin.loads(lost).map(({ by }) => by);
    assert.ok(loaders.length >= 1 && loaders.length <= 2 && !loaders.includes(owner.name), `loaded by ${loaders}`);
    const during = await Promise.all(others.map(({ url }) => counters(url, "quick")));
    // One of the two may have met the failure alone: the other joined what it was asked for as the ring's next peer.
    assert.ok(
      during.some((now, i) => now.peerFailures > before[i].peerFailures),
      "the failed question is counted",
    );
    for (const [i, now] of during.entries()) {
      assert.equal(now.errors, before[i].errors, "and is nobody's error");
      assert.equal(now.flights, 0, "and leaves no flight behind");
    }
  }

  /** A counter over all three. @param {string} name */
  async function total(name) {
    const counted = await Promise.all(trio.nodes.map(({ url }) => counters(url)));
    return counted.reduce((sum, group) => sum + group[name], 0);
  }
}

/**
 * What Go's own program said of rings of three: see `tests/golden/README.md`.
 * @returns {Array<{ peers: string[], replicas: number, keys: string[], owners: Array<string | null> }>}
 */
function goldenRings() {
  const { peers, keys, rings } = JSON.parse(
    gunzipSync(readFileSync(new URL("../golden/ring.json.gz", import.meta.url))).toString(),
  );
  const three = rings.filter((/** @type {any} */ { listed }) => new Set(listed).size === 3);
  return three.map((/** @type {any} */ ring) => {
    const text = keys[ring.keys].text;
    // The keys are counted through, those of bytes that are no text after those of text.
    return {
      peers: ring.listed.map((/** @type {number} */ i) => peers[ring.peers][i]),
      replicas: ring.replicas,
      keys: text,
      owners: ring.owners.slice(0, text.length).map((/** @type {number} */ i) => peers[ring.peers][i] ?? null),
    };
  });
}
