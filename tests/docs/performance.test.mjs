// The tables of `make bench`: they are the ones that docs/performance.json gives, so that no figure is typed by hand.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./documents.mjs";

test("performance tables: README and docs/performance.md, are generated from docs/performance.json", () => {
  execFileSync(process.execPath, [join(root, "scripts/bench.mjs"), "check"], { stdio: ["ignore", "ignore", "pipe"] });
});
