// What the conformance cases share: assertions, gates, clocks and nodes in memory, without anything that one runtime alone has.

/** Written in one way, whatever order its keys came in. */
const written = (value) =>
  JSON.stringify(value, (_, inner) => {
    if (inner === undefined) return "(undefined)";
    if (inner instanceof Uint8Array) return [...inner];
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });

export function equal(actual, expected, what = "the value") {
  if (written(actual) !== written(expected))
    throw new Error(`${what} is ${written(actual)}, expected ${written(expected)}`);
}

/** That `work` throws or rejects with a `GeecacheError` of that code; the error. */
export async function refused(GeecacheError, code, work) {
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

/** A clock that moves only when it is told to; `run` puts the real one back. Timers stay real. */
export function clock() {
  let now = 1_700_000_000_000;
  Date.now = () => now;
  return (ms) => (now += ms);
}

/** Settles once the runtime has done what was due. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Waits, by looking, until `is` holds; gives up after many looks. */
export async function until(is) {
  for (let look = 0; look < 5_000; look++) {
    if (is()) return;
    await turn();
  }
  throw new Error(`this never came to hold: ${is}`);
}

/** A loader that counts its runs and answers with what `give` makes. */
export function counting(give) {
  const load = (key, scope) => ((load.runs += 1), give(key, scope));
  load.runs = 0;
  return load;
}

/**
 * Two nodes, a and b, that reach each other in memory; `key` is b's. `ways.wire` may change an exchange, and `ways.a`,
 * `ways.b` add to each pool's options, `ways.group` to those of both groups.
 */
export function pair(
  { createPool, text },
  { wire = (asks) => asks(), a = {}, b = {}, group = {}, load = (key, self) => `${key} of ${self}` } = {},
) {
  const names = ["http://a.test", "http://b.test"];
  const nodes = names.map((self, i) => {
    const connect = (peer) => ({
      fetch: (url, init) => wire(() => nodes[names.indexOf(peer)].pool.handle(new Request(url, init)), url, init),
    });
    const pool = createPool({ self, peers: names, connect, ...[a, b][i] });
    const counted = counting((key) => load(key, "ab"[i]));
    return {
      pool,
      load: counted,
      group: pool.group("g", { maxBytes: 65_536, peerTimeoutMs: 5_000, codec: text(), load: counted, ...group }),
    };
  });
  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`).filter((key) => nodes[0].pool.owner(key) === names[1]);
  return { a: nodes[0], b: nodes[1], key: keys[0], keys };
}
