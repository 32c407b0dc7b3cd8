/** The events of a pool. */

/** An event. Times are in ms of the runtime's clock, which in Workers stands still between I/O. */
export type CacheEvent =
  /** A lookup found a fresh copy, a stale copy, or neither. */
  | { type: "hit" | "stale" | "miss"; group: string; key: string; fromPeer: boolean }
  /** A peer was asked. */
  | {
      type: "peer";
      group: string;
      key: string;
      peer: string;
      outcome: "value" | "notFound" | "loadFailed" | "peerFailed" | "notTransferable";
      ms: number;
    }
  /** A peer failed, and this node's own loader runs. */
  | { type: "fallback"; group: string; key: string }
  /** This node's own loader has run. */
  | { type: "load"; group: string; key: string; outcome: "value" | "notFound" | "loadFailed"; ms: number }
  /** `count` entries were evicted since the last lookup that was not a hit. */
  | { type: "evict"; group: string; count: number }
  /** The circuit breaker of a peer opened or closed. */
  | { type: "breaker"; peer: string; isOpen: boolean }
  /** A peer's list of peers differs from this node's; seen since the last lookup that was not a hit. */
  | { type: "ringMismatch"; group: string };
