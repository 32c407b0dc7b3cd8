// An origin and its peers on loopback: started together, killed and revived one by one, stopped together.
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { ProcessGroup } from "./processes.mjs";
import { workerdPeer } from "./workerd.mjs";

const ORIGIN = fileURLToPath(new URL("../www/origin/origin.mjs", import.meta.url));
const CACHE_FOLDER = fileURLToPath(new URL("../.cache/", import.meta.url));

/**
 * Ports are taken from below the range out of which systems give ports to outgoing connections: else one of
 * those could sit on a killed peer's port when the peer comes back.
 */
const PORTS = { first: 15_000, last: 32_000 };

/**
 * Where a peer lives and among whom.
 * @typedef {object} PeerPlace
 * @property {string} letter "A", "B", ... in the order of the list
 * @property {string} self its URL, which is also its name on the ring
 * @property {number} port the port of that URL, on 127.0.0.1
 * @property {string[]} peers the URLs of all peers, itself among them
 * @property {string} origin the origin's URL
 * @property {ProcessGroup} processes where to start its process
 */

/**
 * One kind of peer: starts the process of a peer and resolves when it listens on its port.
 * @typedef {(place: PeerPlace) => Promise<import("./processes.mjs").Child>} PeerKind
 */

/**
 * @typedef {object} ClusterOptions
 * @property {number} [count] how many workers in workerd; default: 3
 * @property {PeerKind[]} [peers] the peers themselves, where they are not all workers of one kind; then the
 *   options of `WorkerOptions` are not used
 * @property {number[]} [ports] ports for the peers, where they are free; default: any. Tests that run beside each
 *   other leave it out
 * @property {string} [origin] the URL of an origin that already runs; default: the demo's is started
 */

/**
 * Starts an origin and its peers, and resolves when all of them listen. Nothing that it starts outlives this process.
 * @param {ClusterOptions & import("./workerd.mjs").WorkerOptions} [options]
 */
export async function startCluster({ count = 3, peers: kinds, ports: wanted = [], origin, ...worker } = {}) {
  const processes = new ProcessGroup(CACHE_FOLDER);
  try {
    kinds ??= Array(count).fill(workerdPeer(worker));
    origin ??= await startOrigin(processes);
    const ports = await freePorts(kinds.length, wanted);
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    const peers = kinds.map((kind, i) => {
      const letter = String.fromCharCode("A".charCodeAt(0) + i);
      return new Peer(kind, { letter, self: urls[i], port: ports[i], peers: urls, origin: String(origin), processes });
    });
    await Promise.all(peers.map((peer) => peer.revive()));
    return new Cluster(processes, origin, peers);
  } catch (error) {
    await processes.stop();
    throw error;
  }
}

/** A running cluster. */
export class Cluster {
  #processes;
  /** The origin's URL. */
  origin;
  /** @type {readonly Peer[]} */
  peers;

  /** @param {ProcessGroup} processes @param {string} origin @param {Peer[]} peers */
  constructor(processes, origin, peers) {
    this.#processes = processes;
    this.origin = origin;
    this.peers = peers;
  }

  /**
   * What the origin has counted so far.
   * @returns {Promise<{ renders: number, distinct: number, waiting: number, dropped: number, tiles: Record<string, number> }>}
   */
  async originStats() {
    return (await fetch(`${this.origin}/stats`)).json();
  }

  /** Ends every process of the cluster and waits until they are gone. */
  stop() {
    return this.#processes.stop();
  }
}

/** One peer of a cluster; its URL stays the same when it comes back. */
export class Peer {
  #kind;
  #place;
  /** @type {import("./processes.mjs").Child | undefined} */
  #child;
  /** @type {Promise<void> | undefined} */
  #starting;

  /** @param {PeerKind} kind @param {PeerPlace} place */
  constructor(kind, place) {
    this.#kind = kind;
    this.#place = place;
  }

  /** "A", "B", ... */
  get letter() {
    return this.#place.letter;
  }

  /** Its URL, which is also its name on the ring. */
  get url() {
    return this.#place.self;
  }

  /** Does its process run? */
  get alive() {
    return this.#child?.alive ?? false;
  }

  /** What its process wrote last to its standard error. */
  get errors() {
    return this.#child?.errors ?? "";
  }

  /** Kills its process, as a crash would; what it kept is lost. */
  async kill() {
    await this.#starting;
    await this.#child?.kill();
  }

  /** Starts it on its port, with nothing kept; nothing happens where it runs. */
  revive() {
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  async #start() {
    if (!this.alive) this.#child = await this.#kind(this.#place);
  }
}

/** @param {ProcessGroup} processes */
function startOrigin(processes) {
  const child = processes.start("the origin", process.execPath, [ORIGIN]);
  return child.until("its URL", (output) => /http:\S+(?=\n)/.exec(output)?.[0]);
}

/**
 * @param {number} count @param {number[]} [wanted] taken first, where they are free
 * @returns {Promise<number[]>}
 */
async function freePorts(count, wanted = []) {
  const { first, last } = PORTS;
  /** @type {Set<number>} */
  const ports = new Set();
  for (const port of wanted) if (ports.size < count && (await isFree(port))) ports.add(port);
  for (let tries = 0; ports.size < count && tries < 1000; tries++) {
    const port = first + Math.floor(Math.random() * (last - first));
    if (await isFree(port)) ports.add(port);
  }
  if (ports.size < count)
    throw new Error(`Looked for ${count} free ports from ${first} to ${last} on 127.0.0.1 and found ${ports.size}.`);
  return [...ports];
}

/** @param {number} port @returns {Promise<boolean>} */
function isFree(port) {
  return new Promise((answer) => {
    const server = createServer().once("error", () => answer(false));
    server.listen(port, "127.0.0.1", () => server.close(() => answer(true)));
  });
}
