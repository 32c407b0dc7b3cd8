// The tarball in an empty project in each runtime, by import and by require: the smoke test passes.
import assert from "node:assert/strict";
import test from "node:test";
import { transform } from "esbuild";
import { missing, NODES, projectOf, RUNTIMES, versionOf } from "./runtimes.mjs";
import { SMOKE, textOf } from "./support.mjs";

for (const runtime of RUNTIMES) {
  test(`${runtime.name}: import`, { skip: missing(runtime) }, async (t) => {
    t.diagnostic(versionOf(runtime));
    assert.deepEqual(await runtime.run(projectOf("smoke")), SMOKE);
  });
}

for (const node of NODES) {
  test(`${node.name}: require`, { skip: missing(node) }, async () => {
    // The same module in CommonJS, where its import is a require.
    const { code } = await transform(textOf("conformance/smoke.mjs"), { format: "cjs" });
    assert.match(code, /require\("geecache-edge"\)/);
    const prints = 'require("./module.cjs").run().then((answer) => console.log(JSON.stringify(answer)));';
    assert.deepEqual(
      await node.run(projectOf("smoke", { "module.cjs": code, "prints.mjs": "", "prints.cjs": prints }), "prints.cjs"),
      SMOKE,
    );
  });
}
