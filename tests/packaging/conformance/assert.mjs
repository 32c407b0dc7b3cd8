// Shared by the conformance cases: assertions, gates, a mock clock and nodes in memory, with no API of one runtime alone.

/** @typedef {typeof import("geecache-edge")} Geecache the exports of the package */
/** @typedef {import("geecache-edge").ErrorCode} ErrorCode */
/** @typedef {import("geecache-edge").PoolOptions} PoolOptions */
/** @typedef {import("geecache-edge").Load<string> & { runs: number }} CountingLoad a loader of texts from `countingLoader` */

/** Canonical JSON: object keys in order, bytes as an array. @param {unknown} value */
const canonical = (value) =>
  JSON.stringify(value, (_, inner) => {
    if (inner === undefined) return "(undefined)";
    if (inner instanceof Uint8Array) return [...inner];
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });

/** Asserts that both have the same canonical JSON. @param {unknown} actual @param {unknown} expected */
export function equal(actual, expected, label = "the value") {
  if (canonical(actual) !== canonical(expected))
    throw new Error(`${label} is ${canonical(actual)}, expected ${canonical(expected)}`);
}

/**
 * Asserts that `work` throws or rejects with a `GeecacheError` of this code. Returns the error.
 * @param {Geecache["GeecacheError"]} GeecacheError @param {ErrorCode} code @param {() => unknown} work
 */
export async function assertFails(GeecacheError, code, work) {
  /** @type {unknown} */
  let thrown;
  try {
    await work();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof GeecacheError)) throw new Error(`expected ${code}, got ${thrown}`);
  equal([thrown.name, thrown.code], ["GeecacheError", code], thrown.message);
  return thrown;
}

/** A promise that the case settles. */
export function gate() {
  let open = () => {};
  /** @type {Promise<void>} */
  const opened = new Promise((resolve) => (open = resolve));
  return { opened, open };
}

/** Mocks `Date.now`; the result advances it. The runner restores the real one. Timers stay real. */
export function clock() {
  let now = 1_700_000_000_000;
  Date.now = () => now;
  return (/** @type {number} */ ms) => (now += ms);
}

/** Runs every callback that is due. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Polls until `holds` returns true; gives up after many turns. @param {() => unknown} holds */
export async function until(holds) {
  for (let turns = 0; turns < 5_000; turns++) {
    if (holds()) return;
    await turn();
  }
  throw new Error(`timed out waiting for: ${holds}`);
}

/**
 * A loader that counts its runs and returns the result of `give`.
 * @template T
 * @param {(key: string, scope: import("geecache-edge").LoadScope) => T} give
 */
export function countingLoader(give) {
  /** @param {string} key @param {import("geecache-edge").LoadScope} scope */
  const load = (key, scope) => ((load.runs += 1), give(key, scope));
  load.runs = 0;
  return load;
}

/**
 * @typedef {object} PairOptions
 * @property {(send: () => Promise<Response>, url: string, init?: RequestInit) => unknown} [wire] may change an exchange
 * @property {PoolOptions} [a] adds to the options of a's pool
 * @property {PoolOptions} [b] adds to the options of b's pool
 * @property {Partial<import("geecache-edge").GroupOptions<string>>} [group] adds to the options of both groups
 * @property {(key: string, self: string) => ReturnType<CountingLoad>} [load]
 *
 * @typedef {object} PairNode
 * @property {import("geecache-edge").Pool} pool
 * @property {import("geecache-edge").Group<string>} group
 * @property {CountingLoad} load
 */

/** Two nodes in memory, a and b. `key` is owned by b. @param {Geecache} geecache @param {PairOptions} [options] */
export function pair({ createPool, text }, options = {}) {
  const { wire = (send) => send(), a = {}, b = {}, group = {}, load = (key, self) => `${key} of ${self}` } = options;
  const names = ["http://a.test", "http://b.test"];
  /** @type {PairNode[]} */
  const nodes = names.map((self, i) => {
    /** @param {string} peer @returns {import("geecache-edge").Fetcher} */
    const connect = (peer) => ({
      fetch(url, init) {
        const send = () => nodes[names.indexOf(peer)].pool.handle(new Request(url, init));
        // The casts: the pool handles every path here, and a case may return no response on purpose.
        return /** @type {Promise<Response>} */ (wire(/** @type {() => Promise<Response>} */ (send), url, init));
      },
    });
    const pool = createPool({ self, peers: names, connect, ...[a, b][i] });
    const counted = countingLoader((key) => load(key, "ab"[i]));
    return {
      pool,
      load: counted,
      group: pool.group("g", { maxBytes: 65_536, peerTimeoutMs: 5_000, codec: text(), load: counted, ...group }),
    };
  });
  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`).filter((key) => nodes[0].pool.owner(key) === names[1]);
  return { a: nodes[0], b: nodes[1], key: keys[0], keys };
}
