/**
 * Asking a peer over `fetch`. The core says what to send and reads the response; here it is sent, and its body read up
 * to a bound.
 */
import type { Core } from "./core/core.js";
import { AUTH_HEADER, Outcome, RESPONSE_HEADERS } from "./core/protocol.js";
import type { PeerAnswer, Task } from "./core/steps.js";
import type { PeerConnection } from "./options.js";

/**
 * Asks the peer of a task for `key`. The task's timeout ends the request and the reading of its body. Rejects if either
 * fails.
 */
export async function askPeer(
  core: Core,
  group: number,
  task: Task,
  key: string,
  { fetcher, origin, secrets }: PeerConnection,
): Promise<PeerAnswer> {
  const request = core.request(group, task, key, secrets);
  if (request === undefined) return { kind: Outcome.NotTransferable, message: "no URL can carry the key" };
  const response = await fetcher.fetch(origin.replace(/\/+$/, "") + request.path, {
    method: "GET",
    // A redirect would lead to another key's value: it counts as a failure instead.
    redirect: "manual",
    headers: { [AUTH_HEADER]: request.auth },
    signal: AbortSignal.timeout(task.timeoutMs),
  });
  const body = await readBody(response.body, request.maxBytes);
  // The response may be any object of the user's: all of it is read before the core is called.
  const { headers } = response;
  const status = Number(response.status);
  const values = RESPONSE_HEADERS.map((name) => headers.get(name));
  return core.peerAnswered(group, task, key, request.auth, secrets, status, values, body);
}

/** Reads a body in pieces; throws if it has more than `maxBytes`. */
async function readBody(stream: Response["body"], maxBytes: number): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  if (stream === null) return pieces;
  const reader = stream.getReader();
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return pieces;
    if (!(value instanceof Uint8Array)) throw new TypeError("the response is not of bytes");
    // A plain view: the length of a subclass may be code of the user's.
    const piece = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    bytes += piece.length;
    if (bytes > maxBytes) {
      // Nobody waits for the peer to notice.
      reader.cancel().catch(() => {});
      throw new Error("the peer's answer is larger than maxEntryBytes");
    }
    pieces.push(piece);
  }
}
