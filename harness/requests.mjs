// HTTP requests of the tests to a node, and the assertion on its values.
import assert from "node:assert/strict";
import { request } from "node:http";
import { fetchOnce } from "./fetch.mjs";
import { valueFor } from "./origin.mjs";
import { withTimeout } from "./waiting.mjs";

/**
 * @typedef {object} NodeResponse
 * @property {number} status
 * @property {Buffer} value
 * @property {string | undefined} source the header `x-source`: where the node found the value
 * @property {string | undefined} code the header `x-code`: the code of a `GeecacheError`
 * @property {string} text the value as text
 */

/**
 * Sends a GET request. `disconnect` resets its TCP connection: workerd notices a reset at once, and cancels nothing
 * on an ordinary close.
 * @param {string} url
 * @returns {{ response: Promise<NodeResponse>, disconnect: () => void }}
 */
export function startRequest(url) {
  const outgoing = request(url, { agent: false });
  /** @type {Promise<NodeResponse>} */
  const response = new Promise((resolve, reject) => {
    outgoing.once("error", reject).once("response", (incoming) => {
      const { "x-source": source, "x-code": code } = /** @type {Record<string, string>} */ (incoming.headers);
      incoming.toArray().then((chunks) => {
        const value = Buffer.concat(chunks);
        resolve({ status: incoming.statusCode ?? 0, value, source, code, text: value.toString() });
      }, reject);
    });
  });
  outgoing.end();
  return {
    response: withTimeout(`a response from ${url}`, response),
    disconnect: () => {
      outgoing.socket?.resetAndDestroy();
    },
  };
}

/**
 * Starts a lookup of a key at a node.
 * @param {string} url the node's
 * @param {string} key
 * @param {Record<string, string | number>} [options] further query parameters
 */
export function startGet(url, key, options = {}) {
  return startRequest(`${url}/get?${new URLSearchParams({ key, ...options })}`);
}

/** Looks a key up at a node. @param {string} url @param {string} key @param {Record<string, string | number>} [options] */
export function get(url, key, options) {
  return startGet(url, key, options).response;
}

/** Asserts a response with the value of the key. @param {NodeResponse} response @param {string} key */
export function assertValue({ status, value, text }, key) {
  const message = `${JSON.stringify(key.slice(0, 40))}: status ${status}: ${text.slice(0, 500)}`;
  assert.ok(status === 200 && value.equals(valueFor(key)), message);
}

/** Fetches JSON. @param {string} url @param {unknown} [body] sent by POST */
export async function fetchJson(url, body) {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await withTimeout(`a response from ${url}`, fetchOnce(url, init));
  assert.equal(response.status, 200, `status ${response.status} from ${url}`);
  return response.json();
}

/** The counters of a node's group. @param {string} url @param {string} [group] @returns {Promise<Record<string, number>>} */
export async function groupStats(url, group = "main") {
  return (await fetchJson(`${url}/stats`)).groups[group];
}
