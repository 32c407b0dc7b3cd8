// Fuzz test of the public API: random calls in random order with random arguments. Only errors with a code, no trap, no
// flight left. FUZZ_RUNS sets the number of runs, SEED replays one.
import assert from "node:assert/strict";
import test from "node:test";
import { text as asText, createPool, GeecacheError, json } from "../../pkg/entry/node.js";
import { bytes, random, uncaught, until } from "./support.mjs";

/** Arguments of every type. @type {any[]} */
const ODD = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  NaN,
  Infinity,
  2 ** 31,
  2 ** 53,
  7n,
  "",
  "k",
  "a/b",
  "..",
  "\u0000",
  "\ud800",
  "é",
  "x".repeat(70_000),
  Symbol("s"),
  () => 1,
  [],
  [7],
  {},
  { maxBytes: 1 },
  new Uint8Array(9_000),
  new Date(NaN),
];
const KEYS = ["k", "key", "a b", "é", "..", "x".repeat(300), "missing", "broken", "large", "odd"];
const PATHS = ["", "g", "g/", "g/k", "g/%zz", "g/%ff", "nobody/k", "g/a+b", "%67/k", "g//", `g/${"x".repeat(9_000)}`];

/** @param {string} key @returns {any} */
function load(key) {
  if (key === "missing") return undefined;
  if (key === "broken") throw new Error("the database is down");
  if (key === "odd") return 7;
  return key === "large" ? new Uint8Array(20_000) : bytes(key);
}

/** One run. Returns how many groups it made. @param {number} seed */
async function run(seed) {
  const below = random(seed);
  const next = () => below(2 ** 20) / 2 ** 20;
  /** @type {<T>(list: T[]) => T} */
  const pick = (list) => /** @type {any} */ (list[below(list.length)]);
  const odd = (/** @type {any} */ usual) => (next() < 0.3 ? pick(ODD) : usual);
  const answers = [
    () => new Response("v"),
    () => new Response("x", { status: 500 }),
    () => Response.error(),
    () => 7,
    () => Promise.reject(new Error("down")),
    () => {
      throw new Error("no way");
    },
    () => new Promise(() => {}),
  ];
  const connect = () => ({ fetch: () => /** @type {any} */ (pick(answers)()) });
  const option = (/** @type {string} */ name, /** @type {any} */ usual = undefined) =>
    next() < 0.2 ? { [name]: pick(ODD) } : usual === undefined ? {} : { [name]: usual };
  /** @type {any[]} */
  const groups = [];
  /** @type {<T>(name: string, call: () => T | Promise<T>) => Promise<T | undefined>} */
  const attempt = async (name, call) => {
    try {
      return await call();
    } catch (thrown) {
      const isExpected = thrown instanceof GeecacheError && thrown.code !== "ERR_TRAP";
      assert.ok(isExpected, `${name}: ${/** @type {any} */ (thrown)?.stack}`);
      return undefined;
    }
  };
  /** @type {import("./support.mjs").Pool | undefined} */
  let pool;
  while (pool === undefined) {
    const options = {
      connect,
      peers: ["a", "b", "me"],
      ...option("self", "me"),
      ...option("replicas"),
      ...option("basePath"),
      ...option("secret", next() < 0.3 ? "s" : undefined),
      ...option("peerTimeoutMs", 5),
      ...option("peers", ["a", "b", "me"]),
    };
    pool = await attempt("createPool", () => createPool(next() < 0.05 ? pick(ODD) : options));
  }
  for (let i = 0; i < 40; i++) {
    const group = groups.length > 0 ? pick(groups) : undefined;
    const scope = odd(
      next() < 0.5
        ? undefined
        : {
            ...option("deadlineMs"),
            env: pick(ODD),
            ...(next() < 0.3 && {
              ctx: {
                waitUntil() {
                  throw new Error("over");
                },
              },
            }),
          },
    );
    const key = odd(pick(KEYS));
    await attempt(`step ${i}`, async () => {
      switch (group === undefined ? 0 : below(12)) {
        case 0: {
          const names = [
            "policy",
            "maxEntryBytes",
            "ttlMs",
            "staleWhileRevalidateMs",
            "staleIfErrorMs",
            "hotTtlMs",
            "failover",
            "peerTimeoutMs",
          ];
          const options = {
            ...option("maxBytes", 65_536),
            load,
            deadlineMs: 20,
            peerTimeoutMs: 5,
            ...option("codec", pick([undefined, json(), asText()])),
            ...option(pick(names)),
          };
          groups.push(pool.group(odd(`g${groups.length || ""}`), /** @type {any} */ (options)));
          break;
        }
        case 1:
        case 2:
        case 3:
          return group.get(key, scope);
        case 4:
          return group.getEntry(key, scope);
        case 5:
          return group.peek(key);
        case 6:
          return group.set(key, odd(bytes("v")));
        case 7:
          return group.remove(key);
        case 8:
          return next() < 0.2 ? group.clear() : pool.owner(key);
        case 9:
          return pool.setPeers(odd(["b", "a"]));
        case 10: {
          const method = pick(["GET", "HEAD", "POST", "DELETE"]);
          const answer = await pool.handle(
            new Request(`http://me/_geecache/${pick(PATHS)}`, {
              method,
              headers:
                next() < 0.5
                  ? {}
                  : { "geecache-auth": pick(["", "00", "zz", "00000000000000000000000001", "0".repeat(90)]) },
            }),
            7,
          );
          assert.ok(answer === undefined || answer.status < 600);
          break;
        }
        default:
          return [group.stats(), pool.stats(), group.name];
      }
    });
  }
  assert.equal(pool.stats().traps, 0);
  const isIdle = () => Object.values(pool.stats().groups).every(({ flights }) => flights === 0);
  await until(isIdle);
  return groups.length;
}

test("any calls with any arguments: only errors with a code, no trap, no flight left", async () => {
  const from = Number(process.env.SEED ?? 0);
  const runs = process.env.SEED === undefined ? Number(process.env.FUZZ_RUNS ?? 300) : 1;
  let groups = 0;
  for (let seed = from; seed < from + runs; seed++) {
    try {
      groups += await run(seed);
    } catch (thrown) {
      throw new Error(`replay with SEED=${seed}: ${/** @type {Error} */ (thrown).stack}`);
    }
  }
  assert.ok(process.env.SEED !== undefined || groups > runs, "most runs make groups");
  assert.deepEqual(uncaught, []);
});
