// One ring with Go: three real Go nodes and three of ours, in Node and in workerd, over each wire that Debian has Go peers
// for. groupcache-v3 has no Debian package; tests/wires_v3.rs and tests/ring_placements.rs hold it to Go's answers.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startCluster } from "../../harness/cluster.mjs";
import { Origin } from "../../harness/origin.mjs";
import { ask, assertValue, get, ringOf } from "../../harness/requests.mjs";
import { goPeer, nodePeer, ourWorkerdPeer, whyNoGo } from "../../harness/go.mjs";

/** Why nothing here can run, or false. */
const skip = whyNoGo() ?? false;
const TIMEOUT = { timeout: 120_000, skip };
const IN_FLIGHT = 24;
const WIRES = ["groupcache", "geecache", "geecache-proto"];

/** Keys that a path can carry only escaped, or not at all. */
const AWKWARD = [
  "a+b",
  "+",
  "a/b",
  "/",
  "//",
  "a//b",
  "/x",
  "../x",
  "a/../b",
  ".",
  "..",
  "...",
  "%",
  "%zz",
  "%2F",
  "%2e%2e",
  "?x=1#y",
  "a&b=c",
  "ключ",
  "🚀",
  "\u0001\u007f\r\n",
  "\\",
  "é",
  "e\u0301",
  "a;b",
  "k".repeat(3_000),
];
/** Go asking Go gets another key's value for these, so a Go node is asked for one only where the owner is ours. */
const SPACED = ["a b", " ", "a b+c", "  x"];

for (const wire of WIRES) describe(`${wire}, three Go nodes and three of ours`, () => testCluster(wire));

/** @param {string} wire */
function testCluster(wire) {
  /** @type {Origin} */ let origin;
  /** @type {import("../../harness/cluster.mjs").Cluster} */ let cluster;
  /** @type {(key: string) => string} */ let ring;
  const go = () => cluster.peers.filter((_, i) => i % 2 === 0);
  const our = () => cluster.peers.filter((_, i) => i % 2 === 1);
  before(async () => {
    if (skip) return;
    origin = await Origin.start();
    const [theirs, inNode, inWorkerd] = [goPeer(wire), nodePeer(wire), ourWorkerdPeer(wire)];
    cluster = await startCluster({ origin: origin.url, peers: [theirs, inNode, theirs, inWorkerd, theirs, inNode] });
    ring = ringOf(cluster.peers.map(({ url }) => url));
  });
  after(async () => {
    await cluster?.stop();
    origin?.close();
  });

  test("every node names the same owner for 10,000 keys", TIMEOUT, async () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => `tile/${i}`);
    const expected = keys.map(ring);
    for (const { url } of cluster.peers) assert.deepEqual(await ask(`${url}/owners`, keys), expected, url);
  });

  test("each of 1,000 keys is loaded once in the cluster, by its owner, whoever is asked", TIMEOUT, async () => {
    const keys = Array.from({ length: 1_000 }, (_, i) => `once/${i}`);
    await inFlight(keys, async (key) => {
      const answers = await Promise.all(cluster.peers.map(({ url }) => get(url, key)));
      for (const answer of answers) assertValue(answer, key);
    });
    for (const key of keys)
      assert.deepEqual(
        origin.loads(key).map(({ by }) => by),
        [ring(key)],
        key,
      );
  });

  test("awkward keys come back right from whoever is asked, and ours fall for no fault of Go's", TIMEOUT, async () => {
    // What a fault would bring is there to be brought.
    for (const key of ["a+b", "+", "b", "x", "ab"]) await Promise.all(cluster.peers.map(({ url }) => get(url, key)));
    for (const key of [...AWKWARD, ...SPACED]) {
      for (const { url } of our()) assertValue(await get(url, key), key);
      const isOurs = our().some(({ url }) => url === ring(key));
      // GeeCache's client follows a redirect to another key's value, so it is asked for what no server redirects.
      const isRedirected = /(^|\/)\.{0,2}(\/|$)/.test(key);
      for (const { url } of go()) {
        if (isOurs || !(SPACED.includes(key) || (wire !== "groupcache" && isRedirected)))
          assertValue(await get(url, key), key);
      }
    }
  });

  test("an error of a Go owner's loader is ours to find out, and says nothing of the peer", TIMEOUT, async () => {
    const [owner] = go();
    const [asker] = our();
    for (let i = 0; i < 12; i++) {
      const key = keyOf(owner.url, `failing/${i}`);
      origin.answer(key, 500);
      assert.equal((await get(asker.url, key)).status, 502);
      assert.deepEqual(
        origin.loads(key).map(({ by }) => by),
        [owner.url, asker.url],
        "the owner's loader, and then ours",
      );
    }
    const key = keyOf(owner.url, `after`);
    assertValue(await get(asker.url, key), key);
    assert.deepEqual(
      origin.loads(key).map(({ by }) => by),
      [owner.url],
      "it is asked still",
    );
  });

  for (const which of ["go", "node", "workerd"]) {
    test(`a node in ${which} stopped and started again: no wrong value, no error`, TIMEOUT, async () => {
      const victim = which === "go" ? go()[1] : our()[which === "node" ? 0 : 1];
      const others = cluster.peers.filter((peer) => peer !== victim);
      const keys = Array.from({ length: 80 }, (_, i) => `${which}/${i}`);
      const askAll = (/** @type {typeof others} */ peers) =>
        inFlight(keys, async (key) => {
          for (const answer of await Promise.all(peers.map(({ url }) => get(url, key)))) assertValue(answer, key);
        });
      await askAll(cluster.peers);
      const meanwhile = askAll(others);
      await victim.kill();
      await meanwhile;
      keys.push(...Array.from({ length: 80 }, (_, i) => `${which}/down/${i}`));
      await askAll(others);
      const back = askAll(others);
      await victim.revive();
      await back;
      keys.push(...Array.from({ length: 80 }, (_, i) => `${which}/back/${i}`));
      await askAll(cluster.peers);
    });
  }

  /** The first key with that prefix which a peer owns. @param {string} owner @param {string} prefix */
  function keyOf(owner, prefix) {
    for (let i = 0; ; i++) if (ring(`${prefix}/${i}`) === owner) return `${prefix}/${i}`;
  }
}

describe("lists of peers that disagree", () => {
  for (const wire of WIRES) {
    test(`${wire}: every call of ours ends within its deadline, with the right value`, TIMEOUT, async () => {
      const origin = await Origin.start();
      const theirs = goPeer(wire);
      // A Go node thinks that all keys are the other's, and so does the other: they wait for each other, or bounce the key.
      const alone = (
        /** @type {import("../../harness/cluster.mjs").PeerPlace} */ place,
        /** @type {number} */ other,
      ) => ({
        ...place,
        peers: [place.peers[other]],
      });
      const cluster = await startCluster({
        origin: origin.url,
        peers: [
          (place) => theirs(alone(place, 1)),
          (place) => theirs(alone(place, 0)),
          nodePeer(wire),
          ourWorkerdPeer(wire),
        ],
      });
      try {
        const keys = Array.from({ length: 8 }, (_, i) => `${wire}/loop/${i}`);
        const begun = Date.now();
        await inFlight(keys, async (key) => {
          for (const answer of await Promise.all(cluster.peers.slice(2).map(({ url }) => get(url, key))))
            assertValue(answer, key);
        });
        assert.ok(Date.now() - begun < 60_000, "no call outlived its deadline of 15 s by far");
      } finally {
        await cluster.stop();
        origin.close();
      }
    });
  }
});

/** Does the work for every item, for some at a time. @template T @param {T[]} items @param {(item: T) => Promise<unknown>} work */
async function inFlight(items, work) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}
