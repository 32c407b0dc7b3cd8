// Conformance of options, group names and keys: invalid ones fail with their code.
import { assertFails, equal, pair } from "./assert.mjs";

const MAX = { maxBytes: 1024 * 1024 };
const LONGEST_BYTES = 65_535;
/** Keys that a path, a pattern or an object could take for something else. No path carries "." and "..": they are apart. */
const ODD = [
  ...[
    "/",
    "//",
    "a/b",
    "../x",
    "http://a/b",
    "\\",
    "?",
    "a?b#c",
    "#",
    "%",
    "%zz",
    "%2F",
    "a b",
    "a+b",
    "+",
    "'",
    "~!*()",
  ],
  ...["\0", "\r\n", " ", "ключ", "🐎", "e\u0301", "\u00e9", "\ufeff", "__proto__"],
];

/** @param {import("./assert.mjs").Geecache} geecache */
export const cases = (geecache) => {
  const { createPool, GeecacheError, text } = geecache;
  const group = () => createPool().group("g", { ...MAX, maxEntryBytes: 131_072, codec: text(), load: (key) => key });
  /** @param {import("./assert.mjs").ErrorCode} code @param {(() => unknown)[]} all */
  const assertAllFail = async (code, all) => {
    for (const work of all) await assertFails(GeecacheError, code, work);
  };
  return {
    async "options: missing, unknown or invalid, ERR_OPTION"() {
      const load = () => undefined;
      const pool = createPool();
      await assertAllFail("ERR_OPTION", [
        // @ts-expect-error options are an object
        () => createPool(null),
        // @ts-expect-error there is no such option
        () => createPool({ nonsense: 1 }),
        () => createPool({ replicas: 0 }),
        () => createPool({ peers: ["not a URL"] }),
        () => createPool({ secret: "" }),
        // @ts-expect-error connect is a function
        () => createPool({ connect: "https://a.test" }),
        // @ts-expect-error the options are required
        () => pool.group("a", undefined),
        // @ts-expect-error the bound is required
        () => pool.group("a", { load }),
        // @ts-expect-error the loader is required
        () => pool.group("a", { ...MAX }),
        () => pool.group("a", { maxBytes: 1, load }),
        () => pool.group("a", { maxBytes: Infinity, load }),
        () => pool.group("a", { ...MAX, load, ttlMs: -1 }),
        // @ts-expect-error there is no such option
        () => pool.group("a", { ...MAX, load, ttl: 1 }),
        // @ts-expect-error a codec encodes and decodes
        () => pool.group("a", { ...MAX, load, codec: {} }),
        () => group().get("k", { deadlineMs: NaN }),
      ]);
      // @ts-expect-error there is no such option
      const error = await assertFails(GeecacheError, "ERR_OPTION", () => pool.group("a", { ...MAX, load, ttl: 1 }));
      equal(error.message.includes("ttl"), true);
    },

    async "group names: invalid, ERR_GROUP; taken, ERR_GROUP_EXISTS"() {
      const pool = createPool();
      const made = (/** @type {string} */ name) => pool.group(name, { ...MAX, load: () => undefined });
      await assertAllFail(
        "ERR_GROUP",
        // @ts-expect-error a name is a string
        ["", ".", "..", "a/b", "x".repeat(256), 7, undefined].map((name) => () => made(name)),
      );
      made("x".repeat(255));
      made("группа %");
      await assertAllFail("ERR_GROUP_EXISTS", [() => made("группа %")]);
    },

    async "keys: invalid, ERR_KEY from every call"() {
      const it = group();
      for (const key of [
        "",
        "x".repeat(LONGEST_BYTES + 1),
        "é".repeat(LONGEST_BYTES / 2 + 1),
        "\ud800",
        "a\udc00",
        undefined,
        null,
        7,
        {},
      ]) {
        // @ts-expect-error a key is a string
        await assertAllFail("ERR_KEY", [() => it.get(key), () => it.getEntry(key), async () => it.set(key, "v")]);
        equal(await it.get("next"), "next");
      }
    },

    async "keys of every kind up to the longest: distinct, unchanged"() {
      const it = group();
      const all = [".", "..", ...ODD, "x".repeat(LONGEST_BYTES), "é".repeat(32_767)];
      for (const key of all) equal(await it.get(key), key);
      for (const key of all) equal((await it.getEntry(key)).source, "memory", JSON.stringify(key.slice(0, 9)));
      equal(it.stats().entries, all.length);
    },

    async "keys of every kind through a peer: loaded locally if no path can carry them"() {
      const { a } = pair(geecache, { load: (key) => key });
      let asked = 0;
      for (const odd of ODD) {
        for (const key of [odd, `${odd}1`, `2${odd}`]) {
          const { value, source } = await a.group.getEntry(key);
          equal(value, key);
          asked += source === "peer" ? 1 : 0;
        }
      }
      equal([a.group.stats().peerHits, asked > 10, a.group.stats().peerFailures], [asked, true, 0]);
      equal([await a.group.get("."), await a.group.get("..")], [".", ".."]);
    },
  };
};
