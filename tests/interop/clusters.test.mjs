// One ring with Go: three real Go nodes, and three of this package in Node and in workerd, over each wire with a Go
// implementation in Debian. groupcache-v3 has none; native tests compare it with recorded output of Go.
//
// Every test starts a cluster of its own: circuit breakers and cached values of one test must not reach the next.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startCluster } from "../../harness/cluster.mjs";
import { forEachConcurrently } from "../../harness/concurrency.mjs";
import { goPeer, whyNoGo } from "../../harness/go.mjs";
import { Origin } from "../../harness/origin.mjs";
import { assertValue, fetchJson, get } from "../../harness/requests.mjs";
import { goRing } from "../../harness/ring.mjs";
import { packageInNode, packageInWorkerd } from "./peer-kinds.mjs";

const TIMEOUT = { timeout: 120_000, skip: whyNoGo() ?? false };
const CONCURRENCY = 24;
const WIRES = ["groupcache", "geecache", "geecache-proto"];

/** Longer than the deadline of a lookup, so that no peer of a healthy cluster times out on a busy machine. */
const PATIENT_MS = 20_000;
/** Short, because Go nodes with wrong rings wait for each other until the caller times out. */
const IMPATIENT_MS = 1_000;

/** Keys that a URL path carries only escaped, or not at all. */
const AWKWARD_KEYS = [
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
/** A Go node that requests one of these from a Go node gets another key's value. */
const KEYS_WITH_SPACES = ["a b", " ", "a b+c", "  x"];
/** Wrong values for a node that confuses an awkward key with one of these. */
const CONFUSABLE_KEYS = ["a+b", "+", "b", "x", "ab"];

/** The node to restart, by its runtime. @type {Record<string, (cluster: MixedCluster) => Peer>} */
const VICTIMS = {
  Go: ({ goNodes }) => goNodes[1],
  Node: ({ packageNodes }) => packageNodes[0],
  workerd: ({ packageNodes }) => packageNodes[1],
};

/** @typedef {import("../../harness/cluster.mjs").Peer} Peer */
/** @typedef {import("../../harness/cluster.mjs").PeerConfig} PeerConfig */

for (const wire of WIRES) {
  describe(`${wire}, three Go nodes and three of this package`, () => {
    test("owners: 10,000 keys, every node names the same", TIMEOUT, () =>
      withCluster(wire, async ({ peers, ring }) => {
        const keys = Array.from({ length: 10_000 }, (_, i) => `tile/${i}`);
        const expected = keys.map(ring);
        for (const { url } of peers) assert.deepEqual(await fetchJson(`${url}/owners`, keys), expected, url);
      }),
    );

    test("loads: 1,000 keys requested at every node, each is loaded once, by its owner", TIMEOUT, () =>
      withCluster(wire, async ({ peers, ring, origin }) => {
        const keys = Array.from({ length: 1_000 }, (_, i) => `once/${i}`);
        await forEachConcurrently(CONCURRENCY, keys, async (key) => {
          const responses = await Promise.all(peers.map(({ url }) => get(url, key)));
          for (const response of responses) assertValue(response, key);
        });
        for (const key of keys) assert.deepEqual(origin.loaders(key), [ring(key)], key);
      }),
    );

    test("awkward keys: requested at every node, right values wherever Go can serve them", TIMEOUT, () =>
      withCluster(wire, async ({ peers, goNodes, packageNodes, ring }) => {
        for (const key of CONFUSABLE_KEYS) await Promise.all(peers.map(({ url }) => get(url, key)));
        for (const key of [...AWKWARD_KEYS, ...KEYS_WITH_SPACES]) {
          for (const { url } of packageNodes) assertValue(await get(url, key), key);
          if (!packageNodes.some(({ url }) => url === ring(key)) && !goServesToGo(wire, key)) continue;
          for (const { url } of goNodes) assertValue(await get(url, key), key);
        }
      }),
    );

    test("failed load at a Go owner: the requester loads too, and no breaker opens", TIMEOUT, () =>
      withCluster(wire, async ({ goNodes: [owner], packageNodes: [requester], ring, origin }) => {
        for (let i = 0; i < 12; i++) {
          const key = keyOf(ring, owner, `failing/${i}`);
          origin.override(key, 500);
          assert.equal((await get(requester.url, key)).status, 502);
          assert.deepEqual(origin.loaders(key), [owner.url, requester.url], "the owner loads, then the requester");
        }
        const key = keyOf(ring, owner, "after");
        assertValue(await get(requester.url, key), key);
        assert.deepEqual(origin.loaders(key), [owner.url], "the requester still requests keys from the owner");
      }),
    );

    for (const [runtime, pick] of Object.entries(VICTIMS)) {
      test(`restart of a node in ${runtime}: right values before, during and after`, TIMEOUT, () =>
        withCluster(wire, async (cluster) => testRestart(cluster.peers, pick(cluster))),
      );
    }
  });
}

describe("peer lists that disagree", () => {
  for (const wire of WIRES) {
    test(
      `${wire}, Go nodes that wait for each other: this package's nodes return the right values`,
      TIMEOUT,
      async () => {
        const go = goPeer(wire);
        // Each Go node believes that the other owns every key, so a peer request is forwarded in a circle.
        const misled = (/** @type {number} */ other) => (/** @type {PeerConfig} */ config) =>
          go({ ...config, peers: [config.peers[other]] });
        const options = { wire, peerTimeoutMs: IMPATIENT_MS };
        const kinds = [misled(1), misled(0), packageInNode(options), packageInWorkerd(options)];
        await withPeers(kinds, async (peers) => {
          const keys = Array.from({ length: 8 }, (_, i) => `${wire}/loop/${i}`);
          await forEachConcurrently(CONCURRENCY, keys, async (key) => {
            // `get` fails if a response takes much longer than the deadline of a lookup.
            const responses = await Promise.all(peers.slice(2).map(({ url }) => get(url, key)));
            for (const response of responses) assertValue(response, key);
          });
        });
      },
    );
  }
});

/**
 * @typedef {object} MixedCluster
 * @property {readonly Peer[]} peers
 * @property {readonly Peer[]} goNodes
 * @property {readonly Peer[]} packageNodes in Node, in workerd, in Node
 * @property {(key: string) => string} ring
 * @property {Origin} origin
 */

/** @param {string} wire @param {(cluster: MixedCluster) => Promise<void>} run */
async function withCluster(wire, run) {
  const options = { wire, peerTimeoutMs: PATIENT_MS };
  const [go, inNode, inWorkerd] = [goPeer(wire), packageInNode(options), packageInWorkerd(options)];
  await withPeers([go, inNode, go, inWorkerd, go, inNode], (peers, origin) =>
    run({
      peers,
      goNodes: peers.filter((_, i) => i % 2 === 0),
      packageNodes: peers.filter((_, i) => i % 2 === 1),
      ring: goRing(peers.map(({ url }) => url)),
      origin,
    }),
  );
}

/**
 * @param {import("../../harness/cluster.mjs").PeerKind[]} kinds
 * @param {(peers: readonly Peer[], origin: Origin) => Promise<void>} run
 */
async function withPeers(kinds, run) {
  const origin = await Origin.start();
  try {
    const cluster = await startCluster({ origin: origin.url, peers: kinds });
    try {
      await run(cluster.peers, origin);
    } finally {
      await cluster.stop();
    }
  } finally {
    origin.close();
  }
}

/** @param {readonly Peer[]} peers @param {Peer} victim killed while the others serve, and started while they serve */
async function testRestart(peers, victim) {
  const others = peers.filter((peer) => peer !== victim);
  const keys = Array.from({ length: 80 }, (_, i) => `before/${i}`);
  const getAll = (/** @type {readonly Peer[]} */ nodes) =>
    forEachConcurrently(CONCURRENCY, keys, async (key) => {
      for (const response of await Promise.all(nodes.map(({ url }) => get(url, key)))) assertValue(response, key);
    });
  await getAll(peers);
  await Promise.all([getAll(others), victim.kill()]);
  keys.push(...Array.from({ length: 80 }, (_, i) => `down/${i}`));
  await getAll(others);
  await Promise.all([getAll(others), victim.start()]);
  keys.push(...Array.from({ length: 80 }, (_, i) => `after/${i}`));
  await getAll(peers);
}

/** False for a key for which a Go node gets a wrong value, or none, from a Go owner. @param {string} wire @param {string} key */
function goServesToGo(wire, key) {
  if (KEYS_WITH_SPACES.includes(key)) return false;
  // Go's server redirects a path with empty or dot segments, and GeeCache's client follows to another key's value.
  const isRedirected = /(^|\/)\.{0,2}(\/|$)/.test(key);
  return wire === "groupcache" || !isRedirected;
}

/** The first key with the prefix that a peer owns. @param {(key: string) => string} ring @param {Peer} owner @param {string} prefix */
function keyOf(ring, owner, prefix) {
  for (let i = 0; ; i++) if (ring(`${prefix}/${i}`) === owner.url) return `${prefix}/${i}`;
}
