// The tests' origin: counts loads by key, and holds answers back until a test lets them go.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";
import { eventually } from "./requests.mjs";

/** The right value of a key: bytes that are neither text nor another key's. @param {string} key */
export function valueOf(key) {
  return Buffer.concat([createHash("sha512").update(key).digest(), Buffer.from(`\0${key}`)]);
}

/**
 * One load that arrived.
 * @typedef {object} Load
 * @property {string} by which worker asked
 * @property {boolean} cutOff the asker is gone, and got no answer
 */

/** A server on loopback. `GET /load?key=K&by=WORKER` answers the key's value; `GET /gate?name=N` answers when it is opened. */
export class Origin {
  /** @type {Map<string, Load[]>} */
  #loads = new Map();
  /** @type {Map<string, Array<() => void>>} answers held back, by what holds them */
  #held = new Map();
  /** @type {Map<string, { status: number, body: string | Buffer }>} answers other than the value */
  #odd = new Map();
  #server = createServer({ maxHeaderSize: 1024 * 1024 }, (request, response) => this.#serve(request, response));
  url = "";

  static async start() {
    const origin = new Origin();
    origin.#server.keepAliveTimeout = 0; // a worker about to use an idle connection would see its load fail
    await once(origin.#server.listen(0, "127.0.0.1"), "listening");
    origin.url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (origin.#server.address()).port}`;
    return origin;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** What has been loaded of a key so far. @param {string} key @returns {Load[]} */
  loads(key) {
    return this.#loads.get(key) ?? [];
  }

  /** Holds back what is asked of a key from now on. @param {string} key */
  hold(key) {
    if (!this.#held.has(key)) this.#held.set(key, []);
  }

  /** Lets go what was held back of a key, and what comes. @param {string} key */
  release(key) {
    const held = this.#held.get(key) ?? [];
    this.#held.delete(key);
    for (const go of held) go();
  }

  /** From now on this key is answered so. @param {string} key @param {number} status @param {string | Buffer} [body] */
  answer(key, status, body = "The origin is out of order.") {
    this.#odd.set(key, { status, body });
  }

  /** Undoes `answer`. @param {string} key */
  mend(key) {
    this.#odd.delete(key);
  }

  /** Resolves when so many loads of a key have arrived. @param {string} key @param {number} count */
  arrived(key, count) {
    return eventually(`load ${count} of ${key} at the origin`, () => this.loads(key).length >= count);
  }

  /** Resolves when that load's asker is gone. @param {string} key @param {number} count which load, counted from 1 */
  cutOff(key, count) {
    return eventually(`the asker of load ${count} of ${key} to be cut off`, () => this.loads(key)[count - 1]?.cutOff);
  }

  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  #serve(request, response) {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://origin");
    if (pathname === "/gate") return this.#through(`gate ${searchParams.get("name")}`, () => response.end("open"));
    const key = searchParams.get("key") ?? "";
    const load = { by: searchParams.get("by") ?? "", cutOff: false };
    this.#loads.set(key, [...this.loads(key), load]);
    response.once("close", () => (load.cutOff = !response.writableFinished));
    this.#through(key, () => {
      const { status, body } = this.#odd.get(key) ?? { status: 200, body: valueOf(key) };
      response.writeHead(status).end(body);
    });
  }

  /** @param {string} what @param {() => void} go */
  #through(what, go) {
    const held = this.#held.get(what);
    if (held) held.push(go);
    else go();
  }
}
