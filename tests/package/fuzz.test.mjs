// Every public entry of the package, called in any order with anything: only errors with a code come out, nothing traps,
// nothing stays in flight. FUZZ_RUNS sets how long, SEED replays one run.
import assert from "node:assert/strict";
import test from "node:test";
import { createPool, GeecacheError, json, text as asText } from "../../pkg/entry/node.js";
import { bytes, random, uncaught, until } from "./support.mjs";

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
const KEYS = ["k", "key", "a b", "é", "..", "x".repeat(300), "gone", "broken", "large", "odd"];
const PATHS = ["", "g", "g/", "g/k", "g/%zz", "g/%ff", "nobody/k", "g/a+b", "%67/k", "g//", `g/${"x".repeat(9_000)}`];

function load(key) {
  if (key === "gone") return undefined;
  if (key === "broken") throw new Error("the database is away");
  if (key === "odd") return 7;
  return key === "large" ? new Uint8Array(20_000) : bytes(key);
}

async function wander(seed) {
  const below = random(seed);
  const next = () => below(2 ** 20) / 2 ** 20;
  const pick = (list) => list[below(list.length)];
  const odd = (usual) => (next() < 0.3 ? pick(ODD) : usual);
  const answers = [
    () => new Response("v"),
    () => new Response("x", { status: 500 }),
    () => Response.error(),
    () => 7,
    () => Promise.reject(new Error("away")),
    () => {
      throw new Error("no way");
    },
    () => new Promise(() => {}),
  ];
  const connect = () => ({ fetch: () => pick(answers)() });
  const option = (name, usual) => (next() < 0.2 ? { [name]: pick(ODD) } : usual === undefined ? {} : { [name]: usual });
  const made = [];
  const allowed = (thrown, what) =>
    assert.ok(thrown instanceof GeecacheError && thrown.code !== "ERR_TRAP", `${what}: ${thrown?.stack}`);
  const attempt = async (what, work) => {
    try {
      return await work();
    } catch (thrown) {
      allowed(thrown, what);
    }
  };
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
    const group = pick(made);
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
          made.push(pool.group(odd(`g${made.length || ""}`), options));
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
                  : { "geecache-seal": pick(["", "00", "zz", "00000000000000000000000001", "0".repeat(90)]) },
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
  const resting = () => Object.values(pool.stats().groups).every(({ flights }) => flights === 0);
  await until(resting);
  return made.length;
}

test("whatever is called with whatever, only errors with a code come out", async () => {
  const from = Number(process.env.SEED ?? 0);
  const runs = process.env.SEED === undefined ? Number(process.env.FUZZ_RUNS ?? 300) : 1;
  let groups = 0;
  for (let seed = from; seed < from + runs; seed++) {
    try {
      groups += await wander(seed);
    } catch (thrown) {
      throw new Error(`replay with SEED=${seed}: ${thrown.stack}`);
    }
  }
  assert.ok(process.env.SEED !== undefined || groups > runs, "the walks got somewhere");
  assert.deepEqual(uncaught, []);
});
