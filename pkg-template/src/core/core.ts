/** The core: the only file that touches the generated glue. Numbers go in, steps come out; a trap costs one call. */
import { Core as Wasm, __wbg_reset_state as freshInstance, initSync, linearMemory } from "../glue.js";
import { type ErrorCode, GeecacheError } from "../errors.js";
import type { Context } from "../options.js";

/** Steps, as `src/wasm.rs` numbers them. */
export const DONE = 0;
export const HIT = 1;
export const STALE = 2;
export const JOIN = 3;
export const ASK = 4;
export const LOAD = 5;
export const AGAIN = 6;
export const TOO_LATE = 7;

/** What a leader's task came to, as `src/wasm.rs` numbers it. */
export const CAME_VALUE = 0;
export const CAME_UNHANDED = 1;
export const CAME_NO_SUCH_KEY = 2;
export const CAME_LOAD_FAILED = 3;
export const CAME_PEER_FAILED = 4;
export const CAME_UNFIT = 5;

/** What is answered to a peer, as `src/wasm/answer.rs` numbers it. */
export const REPLY_VALUE = 0;
export const REPLY_NO_SUCH_KEY = 1;
export const REPLY_UNFIT = 2;
export const REPLY_LOAD_FAILED = 3;
export const REPLY_BROKEN = 4;

/** What a question to a peer came to, as `src/wasm/ask.rs` numbers it. */
export const VALUE = 0;
export const NO_SUCH_KEY = 1;
export const LOAD_FAILED = 2;
export const PEER_FAILED = 3;
export const UNFIT = 4;

/** The head of an answer to a peer. Its body is where a value is, until the next call. */
export type Head = [status: number, headers: [string, string][]];

/** A flight, by the instance that it took off in: after a trap its number means nothing any more. */
export interface Flight {
  readonly id: number;
  readonly instance: number;
}

const MAX_KEY_BYTES = 65_535;
/** Numbers that a call tells, before the key in the scratch area. */
const TOLD = 6;
const encoder = new TextEncoder();

let module: (() => WebAssembly.Module) | undefined;
let memory: WebAssembly.Memory | undefined;
/** Which instance lives. */
let instance = 0;

/** What an entry knows of its runtime: where the compiled wasm is, and `waitUntil` where it needs no ctx. */
export function provide(compiled: () => WebAssembly.Module, ambient?: Context): void {
  module ??= compiled;
  ambientContext ??= ambient;
}

/** The runtime's own `waitUntil`, for calls without a ctx. */
export let ambientContext: Context | undefined;

function instantiate(): WebAssembly.Memory {
  if (module === undefined) {
    throw new GeecacheError(
      "ERR_OPTION",
      "the wasm module is not there yet: call init(module) before createPool, or import another entry",
    );
  }
  // The glue answers the living instance when there is one.
  initSync({ module: module() });
  return linearMemory();
}

/** One pool's core. Made anew, empty, in a fresh instance when the one it lived in has failed. */
export class Core {
  /** Instances that failed under this pool. */
  traps = 0;
  #wasm!: Wasm;
  #instance = -1;
  readonly #options: unknown[];
  #peers: readonly string[] | undefined;
  readonly #groups: [name: string, options: unknown[]][] = [];
  #key!: Uint8Array;
  #told!: Float64Array;

  constructor(options: unknown[], peers: readonly string[] | undefined) {
    this.#options = options;
    this.#peers = peers;
    this.call(() => 0);
    // The caller's list may change; the one that a fresh instance is made of may not.
    this.#peers = peers && [...peers];
  }

  /** The living instance's number. */
  get instance(): number {
    return this.#instance;
  }

  /** Calls into wasm. A trap replaces the instance and is thrown as `ERR_TRAP`; a refusal has its own code. */
  call<T>(use: (wasm: Wasm) => T): T {
    try {
      if (this.#instance !== instance || memory === undefined) this.#live();
      return use(this.#wasm);
    } catch (thrown) {
      throw this.#failed(thrown);
    }
  }

  /** The same where nobody waits who could be told of a trap: a timer, or whoever has the answer already. */
  #calm<T>(use: (wasm: Wasm) => T, otherwise: T): T {
    try {
      return this.call(use);
    } catch {
      return otherwise;
    }
  }

  addGroup(name: string, options: unknown[]): number {
    const group = this.call((wasm) => wasm.addGroup(name, options));
    this.#groups.push([name, options]);
    return group;
  }

  setPeers(peers: readonly string[]): void {
    this.call((wasm) => wasm.setPeers(peers));
    this.#peers = [...peers];
  }

  /** A group's counters and the pool's. */
  counts(group: number): number[] {
    const count = this.call((wasm) => wasm.stats(group));
    this.#read();
    return [...new Float64Array(memory!.buffer, this.#told.byteOffset + 8 * TOLD, count)];
  }

  /** The first half of a look-up. What it found is to be read before the next call. */
  begin(group: number, key: string, fromPeer: boolean, again: boolean): number {
    return this.call((wasm) => wasm.begin(group, this.#write(key), Date.now(), fromPeer, again));
  }

  /** The same call with a key, for the rest of them. */
  withKey<T>(key: string, use: (wasm: Wasm, keyBytes: number) => T): T {
    return this.call((wasm) => use(wasm, this.#write(key)));
  }

  /** A copy of the value that the last step found: the caller's own. */
  value(): Uint8Array<ArrayBuffer> {
    const [at, bytes] = this.#read() as unknown as [number, number];
    return new Uint8Array(memory!.buffer, at, bytes).slice() as Uint8Array<ArrayBuffer>;
  }

  /** For how many ms that value is still fresh; -1 for ever. */
  get freshMs(): number {
    return this.#read()[2]!;
  }

  /** The flight to lead or to join; undefined for none. */
  get flight(): Flight | undefined {
    const id = this.#read()[3]!;
    return id === 0 ? undefined : { id, instance: this.#instance };
  }

  /** The task of the refresh to lead behind a stale answer. */
  get task(): number {
    return this.#read()[4]!;
  }

  /** How long the task at hand may take. */
  get withinMs(): number {
    return this.#read()[5]!;
  }

  /** Notes what happens to a flight; false: the peer that it asks has left. Of a failed instance nobody takes notes. */
  note(group: number, flight: Flight, isLost: boolean): boolean {
    return flight.instance !== instance || this.#calm((wasm) => wasm.note(group, flight.id, isLost), true);
  }

  /** A follower looks whether its leader lives; false: look the key up again. */
  watch(group: number, flight: Flight): boolean {
    return flight.instance === instance && this.#calm((wasm) => wasm.watch(group, flight.id, Date.now()), false);
  }

  /** A caller's deadline has passed first; true: there is a copy that may still be served. */
  late(group: number, key: string): boolean {
    return this.#calm((wasm) => wasm.late(group, this.#write(key), Date.now()) === STALE, false);
  }

  /** Hands a value, or an answer with one, over in pieces; false where there is no room, or the group would not keep it. Never throws. */
  hand(group: number, pieces: Uint8Array[], isAnswer = false): boolean {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    // After a trap there is no room in a new instance either.
    let at = this.#calm((wasm) => wasm.reserve(group, bytes, isAnswer), 0);
    if (at === 0) return false;
    for (const piece of pieces) {
      new Uint8Array(memory!.buffer, at, piece.length).set(piece);
      at += piece.length;
    }
    return true;
  }

  /** What a leader's task came to; what it does next. A flight of a failed instance ends with what it has. */
  told(group: number, flight: Flight, came: number, freshMs: number): number {
    return flight.instance === instance
      ? this.#calm((wasm) => wasm.told(group, flight.id, Date.now(), came, freshMs), DONE)
      : DONE;
  }

  /** What asks a peer for a key, and how large its answer may be; undefined where no URL can carry the key. */
  ask(group: number, key: string, secrets: unknown): [path: string, seal: string, mostBytes: number] | undefined {
    return this.withKey(key, (wasm, keyBytes) => wasm.ask(group, keyBytes, Date.now(), secrets)) as
      | [string, string, number]
      | undefined;
  }

  /** What came of it, once its body is handed over. */
  heard(group: number, key: string, seal: string, secrets: unknown, status: number, headers: Headers): unknown[] {
    return this.withKey(key, (wasm, keyBytes) =>
      wasm.heard(group, keyBytes, seal, Date.now(), secrets, status, headers),
    );
  }

  #live(): void {
    memory = instantiate();
    const wasm = new Wasm(this.#options, this.#peers);
    for (const [name, options] of this.#groups) wasm.addGroup(name, options);
    this.#wasm = wasm;
    this.#instance = instance;
    this.#view();
  }

  /** Views of linear memory; they die whenever it grows. */
  #view(): void {
    const { buffer } = memory!;
    const at = this.#wasm.scratchAt();
    this.#told = new Float64Array(buffer, at, TOLD);
    this.#key = new Uint8Array(buffer, at + 8 * TOLD, MAX_KEY_BYTES + 5);
  }

  #read(): Float64Array {
    if (this.#told.length === 0) this.#view();
    return this.#told;
  }

  #write(key: string): number {
    if (typeof key !== "string")
      throw new GeecacheError("ERR_KEY", `the key must be a string, not ${key === null ? "null" : typeof key}`);
    if (this.#key.length === 0) this.#view();
    const { read, written } = encoder.encodeInto(key, this.#key);
    if (read < key.length) return MAX_KEY_BYTES + 1;
    // Half a surrogate pair has no bytes of its own: two such keys would be one.
    if (written !== key.length && !key.isWellFormed()) {
      throw new GeecacheError("ERR_KEY", "the key holds half a surrogate pair: use well-formed strings, or encode it");
    }
    return written;
  }

  #failed(thrown: unknown): unknown {
    if (thrown instanceof GeecacheError) return thrown;
    if (thrown instanceof Error && "code" in thrown) return new GeecacheError(thrown.code as ErrorCode, thrown.message);
    // A trap leaves the instance as it was in the midst of its work, borrowed and half changed: nobody may use it again.
    this.traps += 1;
    instance += 1;
    freshInstance();
    return new GeecacheError("ERR_TRAP", "the wasm instance failed and was replaced; what it held is gone", thrown);
  }
}
