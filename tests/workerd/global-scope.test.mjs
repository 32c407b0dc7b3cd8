// The global scope of a Worker, where timers, random values and I/O are forbidden and clocks read 0: importing the
// package, making pools and groups, and every call that waits for nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, NEWEST_DATE, OLDEST_DATE, Workers } from "../../harness/requests.mjs";

test("pools and groups are made at a module's top level", { timeout: 60_000 }, async () => {
  const workers = new Workers();
  try {
    const folder = await workers.bundle("global-scope");
    const { urls } = await workers.start({
      oldest: { folder, port: 0, compatibilityDate: OLDEST_DATE },
      newest: { folder, port: 0, compatibilityDate: NEWEST_DATE },
    });
    for (const url of Object.values(urls)) {
      const { early, refused, ...later } = await ask(url);
      assert.match(early.owner, /^[ab]$/);
      assert.deepEqual(Object.keys(early.stats.groups), ["objects"]);
      assert.deepEqual([early.set, early.peek, early.removed], [true, "kept", false]);
      assert.match(refused, /Disallowed operation called within global scope/);
      assert.deepEqual(later, {
        objects: { key: "x" },
        kept: { value: "kept", source: "memory" },
        gotEarly: "got early",
        again: { value: "got early", source: "memory" },
        traps: 0,
      });
    }
  } finally {
    await workers.stop();
  }
});
