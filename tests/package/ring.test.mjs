// The ring through `pool.owner`: every owner that the Go package computed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { createPool } from "../../pkg/entry/node.js";
import { assertFails } from "./support.mjs";

const golden = JSON.parse(gunzipSync(readFileSync(new URL("../golden/ring.json.gz", import.meta.url))).toString());
const connect = () => ({ fetch });

test("owner: equal to Go's for every ring and key of the golden file", async () => {
  // JavaScript cannot express keys that are not UTF-8. A peer with an empty name, which Go accepts, is ERR_OPTION.
  let [rings, owners, notText, nameless] = [0, 0, 0, 0];
  for (const ring of golden.rings) {
    const names = golden.peers[ring.peers];
    const peers = ring.listed.map((/** @type {number} */ index) => names[index]);
    rings += 1;
    if (peers.includes("")) {
      await assertFails("ERR_OPTION", () => createPool({ peers, connect }), /peers/);
      nameless += ring.owners.length;
      continue;
    }
    const pool = createPool({ peers, replicas: ring.replicas, connect });
    const { text, hex = [] } = golden.keys[ring.keys];
    for (const [k, key] of text.entries()) {
      const expected = ring.owners[k] < 0 ? undefined : names[ring.owners[k]];
      if (pool.owner(key) !== expected)
        assert.equal(
          pool.owner(key),
          expected,
          `${ring.peers} x ${ring.replicas}, ${JSON.stringify(key.slice(0, 64))}`,
        );
      owners += 1;
    }
    notText += hex.length;
  }
  assert.equal(rings, 370);
  assert.equal(owners + notText + nameless, 123_731, "the whole file was read");
  assert.ok(owners > 100_000, `${owners} owners compared`);
});

test("owner: four well-known keys over three local ports", () => {
  const pool = createPool({ peers: [8001, 8002, 8003].map((port) => `http://localhost:${port}`) });
  const owners = ["Tom", "Jack", "Sam", "kkk"].map((key) => pool.owner(key)?.slice(-4));
  assert.deepEqual(owners, ["8001", "8001", "8003", "8001"]);
});

test("setPeers: the same ring as createPool", () => {
  const peers = ["http://a.test", "http://b.test", "http://c.test"];
  const [made, set] = [createPool({ peers }), createPool()];
  set.setPeers(peers);
  for (let i = 0; i < 1_000; i++) assert.equal(set.owner(`k${i}`), made.owner(`k${i}`));
});
