// Serves the page on loopback, tells it how the cluster is, and kills and revives peers when it asks to.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

/** The files of the page, and nothing else. @type {Record<string, [file: string, type: string]>} */
const FILES = {
  "/": ["page/index.html", "text/html; charset=utf-8"],
  "/map.css": ["page/map.css", "text/css; charset=utf-8"],
  "/map.js": ["page/map.js", "text/javascript; charset=utf-8"],
  "/tiles.js": ["page/tiles.js", "text/javascript; charset=utf-8"],
  "/gestures.js": ["page/gestures.js", "text/javascript; charset=utf-8"],
  "/panel.js": ["page/panel.js", "text/javascript; charset=utf-8"],
  "/scenario/counters.mjs": ["scenario/counters.mjs", "text/javascript; charset=utf-8"],
};

/**
 * GET  /                       the page
 * GET  /cluster                { peers: [{ letter, url, alive }], origin: { renders, distinct } }
 * POST /peers/<letter>/kill    the same, when the peer is dead
 * POST /peers/<letter>/revive  the same, when it answers again
 * @param {import("../harness/cluster.mjs").Cluster} cluster
 * @param {number} port 0 for any that is free
 * @returns {Promise<string>} the page's URL
 */
export async function servePage(cluster, port) {
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => send(response, 500, "text/plain", `${error}\n`));
  });

  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  async function answer(request, response) {
    const path = new URL(request.url ?? "/", "http://page").pathname;
    const [, letter, deed] = /^\/peers\/([A-Z])\/(kill|revive)$/.exec(path) ?? [];
    const peer = cluster.peers.find((peer) => peer.letter === letter);
    if (!fromThisPage(request)) return send(response, 403, "text/plain", "This is for the demo's own page only.\n");
    if (peer && request.method === "POST") {
      await (deed === "kill" ? peer.kill() : peer.revive());
      return sendCluster(response);
    }
    if (request.method !== "GET")
      return send(response, 405, "text/plain", "GET the page, POST to /peers/A/kill or /peers/A/revive.\n");
    if (path === "/cluster") return sendCluster(response);
    if (!Object.hasOwn(FILES, path)) return send(response, 404, "text/plain", "There is no such file.\n");
    const [file, type] = FILES[path];
    send(response, 200, type, await readFile(new URL(file, import.meta.url)));
  }

  /** @param {import("node:http").ServerResponse} response */
  async function sendCluster(response) {
    const peers = cluster.peers.map(({ letter, url, alive }) => ({ letter, url, alive }));
    const { renders, distinct } = await cluster.originStats();
    send(response, 200, "application/json", JSON.stringify({ peers, origin: { renders, distinct } }));
  }

  await new Promise((listening, failed) => {
    server.once("error", failed).listen(port, "127.0.0.1", () => listening(undefined));
  });
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return `http://127.0.0.1:${address.port}/`;
}

/**
 * Any site that the browser has open could send requests here, or have its own name resolve to 127.0.0.1.
 * @param {import("node:http").IncomingMessage} request
 */
function fromThisPage({ headers: { host = "", origin } }) {
  return /^(127\.0\.0\.1|localhost):\d+$/.test(host) && (origin === undefined || origin === `http://${host}`);
}

/**
 * @param {import("node:http").ServerResponse} response @param {number} status
 * @param {string} type @param {string | Buffer} body
 */
function send(response, status, type, body) {
  response
    .writeHead(status, { "content-type": type, "cache-control": "no-store", "x-content-type-options": "nosniff" })
    .end(body);
}
