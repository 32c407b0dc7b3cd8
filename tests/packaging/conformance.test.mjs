// The conformance cases against the installed package in every runtime, and a table of the results.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { missing, projectOf, RUNTIMES } from "./runtimes.mjs";
import { textOf } from "./support.mjs";

const MODULES = Object.fromEntries(
  ["assert", "keys", "peers", "values"].map((name) => [`${name}.mjs`, textOf(`conformance/${name}.mjs`)]),
);
/** The number of cases in the source: a runtime that skips one fails. */
const CASES = Object.values(MODULES)
  .join("")
  .match(/^ +async ".*"\(\) \{$/gm)?.length;

/** @type {Map<string, Record<string, string | null>>} the error of each case, or null, by runtime */
const results = new Map();

for (const runtime of RUNTIMES) {
  test(`conformance in ${runtime.name}`, { skip: missing(runtime) }, async (t) => {
    results.set(runtime.name, {}); // no case passes before it has run
    const result = await runtime.run(projectOf("conformance", MODULES));
    results.set(runtime.name, result);
    assert.equal(Object.keys(result).length, CASES);
    for (const [name, error] of Object.entries(result))
      await t.test(name, () => assert.equal(error, null, error ?? ""));
  });
}

after(() => {
  const cases = [...new Set([...results.values()].flatMap((result) => Object.keys(result)))];
  const cell = (/** @type {string} */ runtime, /** @type {string} */ name) =>
    !results.has(runtime) ? "skipped" : results.get(runtime)?.[name] === null ? "ok" : "FAILED";
  const width = Math.max(0, ...cases.map((name) => name.length));
  const row = (/** @type {string} */ name, /** @type {string[]} */ cells) =>
    name.padEnd(width) + cells.map((cell) => cell.padStart(9)).join("");
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
