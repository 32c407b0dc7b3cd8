// People's own tests: vitest in Node, and in workerd by @cloudflare/vitest-pool-workers.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { missing, projectOf, RUNTIMES } from "./runtimes.mjs";
import { run, SMOKE, tool } from "./support.mjs";

const workerd = RUNTIMES.find(({ name }) => name === "workerd");
const SMOKE_TEXT = JSON.stringify(SMOKE);

/** A user's test, which tells that it runs where it is meant to. */
const testIn = (runtime) => `import { expect, test } from "vitest";
import { run } from "./module.mjs";
test("smoke", async () => {
  expect(navigator.userAgent).toMatch(${runtime});
  expect(await run()).toEqual(${SMOKE_TEXT});
});
`;
/** One that asks the Worker as its clients do. */
const TEST_FROM_OUTSIDE = `import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
test("from outside", async () => {
  expect(await (await exports.default.fetch("http://worker/")).json()).toEqual(${SMOKE_TEXT});
});
`;
/** By a wrangler configuration, as the pool's documentation has it: it brings the rule that .wasm files are modules of wasm. */
const POOL = {
  "wrangler.json": JSON.stringify({ name: "smoke", main: "worker.mjs", compatibility_date: "2026-04-01" }),
  "vitest.config.mjs": `import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
export default { plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.json" }, miniflare: { cf: false } })] };
`,
};

/** Runs vitest in the folder: the titles of the tests that passed. A test that fails is vitest's failure, and this one's. */
async function passedIn(folder) {
  await run(
    process.execPath,
    [tool("vitest/vitest.mjs"), "run", "--reporter=default", "--reporter=json", "--outputFile=result.json"],
    folder,
  );
  const { testResults } = JSON.parse(await readFile(join(folder, "result.json"), "utf8"));
  return testResults
    .flatMap(({ assertionResults }) =>
      assertionResults.filter(({ status }) => status === "passed").map(({ title }) => title),
    )
    .sort();
}

test("vitest in Node", async () => {
  const folder = projectOf("smoke", { "smoke.test.mjs": testIn("/^Node/") }, ["vitest"]);
  assert.deepEqual(await passedIn(folder), ["smoke"]);
});

test("vitest in workerd", { skip: missing(workerd) }, async () => {
  const files = { "smoke.test.mjs": testIn("/^Cloudflare-Workers$/"), "outside.test.mjs": TEST_FROM_OUTSIDE, ...POOL };
  const folder = projectOf("smoke", files, ["vitest", "@cloudflare/vitest-pool-workers"]);
  assert.deepEqual(await passedIn(folder), ["from outside", "smoke"]);
});

test("the check can fail", async () => {
  const folder = projectOf("smoke", { "smoke.test.mjs": testIn("/^Cloudflare-Workers$/") }, ["vitest"]);
  await assert.rejects(passedIn(folder), /expected 'Node\.js\/22' to match/);
});
