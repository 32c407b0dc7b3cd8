// One of our nodes in workerd.
import { env } from "cloudflare:workers";
import { createPool } from "geecache-edge";
import { face } from "./face.js";

export default { fetch: face(createPool, env) };
