// What the tests of the tarball share: one `npm pack`, empty projects that install it, and programs that end.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after } from "node:test";
import { transform } from "esbuild";

export const ROOT = resolve(import.meta.dirname, "../..");
const TOOLS = join(ROOT, "node_modules");
/** Long enough for a cold start on a busy machine with one core; nothing that goes well waits for it. */
export const PATIENCE_MS = 120_000;

/** Where nothing of this repository can be found by walking up. */
export const scratch = realpathSync(mkdtempSync(join(tmpdir(), "geecache-edge-packaging-")));
after(() => rmSync(scratch, { recursive: true, force: true }));
// Also when a test file throws before its tests, or is told to end.
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

/** What npm would publish, and what is in it. */
export const tarball = (() => {
  assert.ok(existsSync(join(ROOT, "pkg/package.json")), 'pkg/ is not there: build it with "make package"');
  const [packed] = JSON.parse(
    npm(["pack", "--json", "--ignore-scripts", "--pack-destination", scratch, join(ROOT, "pkg")], scratch),
  );
  return { file: join(scratch, packed.filename), files: packed.files.map(({ path }) => path) };
})();

/** npm, of which nothing here needs the network. */
function npm(args, cwd) {
  return execFileSync(
    "npm",
    [...args, "--offline", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"],
    { cwd, encoding: "utf8", timeout: PATIENCE_MS },
  );
}

/** The tarball, installed once; each project gets a copy of what npm made of it. */
const installed = (() => {
  const folder = join(scratch, "installed");
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  npm(["install", "--ignore-scripts", tarball.file], folder);
  assert.deepEqual(
    readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith(".")),
    ["geecache-edge"],
    "the package brings nothing with it",
  );
  return folder;
})();

/**
 * An empty project that has installed the tarball.
 * @param {Record<string, string>} files what is in it, by path
 * @param {string[]} [tools] packages of this repository that the project itself imports
 */
export function project(files, tools = []) {
  const folder = mkdtempSync(join(scratch, "project-"));
  cpSync(installed, folder, { recursive: true });
  for (const tool of tools) {
    const link = join(folder, "node_modules", tool);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(TOOLS, tool), link);
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** The text of a file beside this one. */
export const textOf = (path) => readFileSync(join(import.meta.dirname, path), "utf8");

/** A program that a package of `package-lock.json` brings; undefined where it brings none for this machine. */
export function tool(path) {
  const file = join(TOOLS, path);
  return existsSync(file) ? file : undefined;
}

/**
 * Runs a program to its end: what it printed. It, and whatever it started, is gone afterwards.
 * @param {string} command @param {string[]} args @param {string} cwd @param {Record<string, string>} [env]
 * @returns {Promise<string>}
 */
export function run(command, args, cwd, env = {}) {
  // Its own process group, since some tools leave workerd behind, which lingers on anything less than SIGKILL.
  const child = spawn(command, args, {
    cwd,
    env: { ...QUIET, ...env },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const endAll = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {} // all gone already
  };
  process.on("exit", endAll);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
  return new Promise((done, failed) => {
    const late = setTimeout(endAll, PATIENCE_MS);
    child.once("error", failed);
    child.once("exit", () => (clearTimeout(late), endAll()));
    child.once("close", (status, signal) => {
      process.off("exit", endAll);
      if (status === 0) return done(output);
      failed(
        new Error(`${command} ${args.join(" ")} ended with ${signal ?? `status ${status}`}\n${output}\n${errors}`),
      );
    });
  });
}

/** This process's environment, without what the test runner tells its own children; nobody calls home. */
const QUIET = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^NODE_(OPTIONS|TEST_CONTEXT|CHANNEL)/.test(name)),
  ),
  CI: "1",
  NO_COLOR: "1",
  DENO_NO_UPDATE_CHECK: "1",
  DO_NOT_TRACK: "1",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};

/** Every file under a folder, by paths within it. */
export const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

/**
 * That a bundle, or the package itself, holds no trap for those who run it.
 * @param {string} name for messages @param {string} code
 */
export async function assertHarmless(name, code) {
  assert.doesNotMatch(code, /\bimport\s*\.\s*meta\b/, `${name}: import.meta.url is another place once this is bundled`);
  await assertPlain(name, code);
}

/** No top-level await, and nothing that makes code of text. */
export async function assertPlain(name, code) {
  assert.doesNotMatch(
    code,
    /\beval\s*\(|\bnew\s+Function\b|\bFunction\s*\(|\bset(Timeout|Interval)\s*\(\s*["'`]/,
    `${name}: makes code of text`,
  );
  // esbuild refuses a top-level await for a target that has none.
  await transform(code, { format: "esm", target: "es2022", supported: { "top-level-await": false } }).catch((cause) =>
    assert.fail(`${name}: ${cause.message}`),
  );
}

/** What `run` of conformance/smoke.mjs answers, wherever it runs. */
export const SMOKE = {
  get: ["a", "loader"],
  again: ["a", "memory"],
  peer: ["b", "peer"],
  fallback: ["a", "loader"],
  fallbacks: 1,
  traps: 0,
};
