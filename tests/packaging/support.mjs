// Shared by the packaging tests: one `npm pack`, empty projects that install the tarball, and child processes.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
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
/** Long enough for a cold start on a busy machine with one core. No passing test waits for it. */
export const PATIENCE_MS = 120_000;

/** A folder outside of the repository, so that module resolution cannot find the repository's node_modules. */
export const scratch = realpathSync(mkdtempSync(join(tmpdir(), "geecache-edge-packaging-")));
after(() => rmSync(scratch, { recursive: true, force: true }));
// Also when a test file throws before its tests, or is terminated.
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

/** The tarball that npm would publish, and its files. */
export const tarball = (() => {
  assert.ok(existsSync(join(ROOT, "pkg/package.json")), 'pkg/ is missing: build it with "make package"');
  const [packed] = JSON.parse(
    npm(["pack", "--json", "--ignore-scripts", "--pack-destination", scratch, join(ROOT, "pkg")], scratch),
  );
  return {
    file: join(scratch, packed.filename),
    files: packed.files.map((/** @type {{ path: string }} */ { path }) => path),
  };
})();

/** Runs npm, offline. @param {string[]} args @param {string} cwd */
function npm(args, cwd) {
  return execFileSync(
    "npm",
    [...args, "--offline", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"],
    { cwd, encoding: "utf8", timeout: PATIENCE_MS },
  );
}

/** The tarball, installed once; each project gets a copy of the installation. */
const installed = (() => {
  const folder = join(scratch, "installed");
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  npm(["install", "--ignore-scripts", tarball.file], folder);
  assert.deepEqual(
    readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith(".")),
    ["geecache-edge"],
    "the package installs no dependencies",
  );
  return folder;
})();

/**
 * A project that has installed the tarball.
 * @param {Record<string, string>} files by path
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

/** The text of a file of this folder. @param {string} path */
export const textOf = (path) => readFileSync(join(import.meta.dirname, path), "utf8");

/** The path of a program in node_modules; undefined if there is none for this machine. @param {string} path */
export function tool(path) {
  const file = join(TOOLS, path);
  return existsSync(file) ? file : undefined;
}

/**
 * Runs a program to its end and returns its output. Its child processes are killed with it.
 * @param {string} command @param {string[]} args @param {string} cwd @param {Record<string, string>} [env]
 * @returns {Promise<string>}
 */
export function run(command, args, cwd, env = {}) {
  // A process group of its own: some tools leave workerd running, which ends only on SIGKILL.
  const child = spawn(command, args, {
    cwd,
    env: { ...QUIET, ...env },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const endAll = () => {
    try {
      process.kill(-Number(child.pid), "SIGKILL");
    } catch {} // all have ended
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

/** This process's environment, without the test runner's variables and with telemetry off. */
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

/** Every file under a folder, by relative path. @param {string} folder */
export const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

/**
 * Asserts that a script, bundled or not, works wherever it is moved: no import.meta, and all of `assertPlain`.
 * @param {string} name for messages @param {string} code
 */
export async function assertHarmless(name, code) {
  assert.doesNotMatch(code, /\bimport\s*\.\s*meta\b/, `${name}: import.meta.url changes when this is bundled`);
  await assertPlain(name, code);
}

/** Asserts that a script has no top-level await and evaluates no code from strings. @param {string} name @param {string} code */
export async function assertPlain(name, code) {
  assert.doesNotMatch(
    code,
    /\beval\s*\(|\bnew\s+Function\b|\bFunction\s*\(|\bset(Timeout|Interval)\s*\(\s*["'`]/,
    `${name}: evaluates code from a string`,
  );
  // esbuild rejects a top-level await for a target without it.
  await transform(code, { format: "esm", target: "es2022", supported: { "top-level-await": false } }).catch((cause) =>
    assert.fail(`${name}: ${cause.message}`),
  );
}

/** The result of `run` of conformance/smoke.mjs in every runtime. */
export const SMOKE = {
  get: ["a", "loader"],
  again: ["a", "memory"],
  peer: ["b", "peer"],
  fallback: ["a", "loader"],
  fallbacks: 1,
  traps: 0,
};
