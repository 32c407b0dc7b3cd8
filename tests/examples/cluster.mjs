// The API that the examples' loaders request, and the assertions on every example's cluster.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { fetchOnce } from "../../harness/fetch.mjs";
import { eventually } from "../../harness/waiting.mjs";
import { createPool, PATIENCE_MS } from "./support.mjs";

/** A stand-in for the API, on loopback: counts requests by user, and holds responses back between `hold` and `release`. */
export class Users {
  /** @type {Map<string, number>} */
  #requests = new Map();
  /** @type {Array<() => void> | undefined} */
  #held;
  #server = createServer((request, response) => {
    const id = decodeURIComponent(request.url?.replace("/users/", "") ?? "");
    this.#requests.set(id, this.loads(id) + 1);
    const respond = () => {
      if (id.startsWith("user-")) response.end(JSON.stringify(userOf(id)));
      else response.writeHead(404).end();
    };
    if (this.#held) this.#held.push(respond);
    else respond();
  });
  url = "";

  async start() {
    // An idle connection that the server closes fails the load of a node which is about to reuse it.
    this.#server.keepAliveTimeout = 0;
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    this.url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (this.#server.address()).port}`;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** The number of requests for a user. @param {string} id */
  loads(id) {
    return this.#requests.get(id) ?? 0;
  }

  hold() {
    this.#held = [];
  }

  release() {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const respond of held) respond();
  }
}

const userOf = (/** @type {string} */ id) => ({ id, name: `The name of ${id}` });
let nextUser = 0;

/** Users of one owner that no earlier call returned. @param {string[]} peers the ring @param {string} owner @param {number} count */
export function unusedUsers(peers, owner, count) {
  const ring = createPool({ peers, connect: () => assert.fail("no peer request is expected") });
  const ids = [];
  while (ids.length < count) {
    const id = `user-${nextUser++}`;
    if (ring.owner(id) === owner) ids.push(id);
  }
  return ids;
}

/** Requests a user from a node, asserts the value, and returns its source. @param {string} url @param {string} id */
async function sourceOf(url, id) {
  const response = await fetchOnce(`${url}/${id}`);
  const body = await response.text();
  assert.equal(response.status, 200, `${url}/${id}: status ${response.status}: ${body}`);
  assert.deepEqual(JSON.parse(body), userOf(id));
  return response.headers.get("x-source");
}

/** @param {string} url @returns {Promise<Record<string, number>>} */
async function groupStats(url) {
  return (await (await fetchOnce(`${url}/stats`)).json()).groups.users;
}

/** Sums counters over all nodes. @param {string[]} urls @param {string[]} counters */
async function total(urls, ...counters) {
  const stats = await Promise.all(urls.map(groupStats));
  return stats.reduce((sum, group) => counters.reduce((sum, counter) => sum + group[counter], sum), 0);
}

/** Requests each user from all nodes before it is loaded: one load each. @param {Users} users @param {string[]} urls @param {string[]} ids */
export async function assertLoadedOnce(users, urls, ids) {
  for (const id of ids) {
    users.hold();
    const before = await total(urls, "requests");
    const sources = Promise.all(urls.map((url) => sourceOf(url, id)));
    try {
      await eventually(
        `a load of ${id} and every request for it`,
        async () => (await total(urls, "requests")) === before + urls.length && users.loads(id) > 0,
        PATIENCE_MS,
      );
    } finally {
      users.release();
    }
    await sources;
    assert.equal(users.loads(id), 1, `loads of ${id}`);
  }
}

/** Requests the users again: every node has them in memory, without load or peer request. @param {Users} users @param {string[]} urls @param {string[]} ids */
export async function assertHotCopies(users, urls, ids) {
  const counters = ["peerHits", "peerFailures", "peerRequests", "loads"];
  const before = await total(urls, ...counters);
  for (const id of ids) for (const url of urls) assert.equal(await sourceOf(url, id), "memory", `${id} at ${url}`);
  assert.equal(await total(urls, ...counters), before);
  for (const id of ids) assert.equal(users.loads(id), 1, `loads of ${id}`);
}

/** Requests users whose owner is down: the others serve them, with one load each. @param {Users} users @param {string[]} urls @param {string[]} ids */
export async function assertFailover(users, urls, ids) {
  const before = await total(urls, "peerFailures");
  for (const id of ids) for (const url of urls) await sourceOf(url, id);
  for (const id of ids) assert.equal(users.loads(id), 1, `loads of ${id}`);
  assert.ok((await total(urls, "peerFailures")) > before, "a peer request to the owner failed");
}

/** @param {Users} users @param {string} url */
export async function assertNotFound(users, url) {
  const before = users.loads("nobody");
  assert.equal((await fetchOnce(`${url}/nobody`)).status, 404);
  assert.equal(users.loads("nobody"), before + 1);
}
