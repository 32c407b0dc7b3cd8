// A worker with a cache that the tests control and inspect by path and query.

import { env as globalEnv } from "cloudflare:workers";
import { createPool, GeecacheError } from "geecache-edge";
import { instanceCount } from "./instances.js"; // Before the package, to count every instance that it creates.

/**
 * @typedef {object} Bindings
 * @property {string} SELF
 * @property {string[]} [PEERS]
 * @property {string} ORIGIN
 * @property {boolean} [BOUND] peers are service bindings with the names of PEERS
 */
/** @typedef {import("geecache-edge").Context} Context */

const { SELF, PEERS, BOUND } = /** @type {Bindings} */ (globalEnv);

/** @type {import("geecache-edge").Pool<Bindings>} */
const pool = createPool({
  self: SELF,
  peers: PEERS ?? [],
  ...(BOUND && {
    connect: (/** @type {string} */ peer, /** @type {Bindings} */ env) =>
      /** @type {import("geecache-edge").Fetcher} */ (Reflect.get(env, peer)),
  }),
});

/** @type {import("geecache-edge").Load<Uint8Array, Bindings>} */
const load = async (key, { env, signal }) => {
  const response = await fetch(`${env.ORIGIN}/load?${new URLSearchParams({ key, by: env.SELF })}`, { signal });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`status ${response.status} from the origin`);
  return new Uint8Array(await response.arrayBuffer());
};

const MAX_BYTES = 1024 * 1024;
/** @type {Record<string, import("geecache-edge").Group<Uint8Array, Bindings>>} */
const groups = {
  /** Peers practically never time out. */
  main: pool.group("main", { maxBytes: MAX_BYTES, peerTimeoutMs: 30_000, deadlineMs: 60_000, load }),
  /** Peers that hang time out soon. */
  quick: pool.group("quick", { maxBytes: MAX_BYTES, peerTimeoutMs: 1_500, deadlineMs: 60_000, load }),
  /** Loads that hang time out soon. */
  brief: pool.group("brief", { maxBytes: MAX_BYTES, deadlineMs: 1_500, load }),
};

/** How a request keeps its work alive: by its ctx, without one, or not at all. @type {Record<string, (ctx: Context) => Context | undefined>} */
const CONTEXTS = { given: (ctx) => ctx, none: () => undefined, inert: () => ({ waitUntil() {} }) };

let disconnects = 0;

export default {
  /** @param {Request} request @param {Bindings} env @param {Context} ctx */
  async fetch(request, env, ctx) {
    // Fires only with the compatibility flag enable_request_signal.
    request.signal.addEventListener("abort", () => disconnects++);
    const { pathname, searchParams } = new URL(request.url);
    if (BOUND && pathname === "/_geecache/elsewhere") return new Response("another key's value");
    if (BOUND && pathname.startsWith("/_geecache/")) {
      const sabotaged = SABOTAGES[sabotage]?.();
      if (sabotaged) return sabotaged;
    }
    const peerResponse = await pool.handle(request, env, ctx);
    if (peerResponse) return peerResponse;
    if (pathname === "/stats") return Response.json({ ...pool.stats(), disconnects, instances: instanceCount() });
    if (pathname === "/sabotage") {
      sabotage = searchParams.get("how") ?? "none";
      return Response.json(sabotage);
    }
    if (pathname === "/owners") {
      const keys = /** @type {string[]} */ (await request.json());
      return Response.json(keys.map((key) => pool.owner(key)));
    }
    if (pathname === "/rings") {
      const rings = /** @type {RingSpec[]} */ (await request.json());
      return Response.json(rings.map(ownersOn));
    }
    if (pathname === "/burn") return Response.json(burn(Number(searchParams.get("ms"))));
    if (pathname === "/fault") return injectTrap(Number(searchParams.get("kind")));
    if (pathname === "/get") return get(searchParams, env, ctx);
    return new Response("Unknown path.", { status: 404 });
  },
};

/** @param {URLSearchParams} query key, group, ctx, deadlineMs @param {Bindings} env @param {Context} ctx */
async function get(query, env, ctx) {
  const deadlineMs = Number(query.get("deadlineMs"));
  const scope = { env, ctx: CONTEXTS[query.get("ctx") ?? "given"](ctx), ...(deadlineMs && { deadlineMs }) };
  try {
    const { value, source } = await groups[query.get("group") ?? "main"].getEntry(query.get("key") ?? "", scope);
    if (value === undefined) return new Response("No such key.", { status: 404 });
    return new Response(/** @type {Uint8Array<ArrayBuffer>} */ (value), { headers: { "x-source": source } });
  } catch (error) {
    return errorResponse(error);
  }
}

/** @param {unknown} error */
function errorResponse(error) {
  const code = error instanceof GeecacheError ? error.code : "none";
  const { stack, cause } = /** @type {Error} */ (error);
  return new Response(`${stack}\n${cause}`, { status: 502, headers: { "x-code": code } });
}

/** @param {number} kind */
function injectTrap(kind) {
  try {
    // Exists only in the build with injected traps, so it is not in the types.
    /** @type {{ injectTrap(kind: number): void }} */ (/** @type {unknown} */ (pool)).injectTrap(kind);
    return new Response("armed");
  } catch (error) {
    return errorResponse(error);
  }
}

/** @typedef {{ peers: string[], replicas: number, keys: string[] }} RingSpec */

/** @param {RingSpec} ring */
function ownersOn({ peers, replicas, keys }) {
  const connect = () => {
    throw new Error("No peer requests are sent.");
  };
  const ring = createPool({ peers, replicas, connect });
  return keys.map((key) => ring.owner(key) ?? null);
}

/** Blocks the isolate. @param {number} ms */
function burn(ms) {
  const end = Date.now() + ms;
  while (Date.now() < end);
  return ms;
}

/** Wrong responses to peers. @type {Record<string, () => Response | Promise<Response>>} */
const SABOTAGES = {
  throws: () => Promise.reject(new Error("This worker is broken.")),
  hangs: async () => {
    await scheduler.wait(600_000);
    return new Response();
  },
  "responds with HTML": () =>
    new Response("<html><h1>It works!</h1></html>", { status: 500, headers: { "content-type": "text/html" } }),
  redirects: () => Response.redirect("http://peer/_geecache/elsewhere", 302),
  "aborts the body": () =>
    stream((controller, chunks) => {
      if (chunks > 0) controller.error(new Error("aborted"));
      else controller.enqueue(new Uint8Array(100));
    }),
  "sends an endless body": () => stream((controller) => controller.enqueue(new Uint8Array(64 * 1024))),
  "trickles the body": () =>
    stream(async (controller) => {
      await scheduler.wait(20);
      controller.enqueue(new Uint8Array(1));
    }),
};
let sabotage = "none";

/** @param {(controller: ReadableStreamDefaultController<Uint8Array>, chunks: number) => void | Promise<void>} pull receives the number of earlier calls */
function stream(pull) {
  let chunks = 0;
  return new Response(new ReadableStream({ pull: (controller) => pull(controller, chunks++) }));
}
