// The panel beside the map: the peers with their counters, kill and revive, and whom to ask.
import { COUNTERS, countersOf } from "../scenario/counters.mjs";

const REFRESH_EVERY_MS = 1000;

/** @typedef {{ letter: string, url: string, alive: boolean }} Peer */

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
  #asked = "turn";
  #listeners;
  /** What the reader wanted done last and could not be. */
  #failure = "";

  /**
   * @param {object} listeners
   * @param {() => void} listeners.onAsk another peer is to be asked from now on
   * @param {() => void} listeners.onRevived a peer is up again
   */
  constructor(listeners) {
    this.#listeners = listeners;
    setInterval(() => document.hidden || this.refresh(), REFRESH_EVERY_MS);
  }

  /** Asks the runner who lives, and those who live for their counters. */
  async refresh() {
    try {
      this.#show(await (await fetch("cluster")).json());
      await Promise.all(this.#peers.map((peer) => this.#cards.get(peer.letter)?.refresh(peer)));
      this.#tellTrouble(this.#failure);
    } catch {
      this.#tellTrouble("The demo does not answer. Is it still running?");
    }
  }

  /** @param {{ peers: Peer[], origin: { renders: number, distinct: number } }} cluster */
  #show({ peers, origin }) {
    const revived = peers.some(({ url, alive }) => alive && this.peerOf(url)?.alive === false);
    this.#peers = peers;
    if (revived) this.#listeners.onRevived();
    if (this.#cards.size === 0) this.#build();
    for (const peer of peers) this.#cards.get(peer.letter)?.showAlive(peer.alive);
    const again = origin.renders - origin.distinct;
    element("origin").replaceChildren(
      "The origin rendered ",
      make("b", "", String(origin.distinct)),
      ` tile${origin.distinct === 1 ? "" : "s"}, `,
      make("b", "", String(again)),
      " of them again.",
    );
  }

  #build() {
    for (const peer of this.#peers) {
      const card = new PeerCard(peer, (deed) => this.#do(deed, peer));
      this.#cards.set(peer.letter, card);
      element("peers").append(card.root);
    }
    for (const [value, text] of [["turn", "all in turn"], ...this.#peers.map(({ letter }) => [letter, letter])]) {
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "ask", value, checked: value === this.#asked });
      input.addEventListener("change", () => {
        this.#asked = value;
        this.#listeners.onAsk();
      });
      element("ask").append(make("label", "", input, make("span", "", text)));
    }
  }

  /** @param {"kill" | "revive"} deed @param {Peer} peer */
  async #do(deed, peer) {
    const answer = await fetch(`peers/${peer.letter}/${deed}`, { method: "POST" }).catch(() => undefined);
    this.#failure = answer?.ok === false ? `Could not ${deed} peer ${peer.letter}: ${await answer.text()}` : "";
    await this.refresh();
  }

  /** @param {string} text */
  #tellTrouble(text) {
    element("trouble").textContent = text;
    element("trouble").hidden = text === "";
  }

  /**
   * Who is to be asked, best first; only peers that live.
   * @param {number} turn whose turn it is where all are asked in turn; the same for the same tile
   * @returns {Peer[]}
   */
  peersToAsk(turn) {
    const first =
      this.#asked === "turn"
        ? turn % this.#peers.length
        : this.#peers.findIndex(({ letter }) => letter === this.#asked);
    return this.#peers.map((_, i) => this.#peers[(first + i) % this.#peers.length]).filter(({ alive }) => alive);
  }

  /** @param {string | null} url @returns {Peer | undefined} */
  peerOf(url) {
    return this.#peers.find((peer) => peer.url === url);
  }

  /** A peer did not answer: it is not asked again until the runner says that it lives. @param {Peer} peer */
  tellDead(peer) {
    peer.alive = false;
    this.#cards.get(peer.letter)?.showAlive(false);
  }

  /**
   * Sums up how the tiles in view were had.
   * @param {{ had: Array<{ way: string, ms: number }>, waiting: number, failed: number }} view
   */
  showView({ had, waiting, failed }) {
    /** @type {Record<string, number>} */
    const counts = {};
    for (const { way } of had) counts[way] = (counts[way] ?? 0) + 1;
    if (waiting > 0) counts["to come"] = waiting;
    if (failed > 0) counts.failed = failed;
    const times = had.map(({ ms }) => ms).sort((a, b) => a - b);
    const median = times.length > 0 ? `, median ${Math.round(times[times.length >> 1])} ms` : "";
    const parts = Object.entries(counts).map(([way, count]) => `${count} ${way}`);
    element("view").replaceChildren(
      make("b", "", `${had.length + waiting + failed} tiles in view`),
      median,
      make("br", ""),
      parts.join(" · "),
    );
  }
}

/** One peer: letter, port, state, counters, and the button that kills or revives it. */
class PeerCard {
  #button;
  #state;
  #numbers;
  root;

  /** @param {Peer} peer @param {(deed: "kill" | "revive") => Promise<void>} act */
  constructor({ letter, url }, act) {
    this.#state = make("span", "state");
    this.#button = /** @type {HTMLButtonElement} */ (make("button", "deed"));
    this.#button.addEventListener("click", async () => {
      this.#button.disabled = true;
      await act(this.root.classList.contains("dead") ? "revive" : "kill").finally(
        () => (this.#button.disabled = false),
      );
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
    this.root.classList.toggle("dead", !alive);
    this.#state.textContent = alive ? "up" : "down";
    this.#button.textContent = alive ? "Kill" : "Revive";
    this.#button.setAttribute("aria-label", `${alive ? "Kill" : "Revive"} peer ${this.root.dataset.owner}`);
  }

  /** The last counters stay where the peer is down. @param {Peer} peer */
  async refresh({ url, alive }) {
    if (!alive) return;
    const answer = await fetch(`${url}/stats`).catch(() => undefined);
    if (!answer?.ok) return;
    const counters = countersOf(await answer.json());
    counters.forEach((count, i) => {
      this.#numbers[i].textContent = count.toLocaleString("en");
      this.#numbers[i].classList.toggle("zero", count === 0);
    });
  }
}
