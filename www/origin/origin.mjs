// The origin: a slow server of map tiles that counts its renders.
//
// `node origin.mjs [port]` listens on loopback and prints its URL in one line. Its responses:
//   GET /z/x/y   the tile as a PNG; 404 if the tile does not exist
//   GET /stats   { renders, distinct, waiting, aborted, tiles: { "z/x/y": times rendered } }
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { renderTile, TILE_PIXELS, tileExists } from "./mandelbrot.mjs";
import { encodePng } from "./png.mjs";

/** Canonical numbers only: "07" and "+7" are not other names of tile 7. */
const TILE_PATH = /^\/(0|[1-9]\d{0,9})\/(0|[1-9]\d{0,9})\/(0|[1-9]\d{0,9})$/;

/** @typedef {import("./mandelbrot.mjs").Tile} Tile */

/** The tile of a path, or undefined. @param {string} path such as "/3/4/2" @returns {Tile | undefined} */
export function parseTilePath(path) {
  const [z, x, y] = (TILE_PATH.exec(path) ?? []).slice(1).map(Number);
  const tile = { z, x, y };
  return tileExists(tile) ? tile : undefined;
}

/** Renders a tile as a PNG. @param {Tile} tile */
export function tilePng(tile) {
  return encodePng(renderTile(tile), TILE_PIXELS, TILE_PIXELS);
}

/** Renders tiles one at a time, in the order of the requests, and counts. */
export class TileRenderer {
  /** @type {Map<string, number>} */
  #rendersByTile = new Map();
  /** @type {Array<{ tile: Tile, response: import("node:http").ServerResponse }>} */
  #queue = [];
  #aborted = 0;

  /** @param {Tile} tile @param {import("node:http").ServerResponse} response */
  enqueue(tile, response) {
    this.#queue.push({ tile, response });
    if (this.#queue.length === 1) setImmediate(this.#renderNext);
  }

  /** Yields to the event loop after each tile, so that /stats does not wait for the queue. */
  #renderNext = () => {
    const { tile, response } = this.#queue[0];
    if (response.destroyed) {
      this.#aborted++; // The requester has disconnected.
    } else {
      const name = `${tile.z}/${tile.x}/${tile.y}`;
      this.#rendersByTile.set(name, (this.#rendersByTile.get(name) ?? 0) + 1);
      respond(response, 200, "image/png", tilePng(tile));
    }
    this.#queue.shift();
    if (this.#queue.length > 0) setImmediate(this.#renderNext);
  };

  stats() {
    let renders = 0;
    for (const count of this.#rendersByTile.values()) renders += count;
    /** @type {Record<string, number>} */
    const tiles = Object.fromEntries(this.#rendersByTile);
    return {
      renders,
      distinct: this.#rendersByTile.size,
      waiting: this.#queue.length,
      aborted: this.#aborted,
      tiles,
    };
  }
}

/** Creates the server. It does not listen yet. */
export function createOrigin() {
  const renderer = new TileRenderer();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const tile = parseTilePath(path);
    if (request.method !== "GET") respond(response, 405, "text/plain", "Only GET is allowed.\n");
    else if (path === "/stats") respond(response, 200, "application/json", JSON.stringify(renderer.stats()));
    else if (!tile) respond(response, 404, "text/plain", "No such tile: the path of a tile is /zoom/column/row.\n");
    else renderer.enqueue(tile, response);
  });
  // An idle connection that the origin closes fails the load of a worker which is about to reuse it.
  server.keepAliveTimeout = 0;
  return server;
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} status
 * @param {string} type
 * @param {string | Buffer} body
 */
function respond(response, status, type, body) {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const server = createOrigin().listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
    const address = /** @type {import("node:net").AddressInfo} */ (server.address());
    console.log(`http://127.0.0.1:${address.port}`);
  });
}
