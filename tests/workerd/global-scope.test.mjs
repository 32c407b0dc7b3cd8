// The global scope of a Worker, where timers, random values and I/O are forbidden and clocks read 0: importing the
// package, creating pools and groups, and every synchronous call.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fetchJson } from "../../harness/requests.mjs";
import { NEWEST_DATE, OLDEST_DATE, Workers } from "./runtime.mjs";

test("global scope: pools, groups and synchronous calls work, get is rejected", { timeout: 60_000 }, async () => {
  const workers = new Workers();
  try {
    const folder = await workers.bundle("global-scope");
    const { urls } = await workers.start({
      oldest: { folder, port: 0, compatibilityDate: OLDEST_DATE },
      newest: { folder, port: 0, compatibilityDate: NEWEST_DATE },
    });
    for (const url of Object.values(urls)) {
      const { early, earlyGet, ...later } = await fetchJson(url);
      assert.match(early.owner, /^[ab]$/);
      assert.deepEqual(Object.keys(early.stats.groups), ["objects"]);
      assert.deepEqual([early.set, early.peek, early.removed], [true, "cached", false]);
      assert.match(earlyGet, /Disallowed operation called within global scope/);
      assert.deepEqual(later, {
        object: { key: "x" },
        setEarly: { value: "cached", source: "memory" },
        retried: "requested early",
        repeated: { value: "requested early", source: "memory" },
        traps: 0,
      });
    }
  } finally {
    await workers.stop();
  }
});
