/** Events: what happens in a pool, told as it happens. Nothing is computed for them where nobody listens. */
import { named, type Stats } from "./stats.js";
import type { Core } from "./core/core.js";

/** What happened. Times are in ms, of the runtime's clock: in Workers it stands still between I/O. */
export type CacheEvent =
  /** A look-up was answered with a fresh copy, or one past its freshness, or by neither. */
  | { type: "hit" | "stale" | "miss"; group: string; key: string; fromPeer: boolean }
  /** A peer was asked. */
  | {
      type: "peer";
      group: string;
      key: string;
      peer: string;
      outcome: "value" | "absent" | "failed" | "unfit" | "peer failed";
      ms: number;
    }
  /** A peer failed, and our own loader runs. */
  | { type: "fallback"; group: string; key: string }
  /** Our own loader has run. */
  | { type: "load"; group: string; key: string; outcome: "value" | "absent" | "failed"; ms: number }
  /** So many entries made room for others since the last look-up that was no hit. */
  | { type: "evict"; group: string; count: number }
  /** A peer is passed over from now on, or asked again. */
  | { type: "breaker"; peer: string; isOpen: boolean }
  /** A peer has shown to have another list of peers than ours, since the last look-up that was no hit. */
  | { type: "mismatch"; group: string };

/** @internal Tells events of a group, and what the core has counted since the last look. */
export class Teller {
  readonly #core: Core;
  readonly #listener: (event: CacheEvent) => void;
  readonly #before = new Map<string, number>();

  constructor(core: Core, listener: (event: CacheEvent) => void) {
    this.#core = core;
    this.#listener = listener;
  }

  tell(event: CacheEvent): void {
    try {
      this.#listener(event);
    } catch {
      // It is the listener's own affair, and nobody's answer.
    }
  }

  /** Looks what has changed, after a peer was asked or a flight has ended. */
  look(id: number, group: string, peer: string): void {
    let now: Record<string, number>;
    try {
      now = named(this.#core.counts(id), 0);
    } catch {
      // A trap is counted, and nobody's answer.
      return;
    }
    const more = (name: keyof Stats | "otherRings" | "peersDown", key: string = name) => {
      const change = now[name]! - (this.#before.get(key) ?? 0);
      this.#before.set(key, now[name]!);
      return change;
    };
    const count = more("evictions", `evictions ${group}`);
    if (count > 0) this.tell({ type: "evict", group, count });
    if (more("otherRings") > 0) this.tell({ type: "mismatch", group });
    const down = more("peersDown");
    if (down !== 0) this.tell({ type: "breaker", peer, isOpen: down > 0 });
  }
}
