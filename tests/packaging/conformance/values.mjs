// Conformance of one node: values, freshness, singleflight, invalidation, codecs, counters.
import { assertFails, clock, countingLoader, equal, gate, until } from "./assert.mjs";

/** @typedef {import("./assert.mjs").CountingLoad} CountingLoad */

const MAX = { maxBytes: 65_536 };
const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);

/** @param {import("./assert.mjs").Geecache} geecache */
export const cases = ({ createPool, GeecacheError, Group, json, Pool, text }) => ({
  async "get: loads once, then hits"() {
    const load = countingLoader((key) => `${key}!`);
    const pool = createPool();
    const group = pool.group("g", { ...MAX, codec: text(), load });
    equal([pool instanceof Pool, group instanceof Group, group.name, pool.owner("k")], [true, true, "g", undefined]);
    equal(await group.getEntry("k"), { value: "k!", source: "loader", freshMs: undefined });
    equal(await group.getEntry("k"), { value: "k!", source: "memory", freshMs: undefined });
    equal([await group.get("k"), group.peek("k"), group.peek("other"), load.runs], ["k!", "k!", undefined, 1]);
  },

  async "not found: undefined, not cached"() {
    const load = countingLoader(() => undefined);
    const group = createPool().group("g", { ...MAX, load });
    equal(
      [await group.get("k"), await group.get("k"), load.runs, group.stats().notFound],
      [undefined, undefined, 2, 2],
    );
  },

  async "values: callers get copies of their own"() {
    const group = createPool().group("g", { ...MAX, load: () => bytes("abc") });
    const values = await Promise.all([group.get("k"), group.get("k"), group.get("k")]);
    /** @type {Uint8Array} */ (values[0]).fill(0);
    /** @type {Uint8Array} */ (await group.get("k")).fill(1);
    /** @type {Uint8Array} */ (group.peek("k")).fill(2);
    equal([values[1], await group.get("k")], [bytes("abc"), bytes("abc")]);
  },

  async "singleflight: 50 concurrent callers of one key, one load"() {
    const { opened, open } = gate();
    const load = countingLoader(async (key) => (await opened, key));
    const group = createPool().group("g", { ...MAX, codec: text(), load });
    const callers = Array.from({ length: 50 }, () => group.getEntry("k"));
    await until(() => group.stats().coalesced === 49);
    open();
    const entries = await Promise.all(callers);
    equal(entries.map(({ value, source }) => `${value} ${source}`).sort(), [...Array(49).fill("k flight"), "k loader"]);
    const { requests, coalesced, flights } = group.stats();
    equal([load.runs, requests, coalesced, flights], [1, 50, 49, 0]);
  },

  async "failed load: ERR_LOAD for all followers, the next caller loads again"() {
    const { opened, open } = gate();
    let fails = true;
    const load = countingLoader(async (key) => {
      await opened;
      if (fails) throw new RangeError("away");
      return key;
    });
    const group = createPool().group("g", { ...MAX, codec: text(), load });
    const callers = Array.from({ length: 5 }, () => assertFails(GeecacheError, "ERR_LOAD", () => group.get("k")));
    open();
    for (const error of await Promise.all(callers))
      equal([error.cause instanceof RangeError, /** @type {Error} */ (error.cause).message], [true, "away"]);
    fails = false;
    equal([await group.get("k"), load.runs], ["k", 2]);
  },

  async "waitUntil: the leader hands its flight to it"() {
    /** @type {Promise<unknown>[]} */
    const kept = [];
    /** @type {import("geecache-edge").Pool<{ name: string }>} */
    const pool = createPool();
    const group = pool.group("g", {
      ...MAX,
      codec: text(),
      load: (key, { env, ctx }) => `${key} ${env.name} ${typeof ctx?.waitUntil}`,
    });
    equal(
      await group.get("k", { env: { name: "env" }, ctx: { waitUntil: (work) => kept.push(work) } }),
      "k env function",
    );
    equal([kept.length > 0, kept.every((work) => work instanceof Promise)], [true, true]);
    await Promise.all(kept);
  },

  async "ttlMs: fresh until then, loaded again after"() {
    const pass = clock();
    /** @type {CountingLoad} */
    const load = countingLoader(() => `v${load.runs}`);
    const group = createPool().group("g", { ...MAX, codec: text(), ttlMs: 1_000, load });
    equal(await group.getEntry("k"), { value: "v1", source: "loader", freshMs: 1_000 });
    pass(999);
    equal(await group.getEntry("k"), { value: "v1", source: "memory", freshMs: 1 });
    pass(1);
    equal(group.peek("k"), undefined);
    equal(await group.getEntry("k"), { value: "v2", source: "loader", freshMs: 1_000 });
  },

  async "stale-while-revalidate: the stale value at once, one load in the background"() {
    const pass = clock();
    const { opened, open } = gate();
    /** @type {CountingLoad} */
    const load = countingLoader(async () => (load.runs > 1 && (await opened), `v${load.runs}`));
    const group = createPool().group("g", { ...MAX, codec: text(), ttlMs: 1_000, staleWhileRevalidateMs: 500, load });
    await group.get("k");
    pass(1_000);
    for (let i = 0; i < 5; i++) equal(await group.getEntry("k"), { value: "v1", source: "stale", freshMs: 0 });
    open();
    await until(() => group.stats().flights === 0);
    equal(await group.getEntry("k"), { value: "v2", source: "memory", freshMs: 1_000 });
    equal([load.runs, group.stats().staleHits], [2, 5]);
  },

  async "stale-if-error: the stale value until staleIfErrorMs has passed"() {
    const pass = clock();
    /** @type {CountingLoad} */
    const load = countingLoader(() => {
      if (load.runs > 1) throw new Error("away");
      return "v1";
    });
    const group = createPool().group("g", { ...MAX, codec: text(), ttlMs: 1_000, staleIfErrorMs: 500, load });
    await group.get("k");
    pass(1_499);
    equal(await group.getEntry("k"), { value: "v1", source: "stale", freshMs: 0 });
    pass(1);
    await assertFails(GeecacheError, "ERR_LOAD", () => group.get("k"));
  },

  async "invalidate: remove, clear or set during a load, its value is not cached"() {
    /** @type {Record<string, (group: import("geecache-edge").Group<string>) => unknown>} */
    const changes = {
      remove: (group) => group.remove("k"),
      clear: (group) => group.clear(),
      set: (group) => group.set("k", "new"),
    };
    for (const [name, change] of Object.entries(changes)) {
      const { opened, open } = gate();
      const group = createPool().group("g", { ...MAX, codec: text(), load: async () => (await opened, "old") });
      const before = group.get("k");
      change(group);
      open();
      equal(await before, "old", name);
      equal([group.peek("k"), group.stats().invalidatedLoads], [name === "set" ? "new" : undefined, 1], name);
    }
  },

  async "invalidate: a caller after remove does not coalesce with the load before it"() {
    const gates = [gate(), gate()];
    /** @type {CountingLoad} */
    const load = countingLoader(() => {
      const run = load.runs - 1;
      return gates[run].opened.then(() => `v${run}`);
    });
    const group = createPool().group("g", { ...MAX, codec: text(), load });
    const before = group.get("k");
    group.remove("k");
    const after = group.get("k");
    gates[1].open();
    equal(await after, "v1");
    gates[0].open();
    equal([await before, group.peek("k")], ["v0", "v1"]);
  },

  async "set, peek, remove, clear: change entries on this node"() {
    const load = countingLoader((key) => `${key}!`);
    const group = createPool().group("g", { ...MAX, codec: text(), load });
    equal(
      [group.set("a", "1"), group.set("a", "2"), group.set("b", "3"), group.peek("a"), await group.get("b")],
      [true, true, true, "2", "3"],
    );
    equal([group.remove("a"), group.remove("a"), group.stats().entries, load.runs], [true, false, 1, 0]);
    group.clear();
    equal([group.peek("b"), group.stats().entries, await group.get("b")], [undefined, 0, "b!"]);
  },

  async "codecs: bytes, json, text, custom"() {
    const pool = createPool();
    /** @type {import("geecache-edge").Codec<number>} */
    const numbers = { encode: (n) => new Uint8Array([n]), decode: ([n]) => n };
    const user = { name: "Tom", scores: [1, 2] };
    /** @template T @param {string} name @param {T} value @param {import("geecache-edge").Codec<T>} [codec] */
    const group = (name, value, codec) => pool.group(name, { ...MAX, load: () => value, ...(codec && { codec }) });
    const groups = [
      group("bytes", bytes("abc")),
      group("json", user, json()),
      group("null", null, json()),
      group("text", "\ufeffžluťoučký 🐎", text()),
      group("own", 7, numbers),
    ];
    for (let again = 0; again < 2; again++)
      equal(await Promise.all(groups.map((it) => it.get("k"))), [bytes("abc"), user, null, "\ufeffžluťoučký 🐎", 7]);
    const [one, other] = /** @type {(typeof user)[]} */ ([await groups[1].get("k"), await groups[1].get("k")]);
    one.scores.push(3);
    equal(other, user, "each caller gets a decoded value of its own");
    await assertFails(GeecacheError, "ERR_LOAD_TYPE", () => group("odd", 7).get("k"));
    // @ts-expect-error a codec of texts takes texts
    await assertFails(GeecacheError, "ERR_LOAD_TYPE", () => group("odder", 7, text()).get("k"));
    const broken = {
      encode: () => bytes("x"),
      decode: () => {
        throw new Error("no");
      },
    };
    const { cause } = await assertFails(GeecacheError, "ERR_LOAD_TYPE", () => group("broken", 7, broken).get("k"));
    equal(/** @type {Error} */ (cause).message, "no");
  },

  async "deadlineMs: ERR_TIMEOUT at the group's and at the call's"() {
    /** @type {AbortSignal | undefined} */
    let signal;
    const load = (/** @type {string} */ _key, /** @type {import("geecache-edge").LoadScope} */ scope) => (
      (signal = scope.signal), new Promise(() => {})
    );
    const group = createPool().group("g", { ...MAX, deadlineMs: 20, load });
    await assertFails(GeecacheError, "ERR_TIMEOUT", () => group.get("k"));
    await until(() => signal?.aborted && group.stats().flights === 0);
    // The flight lasts until the group's deadline, and keeps the program alive until then: a short one.
    const patient = createPool().group("g", { ...MAX, deadlineMs: 500, load });
    await assertFails(GeecacheError, "ERR_TIMEOUT", () => patient.get("k", { deadlineMs: 20 }));
    equal(patient.stats().timeouts, 1);
  },

  async "maxBytes: holds, evictions are counted"() {
    const group = createPool().group("g", { maxBytes: 16_384, policy: "lru", load: (key) => bytes(key.repeat(100)) });
    for (let i = 0; i < 200; i++) {
      equal(/** @type {Uint8Array} */ (await group.get(`k${i}`)).length, 100 * `k${i}`.length);
      if (group.stats().usedBytes > 16_384) throw new Error(`${group.stats().usedBytes} bytes are in use`);
    }
    const { entries, evictions, maxBytes } = group.stats();
    equal([entries + evictions, evictions > 100, maxBytes], [200, true, 16_384]);
  },

  async "stats: counters per group"() {
    const pool = createPool();
    const [users, other] = ["users", "other"].map((name) =>
      pool.group(name, { ...MAX, codec: text(), load: (key) => (key === "none" ? undefined : key) }),
    );
    for (const key of ["a", "a", "none"]) await users.get(key);
    const { requests, hits, loads, notFound, entries, errors, peerRequests, flights } = users.stats();
    equal(
      { requests, hits, loads, notFound, entries, errors, peerRequests, flights },
      { requests: 3, hits: 1, loads: 2, notFound: 1, entries: 1, errors: 0, peerRequests: 0, flights: 0 },
    );
    const { groups, ...whole } = pool.stats();
    equal(groups, { users: users.stats(), other: other.stats() });
    equal([whole.traps, whole.unauthorized, whole.ringMismatches, groups.other.requests], [0, 0, 0, 0]);
  },
});
