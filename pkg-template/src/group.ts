/** A group: a named space of keys with one loader. */
import { bytes, type Codec, decodeValue, encodeValue } from "./codec.js";
import type { Core } from "./core/core.js";
import { encodeOptions, randomSeed } from "./core/options.js";
import { DEFAULT_DEADLINE_MS, GROUP_OPTIONS, Outcome } from "./core/protocol.js";
import type { EventEmitter } from "./emitter.js";
import { GeecacheError } from "./errors.js";
import { Loader } from "./loader.js";
import { type Answer, Lookups } from "./lookup.js";
import type { Entry, GroupOptions, ResolvePeer, Scope } from "./options.js";
import { nameCounters, type Stats } from "./stats.js";

/** @internal A group with any type of value. */
// biome-ignore lint/suspicious/noExplicitAny: a group of one type is not assignable to a group of unknown
export type AnyGroup<Env> = Group<any, Env>;

/** A named space of keys with one loader, made by `pool.group`. */
export class Group<T = Uint8Array, Env = unknown> {
  readonly #core: Core;
  readonly #id: number;
  readonly #codec: Codec<T>;
  readonly #lookups: Lookups<T, Env>;
  /** The group's name. */
  readonly name: string;

  /** @internal Use `pool.group`. */
  constructor(
    core: Core,
    resolvePeer: ResolvePeer,
    name: string,
    options: GroupOptions<T, Env>,
    emitter?: EventEmitter,
  ) {
    if (options === null || typeof options !== "object")
      throw new GeecacheError("ERR_OPTION", "the group's options must be an object with maxBytes and load");
    const { load, codec, ...plain } = options;
    if (typeof load !== "function")
      throw new GeecacheError("ERR_OPTION", "the option load must be a function: it loads keys that no peer has");
    if (codec !== undefined && (typeof codec?.encode !== "function" || typeof codec.decode !== "function")) {
      throw new GeecacheError("ERR_OPTION", "the option codec must have encode and decode: use json() or text()");
    }
    if (typeof name !== "string") throw new GeecacheError("ERR_GROUP", "the group name must be a string");
    // Seeded, so that strangers cannot choose keys that collide.
    this.#id = core.addGroup(name, encodeOptions({ hashSeed: randomSeed(), ...plain }, GROUP_OPTIONS));
    this.#core = core;
    this.#codec = codec ?? (bytes as unknown as Codec<T>);
    const loader = new Loader(load, this.#codec, plain.ttlMs ?? -1, name);
    const deadlineMs = plain.deadlineMs ?? DEFAULT_DEADLINE_MS;
    this.#lookups = new Lookups(core, this.#id, name, loader, resolvePeer, deadlineMs, emitter);
    this.name = name;
  }

  /**
   * Looks `key` up: in memory, at its owner, or by `load`. Resolves to undefined if the key does not exist. The value
   * is the caller's own. Settles within `deadlineMs`. Cost of a hit: one call into wasm and one copy.
   *
   * @throws {GeecacheError} `ERR_KEY`, `ERR_LOAD`, `ERR_LOAD_TYPE` or `ERR_TIMEOUT`; a failed peer is never an error.
   */
  async get(key: string, scope?: Scope<Env>): Promise<T | undefined> {
    // Plain JavaScript may pass null.
    const found = this.#lookups.lookUp(key, scope ?? {}, false);
    const answer = found instanceof Promise ? await found : found;
    return answer.kind === Outcome.Value ? decodeValue(this.#codec, answer.value, this.name) : undefined;
  }

  /** Like `get`, with the value's source and freshness. */
  async getEntry(key: string, scope?: Scope<Env>): Promise<Entry<T>> {
    const found = this.#lookups.lookUp(key, scope ?? {}, false);
    const answer = found instanceof Promise ? await found : found;
    const { source } = answer;
    if (answer.kind !== Outcome.Value) return { value: undefined, source, freshMs: undefined };
    const freshMs = answer.freshMs < 0 ? undefined : answer.freshMs;
    return { value: decodeValue(this.#codec, answer.value, this.name), source, freshMs };
  }

  /** @internal Looks `key` up for a peer: answered here, never forwarded. */
  async answerPeer(key: string, scope: Scope<Env>): Promise<Answer> {
    return this.#lookups.lookUp(key, scope, true);
  }

  /** Returns the fresh copy on this node, or undefined. Neither loads nor asks a peer, and does not count as a use. */
  peek(key: string): T | undefined {
    const value = this.#core.peek(this.#id, key);
    return value && decodeValue(this.#codec, value, this.name);
  }

  /**
   * Caches a value on this node, over a load in flight as well. No peer is notified. Returns false if the value was
   * rejected: larger than `maxEntryBytes`, or of lower priority than the entries it would evict. The older value is
   * removed either way.
   *
   * @throws {GeecacheError} `ERR_KEY`, or `ERR_LOAD_TYPE` if the codec cannot encode the value.
   */
  set(key: string, value: T): boolean {
    return this.#core.set(this.#id, key, encodeValue(this.#codec, value, this.name));
  }

  /** Removes `key` on this node and invalidates a load of it in flight. Returns whether there was a copy. */
  remove(key: string): boolean {
    return this.#core.remove(this.#id, key);
  }

  /** Removes every key of the group on this node, and invalidates the loads in flight. */
  clear(): void {
    this.#core.clear(this.#id);
  }

  /** The group's counters. */
  stats(): Stats {
    return nameCounters.group(this.#core.counts(this.#id));
  }
}
