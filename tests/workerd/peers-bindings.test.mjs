// Three workers of one process, peers by service bindings, on the oldest and the newest runtime that is supported.
import { describe } from "node:test";
import { testPeers } from "./peers.mjs";
import { ask, NEWEST_DATE, OLDEST_DATE, Workers } from "../../harness/requests.mjs";

const NAMES = ["fra", "ams", "lhr"];

/** What `workers/node.js` can do to its peers. */
const SABOTAGES = [
  "throws",
  "hangs",
  "answers HTML",
  "redirects",
  "breaks off",
  "sends an endless body",
  "sends a byte now and then",
];

describe("peers by bindings", { concurrency: 2 }, () => {
  for (const compatibilityDate of [OLDEST_DATE, NEWEST_DATE]) {
    const testAll = () => testPeers((origin) => start(origin, compatibilityDate), SABOTAGES);
    describe(`compatibility date ${compatibilityDate}`, { concurrency: false }, testAll);
  }
});

/** @param {import("../../harness/origin.mjs").Origin} origin @param {string} compatibilityDate @returns {Promise<import("./peers.mjs").Trio>} */
async function start(origin, compatibilityDate) {
  const workers = new Workers();
  try {
    const folder = await workers.bundle("node");
    const services = Object.fromEntries(NAMES.map((name) => [name, name]));
    const node = (/** @type {string} */ name) => {
      return {
        folder,
        port: 0,
        compatibilityDate,
        services,
        bindings: { SELF: name, PEERS: NAMES, ORIGIN: origin.url, BOUND: true },
      };
    };
    const { urls } = await workers.start(Object.fromEntries(NAMES.map((name) => [name, node(name)])));
    return {
      nodes: NAMES.map((name) => ({ name, url: urls[name] })),
      sabotage: ({ url }, how) => ask(`${url}/sabotage?how=${encodeURIComponent(how)}`),
      mend: ({ url }) => ask(`${url}/sabotage?how=none`),
      stop: () => workers.stop(),
    };
  } catch (error) {
    await workers.stop();
    throw error;
  }
}
