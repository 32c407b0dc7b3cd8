// The package's entries: each finds its wasm, by import and by require, and all export the same API.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

const pkg = new URL("../../pkg/", import.meta.url);
const run = promisify(execFile);

/** A folder with the package in its node_modules; `node` runs a program in it. @param {import("node:test").TestContext} t */
function program(t) {
  const folder = mkdtempSync(join(tmpdir(), "geecache-edge-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(pkg.pathname.replace(/\/$/, ""), join(folder, "node_modules/geecache-edge"));
  const node = async (/** @type {string} */ name, /** @type {string} */ code, /** @type {string[]} */ ...flags) => {
    writeFileSync(join(folder, name), code);
    return (
      await run(process.execPath, ["--disable-warning=ExperimentalWarning", ...flags, name], { cwd: folder })
    ).stdout.trim();
  };
  return { folder, node };
}

const USE = `const group = createPool().group("g", { maxBytes: 8192, codec: text(), load: (key) => key + "!" });
group.get("k").then((value) => console.log(value, group.peek("k")));`;

test("import by name: in Node, and under the conditions of the other runtimes", async (t) => {
  const { node } = program(t);
  const code = `import { createPool, text } from "geecache-edge";\n${USE}`;
  assert.equal(await node("a.mjs", code), "k! k!");
  for (const condition of ["browser", "deno", "bun"])
    assert.equal(await node("b.mjs", code, "-C", condition), "k! k!", condition);
});

test("require by name: an ES module", async (t) => {
  const { node, folder } = program(t);
  assert.equal(await node("a.cjs", `const { createPool, text } = require("geecache-edge");\n${USE}`), "k! k!");
  const { createPool } = createRequire(join(folder, "x.cjs"))("geecache-edge");
  assert.equal(createPool().owner("k"), undefined);
});

test("slim entry: ERR_OPTION before init, works after", async (t) => {
  const { node } = program(t);
  const code = `import { createPool, init, text } from "geecache-edge/slim";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
try { createPool(); console.log("made"); } catch (error) { console.log(error.code, /init/.test(error.message)); }
init(new WebAssembly.Module(readFileSync(createRequire(import.meta.url).resolve("geecache-edge/core.wasm"))));
${USE}`;
  assert.equal(await node("a.mjs", code), "ERR_OPTION true\nk! k!");
});

test("slim entry: the first init wins", async (t) => {
  const { node } = program(t);
  const code = `import { createPool, init, text } from "geecache-edge/slim";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
init(new WebAssembly.Module(readFileSync(createRequire(import.meta.url).resolve("geecache-edge/core.wasm"))));
init(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])));
${USE}`;
  assert.equal(await node("a.mjs", code), "k! k!");
});

test("two entries in one program: share one wasm and one error class", async () => {
  const [node, inline, slim] = await Promise.all(
    ["node", "inline", "slim"].map((/** @type {string} */ name) => import(new URL(`entry/${name}.js`, pkg).href)),
  );
  assert.equal(node.GeecacheError, inline.GeecacheError);
  assert.equal(node.createPool, slim.createPool);
});

test("testing entry: the test cluster is not in the main entry", async (t) => {
  const { node } = program(t);
  const code = `import * as main from "geecache-edge";
import { TestCluster } from "geecache-edge/testing";
const network = new TestCluster(["a", "b"]);
for (const [name, pool] of network.pools) pool.group("g", { maxBytes: 8192, codec: main.text(), load: (key) => name });
console.log("TestCluster" in main, network.pools.get("a").owner("k") === "a" || network.pools.get("a").owner("k") === "b");`;
  assert.equal(await node("a.mjs", code), "false true");
});

test("exports: every entry exports the same names, all of them typed", async () => {
  const names = async (/** @type {string} */ name) =>
    Object.keys(await import(new URL(`entry/${name}.js`, pkg).href)).sort();
  const api = ["GeecacheError", "Group", "Pool", "createPool", "json", "text"];
  assert.deepEqual(await names("node"), api);
  assert.deepEqual(await names("inline"), api);
  assert.deepEqual(await names("slim"), [...api, "init"].sort());
  assert.deepEqual(await names("testing"), ["TestCluster"]);
});

test("manifest: every file it names exists, the inlined wasm equals core.wasm", async () => {
  const manifest = JSON.parse(readFileSync(new URL("package.json", pkg), "utf8"));
  const paths = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  for (const path of [manifest.types, ...paths]) assert.ok(readFileSync(new URL(path, pkg)).length > 0, path);
  const { default: base64 } = await import(new URL("core-inline.js", pkg).href);
  assert.equal(Buffer.compare(Buffer.from(base64, "base64"), readFileSync(new URL("core.wasm", pkg))), 0);
});

test("process exit: nothing keeps a program alive after its last lookup", async (t) => {
  const { node } = program(t);
  const code = `import { createPool, text } from ${JSON.stringify(pathToFileURL(new URL("entry/node.js", pkg).pathname))};
import { TestCluster } from "geecache-edge/testing";
${USE}
const network = new TestCluster(["a", "b"]);
const groups = [...network.pools.values()].map((pool) => pool.group("g", { maxBytes: 8192, peerTimeoutMs: 600_000, deadlineMs: 600_000, codec: text(), load: () => "v" }));
await Promise.all(Array.from({ length: 50 }, (_, i) => groups[i % 2].get("k" + (i % 7))));`;
  assert.equal(await node("a.mjs", code), "k! k!");
});
