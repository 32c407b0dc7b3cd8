/** Asking a peer over `fetch`: the core says what is sent and what came of it; here it is sent, and read up to its bound. */
import type { ErrorCode } from "./errors.js";
import type { Reach } from "./options.js";
import { type Core, LOAD_FAILED, NO_SUCH_KEY, PEER_FAILED, UNFIT, VALUE } from "./core/core.js";

/** What it comes to. */
export type Asked =
  | [kind: typeof VALUE, bytes: Uint8Array<ArrayBuffer>, freshMs: number]
  | [kind: typeof NO_SUCH_KEY]
  | [kind: typeof LOAD_FAILED, message: string, code: ErrorCode]
  | [kind: typeof PEER_FAILED | typeof UNFIT, message: string];

/** Asks for `key`. The signal ends the request and the reading of its body alike. Rejects where nothing usable came. */
export async function ask(
  core: Core,
  group: number,
  key: string,
  { fetcher, origin, secrets }: Reach,
  withinMs: number,
): Promise<Asked> {
  const question = core.ask(group, key, secrets);
  if (question === undefined) return [UNFIT, "no URL can carry the key"];
  const [path, seal, mostBytes] = question;
  const response = await fetcher.fetch(origin.replace(/\/+$/, "") + path, {
    method: "GET",
    // A redirect is followed to another key's value: it counts as a failure instead.
    redirect: "manual",
    headers: { "geecache-seal": seal },
    signal: AbortSignal.timeout(withinMs),
  });
  const chunks = await read(response.body, mostBytes);
  if (!core.hand(group, chunks, true)) return [PEER_FAILED, "there is no memory for the peer's answer"];
  const [kind, freshMs, ...more] = core.heard(group, key, seal, secrets, response.status, response.headers);
  return kind === VALUE ? [VALUE, core.value(), freshMs as number] : ([kind, freshMs, ...more] as Asked);
}

/** The body in pieces; a peer that sends more than `mostBytes` is cut off. */
async function read(stream: Response["body"], mostBytes: number): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  if (stream === null) return chunks;
  const reader = stream.getReader();
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return chunks;
    if (!(value instanceof Uint8Array)) throw new TypeError("the peer's answer is not of bytes");
    bytes += value.length;
    if (!(bytes <= mostBytes)) {
      // Nobody waits for the peer to take note.
      reader.cancel().catch(() => {});
      throw new Error("the peer's answer is larger than maxEntryBytes");
    }
    chunks.push(value);
  }
}
