// Bundles by esbuild, wrangler and Vite: the wasm once, as a file or inlined; they run where nothing is installed.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import test from "node:test";
import { build } from "esbuild";
import { build as viteBuild } from "vite";
import { answerOfWorkerd, bundleForWorkerd, missing, modulesFrom, node22, projectOf, workerd } from "./runtimes.mjs";
import { assertHarmless, filesIn, run, SMOKE, scratch, tool } from "./support.mjs";

const COMPATIBILITY = { compatibility_date: "2026-04-01" };
const asWrangler = (options = {}) => ({
  "wrangler.json": JSON.stringify({ name: "smoke", main: "worker.mjs", ...COMPATIBILITY, ...options }),
});

/** Asserts that the bundle has `count` wasm files, or else the wasm inlined once, and harmless scripts. @param {string} folder @param {number} count */
async function assertBundle(folder, count) {
  const files = filesIn(folder).filter((path) => !/(\.map|README\.md)$/.test(path));
  assert.equal(files.filter((path) => path.endsWith(".wasm")).length, count, files.join(", "));
  const scripts = files.filter((path) => /\.[cm]?js$/.test(path));
  assert.ok(scripts.length > 0, files.join(", "));
  for (const path of scripts) await assertHarmless(path, readFileSync(join(folder, path), "utf8"));
  const inlined = scripts.filter((path) => readFileSync(join(folder, path), "utf8").includes(WASM_IN_BASE64));
  assert.equal(inlined.length, count === 0 ? 1 : 0, "the wasm is inlined once");
}
/** The first bytes of any wasm, "\0asm" and version 1, in base64. */
const WASM_IN_BASE64 = "AGFzbQEAAAAB";

/** Copies the bundle alone to a new folder. @param {string} folder */
function alone(folder) {
  const target = mkdtempSync(join(scratch, "alone-"));
  cpSync(folder, target, { recursive: true });
  return target;
}

test("esbuild with --conditions=workerd: runs in workerd", { skip: missing(workerd) }, async () => {
  const folder = alone(await bundleForWorkerd(projectOf("smoke")));
  await assertBundle(join(folder, "modules"), 1);
  assert.deepEqual(await answerOfWorkerd(folder), SMOKE);
});

for (const [name, options] of /** @type {[string, object][]} */ ([
  ["plain", {}],
  ["with nodejs_compat", { compatibility_flags: ["nodejs_compat"] }],
  ["minified", { minify: true }],
])) {
  test(`wrangler deploy, ${name}: runs in workerd`, { skip: missing(workerd) }, async () => {
    const folder = projectOf("smoke", asWrangler(options));
    await wrangler(["deploy", "--dry-run", "--outdir", "dist"], folder);
    await assertBundle(join(folder, "dist"), 1);
    assert.deepEqual(await answerOfWorkerd(alone(await modulesFrom(join(folder, "dist"), "worker.js"))), SMOKE);
  });
}

test("wrangler's dev server: runs the Worker", { skip: missing(workerd) }, async () => {
  const folder = projectOf("smoke", { ...asWrangler(), "dev.mjs": DEV }, ["wrangler"]);
  const answered = await run(process.execPath, ["dev.mjs"], folder);
  assert.deepEqual(JSON.parse(String(answered.trim().split("\n").at(-1))), SMOKE);
});
const DEV = `import { unstable_startWorker } from "wrangler";
const dev = { server: { hostname: "127.0.0.1", port: 0 }, inspector: false, watch: false, logLevel: "error" };
const worker = await unstable_startWorker({ config: "wrangler.json", dev });
console.log("\\n" + (await (await worker.fetch("http://worker/")).text()));
await worker.dispose();
process.exit();
`;

const wrangler = (/** @type {string[]} */ args, /** @type {string} */ folder) =>
  run(process.execPath, [String(tool("wrangler/bin/wrangler.js")), ...args], folder);

test("esbuild for Node: runs in Node", { skip: missing(node22) }, async () => {
  for (const format of /** @type {const} */ (["esm", "cjs"])) {
    const folder = projectOf("smoke");
    const outfile = join(folder, "dist/prints.mjs");
    // CommonJS has no top-level await.
    const print = 'import { run } from "./module.mjs";\nrun().then((answer) => console.log(JSON.stringify(answer)));';
    await build({
      absWorkingDir: folder,
      stdin: { contents: print, resolveDir: folder },
      outfile: outfile.replace("mjs", format === "cjs" ? "cjs" : "mjs"),
      bundle: true,
      platform: "node",
      format,
      logLevel: "silent",
    });
    await assertBundle(join(folder, "dist"), 0);
    assert.deepEqual(
      await node22.run(alone(join(folder, "dist")), format === "cjs" ? "prints.cjs" : "prints.mjs"),
      SMOKE,
    );
  }
});

test("esbuild for browsers: the wasm is inlined", async () => {
  const folder = projectOf("smoke");
  await build({
    absWorkingDir: folder,
    entryPoints: ["module.mjs"],
    outdir: "dist",
    bundle: true,
    platform: "browser",
    format: "esm",
    logLevel: "silent",
  });
  await assertBundle(join(folder, "dist"), 0);
});

test("Vite for a server, everything bundled: runs in Node", { skip: missing(node22) }, async () => {
  const folder = projectOf("smoke");
  await viteBuild({
    root: folder,
    configFile: false,
    logLevel: "silent",
    ssr: { noExternal: true },
    build: { ssr: "prints.mjs", outDir: "dist", target: "node22" },
  });
  const [entry] = filesIn(join(folder, "dist")).filter((path) => basename(path).startsWith("prints"));
  assert.deepEqual(await node22.run(alone(join(folder, "dist")), entry), SMOKE);
});
