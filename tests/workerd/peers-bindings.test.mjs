// Three workers of one process that are peers by service bindings, on the oldest and the newest compatibility date.
import { describe } from "node:test";
import { fetchJson } from "../../harness/requests.mjs";
import { testPeers } from "./peers.mjs";
import { NEWEST_DATE, OLDEST_DATE, Workers } from "./runtime.mjs";

const NAMES = ["fra", "ams", "lhr"];

/** The keys of SABOTAGES in `workers/node.js`. */
const SABOTAGES = [
  "throws",
  "hangs",
  "responds with HTML",
  "redirects",
  "aborts the body",
  "sends an endless body",
  "trickles the body",
];

describe("peers by bindings", { concurrency: 2 }, () => {
  for (const compatibilityDate of [OLDEST_DATE, NEWEST_DATE]) {
    const testAll = () => testPeers((origin) => start(origin, compatibilityDate), SABOTAGES);
    describe(`compatibility date ${compatibilityDate}`, { concurrency: false }, testAll);
  }
});

/**
 * @param {import("../../harness/origin.mjs").Origin} origin
 * @param {string} compatibilityDate
 * @returns {Promise<import("./peers.mjs").Trio>}
 */
async function start(origin, compatibilityDate) {
  const workers = new Workers();
  try {
    const folder = await workers.bundle("node");
    const services = Object.fromEntries(NAMES.map((name) => [name, name]));
    const service = (/** @type {string} */ name) => ({
      folder,
      port: 0,
      compatibilityDate,
      services,
      bindings: { SELF: name, PEERS: NAMES, ORIGIN: origin.url, BOUND: true },
    });
    const { urls } = await workers.start(Object.fromEntries(NAMES.map((name) => [name, service(name)])));
    return {
      nodes: NAMES.map((name) => ({ name, url: urls[name] })),
      sabotage: ({ url }, sabotage) => fetchJson(`${url}/sabotage?how=${encodeURIComponent(sabotage)}`),
      repair: ({ url }) => fetchJson(`${url}/sabotage?how=none`),
      stop: () => workers.stop(),
    };
  } catch (error) {
    await workers.stop();
    throw error;
  }
}
