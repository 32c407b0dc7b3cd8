// Connects the map and the panel: requests each tile from a peer of the panel's choice.
import { Panel } from "./panel.js";
import { TileMap } from "./tiles.js";

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

const panel = new Panel({ onTarget: () => map.reload(), onRecovery: () => map.retry() });
const map = new TileMap(element("map"), { fetchTile, onChange: (view) => panel.showView(view) });

element("zoom-in").addEventListener("click", () => map.zoomBy(1));
element("zoom-out").addEventListener("click", () => map.zoomBy(-1));
element("reload").addEventListener("click", () => map.reload());
element("frames").addEventListener("change", (event) => {
  element("map").classList.toggle("plain", !(/** @type {HTMLInputElement} */ (event.target).checked));
});
addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "r" && !event.ctrlKey && !event.metaKey && !event.altKey) map.reload();
});

await panel.refresh();
map.start();

/**
 * Requests a tile from a peer, and fails over to the next one that is up, like a load balancer.
 * @param {import("./tiles.js").TileId} tile
 * @param {AbortSignal} signal
 * @returns {Promise<import("./tiles.js").Fetched>}
 */
async function fetchTile({ z, x, y }, signal) {
  for (const peer of panel.candidates(x + 2 * y + z)) {
    const url = `${peer.url}/tile/${z}/${x}/${y}`;
    const start = performance.now();
    let response, image;
    try {
      response = await fetch(url, { signal });
      image = await response.blob();
    } catch {
      signal.throwIfAborted();
      panel.markDown(peer);
      continue;
    }
    if (!response.ok) throw new Error(await image.text());
    const ms = networkMs(url) ?? performance.now() - start;
    const owner = panel.peerOf(response.headers.get("x-owner"))?.letter ?? "?";
    return { image, ms, source: response.headers.get("x-cache") ?? "", peer: peer.letter, owner };
  }
  throw new Error("No peer is up.");
}

performance.onresourcetimingbufferfull = () => performance.clearResourceTimings();

/** The network time of the last fetch of a URL, without the time that the page itself was busy. @param {string} url */
function networkMs(url) {
  const timing = /** @type {PerformanceResourceTiming | undefined} */ (
    performance.getEntriesByName(url, "resource").at(-1)
  );
  return timing && timing.requestStart > 0 ? timing.responseEnd - timing.requestStart : undefined;
}
