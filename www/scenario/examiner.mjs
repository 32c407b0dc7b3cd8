// Requests tiles from peers, compares every response with a local render, and counts.
import { fetchOnce } from "../../harness/fetch.mjs";
import { originStats } from "../origin/client.mjs";
import { parseTilePath, tilePng } from "../origin/origin.mjs";
import { COUNTERS, countersOf, peerRequestsIn } from "./counters.mjs";

const RESPONSE_TIMEOUT_MS = 30_000;
const RECOVERY_TIMEOUT_MS = 15_000;

/**
 * A phase of the round, with counts of its own.
 * @typedef {object} Phase
 * @property {string} name
 * @property {number} responses
 * @property {string[]} failures one sentence for each wrong response
 * @property {string[]} renderedTwice the tiles that the origin rendered more than once in this phase
 */

/** @typedef {import("../../harness/cluster.mjs").Peer} Peer */

export class Examiner {
  #cluster;
  /** @type {Map<string, Buffer>} */
  #expected = new Map();
  /** The owner that the first response for a tile named. @type {Map<string, string>} */
  #owners = new Map();
  /** Counters of peers before their restart. @type {Map<Peer, number[]>} */
  #earlier = new Map();
  /** @type {Phase[]} */
  phases = [];

  /** @param {import("../../harness/cluster.mjs").Cluster} cluster */
  constructor(cluster) {
    this.#cluster = cluster;
  }

  /** Renders a tile locally, once. @param {string} name such as "3/4/2" */
  expected(name) {
    const tile = parseTilePath(`/${name}`);
    if (!tile) throw new Error(`There is no tile ${name}.`);
    const png = this.#expected.get(name) ?? tilePng(tile);
    this.#expected.set(name, png);
    return png;
  }

  /**
   * Runs one phase. It starts and ends with an idle origin, so that every render belongs to one phase.
   * @param {string} name
   * @param {() => Promise<unknown>} play
   */
  async phase(name, play) {
    /** @type {Phase} */
    const phase = { name, responses: 0, failures: [], renderedTwice: [] };
    this.phases.push(phase);
    const before = (await this.#idleOrigin()).tiles;
    await play();
    const after = (await this.#idleOrigin()).tiles;
    phase.renderedTwice = Object.keys(after).filter((tile) => after[tile] - (before[tile] ?? 0) > 1);
    return phase;
  }

  /** The origin's counters when its queue is empty. Requests of a killed peer can still be queued. */
  async #idleOrigin() {
    for (;;) {
      const stats = await originStats(this.#cluster.origin);
      if (stats.waiting === 0) return stats;
    }
  }

  /** Requests a tile from all these peers at once. @param {string} tile @param {Peer[]} peers */
  async request(tile, peers) {
    await Promise.all(
      peers.map((peer) => this.#examine(peer, tile, (response, body) => this.#failureOf(tile, response, body))),
    );
  }

  /** Requests a tile that does not exist from all these peers at once. @param {string} tile @param {Peer[]} peers */
  async requestMissing(tile, peers) {
    const failureOf = (/** @type {Response} */ { status }) =>
      status === 404 ? undefined : `status ${status} instead of 404`;
    await Promise.all(peers.map((peer) => this.#examine(peer, tile, failureOf)));
  }

  /** @param {string} tile @param {Response} response @param {Buffer} body @returns {string | undefined} */
  #failureOf(tile, response, body) {
    if (response.status !== 200) return `status ${response.status}: ${body.toString("utf8", 0, 200).trim()}`;
    if (!body.equals(this.expected(tile))) return `${body.length} bytes that differ from the tile's`;
    const owner = response.headers.get("x-owner") ?? "nobody";
    const firstOwner = this.#owners.get(tile) ?? owner;
    this.#owners.set(tile, firstOwner);
    return owner === firstOwner ? undefined : `owner ${owner}, but an earlier response named ${firstOwner}`;
  }

  /**
   * @param {Peer} peer
   * @param {string} tile
   * @param {(response: Response, body: Buffer) => string | undefined} failureOf
   */
  async #examine(peer, tile, failureOf) {
    const phase = /** @type {Phase} */ (this.phases.at(-1));
    let failure;
    try {
      const { response, body } = await get(peer, tile);
      failure = failureOf(response, body);
    } catch (error) {
      const { message, cause } = /** @type {Error} */ (error);
      failure = `no response: ${message}${cause instanceof Error ? ` (${cause.message})` : ""}`;
    }
    phase.responses++;
    if (failure !== undefined) phase.failures.push(`${phase.name}: tile ${tile} from peer ${peer.letter}: ${failure}`);
  }

  /**
   * Requests unused tiles from `requester` until it sends a peer request to `owner`. After a restart of the owner the
   * requester's circuit breaker can stay open for a while.
   * @param {Peer} requester
   * @param {Peer} owner
   * @param {string[]} unusedTiles
   * @returns {Promise<boolean>} false on timeout
   */
  async recovers(requester, owner, unusedTiles) {
    const deadline = Date.now() + RECOVERY_TIMEOUT_MS;
    const before = peerRequestsIn(await this.counters(owner));
    for (const tile of unusedTiles) {
      if (Date.now() > deadline) break;
      await get(requester, tile);
      if (peerRequestsIn(await this.counters(owner)) > before) return true;
    }
    return false;
  }

  /** Saves the counters of a peer before it is killed. @param {Peer} peer */
  async saveCounters(peer) {
    this.#earlier.set(peer, await this.counters(peer));
  }

  /** The counters of a peer, including those saved before a restart, in the order of COUNTERS. @param {Peer} peer */
  async counters(peer) {
    const now = countersOf(await (await fetchOnce(`${peer.url}/stats`)).json());
    const earlier = this.#earlier.get(peer) ?? COUNTERS.map(() => 0);
    return now.map((count, i) => count + earlier[i]);
  }
}

/** @param {Peer} peer @param {string} tile */
async function get(peer, tile) {
  const response = await fetchOnce(`${peer.url}/tile/${tile}`, { signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS) });
  return { response, body: Buffer.from(await response.arrayBuffer()) };
}
