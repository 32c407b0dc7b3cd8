// Shared by the conformance cases: assertions, gates, a mock clock and nodes in memory, with no API of one runtime alone.

/** Canonical JSON: object keys in order, bytes as an array. */
const canonical = (value) =>
  JSON.stringify(value, (_, inner) => {
    if (inner === undefined) return "(undefined)";
    if (inner instanceof Uint8Array) return [...inner];
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });

export function equal(actual, expected, label = "the value") {
  if (canonical(actual) !== canonical(expected))
    throw new Error(`${label} is ${canonical(actual)}, expected ${canonical(expected)}`);
}

/** Asserts that `work` throws or rejects with a `GeecacheError` of this code. Returns the error. */
export async function assertFails(GeecacheError, code, work) {
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
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { opened, open };
}

/** Mocks `Date.now`; the result advances it. The runner restores the real one. Timers stay real. */
export function clock() {
  let now = 1_700_000_000_000;
  Date.now = () => now;
  return (ms) => (now += ms);
}

/** Runs every callback that is due. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Polls until `holds` returns true; gives up after many turns. */
export async function until(holds) {
  for (let turns = 0; turns < 5_000; turns++) {
    if (holds()) return;
    await turn();
  }
  throw new Error(`timed out waiting for: ${holds}`);
}

/** A loader that counts its runs and returns the result of `give`. */
export function countingLoader(give) {
  const load = (key, scope) => ((load.runs += 1), give(key, scope));
  load.runs = 0;
  return load;
}

/**
 * Two nodes in memory, a and b. `key` is owned by b. `wire` may change an exchange, `a` and `b` add to each pool's options,
 * `group` to those of both groups.
 */
export function pair({ createPool, text }, options = {}) {
  const {
    wire = (send) => send(),
    a = {},
    b = {},
    group = {},
    load = (key, self) => `${key} of ${self}`,
  } = /** @type {{ wire?: (send: () => any, url: string, init: any) => any, a?: object, b?: object, group?: object, load?: (key: string, self: string) => any }} */ (
    options
  );
  const names = ["http://a.test", "http://b.test"];
  const nodes = names.map((self, i) => {
    const connect = (peer) => ({
      fetch: (url, init) => wire(() => nodes[names.indexOf(peer)].pool.handle(new Request(url, init)), url, init),
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
