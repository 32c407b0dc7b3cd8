/** Codecs: how a value becomes bytes, which is all that crosses requests and peers. */

/** Turns values into bytes and back. Both directions must agree on every peer of the group. */
export interface Codec<T> {
  /** The value as bytes. What it throws becomes `ERR_LOAD_TYPE`. */
  encode(value: T): Uint8Array;
  /** The bytes as a value: a new one every time, which the caller may change. */
  decode(bytes: Uint8Array): T;
}

const encoder = new TextEncoder();
/** Takes nothing away: a text may begin with U+FEFF. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Values as JSON. Cost: one `JSON.parse` a hit. */
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

/** Values as text in UTF-8. */
export function text(): Codec<string> {
  return {
    encode(value) {
      if (typeof value !== "string") throw new TypeError(`expected a string, got ${typeof value}`);
      return encoder.encode(value);
    },
    decode: (bytes) => decoder.decode(bytes),
  };
}

/** Values as they are: the default. */
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
