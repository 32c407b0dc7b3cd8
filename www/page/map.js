// Joins the map and the panel: which peer is asked for which tile, and what became of it.
import { Panel } from "./panel.js";
import { TileMap } from "./tiles.js";

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

const panel = new Panel({ onAsk: () => map.askAgain(), onRevived: () => map.retry() });
const map = new TileMap(element("map"), { fetchTile, onChange: (view) => panel.showView(view) });

element("zoom-in").addEventListener("click", () => map.zoomBy(1));
element("zoom-out").addEventListener("click", () => map.zoomBy(-1));
element("again").addEventListener("click", () => map.askAgain());
element("frames").addEventListener("change", (event) => {
  element("map").classList.toggle("plain", !(/** @type {HTMLInputElement} */ (event.target).checked));
});
addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "r" && !event.ctrlKey && !event.metaKey && !event.altKey) map.askAgain();
});

await panel.refresh();
map.begin();

/**
 * Asks a peer for a tile, and where it does not answer the next one that lives, as a balancer before them would.
 * @param {{ z: number, x: number, y: number }} tile
 * @param {AbortSignal} signal
 * @returns {Promise<import("./tiles.js").Fetched>}
 */
async function fetchTile({ z, x, y }, signal) {
  for (const peer of panel.peersToAsk(x + 2 * y + z)) {
    const url = `${peer.url}/tile/${z}/${x}/${y}`;
    const begin = performance.now();
    let answer, image;
    try {
      answer = await fetch(url, { signal });
      image = await answer.blob();
    } catch (error) {
      signal.throwIfAborted();
      panel.tellDead(peer);
      continue;
    }
    if (!answer.ok) throw new Error(await image.text());
    const ms = networkMs(url) ?? performance.now() - begin;
    const owner = panel.peerOf(answer.headers.get("x-owner"));
    return { image, ms, way: answer.headers.get("x-cache") ?? "", asked: peer.letter, owner: owner?.letter ?? "?" };
  }
  throw new Error("No peer is up.");
}

performance.onresourcetimingbufferfull = () => performance.clearResourceTimings();

/** How long the last fetch of this took outside the page: what the page draws meanwhile does not count. @param {string} url */
function networkMs(url) {
  const timing = /** @type {PerformanceResourceTiming | undefined} */ (
    performance.getEntriesByName(url, "resource").at(-1)
  );
  return timing && timing.requestStart > 0 ? timing.responseEnd - timing.requestStart : undefined;
}
