// What the examples' tests share: projects made by the documented command, in a temporary folder, and programs that end with the test.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));
/** Outside of the clone, so that nothing is found in the clone's own node_modules. */
export const scratch = mkdtempSync(join(tmpdir(), "geecache-examples-"));

/** Long enough for npm or wrangler on a busy machine; nothing that goes well waits for it. */
const PATIENCE_MS = 180_000;
export const TIMEOUT = { timeout: 2 * PATIENCE_MS };

const bin = join(scratch, ".bin");
mkdirSync(bin);
/** What every command runs with. */
const env = {
  ...process.env,
  PATH: [bin, dirname(process.execPath), process.env.PATH].join(delimiter),
  ...{ CI: "1", NO_COLOR: "1", DO_NOT_TRACK: "1" },
  // What was downloaded for the clone is taken from npm's cache.
  ...{
    npm_config_ignore_scripts: "true",
    npm_config_prefer_offline: "true",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_loglevel: "error",
  },
  // Wrangler: no telemetry, no look-up of this machine's place, and a registry of running Workers for this test alone.
  ...{ WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true", CLOUDFLARE_CF_FETCH_ENABLED: "false" },
  ...{ WRANGLER_REGISTRY_PATH: join(scratch, ".registry"), XDG_CONFIG_HOME: join(scratch, ".config") },
  ...{ DENO_DIR: join(scratch, ".deno"), DENO_NO_UPDATE_CHECK: "1", BUN_INSTALL_CACHE_DIR: join(scratch, ".bun") },
};

// Its input ends when we do, whatever ended us, and then it ends what is still running and removes the folder. (`kill -9 -- -ID` is no
// command that every sh knows.)
const guard = spawn(
  "sh",
  [
    "-c",
    'ids=; while read -r line; do ids=$line; done; [ -z "$ids" ] || kill -s KILL -- $ids; rm -rf -- "$1"',
    "guard",
    scratch,
  ],
  {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  },
);
guard.unref();
guard.stdin.unref();
/** @type {Set<Program>} */
const running = new Set();
const tellGuard = () => guard.stdin.write(`${[...running].map(({ pid }) => -pid).join(" ")}\n`);

/** A command in a shell, with all that it starts. */
export class Program {
  output = "";
  #what;
  #child;
  #gone;

  /** @param {string} command @param {string} folder @param {Record<string, string>} [more] environment */
  constructor(command, folder, more) {
    this.#what = command;
    this.#child = spawn("sh", ["-c", command], {
      cwd: folder,
      env: { ...env, ...more },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (this.output += text));
    this.#gone = once(this.#child, "close");
    running.add(this);
    tellGuard();
  }

  /** Of the process that leads the group of all that it starts. */
  get pid() {
    return /** @type {number} */ (this.#child.pid);
  }

  /** Waits until it has ended well; what it wrote. */
  async done() {
    const [status] = await Promise.race([this.#gone, patience().then((late) => (this.kill(), late))]);
    running.delete(this);
    assert.equal(status, 0, `${this.#what} ended with ${status}:\n${this.output}`);
    return this.output;
  }

  /** Waits until what it wrote says so. @template T @param {string} what @param {(output: string) => T | undefined | false} look @returns {Promise<T>} */
  async until(what, look) {
    const found = await eventually(
      `${this.#what}: ${what}`,
      () => look(this.output) || ((this.#child.exitCode ?? this.#child.signalCode) !== null && "ended"),
    ).catch((error) => {
      throw new Error(`${error.message}\n${this.output}`);
    });
    if (found === "ended") assert.fail(`${this.#what} ended before ${what}:\n${this.output}`);
    return /** @type {T} */ (found);
  }

  /** Ends it at once with all that it started: workerd would go on after a SIGTERM while a request hangs. */
  async kill() {
    if (!running.delete(this)) return;
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // Everything in the group had ended.
    }
    tellGuard();
    await this.#gone;
  }
}

/** Ends all programs of this test file. */
export const killAll = () => Promise.all([...running].map((program) => program.kill()));

/** A copy of an example, made by the command that README.md documents. */
export class Project {
  /** @param {string} example @param {string} name its folder */
  constructor(example, name = example) {
    this.folder = join(scratch, name);
    const [command, documented, folder] =
      /^node examples\/create\.mjs (\S+) (\S+)/m.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
    assert.ok(command && documented && folder, "README.md documents how an example is copied");
    execFileSync("sh", ["-c", command.replace(documented, example).replace(folder, this.folder)], {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  /** The commands of its README, a line each. */
  get commands() {
    const readme = readFileSync(join(this.folder, "README.md"), "utf8");
    const lines = readme.split("\n").filter((line) => line && !/^(#|```)/.test(line));
    assert.ok(lines.length <= 5, `the README has ${lines.length} lines besides its title`);
    const [, block] = /```sh\n([\s\S]*?)\n```/.exec(readme) ?? assert.fail("the README has no commands");
    return block.split("\n").map((line) => line.replace(/\s+#.*/, ""));
  }

  /** Runs a command to its end. @param {string} command */
  run(command) {
    return this.start(command).done();
  }

  /** @param {string} command @param {Record<string, string>} [more] environment */
  start(command, more) {
    return new Program(command, this.folder, more);
  }
}

/** What `wrangler dev` has in place of the configuration's `vars`. @param {Project} project @param {Record<string, string>} vars */
export function localVars(project, vars) {
  writeFileSync(
    join(project.folder, ".dev.vars"),
    Object.entries(vars)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
}

/** Where a dev server of wrangler's listens. @param {Program} server @returns {Promise<string>} */
export function readyAt(server) {
  return server.until("it is ready", (output) => /Ready on (http:\/\/\S+:\d+)/.exec(output)?.[1]);
}

/** Puts a runtime that came from npm, or is on this machine, on the programs' path; why not, where there is none. @param {string} name @param {string} path */
export function missing(name, path) {
  try {
    symlinkSync(createRequire(import.meta.url).resolve(path), join(bin, name));
  } catch {
    // Not installed for this platform: perhaps the machine has one of its own.
  }
  try {
    execFileSync(name, ["--version"], { env, stdio: "ignore" });
    return false;
  } catch (error) {
    return `there is no ${name} for this machine: ${error.message}`;
  }
}

const [major, minor] = process.versions.node.split(".").map(Number);
/** Why the examples that want a newer Node than this one are skipped: wrangler does, and so does TypeScript without a build. */
export const nodeTooOld =
  major > 22 || (major === 22 && minor >= 18)
    ? false
    : `this is Node ${process.versions.node}, and the example wants 22.18`;

/** Asks until the answer is truthy; fails after a while. @template T @param {string} what @param {() => T | Promise<T>} ask @returns {Promise<T>} */
export async function eventually(what, ask) {
  const giveUp = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > giveUp) throw new Error(`Waited ${PATIENCE_MS / 1000} s for ${what}.`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

function patience() {
  return new Promise((done) => setTimeout(done, PATIENCE_MS, ["nothing: it took too long"]).unref());
}

/** Ports of 127.0.0.1 that are free now. @param {number} count */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => /** @type {import("node:net").AddressInfo} */ (server.address()).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** The package as the clone built it. */
export const { createPool } = await import(new URL("../../pkg/entry/node.js", import.meta.url).href);
assert.ok(existsSync(join(root, "pkg/package.json")), "the package is built");
