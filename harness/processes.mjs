// Child processes that never outlive the one that started them.
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Long enough for a cold start on a busy machine with one core. */
const READY_WITHIN_MS = 20_000;
const ASK_EVERY_MS = 20;

/**
 * A group of child processes and one folder of scratch files, ended together: by `stop`, when this process
 * exits, when it throws, on Ctrl-C, SIGTERM and SIGHUP, and even when it is killed outright.
 */
export class ProcessGroup {
  /** @type {Set<import("node:child_process").ChildProcess>} */
  #running = new Set();
  #guard;
  #onExit = () => this.#end();
  #stopped = false;

  /** The scratch folder: gone when the group ends. */
  folder;

  /** @param {string} cacheFolder where the scratch folder is made */
  constructor(cacheFolder) {
    mkdirSync(cacheFolder, { recursive: true });
    this.folder = mkdtempSync(join(cacheFolder, "cluster-"));
    // The guard reads a line with the ids of all living children whenever that changes. Its input ends when
    // we do, whatever ended us, and then it kills the last line's. It is in no terminal's foreground group,
    // so Ctrl-C does not end it before us.
    const script = 'ids=; while read -r line; do ids=$line; done; [ -z "$ids" ] || kill -9 $ids; rm -rf -- "$1"';
    this.#guard = spawn("sh", ["-c", script, "guard", this.folder], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#guard.on("error", (cause) => {
      throw new Error("Could not start sh, which ends the cluster's processes should this one be killed.", { cause });
    });
    this.#guard.stdin?.on("error", () => {}); // the guard is gone: nothing left to tell it
    this.#guard.unref();
    /** @type {any} */ (this.#guard.stdin)?.unref();
    process.on("exit", this.#onExit);
    exitOnSignals();
  }

  /**
   * Starts a program outside the terminal's foreground group, so that only this process decides when it ends.
   * @param {string} name what to call it in messages
   * @param {string} command
   * @param {string[]} args
   */
  start(name, command, args) {
    if (this.#stopped) throw new Error(`Could not start ${name}: the cluster was stopped.`);
    const child = spawn(command, args, { detached: true, cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    const started = new Child(name, child);
    if (child.pid !== undefined) {
      this.#running.add(child);
      this.#tellGuard();
      child.once("exit", () => {
        this.#running.delete(child);
        this.#tellGuard();
      });
    }
    return started;
  }

  #tellGuard() {
    this.#guard.stdin?.write([...this.#running].map((child) => child.pid).join(" ") + "\n");
  }

  /** Kills every process of the group, waits until they are gone, removes the folder. Calling it twice is fine. */
  async stop() {
    const ended = [...this.#running].map((child) => new Promise((done) => child.once("exit", done)));
    this.#end();
    await Promise.all(ended);
    process.off("exit", this.#onExit);
  }

  #end() {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const child of this.#running) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
    this.#guard.stdin?.end("\n"); // nobody left for the guard to kill
  }
}

/** One started program: its output, its end, and how to end it. */
export class Child {
  #name;
  #process;
  #errors = "";
  #output = "";
  /** @type {string | undefined} how it ended, or undefined while it runs */
  #ended;
  /** @type {Promise<void>} settles when the process is gone */
  gone;

  /** @param {string} name @param {import("node:child_process").ChildProcess} process */
  constructor(name, process) {
    this.#name = name;
    this.#process = process;
    process.stdout?.setEncoding("utf8").on("data", (text) => (this.#output = (this.#output + text).slice(-4096)));
    process.stderr?.setEncoding("utf8").on("data", (text) => (this.#errors = (this.#errors + text).slice(-4096)));
    this.gone = new Promise((done) => {
      process.once("exit", (code, signal) => {
        this.#ended = signal ? `was ended by ${signal}` : `exited with status ${code}`;
        done();
      });
      process.once("error", (cause) => {
        this.#ended = `could not be run (${cause.message})`;
        done();
      });
    });
  }

  /** The process id, or undefined when it could not be run. */
  get pid() {
    return this.#process.pid;
  }

  /** Is the process running? */
  get alive() {
    return this.#ended === undefined;
  }

  /** The last 4,096 characters that it wrote to its standard error. */
  get errors() {
    return this.#errors;
  }

  /** Ends it at once, with no chance to say goodbye, and waits until it is gone. */
  async kill() {
    this.#process.kill("SIGKILL");
    await this.gone;
  }

  /**
   * Asks until the answer is neither undefined nor an error.
   * @template T
   * @param {string} what is awaited, for the message
   * @param {(output: string) => T | undefined | Promise<T | undefined>} ask is given what the program wrote
   * @returns {Promise<T>}
   */
  async until(what, ask) {
    const giveUp = Date.now() + READY_WITHIN_MS;
    let cause;
    while (this.alive && Date.now() < giveUp) {
      try {
        const answer = await ask(this.#output);
        if (answer !== undefined) return answer;
      } catch (error) {
        cause = error;
      }
      await Promise.race([this.gone, new Promise((done) => setTimeout(done, ASK_EVERY_MS))]);
    }
    const end = this.#ended ?? `did not do so within ${READY_WITHIN_MS / 1000} s`;
    const message = `Waited for ${what}, but ${this.#name} ${end}.\n${this.#errors}`.trimEnd();
    throw new Error(message, cause === undefined ? undefined : { cause });
  }
}

let exitsOnSignals = false;

/** Without this a signal would end us with no "exit" event. 128 + its number is what shells report. */
function exitOnSignals() {
  if (exitsOnSignals) return;
  exitsOnSignals = true;
  process.once("SIGINT", () => process.exit(130));
  process.once("SIGTERM", () => process.exit(143));
  process.once("SIGHUP", () => process.exit(129));
}
