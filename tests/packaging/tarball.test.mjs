// The tarball: the files it must have and no others, harmless JavaScript, types right for every resolution.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { assertHarmless, assertPlain, project, ROOT, tarball } from "./support.mjs";

const folder = join(project({}), "node_modules/geecache-edge");
const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const scripts = tarball.files.filter((/** @type {string} */ path) => path.endsWith(".js"));
const textIn = (/** @type {string} */ path) => readFileSync(join(folder, path), "utf8");

test("files: entries, wasm, types, README and licence; no sources, no paths of the machine", () => {
  const kinds =
    /^(package\.json|README\.md|LICENSE|core\.wasm|core\.wasm\.d\.ts|core-inline\.js|shared-\w+\.js|((core|entry)\/)?[a-z]+\.d\.ts|entry\/[a-z]+\.js)$/;
  assert.deepEqual(
    tarball.files.filter((/** @type {string} */ path) => !kinds.test(path)),
    [],
  );
  for (const path of ["README.md", "LICENSE", "core.wasm", "index.d.ts"]) assert.ok(tarball.files.includes(path), path);
  const machine = new RegExp([ROOT, ...["home", "root", "Users"].map((homes) => `/${homes}/`)].join("|"));
  for (const path of tarball.files) assert.doesNotMatch(readFileSync(join(folder, path), "latin1"), machine, path);
});

test("manifest: no dependencies, no install scripts", () => {
  const { dependencies, peerDependencies, optionalDependencies, scripts } = manifest;
  assert.deepEqual(
    { dependencies, peerDependencies, optionalDependencies, scripts },
    { dependencies: undefined, peerDependencies: undefined, optionalDependencies: undefined, scripts: undefined },
  );
});

test("scripts: import.meta.url in Node's entry alone, no top-level await, no code from strings", async () => {
  assert.ok(scripts.length >= 6);
  for (const path of scripts) await (path === "entry/node.js" ? assertPlain : assertHarmless)(path, textIn(path));
});

test("imports: built-in modules of the runtime, and files of the tarball", async () => {
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: scripts,
    bundle: true,
    write: false,
    outdir: "out",
    format: "esm",
    metafile: true,
    external: ["node:*", "cloudflare:*", "*.wasm"],
    logLevel: "silent",
  });
  const outside = Object.entries(metafile.inputs).flatMap(([from, { imports }]) =>
    imports.filter(({ external }) => external).map(({ path }) => `${from} ${path}`),
  );
  assert.deepEqual(outside.sort(), [
    "entry/node.js node:fs",
    "entry/workerd.js ../core.wasm",
    "entry/workerd.js cloudflare:workers",
  ]);
});

test("export conditions: workerd before all others that hold in a Worker, bundlers before Node, default last", () => {
  const conditions = Object.keys(manifest.exports["."]);
  const before = (/** @type {string} */ first, /** @type {string[]} */ ...others) =>
    others.forEach((other) => {
      assert.ok(conditions.indexOf(first) < conditions.indexOf(other), `${first} before ${other}`);
    });
  before("types", ...conditions.slice(1));
  // wrangler has workerd, worker and browser active at once, and the first that matches wins.
  before("workerd", "browser", "node", "module", "default");
  // Deno and Bun match `node` as well.
  before("deno", "node");
  before("bun", "node");
  // A bundle for Node moves the JavaScript away from the .wasm file that Node's entry reads beside itself.
  before("module", "node");
  assert.equal(conditions.at(-1), "default");
});

test("publint: no messages", async () => {
  const { messages } = await publint({ strict: true, pack: { tarball: bufferOf(tarball.file) } });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, manifest, { color: false })),
    [],
  );
});

test("arethetypeswrong: no problems but those of a package that has ES modules alone", async () => {
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(bufferOf(tarball.file))));
  assert.ok(analysis.types, "there are types");
  assert.deepEqual(Object.keys(analysis.entrypoints), Object.keys(manifest.exports));
  // Its own profile "esm-only": CommonJS uses Node's require of ES modules; resolution without `exports` is unsupported.
  const ofEsmOnly = ["CJSResolvesToESM node16-cjs", "NoResolution node10"];
  const problems = analysis.problems.filter(
    (problem) => !("resolutionKind" in problem && ofEsmOnly.includes(`${problem.kind} ${problem.resolutionKind}`)),
  );
  assert.deepEqual(problems, []);
});

/** @param {string} path */
function bufferOf(path) {
  const { buffer, byteOffset, length } = readFileSync(path);
  return buffer.slice(byteOffset, byteOffset + length);
}
