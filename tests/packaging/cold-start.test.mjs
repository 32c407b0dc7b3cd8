// The cost of a cold start in workerd: printed, not asserted, because it depends on the machine. Goal: 0.5 ms.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { answerOfWorkerd, bundleForWorkerd, missing, projectOf, workerd } from "./runtimes.mjs";

const [COPIES, ROUNDS] = [32, 4];

test("cold start in workerd: every copy makes a pool of its own", { skip: missing(workerd) }, async () => {
  const folder = projectOf("cold-start", { "package.mjs": 'export { createPool } from "geecache-edge";\n' });
  const dist = await bundleForWorkerd(folder, { package: "package.mjs" });
  const paths = Array.from({ length: COPIES * ROUNDS }, (_, i) => `copy-${i}.js`);
  for (const path of paths) copyFileSync(join(dist, "modules/package.js"), join(dist, "modules", path));

  const { owners, importMs, firstPoolMs, instanceMs } = await answerOfWorkerd(dist, { COPIES, ROUNDS });
  assert.deepEqual(
    owners,
    paths.map((path) => `http://./${path}`),
    "each start makes a pool of its own",
  );
  const ms = (/** @type {number} */ value) => `${value.toFixed(2)} ms`;
  console.log(
    `cold start in workerd (the lowest mean of ${ROUNDS} rounds of ${COPIES}): import ${ms(importMs)}, first pool ${ms(firstPoolMs)}, of which a bare instance ${ms(instanceMs)}; goal for the instance 0.50 ms`,
  );
});
