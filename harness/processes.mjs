// Child processes that never outlive the process that started them.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CACHE_FOLDER = fileURLToPath(new URL("../.cache/", import.meta.url));

/** Generous, for a cold start on a busy machine with one core. */
const READY_TIMEOUT_MS = 20_000;
const POLL_EVERY_MS = 20;
/** How much of a child's output is kept. */
const OUTPUT_CHARS = 4096;

/**
 * A group of child processes and one folder of temporary files. All of them end together: on `stop`, when this
 * process exits or throws, on Ctrl-C, SIGTERM and SIGHUP, and even when it is killed.
 */
export class ProcessGroup {
  /** @type {Set<import("node:child_process").ChildProcess>} */
  #running = new Set();
  #guardInput;
  #onExit = () => this.#end();
  #stopped = false;

  /** The folder of temporary files, removed when the group ends. */
  folder;

  /** @param {string} [cacheFolder] parent of the folder of temporary files */
  constructor(cacheFolder = CACHE_FOLDER) {
    mkdirSync(cacheFolder, { recursive: true });
    this.folder = mkdtempSync(join(cacheFolder, "cluster-"));
    // The guard reads one line with the ids of all running children whenever the set changes. Its input ends when
    // this process ends, for any reason, and it then kills the children of the last line. It is detached, so that
    // Ctrl-C in the terminal does not end it first.
    const script = 'ids=; while read -r line; do ids=$line; done; [ -z "$ids" ] || kill -9 $ids; rm -rf -- "$1"';
    const guard = spawn("sh", ["-c", script, "guard", this.folder], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    guard.on("error", (cause) => {
      throw new Error("Could not start sh, which kills the cluster's processes if this process is killed.", { cause });
    });
    this.#guardInput = /** @type {import("node:net").Socket} */ (guard.stdin);
    this.#guardInput.on("error", () => {}); // The guard has exited, and needs no more updates.
    this.#guardInput.unref();
    guard.unref();
    process.on("exit", this.#onExit);
    exitOnSignals();
  }

  /**
   * Starts a program outside the terminal's foreground process group, so that only this process ends it.
   * @param {string} name for messages
   * @param {string} command
   * @param {string[]} args
   */
  start(name, command, args) {
    if (this.#stopped) throw new Error(`Could not start ${name}: the process group has stopped.`);
    const child = spawn(command, args, { detached: true, cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    const started = new Child(name, child);
    if (child.pid !== undefined) {
      this.#running.add(child);
      this.#updateGuard();
      child.once("exit", () => {
        this.#running.delete(child);
        this.#updateGuard();
      });
    }
    return started;
  }

  #updateGuard() {
    this.#guardInput.write(`${[...this.#running].map((child) => child.pid).join(" ")}\n`);
  }

  /** Kills every process of the group, waits until all have exited, removes the folder. Idempotent. */
  async stop() {
    const exits = [...this.#running].map((child) => new Promise((resolve) => child.once("exit", resolve)));
    this.#end();
    await Promise.all(exits);
    process.off("exit", this.#onExit);
  }

  #end() {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const child of this.#running) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
    this.#guardInput.end("\n"); // An empty list: the guard has no process to kill.
  }
}

/** A started program: its output, its exit, and `kill`. */
export class Child {
  #name;
  #process;
  #stderr = "";
  #stdout = "";
  /** @type {string | undefined} how the process ended; undefined while it runs */
  #end;
  /** @type {Promise<void>} resolves when the process has exited */
  #exited;

  /** @param {string} name @param {import("node:child_process").ChildProcess} process */
  constructor(name, process) {
    this.#name = name;
    this.#process = process;
    const append = (/** @type {string} */ output, /** @type {string} */ text) => (output + text).slice(-OUTPUT_CHARS);
    process.stdout?.setEncoding("utf8").on("data", (text) => (this.#stdout = append(this.#stdout, text)));
    process.stderr?.setEncoding("utf8").on("data", (text) => (this.#stderr = append(this.#stderr, text)));
    this.#exited = new Promise((resolve) => {
      process.once("exit", (code, signal) => {
        this.#end = signal ? `was killed by ${signal}` : `exited with status ${code}`;
        resolve();
      });
      process.once("error", (cause) => {
        this.#end = `could not be run (${cause.message})`;
        resolve();
      });
    });
  }

  /** The process id; undefined if the program could not be run. */
  get pid() {
    return this.#process.pid;
  }

  /** True while the process runs. */
  get alive() {
    return this.#end === undefined;
  }

  /** The end of its standard error. */
  get errors() {
    return this.#stderr;
  }

  /** Kills it with SIGKILL and resolves when it has exited. */
  async kill() {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  /**
   * Polls until the check returns a value other than undefined without throwing. Rejects if the process exits first.
   * @template T
   * @param {string} condition for the error message
   * @param {(output: string) => T | undefined | Promise<T | undefined>} check receives the end of the program's output
   * @returns {Promise<T>}
   */
  async until(condition, check) {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    let cause;
    while (this.alive && Date.now() < deadline) {
      try {
        const result = await check(this.#stdout);
        if (result !== undefined) return result;
      } catch (error) {
        cause = error;
      }
      await Promise.race([this.#exited, new Promise((resolve) => setTimeout(resolve, POLL_EVERY_MS))]);
    }
    const end = this.#end ?? `did not get there within ${READY_TIMEOUT_MS / 1000} s`;
    const message = `Waited for ${condition}, but ${this.#name} ${end}.\n${this.#stderr}`.trimEnd();
    throw new Error(message, cause === undefined ? undefined : { cause });
  }
}

let exitsOnSignals = false;

/** A signal ends Node without an "exit" event otherwise. Shells report 128 + the signal's number as the status. */
function exitOnSignals() {
  if (exitsOnSignals) return;
  exitsOnSignals = true;
  process.once("SIGINT", () => process.exit(130));
  process.once("SIGTERM", () => process.exit(143));
  process.once("SIGHUP", () => process.exit(129));
}
