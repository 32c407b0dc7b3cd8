// The panel beside the map: the peers with their counters, kill and restart, and the peer to request tiles from.
import { COUNTERS, countersOf } from "../scenario/counters.mjs";

const REFRESH_EVERY_MS = 1000;
const ROUND_ROBIN = "round robin";

/** @typedef {{ letter: string, url: string, alive: boolean }} Peer */
/** @typedef {"kill" | "restart"} Action */

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} tag @param {string} className @param {...(Node | string)} content */
function make(tag, className, ...content) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...content);
  return made;
}

export class Panel {
  /** @type {Peer[]} */
  #peers = [];
  /** @type {Map<string, PeerCard>} */
  #cards = new Map();
  /** The letter of the peer to request tiles from, or ROUND_ROBIN. */
  #target = ROUND_ROBIN;
  #listeners;
  /** The failure of the last kill or restart. */
  #failure = "";

  /**
   * @param {object} listeners
   * @param {() => void} listeners.onTarget the user chose another peer
   * @param {() => void} listeners.onRecovery a peer is up again
   */
  constructor(listeners) {
    this.#listeners = listeners;
    setInterval(() => {
      if (!document.hidden) void this.refresh();
    }, REFRESH_EVERY_MS);
  }

  /** Fetches the state of the cluster, and the counters of the peers that are up. Never rejects. */
  async refresh() {
    try {
      this.#show(await (await fetch("cluster")).json());
      await Promise.all(this.#peers.map((peer) => this.#cards.get(peer.letter)?.refresh(peer)));
      this.#showError(this.#failure);
    } catch {
      this.#showError("No response from the demo. Is it still running?");
    }
  }

  /** @param {{ peers: Peer[], origin: { renders: number, distinct: number } }} cluster */
  #show({ peers, origin }) {
    const hasRecovered = peers.some(({ url, alive }) => alive && this.peerOf(url)?.alive === false);
    this.#peers = peers;
    if (hasRecovered) this.#listeners.onRecovery();
    if (this.#cards.size === 0) this.#build();
    for (const peer of peers) this.#cards.get(peer.letter)?.showAlive(peer.alive);
    const repeated = origin.renders - origin.distinct;
    element("origin").replaceChildren(
      "The origin rendered ",
      make("b", "", String(origin.distinct)),
      ` tile${origin.distinct === 1 ? "" : "s"}, `,
      make("b", "", String(repeated)),
      " of them more than once.",
    );
  }

  #build() {
    for (const peer of this.#peers) {
      const card = new PeerCard(peer, (action) => this.#act(action, peer));
      this.#cards.set(peer.letter, card);
      element("peers").append(card.root);
    }
    for (const [value, text] of [[ROUND_ROBIN, "all in turn"], ...this.#peers.map(({ letter }) => [letter, letter])]) {
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "target", value, checked: value === this.#target });
      input.addEventListener("change", () => {
        this.#target = value;
        this.#listeners.onTarget();
      });
      element("target").append(make("label", "", input, make("span", "", text)));
    }
  }

  /** @param {Action} action @param {Peer} peer */
  async #act(action, peer) {
    const response = await fetch(`peers/${peer.letter}/${action}`, { method: "POST" }).catch(() => undefined);
    this.#failure = response?.ok === false ? `Could not ${action} peer ${peer.letter}: ${await response.text()}` : "";
    await this.refresh();
  }

  /** @param {string} text */
  #showError(text) {
    element("error").textContent = text;
    element("error").hidden = text === "";
  }

  /**
   * The peers that are up, in the order of failover.
   * @param {number} turn selects the first peer of a round robin; the same for the same tile
   * @returns {Peer[]}
   */
  candidates(turn) {
    const first =
      this.#target === ROUND_ROBIN
        ? turn % this.#peers.length
        : this.#peers.findIndex(({ letter }) => letter === this.#target);
    return this.#peers.map((_, i) => this.#peers[(first + i) % this.#peers.length]).filter(({ alive }) => alive);
  }

  /** @param {string | null} url @returns {Peer | undefined} */
  peerOf(url) {
    return this.#peers.find((peer) => peer.url === url);
  }

  /** Takes a peer without a response out of the candidates until the demo reports it up. @param {Peer} peer */
  markDown(peer) {
    peer.alive = false;
    this.#cards.get(peer.letter)?.showAlive(false);
  }

  /**
   * Summarizes the tiles in view.
   * @param {{ fetched: Array<{ source: string, ms: number }>, waiting: number, failed: number }} view
   */
  showView({ fetched, waiting, failed }) {
    /** @type {Record<string, number>} */
    const counts = {};
    for (const { source } of fetched) counts[source] = (counts[source] ?? 0) + 1;
    if (waiting > 0) counts.waiting = waiting;
    if (failed > 0) counts.failed = failed;
    const times = fetched.map(({ ms }) => ms).sort((a, b) => a - b);
    const median = times.length > 0 ? `, median ${Math.round(times[times.length >> 1])} ms` : "";
    const parts = Object.entries(counts).map(([label, count]) => `${count} ${label}`);
    element("view").replaceChildren(
      make("b", "", `${fetched.length + waiting + failed} tiles in view`),
      median,
      make("br", ""),
      parts.join(" · "),
    );
  }
}

/** One peer: letter, port, state, counters, and the button that kills or restarts it. */
class PeerCard {
  #button;
  #state;
  #numbers;
  root;

  /** @param {Peer} peer @param {(action: Action) => Promise<void>} act */
  constructor({ letter, url }, act) {
    this.#state = make("span", "state");
    this.#button = /** @type {HTMLButtonElement} */ (make("button", "action"));
    this.#button.addEventListener("click", async () => {
      this.#button.disabled = true;
      try {
        await act(this.root.classList.contains("down") ? "restart" : "kill");
      } finally {
        this.#button.disabled = false;
      }
    });
    this.#numbers = COUNTERS.map(() => make("dd", "zero", "0"));
    const counters = make(
      "dl",
      "",
      ...COUNTERS.map(([, heading], i) => make("div", "", make("dt", "", heading), this.#numbers[i])),
    );
    const head = make(
      "div",
      "head",
      make("b", "chip", letter),
      make("span", "port", `port ${new URL(url).port}`),
      this.#state,
      this.#button,
    );
    this.root = make("li", "peer", head, counters);
    this.root.dataset.owner = letter;
  }

  /** @param {boolean} alive */
  showAlive(alive) {
    this.root.classList.toggle("down", !alive);
    this.#state.textContent = alive ? "up" : "down";
    this.#button.textContent = alive ? "Kill" : "Restart";
    this.#button.setAttribute("aria-label", `${alive ? "Kill" : "Restart"} peer ${this.root.dataset.owner}`);
  }

  /** Updates the counters. Those of a peer that is down stay. @param {Peer} peer */
  async refresh({ url, alive }) {
    if (!alive) return;
    const response = await fetch(`${url}/stats`).catch(() => undefined);
    if (!response?.ok) return;
    const counters = countersOf(await response.json());
    counters.forEach((count, i) => {
      this.#numbers[i].textContent = count.toLocaleString("en");
      this.#numbers[i].classList.toggle("zero", count === 0);
    });
  }
}
