// A map of square tiles: which of them are in view, where they stand, what is known of each.
import { listen } from "./gestures.js";

const TILE_PX = 256;
const MAX_ZOOM = 30;
const ZOOM_MS = 220;

/**
 * A browser keeps six connections to a host and lets the rest wait, which would count as time of the cache. So
 * what waits, waits here, those nearest to the middle first; the sixth connection is for the counters.
 */
const IN_FLIGHT = 5;

/** @typedef {{ z: number, x: number, y: number }} Place */

/**
 * A tile as it came.
 * @typedef {object} Fetched
 * @property {Blob} image
 * @property {number} ms from asking to having
 * @property {string} way how the cache had it: hit, peer, load, join, fallback
 * @property {string} asked letter of the peer that was asked
 * @property {string} owner letter of its owner
 */

/**
 * @typedef {object} Tile
 * @property {Place} place
 * @property {HTMLElement} root
 * @property {"waiting" | "asked" | "had" | "failed"} state
 * @property {Fetched} [fetched] the last that came
 * @property {AbortController} [control] ends the asking
 */

export class TileMap {
  #root;
  #fetchTile;
  #onChange;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** What is in the middle, in parts of the world from 0 to 1, and how near it is: `zoom` runs after #level. */
  #view = { x: 0.5, y: 0.5, zoom: 0 };
  #level = 0;
  /** @type {{ from: number, begin: number, x: number, y: number, worldX: number, worldY: number } | undefined} */
  #zooming;
  #frame = 0;

  /**
   * @param {HTMLElement} root
   * @param {{ fetchTile: (place: Place, signal: AbortSignal) => Promise<Fetched>,
   *           onChange: (view: { had: Fetched[], waiting: number, failed: number }) => void }} options
   */
  constructor(root, { fetchTile, onChange }) {
    this.#root = root;
    this.#fetchTile = fetchTile;
    this.#onChange = onChange;
  }

  /** Shows the place that the address names, or the whole set, and follows the reader's hands from there. */
  begin() {
    const [z, x, y] = location.hash.slice(1).split("/").map(Number);
    const fitting = Math.round(Math.log2(Math.max(this.#root.clientWidth, this.#root.clientHeight) / TILE_PX));
    this.#level = y !== undefined && z >= 0 && z <= MAX_ZOOM ? Math.round(z) : Math.max(0, fitting);
    this.#view = { x: inWorld(x ?? 0.5), y: inWorld(y ?? 0.5), zoom: this.#level };
    listen(this.#root, { panBy: (x, y) => this.#panBy(x, y), zoomBy: (levels, x, y) => this.zoomBy(levels, x, y) });
    new ResizeObserver(() => this.#draw()).observe(this.#root);
  }

  /** Asks for every tile in view as if it had never been seen. */
  askAgain() {
    for (const tile of this.#tiles.values()) {
      tile.control?.abort();
      tile.state = "waiting";
    }
    this.#draw();
  }

  /** Asks once more for those that could not be had. */
  retry() {
    for (const tile of this.#tiles.values()) if (tile.state === "failed") tile.state = "waiting";
    this.#draw();
  }

  /**
   * Zooms by whole levels; what is at the point stays there.
   * @param {number} levels @param {number} [x] @param {number} [y] in pixels from the middle
   */
  zoomBy(levels, x = 0, y = 0) {
    const level = Math.min(MAX_ZOOM, Math.max(0, this.#level + levels));
    if (level === this.#level) return;
    this.#level = level;
    const { x: middleX, y: middleY, zoom } = this.#view;
    const world = worldPx(zoom);
    this.#zooming = {
      from: zoom,
      begin: performance.now(),
      x,
      y,
      worldX: middleX + x / world,
      worldY: middleY + y / world,
    };
    this.#draw();
  }

  /** @param {number} x @param {number} y in pixels */
  #panBy(x, y) {
    const world = worldPx(this.#view.zoom);
    this.#view.x = inWorld(this.#view.x + x / world);
    this.#view.y = inWorld(this.#view.y + y / world);
    if (this.#zooming) {
      this.#zooming.worldX += x / world;
      this.#zooming.worldY += y / world;
    }
    this.#draw();
  }

  /** Everything is brought up to date once a frame, however often it changed. */
  #draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#stepZoom();
      this.#chooseTiles();
      for (const tile of this.#tiles.values()) this.#place(tile);
      this.#ask();
      const now = [...this.#tiles.values()].filter(({ place }) => place.z === this.#level);
      const had = now.flatMap(({ state, fetched }) => (state === "had" && fetched ? [fetched] : []));
      const failed = now.filter(({ state }) => state === "failed").length;
      this.#onChange({ had, failed, waiting: now.length - had.length - failed });
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
    const { from, begin, x, y, worldX, worldY } = this.#zooming;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const part = still ? 1 : Math.min(1, (performance.now() - begin) / ZOOM_MS);
    const zoom = from + (this.#level - from) * (1 - (1 - part) ** 3);
    this.#view = { zoom, x: inWorld(worldX - x / worldPx(zoom)), y: inWorld(worldY - y / worldPx(zoom)) };
    if (part === 1) this.#zooming = undefined;
  }

  /** Makes the tiles that came into view; drops those that left it, and those of other levels once they are covered. */
  #chooseTiles() {
    const { left, right, top, bottom } = this.#inView(this.#level);
    let covered = !this.#zooming;
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++)
        covered = this.#tileAt({ z: this.#level, x, y }).fetched !== undefined && covered;
    }
    for (const [name, tile] of this.#tiles) {
      const { z, x, y } = tile.place;
      const { left, right, top, bottom } = this.#inView(z);
      const seen = x >= left && x <= right && y >= top && y <= bottom;
      if (seen && (z === this.#level || (!covered && tile.fetched))) continue;
      tile.control?.abort();
      tile.root.remove();
      this.#tiles.delete(name);
    }
  }

  /** The columns and rows of a level that are in view, first and last. @param {number} level */
  #inView(level) {
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

  /** @param {Place} place @returns {Tile} */
  #tileAt(place) {
    const name = `${place.z}/${place.x}/${place.y}`;
    let tile = this.#tiles.get(name);
    if (!tile) {
      const root = document.createElement("figure");
      root.className = "tile";
      root.innerHTML = '<img alt="" draggable="false"><figcaption></figcaption>';
      tile = { place, root, state: "waiting" };
      this.#tiles.set(name, tile);
      this.#root.append(root);
    }
    return tile;
  }

  /** @param {Tile} tile */
  #place({ place: { z, x, y }, root, state }) {
    const world = worldPx(this.#view.zoom),
      size = world / 2 ** z;
    // Edges are rounded, not sizes: neighbours share them, and no gap shows between.
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

  /** Asks for as many of the waiting tiles as may be in flight, those nearest to the middle first. */
  #ask() {
    const tiles = [...this.#tiles.values()];
    const free = IN_FLIGHT - tiles.filter(({ state }) => state === "asked").length;
    const far = (/** @type {Tile} */ { place: { z, x, y } }) =>
      Math.hypot((x + 0.5) / 2 ** z - this.#view.x, (y + 0.5) / 2 ** z - this.#view.y);
    const waiting = tiles.filter(({ state, place }) => state === "waiting" && place.z === this.#level);
    for (const tile of waiting.sort((a, b) => far(a) - far(b)).slice(0, Math.max(0, free))) this.#fetch(tile);
  }

  /** @param {Tile} tile */
  async #fetch(tile) {
    const control = new AbortController();
    tile.control = control;
    tile.state = "asked";
    try {
      const fetched = await this.#fetchTile(tile.place, control.signal);
      await show(tile.root, fetched);
      if (control.signal.aborted) return;
      tile.fetched = fetched;
      tile.state = "had";
    } catch (error) {
      if (control.signal.aborted) return;
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

/** @param {number} part */
function inWorld(part) {
  return Math.min(1, Math.max(0, part || 0));
}

/** The picture, and on it: the owner's letter, the way it came, how long that took, who was asked. @param {HTMLElement} root @param {Fetched} fetched */
async function show(root, { image, ms, way, asked, owner }) {
  const picture = /** @type {HTMLImageElement} */ (root.querySelector("img"));
  const url = URL.createObjectURL(image);
  picture.src = url;
  await picture.decode().finally(() => URL.revokeObjectURL(url));
  root.dataset.owner = owner;
  root.dataset.way = way;
  const part = (/** @type {string} */ tag, /** @type {string} */ text) =>
    Object.assign(document.createElement(tag), { textContent: text });
  const chip = Object.assign(part("b", owner), { className: "chip" });
  const time = ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
  const parts = [chip, part("strong", way), part("span", `${time} ms`)];
  if (asked !== owner) parts.push(part("small", `asked ${asked}`));
  root.querySelector("figcaption")?.replaceChildren(...parts);
}
