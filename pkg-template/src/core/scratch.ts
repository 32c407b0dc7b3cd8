/**
 * The scratch area: a fixed-address buffer in linear memory, with the results of a call in its slots and a key behind
 * them.
 */
import { GeecacheError } from "../errors.js";
import { KEY_ROOM_BYTES, MAX_KEY_BYTES, SLOTS, Slot } from "./protocol.js";
import type { Bytes } from "./steps.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** One core's scratch area, and the linear memory that it points into. */
export class Scratch {
  readonly #memory: WebAssembly.Memory;
  readonly #at: number;
  /** Views, which are detached whenever memory grows. */
  #bytes!: Bytes;
  #slots!: Float64Array;
  #key!: Uint8Array;

  constructor(memory: WebAssembly.Memory, at: number) {
    this.#memory = memory;
    this.#at = at;
    this.#attach();
  }

  /** A result of the last call. */
  slot(slot: Slot): number {
    if (this.#slots.length === 0) this.#attach();
    return this.#slots[slot]!;
  }

  /** A copy of the value that the last call showed. */
  value(): Bytes {
    const at = this.slot(Slot.ValueAt);
    return this.#bytes.slice(at, at + this.slot(Slot.ValueBytes));
  }

  /** A text that the last call showed. */
  text(at: Slot.PeerAt | Slot.MessageAt, bytes: Slot.PeerBytes | Slot.MessageBytes): string {
    const begin = this.slot(at);
    return decoder.decode(this.#bytes.subarray(begin, begin + this.slot(bytes)));
  }

  message(): string {
    return this.text(Slot.MessageAt, Slot.MessageBytes);
  }

  /** Counters, which are written where the key is. */
  counts(count: number): number[] {
    return [...new Float64Array(this.#memory.buffer, this.#at + 8 * SLOTS, count)];
  }

  /** Copies pieces to an address, one after the other. */
  copy(pieces: Uint8Array[], at: number): void {
    if (this.#bytes.length === 0) this.#attach();
    for (const piece of pieces) {
      this.#bytes.set(piece, at);
      at += piece.length;
    }
  }

  /**
   * Writes a key; returns its length in bytes, or one that the core refuses. `ERR_KEY` for anything but well-formed
   * strings.
   */
  write(key: string): number {
    if (typeof key !== "string")
      throw new GeecacheError("ERR_KEY", `the key must be a string, not ${key === null ? "null" : typeof key}`);
    if (this.#key.length === 0) this.#attach();
    const { read, written } = encoder.encodeInto(key, this.#key);
    if (read < key.length) return MAX_KEY_BYTES + 1;
    // Half a surrogate pair has no bytes of its own: two such keys would be one.
    if (written !== key.length && !key.isWellFormed()) {
      throw new GeecacheError("ERR_KEY", "the key holds half a surrogate pair: use well-formed strings, or encode it");
    }
    return written;
  }

  #attach(): void {
    const { buffer } = this.#memory;
    this.#bytes = new Uint8Array(buffer as ArrayBuffer);
    this.#slots = new Float64Array(buffer, this.#at, SLOTS);
    this.#key = new Uint8Array(buffer, this.#at + 8 * SLOTS, KEY_ROOM_BYTES);
  }
}
