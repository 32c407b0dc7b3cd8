/** Encoding of options: checked by name and kind, and listed in the order in which the core reads them. */
import { GeecacheError } from "../errors.js";
import type { GroupOptions, PoolOptions } from "../options.js";
import { GROUP_OPTIONS, POOL_OPTIONS } from "./protocol.js";

/** A value's kind by its type: a number for each name where one of several is chosen. */
type Kind<V> = [V] extends [number] ? "number" : string extends V ? "string" : Record<V & string, number>;
type Kinds<T> = { readonly [Name in keyof T]-?: Kind<NonNullable<T[Name]>> };
type PlainPoolOptions = Omit<PoolOptions, "connect" | "secret" | "peerTimeoutMs" | "peers" | "onEvent">;
type PlainGroupOptions = Omit<GroupOptions<unknown>, "load" | "codec">;

// Not a name more or less than the public types have.
POOL_OPTIONS satisfies Kinds<PlainPoolOptions & { seed: number }>;
GROUP_OPTIONS satisfies Kinds<PlainGroupOptions & { hashSeed: number }>;

/** Lists options in the order of `kinds`; `ERR_OPTION` for an unknown one, or one of another kind. */
export function encodeOptions(options: object, kinds: Readonly<Record<string, string | object>>): unknown[] {
  for (const name in options) {
    if (!Object.hasOwn(kinds, name))
      refuse(JSON.stringify(name), `is unknown: the options here are ${Object.keys(kinds).join(", ")}`);
  }
  return Object.entries(kinds).map(([name, kind]) => {
    const value: unknown = (options as Record<string, unknown>)[name] ?? undefined;
    if (value === undefined) return value;
    if (typeof kind === "object") {
      if (typeof value !== "string" || !Object.hasOwn(kind, value))
        refuse(name, `must be one of ${Object.keys(kind).join(", ")}`);
      return (kind as Record<string, number>)[value];
    }
    const isWrong = kind === "number" ? !Number.isSafeInteger(value) || (value as number) < 0 : typeof value !== kind;
    if (isWrong) refuse(name, kind === "number" ? "must be a whole number, 0 or more" : "must be a string");
    return value;
  });
}

function refuse(name: string, why: string): never {
  throw new GeecacheError("ERR_OPTION", `the option ${name} ${why}`);
}

/** A seed of this isolate's own. Not from `crypto`: a Worker allows no random values of it at top level. */
export function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 53);
}
