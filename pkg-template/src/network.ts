/** Test peers in memory: a network of nodes that counts what they ask of each other and can be cut. */
import type { Context, Fetcher, PoolOptions } from "./options.js";
import { createPool, type Pool } from "./pool.js";

/** Nodes that ask each other without a socket. What the package's own tests use, for yours. */
export class TestNetwork<Env = unknown> {
  /** The nodes by name. */
  readonly pools = new Map<string, Pool<Env>>();
  /** Questions that reached each node. */
  readonly asked = new Map<string, number>();
  readonly #down = new Set<string>();

  /** Makes a node for each name, all on one ring. Give each its groups with `forEach`. */
  constructor(names: readonly string[], options: Omit<PoolOptions<Env>, "self" | "peers" | "connect"> = {}) {
    for (const name of names) {
      this.asked.set(name, 0);
      this.pools.set(name, createPool<Env>({ ...options, self: name, peers: names, connect: (peer, env) => this.connect(peer, env) }));
    }
  }

  /** A way to a node: hand it to a pool of your own as its `connect`. */
  connect(peer: string, env?: Env, ctx?: Context): Fetcher {
    return {
      fetch: async (url, init) => {
        if (this.#down.has(peer)) throw new TypeError("Network connection lost.");
        this.asked.set(peer, (this.asked.get(peer) ?? 0) + 1);
        const answer = await this.pools.get(peer)?.handle(new Request(url, init), env, ctx);
        return answer ?? new Response("Not found", { status: 404 });
      },
    };
  }

  /** Cuts a node off: whoever asks it gets an error at once. */
  stop(name: string): void {
    this.#down.add(name);
  }

  /** Joins it again. */
  start(name: string): void {
    this.#down.delete(name);
  }
}
