// Projects made by the documented command in a temporary folder, and programs that end with the test.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "../../harness/waiting.mjs";

export const root = fileURLToPath(new URL("../../", import.meta.url));
/** Outside of the clone, so that nothing resolves in the clone's node_modules. */
export const scratch = mkdtempSync(join(tmpdir(), "geecache-examples-"));

/** Generous, for npm or wrangler on a busy machine. A run that passes never waits this long. */
export const PATIENCE_MS = 180_000;
export const TIMEOUT = { timeout: 2 * PATIENCE_MS };

const bin = join(scratch, ".bin");
mkdirSync(bin);
/** The environment of every command. */
const env = {
  ...process.env,
  PATH: [bin, dirname(process.execPath), process.env.PATH].join(delimiter),
  ...{ CI: "1", NO_COLOR: "1", DO_NOT_TRACK: "1" },
  // npm's cache has the packages that were downloaded for the clone.
  ...{
    npm_config_ignore_scripts: "true",
    npm_config_prefer_offline: "true",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_loglevel: "error",
  },
  // wrangler: no telemetry, no request for the machine's location, and a registry of Workers for this test file alone.
  ...{ WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true", CLOUDFLARE_CF_FETCH_ENABLED: "false" },
  ...{ WRANGLER_REGISTRY_PATH: join(scratch, ".registry"), XDG_CONFIG_HOME: join(scratch, ".config") },
  ...{ DENO_DIR: join(scratch, ".deno"), DENO_NO_UPDATE_CHECK: "1", BUN_INSTALL_CACHE_DIR: join(scratch, ".bun") },
};

// The guard's input ends when this process ends, for any reason. It then kills the running programs and removes the
// folder. Not every sh accepts `kill -9 -- -ID`.
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
const guardInput = /** @type {import("node:net").Socket} */ (guard.stdin);
guard.unref();
guardInput.unref();
/** @type {Set<Program>} */
const running = new Set();
const updateGuard = () => guardInput.write(`${[...running].map(({ pid }) => -pid).join(" ")}\n`);

/** A shell command and all processes that it starts. */
export class Program {
  output = "";
  #command;
  #child;
  /** @type {Promise<unknown[]>} */
  #closed;

  /** @param {string} command @param {string} folder @param {Record<string, string>} [variables] environment variables */
  constructor(command, folder, variables) {
    this.#command = command;
    this.#child = spawn("sh", ["-c", command], {
      cwd: folder,
      env: { ...env, ...variables },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (this.output += text));
    this.#closed = once(this.#child, "close");
    running.add(this);
    updateGuard();
  }

  /** The id of the shell, and of the process group. */
  get pid() {
    return /** @type {number} */ (this.#child.pid);
  }

  /** Resolves with the exit status, or the signal, when the command has exited. Kills it after a while. */
  async exited() {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const timeout = new Promise((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS, [null, "a timeout"]);
    });
    const [status, signal] = await Promise.race([this.#closed, timeout]);
    clearTimeout(timer);
    await this.kill();
    return status ?? signal;
  }

  /** Resolves with the output when the command has exited with status 0. Kills it after a while. */
  async done() {
    const status = await this.exited();
    assert.equal(status, 0, `${this.#command} ended with ${status}:\n${this.output}`);
    return this.output;
  }

  /** Polls until the check of the output returns a truthy value. Rejects if the command exits first. @template T @param {string} condition @param {(output: string) => T | undefined | false} check @returns {Promise<T>} */
  async until(condition, check) {
    const result = await eventually(
      `${this.#command}: ${condition}`,
      () => check(this.output) || ((this.#child.exitCode ?? this.#child.signalCode) !== null && "exited"),
      PATIENCE_MS,
    ).catch((error) => {
      throw new Error(`${error.message}\n${this.output}`);
    });
    if (result === "exited") assert.fail(`${this.#command} exited before ${condition}:\n${this.output}`);
    return /** @type {T} */ (result);
  }

  /** Kills it and all processes that it started. With SIGKILL, because workerd survives SIGTERM while a request hangs. */
  async kill() {
    if (!running.delete(this)) return;
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // Every process of the group has exited.
    }
    updateGuard();
    await this.#closed;
  }
}

/** Kills all programs of this test file. */
export const killAll = () => Promise.all([...running].map((program) => program.kill()));

/** A copy of an example, made by the command that README.md documents. */
export class Project {
  /** @param {string} example @param {string} name the folder's */
  constructor(example, name = example) {
    this.folder = join(scratch, name);
    const [command, documented, folder] =
      /^node examples\/create\.mjs (\S+) (\S+)/m.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
    assert.ok(command && documented && folder, "README.md documents the command");
    execFileSync("sh", ["-c", command.replace(documented, example).replace(folder, this.folder)], {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  /** The commands in the project's README, one per line. */
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

  /** @param {string} command @param {Record<string, string>} [variables] environment variables */
  start(command, variables) {
    return new Program(command, this.folder, variables);
  }
}

/** Replaces the API in the configuration of a Worker. @param {Project} project @param {string} url */
export function setApi(project, url) {
  const path = join(project.folder, "wrangler.jsonc");
  const config = readFileSync(path, "utf8");
  const replaced = config.replace(/("API": )"[^"]*"/g, (_, name) => `${name}${JSON.stringify(url)}`);
  assert.notEqual(replaced, config, "the configuration has the API");
  writeFileSync(path, replaced);
}

/** The URL of a wrangler dev server, when it is ready. @param {Program} server @returns {Promise<string>} */
export function readyUrl(server) {
  return server.until("it is ready", (output) => /Ready on (http:\/\/\S+:\d+)/.exec(output)?.[1]);
}

/** True if the last line about a binding of a wrangler dev server reports it connected. @param {string} output @param {string} binding */
export function isConnected(output, binding) {
  const reports = output.match(new RegExp(`env\\.${binding} .*\\[(not )?connected\\]`, "g"));
  return reports?.at(-1)?.includes("[connected]") ?? false;
}

/** Links a runtime installed by npm into the programs' PATH. Returns the reason to skip if there is none. @param {string} name @param {string} path */
export function skipWithout(name, path) {
  try {
    symlinkSync(createRequire(import.meta.url).resolve(path), join(bin, name));
  } catch {
    // npm has none for this platform. The machine can have its own.
  }
  try {
    execFileSync(name, ["--version"], { env, stdio: "ignore" });
    return false;
  } catch (error) {
    return `there is no ${name} for this machine: ${/** @type {Error} */ (error).message}`;
  }
}

const [major, minor] = process.versions.node.split(".").map(Number);
/** The reason to skip examples that need a newer Node: for wrangler, or for TypeScript without a build. */
export const nodeTooOld =
  major > 22 || (major === 22 && minor >= 18)
    ? false
    : `this is Node ${process.versions.node}, and the example needs 22.18`;

assert.ok(existsSync(join(root, "pkg/package.json")), "the package is built");
/** The package as built in the clone. */
export const { createPool } = /** @type {typeof import("geecache-edge")} */ (
  await import(new URL("../../pkg/entry/node.js", import.meta.url).href)
);
export const { prometheus } = /** @type {typeof import("geecache-edge/observe")} */ (
  await import(new URL("../../pkg/entry/observe.js", import.meta.url).href)
);
