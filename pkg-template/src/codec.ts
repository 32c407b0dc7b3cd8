/** Codecs: how a value becomes bytes, which is all that crosses requests and peers. */
import type { Bytes } from "./core/steps.js";
import { GeecacheError } from "./errors.js";

/** Turns values into bytes and back. Every peer of a group must use the same codec. */
export interface Codec<T> {
  /** Encodes a value. An error becomes the cause of an `ERR_LOAD_TYPE`. */
  encode(value: T): Uint8Array;
  /** Decodes bytes into a new value, which the caller may change. */
  decode(bytes: Uint8Array): T;
}

const encoder = new TextEncoder();
/** Keeps a leading U+FEFF. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Values as JSON. Cost: one `JSON.parse` a hit.
 *
 * ```ts
 * const users = createPool().group("users", {
 *   maxBytes: 1 << 20,
 *   codec: json<{ name: string }>(),
 *   load: async (key) => ({ name: key }),
 * });
 * ```
 */
export function json<T = unknown>(): Codec<T> {
  return {
    encode(value) {
      const text = JSON.stringify(value);
      if (text === undefined) throw new TypeError(`JSON has no form for a ${typeof value}`);
      return encoder.encode(text);
    },
    decode: (bytes) => JSON.parse(decoder.decode(bytes)) as T,
  };
}

/** Values as text in UTF-8. Cost: one decoding a hit. */
export function text(): Codec<string> {
  return {
    encode(value) {
      if (typeof value !== "string") throw new TypeError(`expected a string, got ${typeof value}`);
      return encoder.encode(value);
    },
    decode: (bytes) => decoder.decode(bytes),
  };
}

/** Values as bytes: the default. */
export const bytes: Codec<Uint8Array> = {
  encode(value) {
    if (value instanceof Uint8Array) return value;
    if ((value as unknown) instanceof ArrayBuffer) return new Uint8Array(value);
    throw new TypeError(
      `expected a Uint8Array, got ${value === null ? "null" : typeof value}: name a codec for other values`,
    );
  },
  decode: (value) => value,
};

/** Encodes a value of a group into a copy; `ERR_LOAD_TYPE` if the codec fails. */
export function encodeValue<T>(codec: Codec<T>, value: T, group: string): Bytes {
  try {
    const encoded = codec.encode(value);
    if (!(encoded instanceof Uint8Array)) throw new TypeError("the codec's encode returned no Uint8Array");
    // A copy, since the loader may go on writing to its own.
    return new Uint8Array(encoded);
  } catch (thrown) {
    throw new GeecacheError(
      "ERR_LOAD_TYPE",
      `the value cannot be kept in ${group}: ${(thrown as Error)?.message}`,
      thrown,
    );
  }
}

/** Decodes bytes of a group; `ERR_LOAD_TYPE` if the codec fails. */
export function decodeValue<T>(codec: Codec<T>, encoded: Uint8Array, group: string): T {
  try {
    return codec.decode(encoded);
  } catch (thrown) {
    throw new GeecacheError(
      "ERR_LOAD_TYPE",
      `the bytes in ${group} cannot be decoded: do all peers use one codec?`,
      thrown,
    );
  }
}
