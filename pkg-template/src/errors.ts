/** Errors: a stable code to decide by, a message to read, and the cause. */
import type { ErrorCode as Code } from "./core/protocol.js";

/**
 * The code of an error. Codes are stable; decide by them.
 *
 * | code | cause | remedy |
 * |---|---|---|
 * | `ERR_OPTION` | an option is missing, unknown or out of range | fix the call |
 * | `ERR_KEY` | the key is empty, longer than 65,535 bytes, or holds half a surrogate pair | use another key |
 * | `ERR_GROUP` | the group's name is empty, dotted, over 255 bytes or holds "/" | choose another name |
 * | `ERR_GROUP_EXISTS` | the pool has a group of that name | make each group once |
 * | `ERR_LOAD` | the loader failed, here or at the owner | look at the `cause` |
 * | `ERR_LOAD_TYPE` | the loader or the codec returned something that the group cannot cache | fix it |
 * | `ERR_TIMEOUT` | the deadline passed | try again, or raise `deadlineMs` |
 * | `ERR_PEER` | a peer failed; only ever the `cause` of another error | none: this node's loader has run |
 * | `ERR_TRAP` | the WebAssembly instance trapped twice in a row and was replaced | report it |
 */
export type ErrorCode = Code;

/** Every error that this package throws. Decide by `code`, read `message`, look at `cause`. */
export class GeecacheError extends Error {
  override readonly name = "GeecacheError";
  /** The stable code, to decide by. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Any thrown value as an error with a code; `ERR_LOAD` for those that have none. */
export function asError(thrown: unknown): GeecacheError {
  if (thrown instanceof GeecacheError) return thrown;
  let message = "";
  try {
    message = thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    // It has no message.
  }
  return new GeecacheError("ERR_LOAD", `the loader failed: ${message}`, thrown);
}

/** A key as messages quote it, cut short. */
export function quoteKey(key: string): string {
  return JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key);
}
