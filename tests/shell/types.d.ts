// The shapes that several modules of the simulation share.
import type { Node } from "./node.mjs";
import type { Context, PlainHeaders } from "./runtime.mjs";

/** The package. */
export type Lib = typeof import("geecache-edge/slim");

/** The options of the groups, without loader and codec. */
export interface Options {
  maxBytes: number;
  maxEntryBytes: number;
  deadlineMs: number;
  peerTimeoutMs: number;
  failover: number;
  staleWhileRevalidateMs: number;
  staleIfErrorMs: number;
  policy?: "gdsf" | "lru";
  ttlMs?: number;
  hotTtlMs?: number;
}

export interface Key {
  group: string;
  name: string;
}

export type Range = [least: number, most: number];

/** Faults, by percentage. They end when a run is at rest. */
export interface Faults {
  lost: number;
  doubled: number;
  slow: number;
  lies: number;
  fails: number;
  hangs: number;
  notFound: number;
  killed: number;
  listenerThrows: number;
  odd: number;
  heedless: number;
  brokenBodies: number;
}

export interface Plan extends Faults {
  kind: "chaos" | "stampede" | "owner dies" | "leaders cut" | "peers change" | "outage";
  nodes: number;
  keys: Key[];
  options: Options;
  secrets: string[];
  rotates: boolean;
  skewMs: number;
  lateMs: number;
  setsClocks: boolean;
  delayMs: Range;
  takesMs: Range;
  valueBytes: number;
  held: number;
  tells: boolean;
  lastsMs: number;
  calls: number;
  events: number;
  pieces: number;
  sync: number;
  connects: boolean;
  meddles: number;
  codes: boolean;
}

/** A percentage below `most`, or 0 half of the time. */
export type Often = (most: number) => number;

/** A caller's lookup under way. */
export interface Call {
  context: Context;
  node: Node;
  key: number;
  began: number;
  stamp: number;
  endsAt: number;
}

/** How a lookup ended. */
export interface Ended {
  value?: Uint8Array | undefined;
  error?: Error & { code?: string };
  entry?: import("geecache-edge/slim").Entry<Uint8Array>;
}

/** A load under way. */
export interface Load {
  node: Node;
  key: number;
  context: Context;
  signal: AbortSignal;
  began: number;
  since: number;
  isDone: boolean;
}

/** Who signed a request, when, and whether it was changed on its way. */
export interface Truth {
  secret: string | undefined;
  signedAt: number;
  isAltered: boolean;
  isForwarded: boolean;
}

/** A request to a peer, from the side of the node that asks. */
export interface Ask {
  context: Context;
  node: Node;
  signal: AbortSignal | undefined;
  truth: Truth;
  to: number;
  peer: string;
  path: string;
  redirect: string | undefined;
  began: number;
  since: number;
  isOpen: boolean;
  isAbandoned?: boolean;
  /** Whether the fetcher heeds its signal. */
  heeds: boolean;
  resolve(response: unknown): void;
  fails(error: unknown): void;
  breaksBody?(error: unknown): void;
}

/** A request to a peer on its way. A stranger's has no `ask`. */
export interface Question {
  ask: Ask | undefined;
  from: number | undefined;
  to: number;
  path: string;
  auth: string | undefined;
  truth: Truth;
}

/** A peer's request under way at the node that serves it. */
export interface Handler {
  question: Question;
  context: Context;
  node: Node;
  began: number;
  secrets: string[];
  now: number;
}

/** A response as a handler of the package makes it. */
export interface Response {
  status: number;
  pairs: [string, string][];
  bytes: Uint8Array | string | null;
}

/** A response on its way. */
export interface Said {
  status: number;
  headers: PlainHeaders;
  body: Uint8Array | null;
  saidAt: number;
  fate: string;
}

export interface Partition {
  side: number;
  swallows: boolean;
}

/** A breaker as it must be. */
export interface Trouble {
  history: boolean[];
  isOpen: boolean;
  probes: number;
  openedAt: number;
  closedSince: number;
}

/** The counters of a pool, and those of its groups added up. */
export interface NodeStats {
  pool: Record<string, number>;
  group: Record<string, number>;
}

export interface Broken {
  invariant: string;
  what: string;
}

export interface RunOptions {
  traces?: boolean;
  change?: (plan: Plan) => Plan;
}

/** A mutant of the shell's sources. */
export interface Mutant {
  name: string;
  from: string;
  to: string;
  caughtBy: string;
  harsher?: Partial<Omit<Plan, "options">> & { options?: Partial<Options> };
}
