/** Running the user's loader: with a deadline, an abort signal, and its value encoded. */
import { type Codec, encodeValue } from "./codec.js";
import { Outcome } from "./core/protocol.js";
import { asError, type GeecacheError } from "./errors.js";
import type { FlightResult } from "./flights.js";
import type { Load, Scope } from "./options.js";
import { withTimeout } from "./timeout.js";

/** A group's loader with its codec. */
export class Loader<T, Env> {
  readonly #load: Load<T, Env>;
  readonly #codec: Codec<T>;
  readonly #ttlMs: number;
  readonly #group: string;

  /** `ttlMs` is -1 for values that stay fresh forever. */
  constructor(load: Load<T, Env>, codec: Codec<T>, ttlMs: number, group: string) {
    this.#load = load;
    this.#codec = codec;
    this.#ttlMs = ttlMs;
    this.#group = group;
  }

  /** Loads a key within `timeoutMs`. Never rejects. */
  async run(key: string, scope: Scope<Env>, timeoutMs: number, onTimeout: () => GeecacheError): Promise<FlightResult> {
    const abort = new AbortController();
    try {
      return await withTimeout(timeoutMs, this.#run(key, scope, abort.signal), () => {
        const error = onTimeout();
        abort.abort(error);
        return { kind: Outcome.LoadFailed, error };
      });
    } catch (thrown) {
      return { kind: Outcome.LoadFailed, error: asError(thrown) };
    }
  }

  async #run(key: string, scope: Scope<Env>, signal: AbortSignal): Promise<FlightResult> {
    const value = await this.#load(key, { env: scope.env as Env, ctx: scope.ctx, signal });
    if (value === undefined) return { kind: Outcome.NotFound, source: "loader" };
    const encoded = encodeValue(this.#codec, value, this.#group);
    return { kind: Outcome.Value, value: encoded, freshMs: this.#ttlMs, source: "loader" };
  }
}
