// A map of square tiles: the tiles in view, their position, and the state of each.
import { addGestures } from "./gestures.js";

const TILE_PX = 256;
const MAX_ZOOM = 30;
const ZOOM_MS = 220;

/**
 * A browser opens six connections per host and queues further requests, and the wait would count as time of the
 * cache. So requests are queued here, those nearest to the centre first. The sixth connection serves the counters.
 */
const MAX_IN_FLIGHT = 5;

/** @typedef {{ z: number, x: number, y: number }} TileId zoom, column, row */

/**
 * A fetched tile.
 * @typedef {object} Fetched
 * @property {Blob} image
 * @property {number} ms from request to response
 * @property {string} source where the cache found it: hit, peer, load, join, fallback
 * @property {string} peer letter of the requested peer
 * @property {string} owner letter of its owner
 */

/**
 * @typedef {object} Tile
 * @property {TileId} id
 * @property {HTMLElement} root
 * @property {"waiting" | "requested" | "fetched" | "failed"} state
 * @property {Fetched} [fetched] the last response
 * @property {AbortController} [controller] aborts the request
 */

export class TileMap {
  #root;
  #fetchTile;
  #onChange;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** The centre, from 0 to 1 across the world, and the displayed zoom, which is animated towards #level. */
  #view = { x: 0.5, y: 0.5, zoom: 0 };
  #level = 0;
  /** @type {{ from: number, start: number, x: number, y: number, worldX: number, worldY: number } | undefined} */
  #zooming;
  #frame = 0;

  /**
   * @param {HTMLElement} root
   * @param {{ fetchTile: (id: TileId, signal: AbortSignal) => Promise<Fetched>,
   *           onChange: (view: { fetched: Fetched[], waiting: number, failed: number }) => void }} options
   */
  constructor(root, { fetchTile, onChange }) {
    this.#root = root;
    this.#fetchTile = fetchTile;
    this.#onChange = onChange;
  }

  /** Shows the position in the address, or the whole set, and starts to handle gestures. */
  start() {
    const [z, x, y] = location.hash.slice(1).split("/").map(Number);
    const fittingLevel = Math.round(Math.log2(Math.max(this.#root.clientWidth, this.#root.clientHeight) / TILE_PX));
    this.#level = y !== undefined && z >= 0 && z <= MAX_ZOOM ? Math.round(z) : Math.max(0, fittingLevel);
    this.#view = { x: clampToWorld(x ?? 0.5), y: clampToWorld(y ?? 0.5), zoom: this.#level };
    addGestures(this.#root, {
      panBy: (x, y) => this.#panBy(x, y),
      zoomBy: (levels, x, y) => this.zoomBy(levels, x, y),
    });
    new ResizeObserver(() => this.#draw()).observe(this.#root);
  }

  /** Requests every tile in view again. */
  reload() {
    for (const tile of this.#tiles.values()) {
      tile.controller?.abort();
      tile.state = "waiting";
    }
    this.#draw();
  }

  /** Requests the failed tiles again. */
  retry() {
    for (const tile of this.#tiles.values()) if (tile.state === "failed") tile.state = "waiting";
    this.#draw();
  }

  /**
   * Zooms by whole levels around a point.
   * @param {number} levels @param {number} [x] @param {number} [y] in pixels from the centre
   */
  zoomBy(levels, x = 0, y = 0) {
    const level = Math.min(MAX_ZOOM, Math.max(0, this.#level + levels));
    if (level === this.#level) return;
    this.#level = level;
    const { x: centreX, y: centreY, zoom } = this.#view;
    const world = worldPx(zoom);
    this.#zooming = {
      from: zoom,
      start: performance.now(),
      x,
      y,
      worldX: centreX + x / world,
      worldY: centreY + y / world,
    };
    this.#draw();
  }

  /** @param {number} x @param {number} y in pixels */
  #panBy(x, y) {
    const world = worldPx(this.#view.zoom);
    this.#view.x = clampToWorld(this.#view.x + x / world);
    this.#view.y = clampToWorld(this.#view.y + y / world);
    if (this.#zooming) {
      this.#zooming.worldX += x / world;
      this.#zooming.worldY += y / world;
    }
    this.#draw();
  }

  /** Schedules one update per frame. */
  #draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#stepZoom();
      this.#updateTiles();
      for (const tile of this.#tiles.values()) this.#position(tile);
      this.#request();
      const current = [...this.#tiles.values()].filter(({ id }) => id.z === this.#level);
      const fetched = current.flatMap((tile) => (tile.state === "fetched" && tile.fetched ? [tile.fetched] : []));
      const failed = current.filter(({ state }) => state === "failed").length;
      this.#onChange({ fetched, failed, waiting: current.length - fetched.length - failed });
      if (this.#zooming) this.#draw();
      else
        history.replaceState(
          null,
          "",
          `#${this.#level}/${this.#view.x.toPrecision(12)}/${this.#view.y.toPrecision(12)}`,
        );
    });
  }

  #stepZoom() {
    if (!this.#zooming) return;
    const { from, start, x, y, worldX, worldY } = this.#zooming;
    const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const progress = reducedMotion ? 1 : Math.min(1, (performance.now() - start) / ZOOM_MS);
    const zoom = from + (this.#level - from) * (1 - (1 - progress) ** 3);
    this.#view = { zoom, x: clampToWorld(worldX - x / worldPx(zoom)), y: clampToWorld(worldY - y / worldPx(zoom)) };
    if (progress === 1) this.#zooming = undefined;
  }

  /** Adds tiles that entered the view. Removes those that left it, and those of other levels once they are covered. */
  #updateTiles() {
    const { left, right, top, bottom } = this.#visibleRange(this.#level);
    let covered = !this.#zooming;
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++)
        covered = this.#tileAt({ z: this.#level, x, y }).fetched !== undefined && covered;
    }
    for (const [name, tile] of this.#tiles) {
      const { z, x, y } = tile.id;
      const { left, right, top, bottom } = this.#visibleRange(z);
      const isVisible = x >= left && x <= right && y >= top && y <= bottom;
      if (isVisible && (z === this.#level || (!covered && tile.fetched))) continue;
      tile.controller?.abort();
      tile.root.remove();
      this.#tiles.delete(name);
    }
  }

  /** The first and last columns and rows of a level that are in view. @param {number} level */
  #visibleRange(level) {
    const world = worldPx(this.#view.zoom),
      count = 2 ** level;
    const halfWidth = this.#root.clientWidth / 2 / world,
      halfHeight = this.#root.clientHeight / 2 / world;
    return {
      left: Math.max(0, Math.floor((this.#view.x - halfWidth) * count)),
      right: Math.min(count, Math.ceil((this.#view.x + halfWidth) * count)) - 1,
      top: Math.max(0, Math.floor((this.#view.y - halfHeight) * count)),
      bottom: Math.min(count, Math.ceil((this.#view.y + halfHeight) * count)) - 1,
    };
  }

  /** The tile, created if it does not exist. @param {TileId} id @returns {Tile} */
  #tileAt(id) {
    const name = `${id.z}/${id.x}/${id.y}`;
    let tile = this.#tiles.get(name);
    if (!tile) {
      const root = document.createElement("figure");
      root.className = "tile";
      root.innerHTML = '<img alt="" draggable="false"><figcaption></figcaption>';
      tile = { id, root, state: "waiting" };
      this.#tiles.set(name, tile);
      this.#root.append(root);
    }
    return tile;
  }

  /** @param {Tile} tile */
  #position({ id: { z, x, y }, root, state }) {
    const world = worldPx(this.#view.zoom),
      size = world / 2 ** z;
    // Rounds edges, not sizes: neighbours share an edge, so no gap appears between them.
    const left = (/** @type {number} */ x) => Math.round(this.#root.clientWidth / 2 - this.#view.x * world + x * size);
    const top = (/** @type {number} */ y) => Math.round(this.#root.clientHeight / 2 - this.#view.y * world + y * size);
    root.style.transform = `translate(${left(x)}px, ${top(y)}px)`;
    root.style.width = `${left(x + 1) - left(x)}px`;
    root.style.height = `${top(y + 1) - top(y)}px`;
    root.style.setProperty("--hidden-left", `${Math.max(0, -left(x))}px`);
    root.style.setProperty("--hidden-top", `${Math.max(0, -top(y))}px`);
    root.classList.toggle("behind", z !== this.#level);
    root.dataset.state = state;
  }

  /** Requests waiting tiles up to the limit, those nearest to the centre first. */
  #request() {
    const tiles = [...this.#tiles.values()];
    const free = MAX_IN_FLIGHT - tiles.filter(({ state }) => state === "requested").length;
    const distance = (/** @type {Tile} */ { id: { z, x, y } }) =>
      Math.hypot((x + 0.5) / 2 ** z - this.#view.x, (y + 0.5) / 2 ** z - this.#view.y);
    const waiting = tiles.filter(({ state, id }) => state === "waiting" && id.z === this.#level);
    waiting.sort((a, b) => distance(a) - distance(b));
    for (const tile of waiting.slice(0, Math.max(0, free))) void this.#fetch(tile);
  }

  /** Never rejects. @param {Tile} tile */
  async #fetch(tile) {
    const controller = new AbortController();
    tile.controller = controller;
    tile.state = "requested";
    try {
      const fetched = await this.#fetchTile(tile.id, controller.signal);
      await show(tile.root, fetched);
      if (controller.signal.aborted) return;
      tile.fetched = fetched;
      tile.state = "fetched";
    } catch (error) {
      if (controller.signal.aborted) return;
      tile.state = "failed";
      tile.root.querySelector("figcaption")?.replaceChildren(`no tile: ${/** @type {Error} */ (error).message}`);
    } finally {
      this.#draw();
    }
  }
}

/** Width and height of the whole world. @param {number} zoom */
function worldPx(zoom) {
  return TILE_PX * 2 ** zoom;
}

/** @param {number} position */
function clampToWorld(position) {
  return Math.min(1, Math.max(0, position || 0));
}

/** Shows the image and its label: the owner, the source, the time, and the requested peer. @param {HTMLElement} root @param {Fetched} fetched */
async function show(root, { image, ms, source, peer, owner }) {
  const picture = /** @type {HTMLImageElement} */ (root.querySelector("img"));
  const url = URL.createObjectURL(image);
  picture.src = url;
  await picture.decode().finally(() => URL.revokeObjectURL(url));
  root.dataset.owner = owner;
  root.dataset.source = source;
  const part = (/** @type {string} */ tag, /** @type {string} */ text) =>
    Object.assign(document.createElement(tag), { textContent: text });
  const chip = Object.assign(part("b", owner), { className: "chip" });
  const time = ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
  const parts = [chip, part("strong", source), part("span", `${time} ms`)];
  if (peer !== owner) parts.push(part("small", `from ${peer}`));
  root.querySelector("figcaption")?.replaceChildren(...parts);
}
