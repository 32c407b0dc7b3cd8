// Kinds of peers for a cluster with Go nodes: this package in Node and in workerd.
import { fileURLToPath } from "node:url";
import { workerdPeer } from "../../harness/workerd.mjs";

/** @typedef {import("../../harness/cluster.mjs").PeerConfig} PeerConfig */
/** @typedef {import("../../harness/cluster.mjs").PeerKind} PeerKind */

/**
 * @typedef {object} NodeOptions
 * @property {string} wire
 * @property {number} peerTimeoutMs
 */

/** @param {PeerConfig} config @param {NodeOptions} options @returns {import("./workers/handler.js").Bindings} */
const bindings = ({ self, peers, origin }, { wire, peerTimeoutMs }) => ({
  SELF: self,
  PEERS: peers,
  ORIGIN: origin,
  WIRE: wire,
  PEER_TIMEOUT_MS: peerTimeoutMs,
});

/** The package in Node. @param {NodeOptions} options @returns {PeerKind} */
export function packageInNode(options) {
  const program = fileURLToPath(new URL("./workers/node.mjs", import.meta.url));
  return async (config) => {
    const { letter, processes } = config;
    const args = [program, JSON.stringify(bindings(config, options))];
    const child = processes.start(`peer ${letter} (Node, ${options.wire})`, process.execPath, args);
    await child.until("it to listen", (output) => output.includes("listening") || undefined);
    return child;
  };
}

/** The package in workerd. @param {NodeOptions} options @returns {PeerKind} */
export function packageInWorkerd(options) {
  return workerdPeer({
    worker: fileURLToPath(new URL("./workers/workerd.js", import.meta.url)),
    bindings: (config) => ({ ...bindings(config, options) }),
  });
}
