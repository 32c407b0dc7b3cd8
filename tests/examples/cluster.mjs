// What must hold of every cluster of the examples, and the API that their loaders ask.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createPool, eventually } from "./support.mjs";

/** The API in place of the real one, on loopback: it counts what is asked and holds its answers while it is told to. */
export class Users {
  /** @type {Map<string, number>} */
  #asked = new Map();
  /** @type {Array<() => void> | undefined} */
  #held;
  #server = createServer((request, response) => {
    const id = decodeURIComponent(request.url?.replace("/users/", "") ?? "");
    this.#asked.set(id, this.loads(id) + 1);
    const answer = () =>
      id.startsWith("user-") ? response.end(JSON.stringify(userOf(id))) : response.writeHead(404).end();
    this.#held ? this.#held.push(answer) : answer();
  });
  url = "";

  async start() {
    this.#server.keepAliveTimeout = 0; // one who is about to use an idle connection would see its load fail
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    this.url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (this.#server.address()).port}`;
    return this;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** How often a user was asked for. @param {string} id */
  loads(id) {
    return this.#asked.get(id) ?? 0;
  }

  hold() {
    this.#held = [];
  }

  release() {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }
}

const userOf = (/** @type {string} */ id) => ({ id, name: `The name of ${id}` });
let made = 0;

/** Users that a peer owns and that no test has asked for. @param {string[]} peers the ring @param {string} owner @param {number} count */
export function freshUsers(peers, owner, count) {
  const ring = createPool({ peers, connect: () => assert.fail("nobody is asked here") });
  const ids = [];
  while (ids.length < count) {
    const id = `user-${made++}`;
    if (ring.owner(id) === owner) ids.push(id);
  }
  return ids;
}

/** Asks a node for a user: where the answer, the right one, came from. @param {string} url @param {string} id */
async function source(url, id) {
  const answer = await fetch(`${url}/${id}`);
  const body = await answer.text();
  assert.equal(answer.status, 200, `${url}/${id} answered ${answer.status}: ${body}`);
  assert.deepEqual(JSON.parse(body), userOf(id));
  return answer.headers.get("x-source");
}

/** @param {string} url @returns {Promise<Record<string, number>>} */
export async function counters(url) {
  return (await (await fetch(`${url}/stats`)).json()).groups.users;
}

const sum = (/** @type {number[]} */ counts) => counts.reduce((total, count) => total + count, 0);
const total = async (/** @type {string[]} */ urls, /** @type {string} */ counter) =>
  sum((await Promise.all(urls.map(counters))).map((counted) => counted[counter]));

/** Everybody asks for a user at once while it is not loaded yet: one load each. @param {Users} users @param {string[]} urls @param {string[]} ids */
export async function loadedOnce(users, urls, ids) {
  for (const id of ids) {
    users.hold();
    const before = await total(urls, "requests");
    const asked = Promise.all(urls.map((url) => source(url, id)));
    try {
      await eventually(
        `a load of ${id} and every request for it`,
        async () => (await total(urls, "requests")) === before + urls.length && users.loads(id) > 0,
      );
    } finally {
      users.release();
    }
    await asked;
    assert.equal(users.loads(id), 1, `loads of ${id}`);
  }
}

/** Asked again, everybody answers from memory, and nobody asks or loads anything. @param {Users} users @param {string[]} urls @param {string[]} ids */
export async function keptHot(users, urls, ids) {
  const asked = async () =>
    sum([
      await total(urls, "peerHits"),
      await total(urls, "peerFailures"),
      await total(urls, "peerRequests"),
      await total(urls, "loads"),
    ]);
  const before = await asked();
  for (const id of ids) for (const url of urls) assert.equal(await source(url, id), "memory", `${id} at ${url}`);
  assert.equal(await asked(), before);
  for (const id of ids) assert.equal(users.loads(id), 1, `loads of ${id}`);
}

/** The owner of these users is gone: the others answer right, and an outage, too, costs one load a user. @param {Users} users @param {string[]} urls @param {string[]} ids */
export async function doneWithout(users, urls, ids) {
  const before = await total(urls, "peerFailures");
  for (const id of ids) for (const url of urls) await source(url, id);
  for (const id of ids) assert.equal(users.loads(id), 1, `loads of ${id}`);
  assert.ok((await total(urls, "peerFailures")) > before, "the one who is gone was asked");
}

/** @param {Users} users @param {string} url */
export async function noSuchUser(users, url) {
  const before = users.loads("nobody");
  assert.equal((await fetch(`${url}/nobody`)).status, 404);
  assert.equal(users.loads("nobody"), before + 1);
}
