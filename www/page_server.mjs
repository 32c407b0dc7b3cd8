// Serves the page on loopback, reports the state of the cluster to it, and kills and restarts peers on its request.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { originStats } from "./origin/client.mjs";

/** The files of the page, by path. No other file is served. @type {Record<string, [file: string, type: string]>} */
const FILES = {
  "/": ["page/index.html", "text/html; charset=utf-8"],
  "/page.css": ["page/page.css", "text/css; charset=utf-8"],
  "/map.css": ["page/map.css", "text/css; charset=utf-8"],
  "/panel.css": ["page/panel.css", "text/css; charset=utf-8"],
  "/map.js": ["page/map.js", "text/javascript; charset=utf-8"],
  "/tiles.js": ["page/tiles.js", "text/javascript; charset=utf-8"],
  "/gestures.js": ["page/gestures.js", "text/javascript; charset=utf-8"],
  "/panel.js": ["page/panel.js", "text/javascript; charset=utf-8"],
  "/scenario/counters.mjs": ["scenario/counters.mjs", "text/javascript; charset=utf-8"],
};

/**
 * GET  /                        the page
 * GET  /cluster                 { peers: [{ letter, url, alive }], origin: { renders, distinct } }
 * POST /peers/<letter>/kill     the same, after the peer has exited
 * POST /peers/<letter>/restart  the same, after the peer listens again
 * @param {import("../harness/cluster.mjs").Cluster} cluster
 * @param {number} port 0 for any free port
 * @returns {Promise<string>} the page's URL
 */
export async function servePage(cluster, port) {
  const server = createServer((request, response) => {
    serve(request, response).catch((error) => send(response, 500, "text/plain", `${error}\n`));
  });

  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  async function serve(request, response) {
    const path = new URL(request.url ?? "/", "http://page").pathname;
    const [, letter, action] = /^\/peers\/([A-Z])\/(kill|restart)$/.exec(path) ?? [];
    const peer = cluster.peers.find((peer) => peer.letter === letter);
    if (!isFromThisPage(request)) return send(response, 403, "text/plain", "Only the demo's own page is allowed.\n");
    if (peer && request.method === "POST") {
      await (action === "kill" ? peer.kill() : peer.start());
      return sendCluster(response);
    }
    if (request.method !== "GET")
      return send(response, 405, "text/plain", "GET the page, or POST to /peers/A/kill or /peers/A/restart.\n");
    if (path === "/cluster") return sendCluster(response);
    if (!Object.hasOwn(FILES, path)) return send(response, 404, "text/plain", "No such file.\n");
    const [file, type] = FILES[path];
    send(response, 200, type, await readFile(new URL(file, import.meta.url)));
  }

  /** @param {import("node:http").ServerResponse} response */
  async function sendCluster(response) {
    const peers = cluster.peers.map(({ letter, url, alive }) => ({ letter, url, alive }));
    const { renders, distinct } = await originStats(cluster.origin);
    send(response, 200, "application/json", JSON.stringify({ peers, origin: { renders, distinct } }));
  }

  await new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", () => resolve(undefined));
  });
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return `http://127.0.0.1:${address.port}/`;
}

/**
 * Rejects requests of other sites open in the browser, and of names that resolve to 127.0.0.1 (DNS rebinding).
 * @param {import("node:http").IncomingMessage} request
 */
function isFromThisPage({ headers: { host = "", origin } }) {
  return /^(127\.0\.0\.1|localhost):\d+$/.test(host) && (origin === undefined || origin === `http://${host}`);
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} status
 * @param {string} type
 * @param {string | Buffer} body
 */
function send(response, status, type, body) {
  response
    .writeHead(status, { "content-type": type, "cache-control": "no-store", "x-content-type-options": "nosniff" })
    .end(body);
}
