/** The package: what every entry exports. */
export { type Codec, json, text } from "./codec.js";
export { type ErrorCode, GeecacheError } from "./errors.js";
export type { CacheEvent } from "./events.js";
export { type Entry, Group, type Source } from "./group.js";
export type { Context, Fetcher, GroupOptions, Load, LoadScope, PoolOptions, Scope } from "./options.js";
export { createPool, Pool } from "./pool.js";
export type { PoolStats, Stats } from "./stats.js";
