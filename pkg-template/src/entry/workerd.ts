/** Cloudflare Workers and workerd: the wasm is imported as a module, the only way that is allowed there. */
import * as workers from "cloudflare:workers";
import wasm from "../core.wasm";
import { provide } from "../core/core.js";
provide(() => wasm, workers.waitUntil && { waitUntil: workers.waitUntil });
export * from "../index.js";
