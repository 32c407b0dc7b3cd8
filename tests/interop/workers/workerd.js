// The node in workerd.
import { env } from "cloudflare:workers";
import { createPool } from "geecache-edge";
import { createHandler } from "./handler.js";

export default { fetch: createHandler(createPool, /** @type {import("./handler.js").Bindings} */ (env)) };
