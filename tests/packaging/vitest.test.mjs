// Users' own tests: vitest in Node, and in workerd by @cloudflare/vitest-pool-workers.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { missing, projectOf, workerd } from "./runtimes.mjs";
import { run, SMOKE, tool } from "./support.mjs";

const SMOKE_TEXT = JSON.stringify(SMOKE);

/** A user's test, which asserts the runtime it runs in. @param {string} runtime a pattern of its user agent */
const testIn = (runtime) => `import { expect, test } from "vitest";
import { run } from "./module.mjs";
test("smoke", async () => {
  expect(navigator.userAgent).toMatch(${runtime});
  expect(await run()).toEqual(${SMOKE_TEXT});
});
`;
/** A user's test that sends the Worker a request. */
const TEST_FROM_OUTSIDE = `import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
test("from outside", async () => {
  expect(await (await exports.default.fetch("http://worker/")).json()).toEqual(${SMOKE_TEXT});
});
`;
/** A wrangler configuration, as in the pool's documentation: it adds the rule that .wasm files are wasm modules. */
const POOL = {
  "wrangler.json": JSON.stringify({ name: "smoke", main: "worker.mjs", compatibility_date: "2026-04-01" }),
  "vitest.config.mjs": `import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
export default { plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.json" }, miniflare: { cf: false } })] };
`,
};

/** Runs vitest in the folder. Returns the titles of the tests that passed; throws if one fails. @param {string} folder */
async function passedIn(folder) {
  await run(
    process.execPath,
    [String(tool("vitest/vitest.mjs")), "run", "--reporter=default", "--reporter=json", "--outputFile=result.json"],
    folder,
  );
  /** @type {{ testResults: { assertionResults: { status: string, title: string }[] }[] }} */
  const { testResults } = JSON.parse(await readFile(join(folder, "result.json"), "utf8"));
  return testResults
    .flatMap(({ assertionResults }) =>
      assertionResults.filter(({ status }) => status === "passed").map(({ title }) => title),
    )
    .sort();
}

test("vitest in Node: a user's test passes", async () => {
  const folder = projectOf("smoke", { "smoke.test.mjs": testIn("/^Node/") }, ["vitest"]);
  assert.deepEqual(await passedIn(folder), ["smoke"]);
});

test("vitest in workerd: users' tests pass", { skip: missing(workerd) }, async () => {
  const files = { "smoke.test.mjs": testIn("/^Cloudflare-Workers$/"), "outside.test.mjs": TEST_FROM_OUTSIDE, ...POOL };
  const folder = projectOf("smoke", files, ["vitest", "@cloudflare/vitest-pool-workers"]);
  assert.deepEqual(await passedIn(folder), ["from outside", "smoke"]);
});

test("vitest in another runtime than expected: fails", async () => {
  const folder = projectOf("smoke", { "smoke.test.mjs": testIn("/^Cloudflare-Workers$/") }, ["vitest"]);
  await assert.rejects(passedIn(folder), /expected 'Node\.js\/22' to match/);
});
