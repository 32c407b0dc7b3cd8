/** Errors: a stable code to decide by, a message to read, and the cause. */

/**
 * What went wrong.
 *
 * | code | when | what to do |
 * |---|---|---|
 * | `ERR_OPTION` | an option is missing, unknown or out of its range | mend the call |
 * | `ERR_KEY` | the key is empty, longer than 65,535 bytes, or holds half a surrogate pair | use another key |
 * | `ERR_GROUP` | the group's name is empty, dotted, over 255 bytes or holds "/" | choose another |
 * | `ERR_GROUP_EXISTS` | the pool has a group of that name | make it once and keep it |
 * | `ERR_LOAD` | the loader failed, here or at the owner | look at the `cause` |
 * | `ERR_LOAD_TYPE` | the loader or the codec gave something that the group cannot keep | mend it |
 * | `ERR_TIMEOUT` | the deadline passed first | try again, or raise `deadlineMs` |
 * | `ERR_PEER` | a peer failed; only ever the `cause` of another error | none: your own loader has run |
 * | `ERR_TRAP` | the wasm instance failed twice in a row and was replaced | report it |
 */
export type ErrorCode =
  | "ERR_OPTION"
  | "ERR_KEY"
  | "ERR_GROUP"
  | "ERR_GROUP_EXISTS"
  | "ERR_LOAD"
  | "ERR_LOAD_TYPE"
  | "ERR_TIMEOUT"
  | "ERR_PEER"
  | "ERR_TRAP";

/** Every error that this package throws. Decide by `code`; read `message`; look at `cause`. */
export class GeecacheError extends Error {
  override readonly name = "GeecacheError";
  /** What went wrong, to decide by. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
