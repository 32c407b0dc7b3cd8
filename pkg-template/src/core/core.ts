/**
 * The core: the one file that touches the generated glue.
 *
 * Numbers go in and steps come out. Each method reads all results of its call before it returns, as plain data, so that
 * no code of the user's can run between a call and its results. A trap costs one call: the instance is replaced.
 */

import { GeecacheError } from "../errors.js";
import { initSync, linearMemory, __wbg_reset_state as resetInstance, Core as Wasm } from "../glue.js";
import { type ErrorCode, type InjectedTrap, Outcome, Staged, Step } from "./protocol.js";
import { firstStep, nextStep, peerAnswer } from "./results.js";
import { Scratch } from "./scratch.js";
import type {
  Bytes,
  FirstStep,
  Flight,
  IncomingRequest,
  NextStep,
  PeerAnswer,
  PeerRequest,
  PeerResponse,
  Task,
} from "./steps.js";

let module: (() => WebAssembly.Module) | undefined;
/** The number of the living instance. */
let instance = 0;

/** Says where the compiled wasm is. The first call counts. */
export function provideModule(compiled: () => WebAssembly.Module): void {
  module ??= compiled;
}

function instantiate(): WebAssembly.Memory {
  if (module === undefined) {
    throw new GeecacheError(
      "ERR_OPTION",
      "the wasm module is missing: call init(module) before createPool, or import another entry",
    );
  }
  // Does nothing while an instance lives.
  initSync({ module: module() });
  return linearMemory();
}

/** One pool's core. It is made anew, empty, when its instance has trapped. */
export class Core {
  /** Instances that trapped under this pool. */
  traps = 0;
  #wasm!: Wasm;
  #instance = -1;
  readonly #options: unknown[];
  #peers: unknown;
  readonly #groups: [name: string, options: unknown[]][] = [];
  #scratch!: Scratch;

  /** `peers` is a copy that nobody changes. */
  constructor(options: unknown[], peers: unknown) {
    this.#options = options;
    this.#peers = peers;
    this.#call(() => 0);
  }

  /** The number of the instance that this pool lives in. */
  get instance(): number {
    return this.#instance;
  }

  addGroup(name: string, options: unknown[]): number {
    const group = this.#call((wasm) => wasm.addGroup(name, options));
    this.#groups.push([name, options]);
    return group;
  }

  setPeers(peers: unknown): void {
    this.#call((wasm) => wasm.setPeers(peers));
    this.#peers = peers;
  }

  basePath(): string {
    return this.#call((wasm) => wasm.basePath());
  }

  /** Begins a lookup; `isRetry` if its flight was lost. */
  begin(group: number, key: string, now: number, fromPeer: boolean, isRetry: boolean): FirstStep {
    let step: Step;
    try {
      const wasm = this.#living();
      step = wasm.begin(group, this.#scratch.write(key), now, fromPeer, isRetry);
    } catch (thrown) {
      throw this.#failure(thrown);
    }
    return firstStep(this.#scratch, step, this.#instance);
  }

  /**
   * Completes a task and returns the leader's next step. A flight of a replaced instance is done. Never throws for a
   * trap.
   */
  completeTask(group: number, task: Task, outcome: Outcome, value?: Bytes, freshMs = -1): NextStep {
    const { flight, attempt } = task;
    const isStaged = value !== undefined && this.#stage(group, [value], Staged.Value);
    if (flight.instance !== instance) return { step: Step.Done };
    const step = this.#callOr(Step.Done as Step, (wasm) =>
      wasm.completeTask(group, flight.id, attempt, Date.now(), outcome, isStaged, freshMs),
    );
    return nextStep(this.#scratch, step, flight);
  }

  /** The request that asks a peer for a flight's key; undefined if no URL can carry the key. */
  request(group: number, { flight }: Task, key: string, secrets: unknown): PeerRequest | undefined {
    const request = this.#call((wasm) => {
      const keyBytes = this.#keyOf(flight, key);
      return wasm.request(group, keyBytes === 0 ? flight.id : 0, keyBytes, Date.now(), secrets);
    }) as [string, string, number] | undefined;
    return request && { path: request[0], auth: request[1], maxBytes: request[2] };
  }

  /**
   * Takes a peer's response to the leader's next step. `headers` are the values of `RESPONSE_HEADERS`. A late response,
   * whose attempt is no longer the current one, is superseded.
   */
  peerAnswered(
    group: number,
    task: Task,
    key: string,
    auth: string,
    secrets: unknown,
    status: number,
    headers: (string | null)[],
    body: Uint8Array[],
  ): PeerAnswer {
    if (!this.#stage(group, body, Staged.Response))
      return { kind: Outcome.PeerFailed, message: "there is no memory for the response" };
    const { flight, attempt } = task;
    let keyBytes = 0;
    const step: Step = this.#call((wasm) => {
      keyBytes = this.#keyOf(flight, key);
      const id = keyBytes === 0 ? flight.id : 0;
      return wasm.peerAnswered(group, id, attempt, keyBytes, auth, secrets, status, headers, Date.now());
    });
    return peerAnswer(this.#scratch, keyBytes === 0 ? nextStep(this.#scratch, step, flight) : { step: Step.Done });
  }

  /**
   * A leader's heartbeat; false if the peer being asked has left the ring. No-op for a flight of a replaced instance.
   */
  heartbeat(group: number, flight: Flight): boolean {
    return flight.instance !== instance || this.#callOr(true, (wasm) => wasm.heartbeat(group, flight.id));
  }

  /** Abandons a flight whose leader is known to have vanished. */
  abandon(group: number, flight: Flight): void {
    if (flight.instance === instance) this.#callOr(undefined, (wasm) => wasm.abandon(group, flight.id));
  }

  /** A follower checks on its leader; false if the key must be looked up again. */
  watch(group: number, flight: Flight): boolean {
    return flight.instance === instance && this.#callOr(false, (wasm) => wasm.watch(group, flight.id, Date.now()));
  }

  isInFlight(group: number, id: number): boolean {
    return this.#callOr(false, (wasm) => wasm.isInFlight(group, id));
  }

  /** Records that a caller's deadline passed; returns the stale copy if it may still be served. */
  timedOut(group: number, key: string): Bytes | undefined {
    const step = this.#callOr(Step.Done as Step, (wasm) => wasm.timedOut(group, this.#scratch.write(key), Date.now()));
    return step === Step.Stale ? this.#scratch.value() : undefined;
  }

  /** The fresh copy of a key. */
  peek(group: number, key: string): Bytes | undefined {
    let step: Step;
    try {
      const wasm = this.#living();
      step = wasm.peek(group, this.#scratch.write(key), Date.now());
    } catch (thrown) {
      throw this.#failure(thrown);
    }
    return step === Step.Hit ? this.#scratch.value() : undefined;
  }

  /** Caches a value; false if it was rejected, and then the older value is removed too. */
  set(group: number, key: string, value: Bytes): boolean {
    // Removed first, so that an invalid key is refused before anything is staged.
    this.remove(group, key);
    const isStaged = this.#stage(group, [value], Staged.Value);
    return this.#call((wasm) => wasm.set(group, this.#scratch.write(key), Date.now(), isStaged));
  }

  remove(group: number, key: string): boolean {
    return this.#call((wasm) => wasm.remove(group, this.#scratch.write(key)));
  }

  clear(group: number): void {
    this.#call((wasm) => wasm.clear(group));
  }

  /** A group's counters, then the pool's. */
  counts(group: number): number[] {
    const count = this.#call((wasm) => wasm.stats(group));
    return this.#scratch.counts(count);
  }

  owner(key: string): string | undefined {
    return this.#call((wasm) => wasm.owner(this.#scratch.write(key)));
  }

  /** Reads a peer's request; undefined if the path is no peer's, the response to send if it is refused. */
  readRequest(
    method: string,
    path: string,
    auth: string | undefined,
    now: number,
    secrets: unknown,
  ): IncomingRequest | PeerResponse | undefined {
    const read = this.#call((wasm) => wasm.readRequest(method, path, auth, now, secrets)) as unknown[] | undefined;
    if (read === undefined) return undefined;
    if (typeof read[1] !== "string") return this.#response(read);
    const [group, key, signer, maxChangeBytes] = read as [number, string, number, number];
    return { group, key, signer, maxChangeBytes };
  }

  /**
   * The response to a peer's lookup: a value with its source in `detail`, or another outcome with a code in it and a
   * message.
   */
  respond(
    { group, key, signer }: IncomingRequest,
    auth: string | undefined,
    now: number,
    secrets: unknown,
    outcome: Outcome,
    detail: number,
    rest: { value?: Bytes; freshMs?: number; message?: string },
  ): PeerResponse {
    const { value, freshMs = -1, message = "" } = rest;
    if (value !== undefined && !this.#stage(group, [value], Staged.Value)) outcome = Outcome.NotTransferable;
    const head = this.#call((wasm) => {
      const keyBytes = this.#scratch.write(key);
      return wasm.respond(group, keyBytes, auth, signer, now, secrets, outcome, freshMs, detail, message);
    });
    return this.#response(head);
  }

  /** Applies a peer's PUT of groupcache-v3; false if its body is malformed or too large. */
  applySet(group: number, now: number, body: Bytes): boolean {
    return this.#stage(group, [body], Staged.Change) && this.#call((wasm) => wasm.applySet(group, now));
  }

  /** Makes a call trap, in builds with the crate's feature `injected-traps` alone. */
  injectTrap(kind: InjectedTrap): void {
    this.#call((wasm) => (wasm as Wasm & { injectTrap?(kind: number): void }).injectTrap?.(kind));
  }

  /** Calls into wasm. A trap replaces the instance and is thrown as `ERR_TRAP`. */
  #call<T>(use: (wasm: Wasm) => T): T {
    try {
      return use(this.#living());
    } catch (thrown) {
      throw this.#failure(thrown);
    }
  }

  /** The same for callers that cannot handle a trap: timers, and those that already have an outcome. */
  #callOr<T>(otherwise: T, use: (wasm: Wasm) => T): T {
    try {
      return this.#call(use);
    } catch {
      return otherwise;
    }
  }

  /** This pool's core in the living instance. */
  #living(): Wasm {
    if (this.#instance === instance) return this.#wasm;
    const memory = instantiate();
    const wasm = new Wasm(this.#options, this.#peers);
    for (const [name, options] of this.#groups) wasm.addGroup(name, options);
    this.#wasm = wasm;
    this.#instance = instance;
    this.#scratch = new Scratch(memory, wasm.scratchAt());
    return wasm;
  }

  #response(head: unknown[]): PeerResponse {
    const [status, headers] = head as [number, [string, string][]];
    return { status, headers, body: this.#scratch.value() };
  }

  /** The flight knows its key. For one of a replaced instance the key is written again; returns its length, else 0. */
  #keyOf(flight: Flight, key: string): number {
    return flight.instance === instance ? 0 : this.#scratch.write(key);
  }

  /** Copies bytes into wasm; false if there is no room, or they are too many for the group. Never throws. */
  #stage(group: number, pieces: Uint8Array[], purpose: Staged): boolean {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const at = this.#callOr(0, (wasm) => wasm.stage(group, bytes, purpose));
    if (at === 0) return false;
    this.#scratch.copy(pieces, at);
    return true;
  }

  #failure(thrown: unknown): unknown {
    if (thrown instanceof GeecacheError) return thrown;
    if (thrown instanceof Error && "code" in thrown) return new GeecacheError(thrown.code as ErrorCode, thrown.message);
    // A trap leaves the instance borrowed and half changed: nobody may use it again.
    this.traps += 1;
    instance += 1;
    resetInstance();
    return new GeecacheError(
      "ERR_TRAP",
      "the WebAssembly instance trapped and was replaced; its cached entries were lost",
      thrown,
    );
  }
}
