// Clusters of peers on loopback: started together, killed and restarted one by one, stopped together.
import { freePorts } from "./ports.mjs";
import { ProcessGroup } from "./processes.mjs";

/**
 * Configuration of one peer.
 * @typedef {object} PeerConfig
 * @property {string} letter "A", "B", ... in the order of the list
 * @property {string} self its URL, which is also its name on the ring
 * @property {number} port the port of that URL, on 127.0.0.1
 * @property {string[]} peers the URLs of all peers, including its own
 * @property {string} origin the origin's URL
 * @property {ProcessGroup} processes the group to start its process in
 */

/**
 * A kind of peer: starts a peer's process and resolves when it listens on its port.
 * @typedef {(config: PeerConfig) => Promise<import("./processes.mjs").Child>} PeerKind
 */

/**
 * @typedef {object} ClusterOptions
 * @property {PeerKind[]} peers one entry per peer
 * @property {string | ((processes: ProcessGroup) => Promise<string>)} origin the URL of a running origin, or a
 *   function that starts one in the cluster's process group and returns its URL
 * @property {number[]} [ports] preferred ports of the peers, used if they are free. Tests leave it out, because
 *   test files run side by side
 */

/**
 * Starts an origin and its peers, and resolves when all of them listen. No process outlives this one.
 * @param {ClusterOptions} options
 */
export async function startCluster({ peers: kinds, origin, ports: preferred }) {
  const processes = new ProcessGroup();
  try {
    const originUrl = typeof origin === "string" ? origin : await origin(processes);
    const ports = await freePorts(kinds.length, preferred);
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    const peers = kinds.map((kind, i) => {
      const letter = String.fromCharCode("A".charCodeAt(0) + i);
      return new Peer(kind, { letter, self: urls[i], port: ports[i], peers: urls, origin: originUrl, processes });
    });
    await Promise.all(peers.map((peer) => peer.start()));
    return new Cluster(processes, originUrl, peers);
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

  /** Kills every process of the cluster and resolves when they have exited. */
  stop() {
    return this.#processes.stop();
  }
}

/** One peer of a cluster. Its URL stays the same across restarts. */
export class Peer {
  #kind;
  #config;
  /** @type {import("./processes.mjs").Child | undefined} */
  #child;
  /** @type {Promise<void> | undefined} */
  #starting;

  /** @param {PeerKind} kind @param {PeerConfig} config */
  constructor(kind, config) {
    this.#kind = kind;
    this.#config = config;
  }

  /** "A", "B", ... */
  get letter() {
    return this.#config.letter;
  }

  /** Its URL, which is also its name on the ring. */
  get url() {
    return this.#config.self;
  }

  /** True while its process runs. */
  get alive() {
    return this.#child?.alive ?? false;
  }

  /** The end of its process's standard error. */
  get errors() {
    return this.#child?.errors ?? "";
  }

  /** Kills its process like a crash. Its cache is lost. */
  async kill() {
    await this.#starting;
    await this.#child?.kill();
  }

  /** Starts it on its port with an empty cache. No-op while it runs. */
  start() {
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  async #start() {
    if (!this.alive) this.#child = await this.#kind(this.#config);
  }
}
