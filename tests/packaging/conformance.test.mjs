// The same conformance cases against the installed package in every runtime, and a table of what each made of them.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { missing, projectOf, RUNTIMES } from "./runtimes.mjs";
import { textOf } from "./support.mjs";

const MODULES = Object.fromEntries(
  ["assert", "keys", "peers", "values"].map((name) => [`${name}.mjs`, textOf(`conformance/${name}.mjs`)]),
);
/** How many cases there are, so that none is lost on the way. */
const CASES = Object.values(MODULES)
  .join("")
  .match(/^ +async ".*"\(\) \{$/gm).length;

/** @type {Map<string, Record<string, string | null>>} what was wrong with each case, by runtime */
const results = new Map();

for (const runtime of RUNTIMES) {
  test(`conformance in ${runtime.name}`, { skip: missing(runtime) }, async (t) => {
    results.set(runtime.name, {}); // nothing holds until it was seen to
    const result = await runtime.run(projectOf("conformance", MODULES));
    results.set(runtime.name, result);
    assert.equal(Object.keys(result).length, CASES);
    for (const [name, wrong] of Object.entries(result))
      await t.test(name, () => assert.equal(wrong, null, wrong ?? ""));
  });
}

after(() => {
  const cases = [...new Set([...results.values()].flatMap((result) => Object.keys(result)))];
  const cell = (runtime, name) =>
    !results.has(runtime) ? "skipped" : results.get(runtime)[name] === null ? "ok" : "FAILED";
  const width = Math.max(0, ...cases.map((name) => name.length));
  const row = (name, cells) => name.padEnd(width) + cells.map((cell) => cell.padStart(9)).join("");
  const runtimes = RUNTIMES.map(({ name }) => name);
  console.log(
    [
      row("", runtimes),
      ...cases.map((name) =>
        row(
          name,
          runtimes.map((runtime) => cell(runtime, name)),
        ),
      ),
    ].join("\n"),
  );
});
