// The simulation can fail: each small fault that is put into the shell is caught, by the invariant that is there for it.
import assert from "node:assert/strict";
import test from "node:test";
import { load, many, number } from "./many.mjs";
import { buildMutant, MUTANTS } from "./mutants.mjs";

/** How many seeds a mutant has to show itself in. */
const SEEDS = 300;

/**
 * @param {import("./types.js").Plan} plan
 * @param {import("./types.js").Mutant["harsher"]} harsher
 * @returns {import("./types.js").Plan}
 */
const withHarsher = (plan, { options, ...faults } = {}) => ({
  ...plan,
  ...faults,
  options: { ...plan.options, ...options },
});

test("shell: each mutant, caught by its invariant", async (t) => {
  const missed = [];
  for (const [at, mutant] of MUTANTS.entries()) {
    const lib = await load(await buildMutant(mutant, at));
    // Until the first seed that catches it; or, with ALL, all of them, to see by how many.
    /** @param {{ broken: import("./types.js").Broken | undefined }} result */
    const isEnough = ({ broken }) => broken?.invariant === mutant.caughtBy && number("ALL") === undefined;
    const change = (/** @type {import("./types.js").Plan} */ plan) =>
      plan.kind === "chaos" ? withHarsher(plan, mutant.harsher) : plan;
    const { broken, runs, seconds } = await many(lib, 0, SEEDS, { isEnough, change });
    const caught = [...broken].map(([invariant, failed]) => `${invariant} in ${failed.length}`);
    t.diagnostic(`${mutant.name}: ${caught.join(", ") || "nothing"}, of ${runs} seeds in ${seconds.toFixed(1)} s`);
    if (!broken.has(mutant.caughtBy)) missed.push(`${mutant.name}: not by ${mutant.caughtBy}`);
  }
  assert.deepEqual(missed, []);
});
