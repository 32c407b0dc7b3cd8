/** The exports that every entry shares. */
export { type Codec, json, text } from "./codec.js";
export { type ErrorCode, GeecacheError } from "./errors.js";
export type { CacheEvent } from "./events.js";
export { Group } from "./group.js";
export type {
  Context,
  Entry,
  Fetcher,
  GroupOptions,
  Load,
  LoadScope,
  PoolOptions,
  Scope,
  Source,
} from "./options.js";
export { createPool, Pool } from "./pool.js";
export type { PoolStats, Stats } from "./stats.js";
