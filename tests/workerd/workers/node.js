// A worker with a cache that the tests can look into: what they ask of it stands in the query.
import { instancesSoFar } from "./instances.js"; // before the package, to see all that it makes
import { env } from "cloudflare:workers";
import { createPool, GeecacheError } from "geecache-edge";

const pool = createPool({
  self: env.SELF,
  peers: env.PEERS ?? [],
  ...(env.BOUND && { connect: (peer, env) => env[peer] }),
});

const load = async (key, { env, signal }) => {
  const answer = await fetch(`${env.ORIGIN}/load?${new URLSearchParams({ key, by: env.SELF })}`, { signal });
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`the origin answered ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
};

const MAX_BYTES = 1024 * 1024;
const groups = {
  /** Waits for peers as long as it takes. */
  main: pool.group("main", { maxBytes: MAX_BYTES, peerTimeoutMs: 30_000, deadlineMs: 60_000, load }),
  /** Gives peers up soon, and yet not too soon for a busy machine. */
  quick: pool.group("quick", { maxBytes: MAX_BYTES, peerTimeoutMs: 1_500, deadlineMs: 60_000, load }),
  /** Gives its callers up soon. */
  brief: pool.group("brief", { maxBytes: MAX_BYTES, deadlineMs: 1_500, load }),
};

/** How a request keeps its work alive: by its ctx, without one, or not at all. */
const CONTEXTS = { given: (ctx) => ctx, none: () => undefined, inert: () => ({ waitUntil() {} }) };

let hungUp = 0;

export default {
  async fetch(request, env, ctx) {
    // Heard with the compatibility flag enable_request_signal alone.
    request.signal.addEventListener("abort", () => hungUp++);
    const { pathname, searchParams } = new URL(request.url);
    if (env.BOUND && pathname === "/_geecache/elsewhere") return new Response("another key's value");
    if (env.BOUND && pathname.startsWith("/_geecache/")) {
      const sabotaged = SABOTAGE[sabotage]?.();
      if (sabotaged) return sabotaged;
    }
    const answered = await pool.handle(request, env, ctx);
    if (answered) return answered;
    if (pathname === "/stats") return Response.json({ ...pool.stats(), hungUp, instances: instancesSoFar() });
    if (pathname === "/sabotage") return Response.json((sabotage = searchParams.get("how")));
    if (pathname === "/owners") return Response.json((await request.json()).map((key) => pool.owner(key)));
    if (pathname === "/rings")
      return Response.json((await request.json()).map(({ peers, replicas, keys }) => ownersOn(peers, replicas, keys)));
    if (pathname === "/burn") return Response.json(burn(Number(searchParams.get("ms"))));
    if (pathname === "/fault") return fault(Number(searchParams.get("kind")));
    if (pathname === "/get") return get(Object.fromEntries(searchParams), env, ctx);
    return new Response("What is asked?", { status: 404 });
  },
};

async function get({ key, group = "main", ctx: kind = "given", deadlineMs }, env, ctx) {
  const scope = { env, ctx: CONTEXTS[kind](ctx), ...(deadlineMs && { deadlineMs: Number(deadlineMs) }) };
  try {
    const { value, source } = await groups[group].getEntry(key, scope);
    if (value === undefined) return new Response("There is no such key.", { status: 404 });
    return new Response(value, { headers: { "x-source": source } });
  } catch (error) {
    return refusal(error);
  }
}

function refusal(error) {
  const code = error instanceof GeecacheError ? error.code : "none";
  return new Response(`${error?.stack}\n${error?.cause}`, { status: 502, headers: { "x-code": code } });
}

function fault(kind) {
  try {
    pool.fault(kind);
    return new Response("armed");
  } catch (error) {
    return refusal(error);
  }
}

function ownersOn(peers, replicas, keys) {
  const ring = createPool({ peers, replicas, connect: () => undefined });
  return keys.map((key) => ring.owner(key) ?? null);
}

function burn(ms) {
  const end = Date.now() + ms;
  while (Date.now() < end);
  return ms;
}

/** Ways to answer peers wrongly, or not at all. */
const SABOTAGE = {
  throws: () => Promise.reject(new Error("This worker is broken.")),
  hangs: () => scheduler.wait(600_000),
  "answers HTML": () =>
    new Response("<html><h1>It works!</h1></html>", { status: 500, headers: { "content-type": "text/html" } }),
  redirects: () => Response.redirect("http://peer/_geecache/elsewhere", 302),
  "breaks off": () =>
    new Response(
      bodyOf((controller, sent) =>
        sent ? controller.error(new Error("broken off")) : controller.enqueue(new Uint8Array(100)),
      ),
    ),
  "sends an endless body": () => new Response(bodyOf((controller) => controller.enqueue(new Uint8Array(64 * 1024)))),
  "sends a byte now and then": () =>
    new Response(bodyOf(async (controller) => (await scheduler.wait(20), controller.enqueue(new Uint8Array(1))))),
};
let sabotage = "none";

function bodyOf(pull) {
  let sent = 0;
  return new ReadableStream({ pull: (controller) => pull(controller, sent++) });
}
