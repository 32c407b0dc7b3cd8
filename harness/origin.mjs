// The tests' origin: counts loads by key, and holds responses back until a test releases them.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { eventually } from "./waiting.mjs";

/** The value of a key: bytes that are not text, and differ for every key. @param {string} key */
export function valueFor(key) {
  return Buffer.concat([createHash("sha512").update(key).digest(), Buffer.from(`\0${key}`)]);
}

/**
 * A load request received by the origin.
 * @typedef {object} Load
 * @property {string} by the node that loads
 * @property {boolean} aborted true if the node closed the connection before the response
 */

/**
 * A server on loopback. `GET /load?key=KEY&by=NODE` responds with the key's value. `GET /gate?name=NAME` responds
 * when the gate is released.
 */
export class Origin {
  /** @type {Map<string, Load[]>} */
  #loads = new Map();
  /** Responses held back, by key. @type {Map<string, Array<() => void>>} */
  #held = new Map();
  /** Responses other than the value, by key. @type {Map<string, { status: number, body: string | Buffer }>} */
  #overrides = new Map();
  #server = createServer({ maxHeaderSize: 1024 * 1024 }, (request, response) => this.#serve(request, response));
  url = "";

  static async start() {
    const origin = new Origin();
    // An idle connection that the origin closes fails the load of a worker which is about to reuse it.
    origin.#server.keepAliveTimeout = 0;
    await once(origin.#server.listen(0, "127.0.0.1"), "listening");
    origin.url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (origin.#server.address()).port}`;
    return origin;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** The loads of a key so far. @param {string} key @returns {Load[]} */
  loads(key) {
    return this.#loads.get(key) ?? [];
  }

  /** The nodes that loaded a key, in order. @param {string} key */
  loaders(key) {
    return this.loads(key).map(({ by }) => by);
  }

  /** Holds back the responses to loads of a key, from now on. @param {string} key */
  hold(key) {
    if (!this.#held.has(key)) this.#held.set(key, []);
  }

  /** Sends the responses held back for a key, and holds no further ones. @param {string} key */
  release(key) {
    const held = this.#held.get(key) ?? [];
    this.#held.delete(key);
    for (const respond of held) respond();
  }

  /** Overrides the response for a key, from now on. @param {string} key @param {number} status @param {string | Buffer} [body] */
  override(key, status, body = "The origin is out of order.") {
    this.#overrides.set(key, { status, body });
  }

  /** Removes the override of a key. @param {string} key */
  restore(key) {
    this.#overrides.delete(key);
  }

  /** Resolves when the origin has received this many loads of a key. @param {string} key @param {number} count */
  async received(key, count) {
    await eventually(`load ${count} of ${key} at the origin`, () => this.loads(key).length >= count);
  }

  /** Resolves when a load is aborted. @param {string} key @param {number} count the load, counted from 1 */
  async aborted(key, count) {
    await eventually(`load ${count} of ${key} to be aborted`, () => this.loads(key)[count - 1]?.aborted);
  }

  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  #serve(request, response) {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://origin");
    if (pathname === "/gate") {
      this.#respond(`gate ${searchParams.get("name")}`, () => response.end("open"));
      return;
    }
    const key = searchParams.get("key") ?? "";
    const load = { by: searchParams.get("by") ?? "", aborted: false };
    this.#loads.set(key, [...this.loads(key), load]);
    response.once("close", () => (load.aborted = !response.writableFinished));
    this.#respond(key, () => {
      const { status, body } = this.#overrides.get(key) ?? { status: 200, body: valueFor(key) };
      response.writeHead(status).end(body);
    });
  }

  /** @param {string} key @param {() => void} respond called now, or on `release` if the key is held */
  #respond(key, respond) {
    const held = this.#held.get(key);
    if (held) held.push(respond);
    else respond();
  }
}
