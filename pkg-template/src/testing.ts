/** Test peers in memory: a network of nodes that counts what they ask of each other and can be cut. */
import type { Context, Fetcher, PoolOptions } from "./options.js";
import { createPool, type Pool } from "./pool.js";

/** Nodes that ask each other without a socket. What the package's own tests use, for yours. */
export class TestCluster<Env = unknown> {
  /** The nodes by name. */
  readonly pools = new Map<string, Pool<Env>>();
  /** Questions that reached each node. */
  readonly requests = new Map<string, number>();
  /** For each node, what rejects once it is cut off. */
  readonly #cuts = new Map<string, { cut: Promise<never>; off: (why: Error) => void }>();

  /** Makes a node for each name, all on one ring. Give each its groups with `forEach`. */
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

  /** A way to a node: hand it to a pool of your own as its `connect`. */
  connect(peer: string, env?: Env, ctx?: Context): Fetcher {
    return {
      fetch: async (url, init) => {
        const cut = this.#cuts.get(peer)?.cut;
        // Lets what is cut off already fail before anything is asked.
        await Promise.race([cut, null]);
        this.requests.set(peer, (this.requests.get(peer) ?? 0) + 1);
        const answer = this.pools.get(peer)?.handle(new Request(url, init), env, ctx);
        return (await Promise.race([answer, ...(cut ? [cut] : [])])) ?? new Response("Not found", { status: 404 });
      },
    };
  }

  /** Cuts a node off: whoever asks it, or has asked and waits still, gets an error at once. */
  stop(name: string): void {
    this.#cuts.get(name)?.off(new TypeError("Network connection lost."));
  }

  /** Joins it again. */
  start(name: string): void {
    let off!: (why: Error) => void;
    const cut = new Promise<never>((_, reject) => (off = reject));
    // Nobody need be asking when it is cut.
    cut.catch(() => {});
    this.#cuts.set(name, { cut, off });
  }
}
