/** Test peers in memory: a cluster that counts the requests between its nodes, and in which nodes can be stopped. */
import type { Context, Fetcher, PoolOptions } from "./options.js";
import { createPool, type Pool } from "./pool.js";

/**
 * A cluster of nodes that ask each other without a socket.
 *
 * ```ts
 * const cluster = new TestCluster(["a", "b"]);
 * const groups = [...cluster.pools.values()].map((pool) =>
 *   pool.group("g", { maxBytes: 1 << 20, load: async () => new Uint8Array(3) }),
 * );
 * cluster.stop("b");
 * ```
 */
export class TestCluster<Env = unknown> {
  /** The pool of each node, by name. */
  readonly pools = new Map<string, Pool<Env>>();
  /** How many requests reached each node, by name. */
  readonly requests = new Map<string, number>();
  /** For each node, a promise that rejects when it is stopped. */
  readonly #cuts = new Map<string, { cut: Promise<never>; off: (why: Error) => void }>();

  /** Makes a node for each name, all on one ring, with the given options. Each needs its groups from the test. */
  constructor(names: readonly string[], options: Omit<PoolOptions<Env>, "self" | "peers" | "connect"> = {}) {
    for (const name of names) {
      this.requests.set(name, 0);
      this.start(name);
      this.pools.set(
        name,
        createPool<Env>({ ...options, self: name, peers: names, connect: (peer, env) => this.connect(peer, env) }),
      );
    }
  }

  /** Returns the way to a node: the `connect` of the cluster's pools, and for pools of the test's own. */
  connect(peer: string, env?: Env, ctx?: Context): Fetcher {
    return {
      fetch: async (url, init) => {
        const cuts = [this.#cuts.get(peer)?.cut ?? new Promise<never>(() => {})];
        // A stopped node receives nothing.
        await Promise.race([...cuts, null]);
        this.requests.set(peer, (this.requests.get(peer) ?? 0) + 1);
        const answer = this.pools.get(peer)?.handle(new Request(url, init), env, ctx);
        return (await Promise.race([answer, ...cuts])) ?? new Response("Not found", { status: 404 });
      },
    };
  }

  /** Stops a node: requests to it fail at once, those that are waiting as well. */
  stop(name: string): void {
    this.#cuts.get(name)?.off(new TypeError("Network connection lost."));
  }

  /** Starts a stopped node again, with its copies. */
  start(name: string): void {
    let off!: (why: Error) => void;
    const cut = new Promise<never>((_, reject) => (off = reject));
    // No request may be waiting when it is stopped.
    cut.catch(() => {});
    this.#cuts.set(name, { cut, off });
  }
}
