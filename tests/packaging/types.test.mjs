// The types as programs see them: the same program, strictly checked, under every way to resolve a module.
import assert from "node:assert/strict";
import test from "node:test";
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

/** Checks `text` as `file`. */
const check = (file, text, compilerOptions) => {
  const folder = project({
    [file]: text,
    "tsconfig.json": JSON.stringify({ compilerOptions: { ...STRICT, ...compilerOptions }, files: [file] }),
  });
  return run(process.execPath, [tool("typescript/bin/tsc"), "-p", "."], folder);
};

const WAYS = {
  bundler: { module: "esnext", moduleResolution: "bundler" },
  "bundler with a Worker's conditions": {
    module: "esnext",
    moduleResolution: "bundler",
    customConditions: ["workerd", "worker", "browser"],
  },
  node16: { module: "node16", moduleResolution: "node16" },
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
};

for (const [name, options] of Object.entries(WAYS)) {
  test(`an ES module under ${name}`, async () => {
    await check("consumer.mts", CONSUMER, options);
  });
}

test("CommonJS under nodenext, which knows that require takes ES modules", async () => {
  await check("consumer.cts", CONSUMER.replace("import wasm from", "import { default as wasm } from"), {
    module: "nodenext",
    moduleResolution: "nodenext",
  });
});

test("the check can fail", async () => {
  const wrong = 'import { createPool } from "geecache-edge";\nexport const owner: number = createPool().owner("k");\n';
  await assert.rejects(check("wrong.mts", wrong, WAYS.bundler), /wrong\.mts\(2,14\): error TS2322/);
});
