// The types: one program, strictly checked, under every way to resolve a module.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { project, run, textOf, tool } from "./support.mjs";

const CONSUMER = textOf("conformance/consumer.ts");
const STRICT = {
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  target: "es2022",
  lib: ["es2022", "dom"],
  types: [],
};

/** Type-checks the files in a project. @param {Record<string, string>} files @param {object} compilerOptions */
const check = (files, compilerOptions) => {
  const folder = project({
    ...files,
    "tsconfig.json": JSON.stringify({ compilerOptions: { ...STRICT, ...compilerOptions }, files: Object.keys(files) }),
  });
  return run(process.execPath, [String(tool("typescript/bin/tsc")), "-p", "."], folder);
};

const WAYS = {
  bundler: { module: "esnext", moduleResolution: "bundler" },
  "bundler with a Worker's conditions": {
    module: "esnext",
    moduleResolution: "bundler",
    customConditions: ["workerd", "worker", "browser"],
  },
  node16: { module: "node16", moduleResolution: "node16" },
};
const NODENEXT = { module: "nodenext", moduleResolution: "nodenext" };

// Each check is a compiler process of its own, so they run side by side.
describe("types", { concurrency: true }, () => {
  for (const [name, options] of Object.entries(WAYS)) {
    test(`an ES module under ${name}: passes`, async () => {
      await check({ "consumer.mts": CONSUMER }, options);
    });
  }

  test("an ES module and CommonJS under nodenext, where require accepts ES modules: pass", async () => {
    const commonJs = CONSUMER.replace("import wasm from", "import { default as wasm } from");
    await check({ "consumer.mts": CONSUMER, "consumer.cts": commonJs }, NODENEXT);
  });

  test("a wrong type: fails the check", async () => {
    const wrong =
      'import { createPool } from "geecache-edge";\nexport const owner: number = createPool().owner("k");\n';
    await assert.rejects(check({ "wrong.mts": wrong }, WAYS.bundler), /wrong\.mts\(2,14\): error TS2322/);
  });
});
