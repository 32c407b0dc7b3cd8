// The shell that ships, simulated: the package's own JavaScript on a virtual clock, over a network with faults, by seeds.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import test from "node:test";
import { KNOWN } from "./known.mjs";
import { load, many, number, run } from "./many.mjs";

const lib = await load(resolve(import.meta.dirname, "../../pkg"));

test("shell: every kind of fault, all invariants hold", async () => {
  const seed = number("SEED");
  if (seed !== undefined) {
    const { broken, seen } = await run(lib, seed, { traces: (number("TRACE") ?? 0) > 0 });
    assert.equal(broken, undefined, `seed ${seed}: ${broken?.invariant} is broken: ${broken?.what}`);
    console.log(`seed ${seed}: every invariant holds; ${JSON.stringify(seen)}`);
    return;
  }
  const [start, seeds] = [number("START") ?? 0, number("SEEDS") ?? 1_000];
  const total = await many(lib, start, seeds);
  console.log(`${seeds} seeds from ${start}, ${total.seconds.toFixed(1)} s: ${JSON.stringify(total.counts)}`);
  assert.deepEqual(total.report(), []);
  // Every kind of thing happened, and not once.
  const rare = Object.entries(total.counts).filter(([, count]) => count < 50);
  if (seeds >= 1_000) assert.deepEqual(rare, [], "hardly ever happens");
});

/**
 * Known faults of the shell: a run under a harsh plan shows each one. Once fixed, its run passes and its flag is removed.
 *
 * @param {keyof typeof KNOWN} name
 * @param {(plan: import("./types.js").Plan) => import("./types.js").Plan} harsher
 */
async function shows(name, harsher) {
  KNOWN[name] = false;
  try {
    const change = (/** @type {import("./types.js").Plan} */ plan) => (plan.kind === "chaos" ? harsher(plan) : plan);
    const isEnough = (/** @type {{ broken: unknown }} */ { broken }) => broken !== undefined;
    assert.deepEqual((await many(lib, 0, 60, { change, isEnough })).report(), []);
  } finally {
    KNOWN[name] = true;
  }
}

const waitsLonger = { todo: "a caller whose flight is lost computes its time left by a clock that was set back" };
test("shell: clocks set back, every call ends within its deadline", waitsLonger, () =>
  shows("clockSetBack", (plan) => {
    const vanishing = {
      nodes: 1,
      calls: 200,
      setsClocks: true,
      skewMs: 0,
      held: 0,
      hangs: 60,
      killed: 100,
      tells: false,
    };
    return { ...plan, ...vanishing, events: 400, lastsMs: 20_000, options: { ...plan.options, deadlineMs: 5_000 } };
  }),
);
