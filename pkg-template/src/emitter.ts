/** The emitter of events. A pool without a listener has none, so that events cost nothing there. */
import type { Core } from "./core/core.js";
import type { CacheEvent } from "./events.js";
import { nameCounters, type PoolStats, type Stats } from "./stats.js";

/** Calls the listener, and derives events from the counters. */
export class EventEmitter {
  readonly #core: Core;
  readonly #listener: (event: CacheEvent) => void;
  readonly #before = new Map<string, number>();
  /** The peers whose breakers were reported open. */
  readonly #open = new Set<string>();

  constructor(core: Core, listener: (event: CacheEvent) => void) {
    this.#core = core;
    this.#listener = listener;
  }

  emit(event: CacheEvent): void {
    try {
      this.#listener(event);
    } catch {
      // A listener's error fails no lookup.
    }
  }

  /** Emits the changes of the counters since the last call: after a peer has answered or a flight has ended. */
  emitChanges(id: number, group: string, peer: string): void {
    let now: Stats & Omit<PoolStats, "traps" | "groups">;
    try {
      const counts = this.#core.counts(id);
      now = { ...nameCounters.group(counts), ...nameCounters.pool(counts) };
    } catch {
      // A trap is counted, and fails no lookup.
      return;
    }
    const increase = (count: number, key: string) => {
      const change = count - (this.#before.get(key) ?? 0);
      this.#before.set(key, count);
      return change;
    };
    // All are computed before the listener, which may look into the cache or replace the list of peers, runs.
    const count = increase(now.evictions, `evictions ${group}`);
    const mismatches = increase(now.ringMismatches, "ringMismatches");
    const opened = now.openBreakers - this.#open.size;
    if (opened > 0 && !this.#open.has(peer)) this.#emitOpen(peer);
    // None is open: the last one closed, or a new instance after a trap started with every breaker closed.
    if (opened < 0) this.#emitClosed([...this.#open].filter((name) => now.openBreakers === 0 || name === peer));
    if (count > 0) this.emit({ type: "evict", group, count });
    if (mismatches > 0) this.emit({ type: "ringMismatch", group });
  }

  /** Emits the closing of the breakers of peers that left: a peer outside the list has none. */
  emitLeft(peers: readonly string[]): void {
    this.#emitClosed([...this.#open].filter((peer) => !peers.includes(peer)));
  }

  #emitOpen(peer: string): void {
    this.#open.add(peer);
    this.emit({ type: "breaker", peer, isOpen: true });
  }

  #emitClosed(peers: readonly string[]): void {
    for (const peer of peers) this.#open.delete(peer);
    for (const peer of peers) this.emit({ type: "breaker", peer, isOpen: false });
  }
}
