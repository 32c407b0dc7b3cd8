/** The results of the core's calls: plain data. */
import type { ErrorCode, Outcome, Step } from "./protocol.js";

/** Bytes with a buffer of their own. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** A flight, with the instance that it belongs to: in another one, its number means nothing. */
export interface Flight {
  readonly id: number;
  readonly instance: number;
}

/** A task of a flight's leader. */
export interface Task {
  readonly step: Step.Ask | Step.Load;
  readonly flight: Flight;
  /** The number of the attempt, which its result names. */
  readonly attempt: number;
  readonly timeoutMs: number;
  /** The peer to ask; "" for a load. */
  readonly peer: string;
}

/** The first step of a lookup. */
export type FirstStep =
  | { readonly step: Step.Hit; readonly value: Bytes; readonly freshMs: number }
  | { readonly step: Step.Stale; readonly value: Bytes; readonly refresh: Task | undefined }
  | { readonly step: Step.Join; readonly flight: Flight }
  | Task;

/** The step after a task. */
export type NextStep =
  | Task
  | { readonly step: Step.Stale; readonly value: Bytes }
  | { readonly step: Step.Done | Step.Retry | Step.DeadlinePassed | Step.Superseded };

/** A peer's response, decoded, with the step after it; without one, the task is still to be completed. */
export type PeerAnswer = { readonly next?: NextStep } & (
  | { readonly kind: Outcome.Value; readonly value: Bytes; readonly freshMs: number }
  | { readonly kind: Outcome.NotFound }
  | { readonly kind: Outcome.LoadFailed; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: Outcome.PeerFailed | Outcome.NotTransferable; readonly message: string }
);

/** A request to send to a peer. */
export interface PeerRequest {
  readonly path: string;
  readonly auth: string;
  /** The most bytes that the body of the response may have. */
  readonly maxBytes: number;
}

/** A request from a peer: a lookup, or a change to this node's copies. */
export interface IncomingRequest {
  readonly group: number;
  readonly key: string;
  /** The secret that signed it, by its index; -1 for none. */
  readonly signer: number;
  readonly maxChangeBytes: number;
}

/** A response to send to a peer. */
export interface PeerResponse {
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: Bytes;
}
