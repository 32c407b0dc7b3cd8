// A cluster in memory: nodes with one group each, whose loaders count their runs.
import { bytes, countingLoader, NO_TIMEOUT, TestCluster } from "./support.mjs";

export const MAX = { maxBytes: 256 * 1024 };

/** @typedef {(node: string) => (key: string, scope: import("./support.mjs").LoadScope) => any} Give */

/**
 * Starts the nodes. By default a node's loader returns "<node>:<key>".
 * @param {Partial<import("../../pkg/index.js").GroupOptions<Uint8Array>>} [options] of every node's group
 * @param {Give} [give] makes a node's loader
 */
export function startCluster(
  names = ["a", "b", "c"],
  options = NO_TIMEOUT,
  give = (name) => (key) => bytes(`${name}:${key}`),
) {
  const cluster = new TestCluster(names);
  const all = [...cluster.pools].map(([name, pool]) => {
    const loader = countingLoader(give(name));
    return { name, pool, loader, group: pool.group("g", { ...MAX, ...options, load: loader.load }) };
  });
  return {
    cluster,
    all,
    /** @param {string} name */
    node(name) {
      const node = all.find((node) => node.name === name);
      if (node === undefined) throw new Error(`no node ${name}`);
      return node;
    },
    /** How many loads all nodes ran. */
    loads: () => all.reduce((sum, { loader }) => sum + loader.total(), 0),
  };
}
