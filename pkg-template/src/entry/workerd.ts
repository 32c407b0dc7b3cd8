/** Cloudflare Workers and workerd: the wasm is imported as a module, the only way that is allowed there. */
import * as workers from "cloudflare:workers";
import { provideModule } from "../core/core.js";
import wasm from "../core.wasm";
import { provideContext } from "../flights.js";

provideModule(() => wasm);
provideContext(workers.waitUntil && { waitUntil: workers.waitUntil });

export * from "../index.js";
