// Asks peers for tiles, judges every answer against the tile rendered here, and counts.
import { COUNTERS, countersOf, peerRequestsIn } from "./counters.mjs";
import { tilePng } from "../origin/origin.mjs";

const ANSWER_WITHIN_MS = 30_000;
const SEEN_AGAIN_WITHIN_MS = 15_000;

/**
 * A stretch of time, for which answers and renders are counted apart.
 * @typedef {object} Spell
 * @property {string} name
 * @property {number} answers
 * @property {string[]} faults one sentence for each answer that was not right
 * @property {string[]} renderedTwice the tiles that the origin rendered more than once in it
 */

/** @typedef {import("../../harness/cluster.mjs").Peer} Peer */

export class Examiner {
  #cluster;
  /** @type {Map<string, Buffer>} */
  #expected = new Map();
  /** @type {Map<string, string>} what the first answer said */
  #owners = new Map();
  /** @type {Map<Peer, number[]>} counters of peers' earlier lives */
  #earlier = new Map();
  /** @type {Spell[]} */
  spells = [];

  /** @param {import("../../harness/cluster.mjs").Cluster} cluster */
  constructor(cluster) {
    this.#cluster = cluster;
  }

  /** Renders a tile here, if it was not yet. @param {string} tile such as "3/4/2" */
  expected(tile) {
    const [z, x, y] = tile.split("/").map(Number);
    const png = this.#expected.get(tile) ?? tilePng(z, x, y);
    this.#expected.set(tile, png);
    return png;
  }

  /**
   * Runs one spell. It begins and ends with an idle origin, so that every render belongs to one spell.
   * @param {string} name @param {() => Promise<unknown>} play
   */
  async spell(name, play) {
    const spell = { name, answers: 0, faults: [], renderedTwice: /** @type {string[]} */ ([]) };
    this.spells.push(spell);
    const before = (await this.#idleOrigin()).tiles;
    await play();
    const after = (await this.#idleOrigin()).tiles;
    spell.renderedTwice = Object.keys(after).filter((tile) => after[tile] - (before[tile] ?? 0) > 1);
    return spell;
  }

  /** What the origin has counted, once nothing waits there: questions of a peer that died meanwhile still might. */
  async #idleOrigin() {
    for (;;) {
      const stats = await this.#cluster.originStats();
      if (stats.waiting === 0) return stats;
    }
  }

  /** Asks all these peers for a tile at once. @param {string} tile @param {Peer[]} peers */
  async ask(tile, peers) {
    await Promise.all(
      peers.map((peer) => this.#examine(peer, tile, (answer, body) => this.#faultOf(tile, answer, body))),
    );
  }

  /** Asks all these peers at once for what does not exist. @param {string} tile @param {Peer[]} peers */
  async askInVain(tile, peers) {
    const faultOf = (/** @type {Response} */ { status }) =>
      status === 404 ? undefined : `status ${status} instead of 404`;
    await Promise.all(peers.map((peer) => this.#examine(peer, tile, faultOf)));
  }

  /** @param {string} tile @param {Response} answer @param {Buffer} body @returns {string | undefined} */
  #faultOf(tile, answer, body) {
    if (answer.status !== 200) return `status ${answer.status}: ${body.toString("utf8", 0, 200).trim()}`;
    if (!body.equals(this.expected(tile))) return `${body.length} bytes which are not the tile's`;
    const owner = answer.headers.get("x-owner") ?? "nobody";
    const before = this.#owners.get(tile) ?? owner;
    this.#owners.set(tile, before);
    return owner === before ? undefined : `owned by ${owner}, but an answer before said ${before}`;
  }

  /**
   * @param {Peer} peer @param {string} tile
   * @param {(answer: Response, body: Buffer) => string | undefined} faultOf
   */
  async #examine(peer, tile, faultOf) {
    const spell = /** @type {Spell} */ (this.spells.at(-1));
    let fault;
    try {
      const { answer, body } = await get(peer, tile);
      fault = faultOf(answer, body);
    } catch (error) {
      const { message, cause } = /** @type {Error} */ (error);
      fault = `no answer: ${message}${cause instanceof Error ? ` (${cause.message})` : ""}`;
    }
    spell.answers++;
    if (fault !== undefined) spell.faults.push(`${spell.name}: tile ${tile} from peer ${peer.letter}: ${fault}`);
  }

  /**
   * Asks `asker` for tiles out of `spare` until it has asked `owner`: a peer that found another one down may shun
   * it for a while after it is back.
   * @param {Peer} asker @param {Peer} owner @param {string[]} spare
   * @returns {Promise<boolean>} false if it did not happen in time
   */
  async isAskedAgain(asker, owner, spare) {
    const giveUp = Date.now() + SEEN_AGAIN_WITHIN_MS;
    const before = peerRequestsIn(await this.counters(owner));
    for (const tile of spare) {
      if (Date.now() > giveUp) break;
      await get(asker, tile);
      if (peerRequestsIn(await this.counters(owner)) > before) return true;
    }
    return false;
  }

  /** Reads the counters of a peer that is about to die, to be added to those of its next life. @param {Peer} peer */
  async keepCounters(peer) {
    this.#earlier.set(peer, await this.counters(peer));
  }

  /** The counters of a peer over all its lives, in the order of COUNTERS. @param {Peer} peer */
  async counters(peer) {
    const now = countersOf(await (await fetch(`${peer.url}/stats`)).json());
    const earlier = this.#earlier.get(peer) ?? COUNTERS.map(() => 0);
    return now.map((count, i) => count + earlier[i]);
  }
}

/** @param {Peer} peer @param {string} tile */
async function get(peer, tile) {
  const answer = await fetch(`${peer.url}/tile/${tile}`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  return { answer, body: Buffer.from(await answer.arrayBuffer()) };
}
