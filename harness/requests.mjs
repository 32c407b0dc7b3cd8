// What the tests in workerd share: bounded waits, questions to a worker, the ring as Go writes it, processes that end.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { request } from "node:http";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { ProcessGroup } from "./processes.mjs";
import { bundle, startWorkerd } from "./workerd.mjs";
import { valueOf } from "./origin.mjs";

const CACHE_FOLDER = fileURLToPath(new URL("../.cache/", import.meta.url));
const PACKAGE_FOLDER = fileURLToPath(new URL("../pkg/", import.meta.url));

/** Long enough for a busy machine with one core; nothing that goes well waits for it. */
const PATIENCE_MS = 20_000;

/** @type {{ default: string }} */
const workerd = createRequire(import.meta.url)("workerd");
const DAY_MS = 24 * 60 * 60 * 1000;

/** A compatibility date before promises of other requests were handled at all. */
export const OLDEST_DATE = "2024-09-01";

/** The newest compatibility date that the installed workerd takes: a week after its release. */
export const NEWEST_DATE = new Date(Date.parse(releaseDate()) + 7 * DAY_MS).toISOString().slice(0, 10);

function releaseDate() {
  return execFileSync(workerd.default, ["--version"], { encoding: "utf8" }).split(/\s/)[1];
}

/** Fails instead of hanging. @template T @param {string} what @param {Promise<T>} work @returns {Promise<T>} */
export async function bounded(what, work) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${PATIENCE_MS / 1000} s for ${what}.`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, /** @type {Promise<never>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks until the answer is true; fails after a while.
 * @param {string} what is awaited, for the message
 * @param {() => unknown} ask may be asynchronous
 */
export async function eventually(what, ask) {
  const giveUp = Date.now() + PATIENCE_MS;
  while (!(await ask())) {
    if (Date.now() > giveUp) throw new Error(`Waited ${PATIENCE_MS / 1000} s for ${what}.`);
    await new Promise((done) => setTimeout(done, 2));
  }
}

/** Workers in workerd, and whatever ends with them. */
export class Workers {
  #processes = new ProcessGroup(CACHE_FOLDER);
  /** @type {Map<string, Promise<string>>} */
  #bundles = new Map();

  /** The bundle of a worker in `workers/`. @param {string} name @param {string} [packageFolder] */
  bundle(name, packageFolder = PACKAGE_FOLDER) {
    const id = `${name} ${packageFolder}`;
    const file = fileURLToPath(new URL(`../tests/workerd/workers/${name}.js`, import.meta.url));
    const made = this.#bundles.get(id) ?? bundle(file, packageFolder, this.#processes.folder);
    this.#bundles.set(id, made);
    return made;
  }

  /** Starts one process. @param {Record<string, import("./workerd.mjs").Service>} services */
  async start(services) {
    const title = `workerd with ${Object.keys(services).join(", ")}`;
    const { child, ports } = await startWorkerd(this.#processes, title, services);
    const urls = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `http://127.0.0.1:${port}`]));
    return { child, urls };
  }

  /** Kills every process and waits until they are gone. */
  stop() {
    return this.#processes.stop();
  }
}

/** @typedef {{ status: number, value: Buffer, source: string | undefined, code: string | undefined, text: string }} Answer */

/**
 * A request to a worker: its answer, and the way to hang up so that workerd takes note. A plain close cancels nothing
 * there; a TCP reset does, at once.
 * @param {string} url @param {import("node:http").RequestOptions} [options]
 * @returns {{ answer: Promise<Answer>, hangUp: () => void }}
 */
export function open(url, options = {}) {
  const asking = request(url, { agent: false, ...options });
  /** @type {Promise<Answer>} */
  const answer = new Promise((resolve, reject) => {
    asking.once("error", reject).once("response", async (response) => {
      try {
        const value = Buffer.concat(await response.toArray());
        const { "x-source": source, "x-code": code } = /** @type {Record<string, string>} */ (response.headers);
        resolve({ status: response.statusCode ?? 0, value, source, code, text: value.toString() });
      } catch (error) {
        reject(error);
      }
    });
  });
  asking.end();
  return { answer: bounded(`an answer from ${url}`, answer), hangUp: () => void asking.socket?.resetAndDestroy() };
}

/**
 * Looks a key up through a worker.
 * @param {string} url the worker's @param {string} key
 * @param {Record<string, string | number>} [how] `group`, `ctx`, `deadlineMs`: see `workers/node.js`
 */
export function openGet(url, key, how = {}) {
  return open(`${url}/get?${new URLSearchParams({ key, ...how })}`);
}

/** @param {string} url @param {string} key @param {Record<string, string | number>} [how] */
export function get(url, key, how) {
  return openGet(url, key, how).answer;
}

/** The right bytes, and no other answer. @param {Answer} answer @param {string} key */
export function assertValue({ status, value, text }, key) {
  const said = `${JSON.stringify(key.slice(0, 40))} was answered with status ${status}: ${text.slice(0, 500)}`;
  assert.ok(status === 200 && value.equals(valueOf(key)), said);
}

/** What a worker answers as JSON. @param {string} url @param {unknown} [body] sent by POST */
export async function ask(url, body) {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await bounded(`an answer from ${url}`, fetch(url, init));
  assert.equal(answer.status, 200, `${url} answered ${answer.status}`);
  return answer.json();
}

/** A group's counters. @param {string} url @param {string} [group] @returns {Promise<Record<string, number>>} */
export async function counters(url, group = "main") {
  return (await ask(`${url}/stats`)).groups[group];
}

/**
 * The ring again, as Go's consistenthash has it: an oracle that shares no code with the product.
 * @param {string[]} peers
 * @returns {(key: string) => string}
 */
export function ringOf(peers) {
  const points = new Map();
  for (const peer of peers) for (let i = 0; i < 50; i++) points.set(crc32(`${i}${peer}`), peer);
  const sorted = [...points.keys()].sort((a, b) => a - b);
  return (key) => points.get(sorted.find((point) => point >= crc32(key)) ?? sorted[0]);
}

/** Keys that no test has used yet. @param {string} owner @param {(key: string) => string} ring @param {number} count */
export function freshKeys(owner, ring, count) {
  const keys = [];
  while (keys.length < count) {
    const key = `${owner}/${used++}`;
    if (ring(key) === owner) keys.push(key);
  }
  return keys;
}
let used = 0;
