/** A group: a named space of keys with one loader. `#lookUp` follows a key's life as `src/group.rs` decides it. */
import { bytes as asTheyAre, type Codec } from "./codec.js";
import { ask, type Asked } from "./peer.js";
import {
  ambientContext,
  ASK,
  type Core,
  HIT,
  JOIN,
  LOAD_FAILED,
  NO_SUCH_KEY,
  PEER_FAILED,
  STALE,
  UNFIT,
  VALUE,
} from "./core/core.js";
import { GeecacheError } from "./errors.js";
import type { Teller } from "./events.js";
import { asError, type Came, Flights, type Outcome } from "./flights.js";
import { GROUP_KINDS, type GroupOptions, listed, type Reach, type Scope } from "./options.js";
import { named, POOL_COUNTERS, type Stats } from "./stats.js";
import { within } from "./timeout.js";

/** Where an answer came from. */
export type Source =
  /** A fresh copy here. */
  | "memory"
  /** A copy here past its freshness. */
  | "stale"
  /** Another request's load, which this one joined. */
  | "flight"
  /** Another peer, the key's owner or the next after it. */
  | "peer"
  /** This node's own loader. */
  | "loader";

/** An answer with its circumstances. */
export interface Entry<T> {
  /** The value; undefined where there is no such key. */
  value: T | undefined;
  /** Where it came from. */
  source: Source;
  /** For how many ms more the copy here is fresh; undefined: for ever, or nothing was kept. */
  freshMs: number | undefined;
}

/** How a group reaches a peer. */
export type Connect = (peer: string, env: unknown) => Reach;

/** Bytes on their way to a caller or a peer. */
export type Answer =
  | { kind: "value"; bytes: Uint8Array<ArrayBuffer>; freshMs: number; source: Source }
  | { kind: "absent"; source: Source };

/** A named space of keys with one loader, made by `pool.group`. */
export class Group<T = Uint8Array, Env = unknown> {
  readonly #core: Core;
  readonly #id: number;
  readonly #flights: Flights;
  readonly #connect: Connect;
  readonly #teller: Teller | undefined;
  readonly #load: GroupOptions<T, Env>["load"];
  readonly #codec: Codec<T>;
  readonly #deadlineMs: number;
  readonly #ttlMs: number;
  /** The group's name. */
  readonly name: string;

  /** @internal Use `pool.group`. */
  constructor(core: Core, connect: Connect, name: string, options: GroupOptions<T, Env>, teller?: Teller) {
    if (options === null || typeof options !== "object")
      throw new GeecacheError("ERR_OPTION", "the group's options must be an object with maxBytes and load");
    const { load, codec, ...plain } = options;
    if (typeof load !== "function")
      throw new GeecacheError("ERR_OPTION", "the option load must be a function: it loads what no peer has");
    if (codec !== undefined && (typeof codec?.encode !== "function" || typeof codec.decode !== "function")) {
      throw new GeecacheError("ERR_OPTION", "the option codec must have encode and decode: use json() or text()");
    }
    if (typeof name !== "string") throw new GeecacheError("ERR_GROUP", "the group name must be a string");
    // So that strangers cannot choose keys that collide.
    this.#id = core.addGroup(name, listed({ hashSeed: randomSeed(), ...plain }, GROUP_KINDS));
    this.#core = core;
    this.#flights = new Flights(core, this.#id);
    this.#connect = connect;
    this.#teller = teller;
    this.#load = load;
    this.#codec = codec ?? (asTheyAre as unknown as Codec<T>);
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#ttlMs = options.ttlMs ?? -1;
    this.name = name;
  }

  /**
   * The value of `key`: from memory, from its owner, or from `load`; undefined where there is no such key. The value is
   * the caller's own. Settles within `deadlineMs`.
   *
   * @throws {GeecacheError} `ERR_KEY`, `ERR_LOAD`, `ERR_LOAD_TYPE` or `ERR_TIMEOUT`; a failed peer is never an error.
   */
  async get(key: string, scope: Scope<Env> = {}): Promise<T | undefined> {
    return (await this.getEntry(key, scope)).value;
  }

  /** `get`, and where the value came from. */
  async getEntry(key: string, scope: Scope<Env> = {}): Promise<Entry<T>> {
    const answer = await this.#lookUp(key, scope, false);
    if (answer.kind === "absent") return { value: undefined, source: answer.source, freshMs: undefined };
    const freshMs = answer.freshMs < 0 ? undefined : answer.freshMs;
    return { value: this.#decode(answer.bytes), source: answer.source, freshMs };
  }

  /** @internal The bytes for a peer that asks: answered here, never forwarded. */
  answerPeer(key: string, scope: Scope<Env>): Promise<Answer> {
    return this.#lookUp(key, scope, true);
  }

  /** The fresh copy that is here, or undefined. Loads nothing, asks nobody and does not count as a use. */
  peek(key: string): T | undefined {
    const step = this.#core.withKey(key, (wasm, keyBytes) => wasm.peek(this.#id, keyBytes, Date.now()));
    return step === HIT ? this.#decode(this.#core.value()) : undefined;
  }

  /**
   * Puts a value here as this node's own, also over a load that is under way. Tells no other peer. False where the value
   * was not kept, being larger than `maxEntryBytes` allows or worth less to the default policy than
   * what would have had to go for it; an older value of the key is gone then too.
   */
  set(key: string, value: T): boolean {
    const bytes = this.#encode(value);
    // Taken first, so that a key that is refused leaves nothing behind, and a value that does not fit leaves no old one.
    this.remove(key);
    const handed = this.#core.hand(this.#id, [bytes]);
    return this.#core.withKey(key, (wasm, keyBytes) => wasm.set(this.#id, keyBytes, Date.now(), handed));
  }

  /** Forgets `key` on this node, a load of it under way included. True where a copy was here. */
  remove(key: string): boolean {
    return this.#core.withKey(key, (wasm, keyBytes) => wasm.remove(this.#id, keyBytes));
  }

  /** Forgets everything that this node keeps in the group. */
  clear(): void {
    this.#core.call((wasm) => wasm.clear(this.#id));
  }

  /** What the group has counted. */
  stats(): Stats {
    return named(this.#core.counts(this.#id), 0, -POOL_COUNTERS) as unknown as Stats;
  }

  async #lookUp(key: string, scope: Scope<Env>, fromPeer: boolean): Promise<Answer> {
    const core = this.#core;
    // Plain JavaScript may say null.
    scope ??= {};
    const { deadlineMs = Infinity } = scope;
    if (typeof deadlineMs !== "number" || !(deadlineMs > 0))
      throw new GeecacheError("ERR_OPTION", "the option deadlineMs of a call must be a number above 0");
    const endsAt = Date.now() + Math.min(deadlineMs, this.#deadlineMs);
    let [again, trapped] = [false, false];
    for (;;) {
      let step: number;
      try {
        step = core.begin(this.#id, key, fromPeer, again);
      } catch (thrown) {
        // A fresh instance is there by now. Twice in a row is no accident.
        if (!(thrown instanceof GeecacheError && thrown.code === "ERR_TRAP") || trapped) throw thrown;
        trapped = true;
        continue;
      }
      const { flight, freshMs } = core;
      if (!again)
        this.#teller?.tell({
          type: step === HIT ? "hit" : step === STALE ? "stale" : "miss",
          group: this.name,
          key,
          fromPeer,
        });
      // 1. A fresh copy.
      if (step === HIT) return { kind: "value", bytes: core.value(), freshMs, source: "memory" };
      // 2. A stale copy; whoever is told to, renews it behind.
      if (step === STALE) {
        const bytes = core.value();
        if (flight !== undefined) void this.#lead(flight, core.task, key, scope);
        return { kind: "value", bytes, freshMs: 0, source: "stale" };
      }
      const late = () => this.#outOfTime(key);
      const leftMs = endsAt - Date.now();
      let outcome =
        step === JOIN
          ? // 3. In flight already.
            await this.#flights.follow(flight!, leftMs, late)
          : // 4. to 6. Lead a flight.
            await within(leftMs, this.#lead(flight!, step, key, scope), late);
      again = true;
      if (outcome === undefined && Date.now() >= endsAt) outcome = late();
      if (outcome === undefined) continue;
      if (outcome.kind === "failed") throw outcome.error;
      if (outcome.kind === "absent") return outcome;
      // The bytes are everybody's; a caller's own are a copy.
      const source = step === JOIN ? "flight" : outcome.source;
      return {
        kind: "value",
        bytes: outcome.bytes.slice() as Uint8Array<ArrayBuffer>,
        freshMs: outcome.freshMs,
        source,
      };
    }
  }

  #lead(
    flight: NonNullable<Core["flight"]>,
    task: number,
    key: string,
    scope: Scope<Env>,
  ): Promise<Outcome | undefined> {
    // The core says the same of a load, but one whose instance has failed says nothing any more.
    const endsAt = Date.now() + this.#deadlineMs;
    const [group, teller] = [this.name, this.#teller];
    let peer = "";
    const carryOut = async (task: number): Promise<Came> => {
      const began = Date.now();
      if (task === ASK) {
        // What is to be told of the last peer, before another's name is in its place.
        if (peer !== "") teller?.look(this.#id, group, peer);
        peer = this.#core.call((wasm) => wasm.peer()) ?? "";
      } else if (peer !== "") teller?.tell({ type: "fallback", group, key });
      const came = await (task === ASK
        ? this.#ask(peer, key, this.#core.withinMs, scope)
        : this.#loadHere(key, endsAt - began, scope));
      const ms = Date.now() - began;
      if (task === ASK) teller?.tell({ type: "peer", group, key, peer, outcome: came.kind, ms });
      else teller?.tell({ type: "load", group, key, outcome: came.kind as Outcome["kind"], ms });
      return came;
    };
    const outcome = this.#flights.lead(flight, task, scope.ctx ?? ambientContext, carryOut, () => this.#late(key));
    if (teller) void outcome.then(() => teller.look(this.#id, group, peer));
    return outcome;
  }

  async #ask(peer: string, key: string, withinMs: number, scope: Scope<Env>): Promise<Came> {
    const failed = (kind: "peer failed" | "unfit", why: string, cause?: unknown): Came => ({
      kind,
      why: new GeecacheError("ERR_PEER", `asking the peer ${peer} for ${shown(key)} failed: ${why}`, cause),
    });
    try {
      const asked = ask(this.#core, this.#id, key, this.#connect(peer, scope.env), withinMs);
      const [kind, said, more] = await within(
        withinMs,
        asked,
        (): Asked => [PEER_FAILED, `no answer within ${withinMs} ms`],
      );
      if (kind === VALUE) return { kind: "value", bytes: said, freshMs: more, source: "peer" };
      if (kind === NO_SUCH_KEY) return { kind: "absent", source: "peer" };
      if (kind === LOAD_FAILED)
        return {
          kind: "failed",
          error: new GeecacheError(more, `the owner ${peer} could not load ${shown(key)}: ${said}`),
        };
      return failed(kind === UNFIT ? "unfit" : "peer failed", said);
    } catch (thrown) {
      return failed("peer failed", thrown instanceof Error ? thrown.message : String(thrown), thrown);
    }
  }

  async #loadHere(key: string, withinMs: number, scope: Scope<Env>): Promise<Came> {
    const abort = new AbortController();
    const load = async (): Promise<Came> => {
      const value = await this.#load(key, { env: scope.env as Env, ctx: scope.ctx, signal: abort.signal });
      if (value === undefined) return { kind: "absent", source: "loader" };
      return { kind: "value", bytes: this.#encode(value), freshMs: this.#ttlMs, source: "loader" };
    };
    try {
      return await within(withinMs, load(), () => {
        const error = this.#late(key).error;
        abort.abort(error);
        return { kind: "failed", error };
      });
    } catch (thrown) {
      return { kind: "failed", error: asError(thrown) };
    }
  }

  /** 5. Out of time: the stale copy if it may be served, else the error. */
  #outOfTime(key: string): Outcome {
    return this.#core.late(this.#id, key)
      ? { kind: "value", bytes: this.#core.value(), freshMs: 0, source: "stale" }
      : this.#late(key);
  }

  #late(key: string): { kind: "failed"; error: GeecacheError } {
    const message = `looking up ${shown(key)} in ${this.name} took longer than its deadline: try again, or raise deadlineMs`;
    return { kind: "failed", error: new GeecacheError("ERR_TIMEOUT", message) };
  }

  #encode(value: T): Uint8Array<ArrayBuffer> {
    try {
      const bytes = this.#codec.encode(value);
      if (!(bytes instanceof Uint8Array)) throw new TypeError("the codec's encode gave no Uint8Array");
      // A copy, since the loader may go on writing into its own.
      return new Uint8Array(bytes);
    } catch (thrown) {
      throw new GeecacheError(
        "ERR_LOAD_TYPE",
        `the value cannot be kept in ${this.name}: ${(thrown as Error)?.message}`,
        thrown,
      );
    }
  }

  #decode(bytes: Uint8Array): T {
    try {
      return this.#codec.decode(bytes);
    } catch (thrown) {
      throw new GeecacheError(
        "ERR_LOAD_TYPE",
        `the bytes in ${this.name} cannot be decoded: do all peers use one codec?`,
        thrown,
      );
    }
  }
}

/** A seed of this isolate's own. Not of `crypto`: a Worker's top level allows it no random values. */
export function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 53);
}

/** A key as a message shows it. */
function shown(key: string): string {
  return JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key);
}
