// The origin: a slow server of map tiles that counts what it renders.
//
// `node origin.mjs [port]` listens on loopback and prints its URL in one line. It answers
//   GET /z/x/y   the tile as a PNG; 404 where there is no such tile
//   GET /stats   { renders, distinct, waiting, dropped, tiles: { "z/x/y": times rendered } }
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { encodePng } from "./png.mjs";
import { TILE_PIXELS, renderTile, tileExists } from "./mandelbrot.mjs";

/** Numbers as people write them: "07" and "+7" are no second name of tile 7. */
const TILE_PATH = /^\/(0|[1-9]\d{0,9})\/(0|[1-9]\d{0,9})\/(0|[1-9]\d{0,9})$/;

/**
 * The tile of a path, or undefined where there is none.
 * @param {string} path such as "/3/4/2"
 */
export function tileOf(path) {
  const [z, x, y] = (TILE_PATH.exec(path) ?? []).slice(1).map(Number);
  return tileExists(z, x, y) ? { z, x, y } : undefined;
}

/**
 * The right bytes of a tile, rendered where it is called, for whoever wants to compare.
 * @param {number} z @param {number} x @param {number} y
 */
export function tilePng(z, x, y) {
  return encodePng(renderTile(z, x, y), TILE_PIXELS, TILE_PIXELS);
}

/** Makes the server; it does not listen yet. */
export function createOrigin() {
  /** @type {Map<string, number>} */
  const timesRendered = new Map();
  /** @type {Array<() => void>} */
  const waiting = [];
  let dropped = 0;

  /** One tile at a time and a turn of the event loop between them, so that /stats never waits behind the map. */
  function renderNext() {
    waiting[0]?.();
    waiting.shift();
    if (waiting.length > 0) setImmediate(renderNext);
  }

  function stats() {
    let renders = 0;
    for (const times of timesRendered.values()) renders += times;
    return {
      renders,
      distinct: timesRendered.size,
      waiting: waiting.length,
      dropped,
      tiles: Object.fromEntries(timesRendered),
    };
  }

  const server = createServer((request, response) => {
    const path = request.url ?? "";
    if (request.method !== "GET") return answer(response, 405, "text/plain", "GET is all there is.\n");
    if (path === "/stats") return answer(response, 200, "application/json", JSON.stringify(stats()));
    const tile = tileOf(path);
    if (!tile) return answer(response, 404, "text/plain", "There is no such tile; a tile is /zoom/column/row.\n");

    waiting.push(() => {
      if (response.destroyed) return void dropped++; // the asker is gone, and with it the reason to render
      const name = path.slice(1);
      timesRendered.set(name, (timesRendered.get(name) ?? 0) + 1);
      answer(response, 200, "image/png", tilePng(tile.z, tile.x, tile.y));
    });
    if (waiting.length === 1) setImmediate(renderNext);
  });
  // Nobody closes an idle connection from this side: a worker about to use it would see its load fail.
  server.keepAliveTimeout = 0;
  return server;
}

/**
 * @param {import("node:http").ServerResponse} response @param {number} status
 * @param {string} type @param {string | Buffer} body
 */
function answer(response, status, type, body) {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const server = createOrigin().listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
    const address = /** @type {import("node:net").AddressInfo} */ (server.address());
    console.log(`http://127.0.0.1:${address.port}`);
  });
}
