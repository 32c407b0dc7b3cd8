/** Answering peers: their lookups, and their changes to this node's copies. */
import type { Core } from "./core/core.js";
import { AUTH_HEADER, ERROR_CODES, Outcome, REMOVE_KEYS, SOURCES } from "./core/protocol.js";
import type { IncomingRequest, PeerResponse } from "./core/steps.js";
import { asError } from "./errors.js";
import type { AnyGroup } from "./group.js";
import type { Context } from "./options.js";

const NO_STORE = { "cache-control": "no-store" };

/** A pool's side towards the peers that ask it. */
export class Server<Env> {
  readonly #core: Core;
  readonly #basePath: string;
  readonly #groups: readonly AnyGroup<Env>[];
  readonly #secrets: (env: Env) => unknown;

  /** `groups` grows as groups are made; `secrets` returns plain values. */
  constructor(core: Core, groups: readonly AnyGroup<Env>[], secrets: (env: Env) => unknown) {
    this.#core = core;
    this.#basePath = core.basePath();
    this.#groups = groups;
    this.#secrets = secrets;
  }

  /** Answers a request for a path under `basePath`; undefined for any other. */
  async handle(request: Request, env: Env, ctx: Context | undefined): Promise<Response | undefined> {
    const path = pathOf(request.url);
    if (!path.startsWith(this.#basePath)) return undefined;
    // All of the request is read before the core is called.
    const { method } = request;
    const isHead = method === "HEAD";
    const auth = request.headers.get(AUTH_HEADER) ?? undefined;
    const [now, secrets] = [Date.now(), this.#secrets(env)];
    const incoming = this.#core.readRequest(method, path, auth, now, secrets);
    if (incoming === undefined) return undefined;
    if ("status" in incoming) return send(incoming, isHead);
    if (method !== "GET" && !isHead)
      return new Response(null, { status: await this.#change(request, method, incoming, now), headers: NO_STORE });
    const respond = (outcome: Outcome, detail = 0, rest = {}) =>
      send(this.#core.respond(incoming, auth, now, secrets, outcome, detail, rest), isHead);
    try {
      const answer = await this.#groups[incoming.group]!.answerPeer(incoming.key, { env, ...(ctx && { ctx }) });
      return answer.kind === Outcome.Value
        ? respond(answer.kind, SOURCES[answer.source], answer)
        : respond(answer.kind);
    } catch (thrown) {
      const { code, message } = asError(thrown);
      // A trap is this node's failure and not the loader's: the peer asks the next one.
      const outcome = code === "ERR_TRAP" ? Outcome.PeerFailed : Outcome.LoadFailed;
      return respond(outcome, ERROR_CODES.indexOf(code), { message });
    }
  }

  /** Makes a change to this node's copies that a peer of groupcache-v3 sends. Returns the status of the response. */
  async #change(
    request: Request,
    method: string,
    { group: id, key, maxChangeBytes }: IncomingRequest,
    now: number,
  ): Promise<number> {
    const group = this.#groups[id]!;
    if (method === "DELETE") return (group.remove(key), 200);
    // A body of unknown length may have no end.
    if (!(Number(request.headers.get("content-length") ?? NaN) <= maxChangeBytes)) return 413;
    const body = new Uint8Array(await request.arrayBuffer());
    if (method === "PUT") return this.#core.applySet(id, now, body) ? 200 : 400;
    if (key !== REMOVE_KEYS) return 405;
    try {
      for (const named of JSON.parse(new TextDecoder().decode(body)).keys) group.remove(named);
      return 200;
    } catch {
      return 400;
    }
  }
}

function send({ status, headers, body }: PeerResponse, isHead: boolean): Response {
  return new Response(isHead ? null : body, { status, headers });
}

/** The path of a URL as it was sent, with its escapes. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const path = start < 0 ? "/" : url.slice(start);
  const end = path.search(/[?#]/);
  return end < 0 ? path : path.slice(0, end);
}
