// The names in the documents: options, calls, errors, counters and events are those of the package's types, none missing and
// none invented; the steps of a lookup are those of the core.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { DOCUMENTS, namesIn, read, root, rowsOf, sectionOf, spansOf } from "./documents.mjs";

const pkg = join(root, "pkg");
const ENTRIES = ["index.d.ts", "entry/observe.d.ts", "entry/slim.d.ts", "entry/testing.d.ts"];
const program = ts.createProgram(
  ENTRIES.map((entry) => join(pkg, entry)),
  {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2024.d.ts", "lib.dom.d.ts"],
    types: [],
  },
);
const checker = program.getTypeChecker();

/** What an entry exports, by name. @param {string} entry */
function exportsOf(entry) {
  const source = program.getSourceFile(join(pkg, entry));
  const module = source && checker.getSymbolAtLocation(source);
  assert.ok(module, `the package is built and has ${entry}`);
  return new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, resolved(symbol)]));
}
const resolved = (/** @type {ts.Symbol} */ symbol) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

const index = exportsOf("index.d.ts");
const typeOf = (/** @type {string} */ name) => {
  const symbol = index.get(name);
  assert.ok(symbol, `the package exports ${name}`);
  return checker.getDeclaredTypeOfSymbol(symbol);
};
/** The public properties of a type. @param {ts.Type} type */
const propertiesOf = (type) =>
  type
    .getProperties()
    .map(({ name }) => name)
    .filter((name) => !name.startsWith("_") && !name.startsWith("#"));
/** The texts of a union. @param {ts.Type} type @returns {string[]} */
const textsOf = (type) =>
  (type.isUnion() ? type.types : [type]).flatMap((one) => (one.isStringLiteral() ? [one.value] : []));
const same = (/** @type {Iterable<string>} */ documented, /** @type {Iterable<string>} */ typed) =>
  assert.deepEqual([...new Set(documented)].sort(), [...new Set(typed)].sort());

const OPTIONS = "docs/options.md";
const section = (/** @type {string} */ heading) => sectionOf(OPTIONS, heading);

test("docs/options.md: options of the pool, are those of PoolOptions", () =>
  same(namesIn(section("## `createPool(options)`")), propertiesOf(typeOf("PoolOptions"))));

test("docs/options.md: options of a group, are those of GroupOptions", () =>
  same(namesIn(section("## `pool.group(name, options)`")), propertiesOf(typeOf("GroupOptions"))));

test("docs/options.md: the scope of a call, names every property of Scope", () => {
  for (const name of propertiesOf(typeOf("Scope"))) assert.ok(section("## Calls").includes(`\`${name}\``), name);
});

test("docs/options.md: calls, are the methods of Pool and Group and the functions of all entries", () => {
  const calls = namesIn(section("## Calls")).map((call) => call.replace(/\(.*/, ""));
  const methods = (/** @type {string} */ name) =>
    typeOf(name)
      .getProperties()
      .filter((symbol) => symbol.flags & ts.SymbolFlags.Method)
      .map((symbol) => `${name.toLowerCase()}.${symbol.name}`);
  const functions = ENTRIES.flatMap((entry) =>
    [...exportsOf(entry)].filter(([, { flags }]) => flags & ts.SymbolFlags.Function || flags & ts.SymbolFlags.Variable),
  ).map(([name]) => name);
  const elsewhere = ["createPool", "pool.group"];
  same([...calls, ...elsewhere], [...methods("Pool"), ...methods("Group"), ...functions]);
});

test("docs/options.md: errors, are the codes of ErrorCode", () =>
  same(namesIn(section("## Errors")), textsOf(typeOf("ErrorCode"))));

test("docs/options.md: counters, are those of Stats and PoolStats, and of the core", () => {
  const [ofGroup = "", ofPool = ""] = section("## Counters").split("`pool.stats()` has");
  same(namesIn(ofGroup), propertiesOf(typeOf("Stats")));
  same([...namesIn(ofPool), "groups"], propertiesOf(typeOf("PoolStats")));
});

test("docs/options.md: events and their outcomes, are those of CacheEvent", () => {
  const events = typeOf("CacheEvent");
  const members = events.isUnion() ? events.types : [];
  const typed = new Map();
  for (const member of members) {
    const of = (/** @type {string} */ name) => {
      const property = member.getProperty(name);
      return property ? textsOf(checker.getTypeOfSymbol(property)) : [];
    };
    for (const type of of("type")) typed.set(type, { fields: propertiesOf(member), outcomes: of("outcome") });
  }
  const documented = new Map();
  for (const [types = "", fields = "", when = ""] of rowsOf(section("## Events")))
    for (const type of namesIn(`|-|\n|${types}|`))
      documented.set(type, {
        fields: ["type", ...namesIn(`|-|\n|${fields}|`)],
        outcomes: fields.includes("`outcome`") ? namesIn(`|-|\n|${when}|`).filter((name) => name !== "outcome") : [],
      });
  same(documented.keys(), typed.keys());
  for (const [type, { fields, outcomes }] of typed) {
    same(documented.get(type).fields, fields);
    same(documented.get(type).outcomes, outcomes);
  }
});

test("docs/options.md: sources of an entry, are those of Source", () => {
  const [row = ""] = section("## Calls").match(/^\| `group\.getEntry.*$/m) ?? [];
  for (const source of textsOf(typeOf("Source"))) assert.ok(row.includes(`\`${source}\``), source);
});

test("docs/testing.md: members of TestCluster, are those of its type", () => {
  const symbol = exportsOf("entry/testing.d.ts").get("TestCluster");
  assert.ok(symbol);
  const documented = namesIn(sectionOf("docs/testing.md", "## Your tests: `TestCluster`"));
  const members = documented.flatMap((name) => /^cluster\.(\w+)/.exec(name)?.[1] ?? []);
  same(members, propertiesOf(checker.getDeclaredTypeOfSymbol(symbol)));
});

test("wires: docs/go-peers.md, has each value of the option wire", () => {
  const option = typeOf("PoolOptions").getProperty("wire");
  assert.ok(option);
  const [table = ""] = read("docs/go-peers.md").split("\n## ");
  same(
    namesIn(table).map((name) => name.replaceAll('"', "")),
    textsOf(checker.getNonNullableType(checker.getTypeOfSymbol(option))),
  );
});

test("error codes: all documents, name only codes that the core has", () => {
  const core = readFileSync(join(root, "src/base/error.rs"), "utf8");
  for (const path of DOCUMENTS)
    for (const [code] of read(path).matchAll(/ERR_[A-Z_]+/g)) assert.ok(core.includes(`"${code}"`), `${path}: ${code}`);
});

test("names in two words: all documents but the changelog, are in the package's types or a platform's", () => {
  const typesIn = (/** @type {string} */ folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".d.ts"))
      .map((name) => readFileSync(join(folder, name), "utf8"))
      .join("\n");
  const known = new Set(typesIn(pkg).match(/\w+/g));
  const platform = ["waitUntil", "getByName", "configPath", "checkJs"];
  const unknown = DOCUMENTS.filter((path) => path !== "CHANGELOG.md").flatMap((path) =>
    spansOf(path)
      .filter((span) => {
        const [name] = /^[a-z]+(?:[A-Z][a-z]*)+(?=$|[(: ])/.exec(span) ?? [];
        return name !== undefined && !known.has(name) && !platform.includes(name);
      })
      .map((span) => `${path}: ${span}`),
  );
  assert.deepEqual(unknown, []);
});

test("headers between peers: docs/go-peers.md, are those that the wire module has", () => {
  const wire = readdirSync(join(root, "src/wire"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".rs"))
    .map((name) => readFileSync(join(root, "src/wire", name), "utf8"))
    .join("\n");
  const text = sectionOf("docs/go-peers.md", "## The headers");
  const outcomes = ["not-found", "not-transferable"];
  for (const name of [...namesIn(text), ...outcomes]) assert.ok(wire.includes(`"${name}"`), name);
  for (const [, name] of wire.matchAll(/_HEADER: &str = "([^"]+)"/g))
    assert.ok(namesIn(text).includes(name ?? ""), name);
});

test("the six steps of a lookup: README and architecture, in the words of src/group/mod.rs", () => {
  /** The numbered paragraphs of a text. @param {string} text */
  const steps = (text) =>
    text
      .replaceAll(/\n {2,}/g, " ")
      .split("\n")
      .filter((line) => /^[1-6]\. /.test(line));
  const core = readFileSync(join(root, "src/group/mod.rs"), "utf8").replaceAll(/^\/\/! ?/gm, "");
  const inCore = steps(core);
  assert.equal(inCore.length, 6);
  assert.deepEqual(steps(sectionOf("README.md", "## A get, step by step")), inCore);
  assert.deepEqual(steps(sectionOf("docs/architecture.md", "## A lookup")), inCore);
});
