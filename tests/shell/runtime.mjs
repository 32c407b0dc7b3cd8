// The runtime: request contexts that can vanish at any await, and the globals that the package calls, all virtual.
import { AsyncLocalStorage } from "node:async_hooks";

/** @type {AsyncLocalStorage<Context | undefined>} */
const storage = new AsyncLocalStorage();
const real = {
  Promise,
  promiseThen: Promise.prototype.then,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  fetch,
  Response,
  now: Date.now,
  random: Math.random,
  timeout: AbortSignal.timeout,
};
const { setImmediate } = globalThis;
const OWNER = Symbol("the context that made the promise");
/** Shared: making one with its stack costs more than a whole lookup. */
const TIMED_OUT = new DOMException("The operation was aborted due to timeout", "TimeoutError");
/**
 * The run that owns the globals.
 *
 * @type {import("./world.mjs").World}
 */
let world;

/** The context of the code that runs now; undefined in the simulation's own code. */
export const current = () => storage.getStore();

/** The same, where the package calls code of its user. */
export function owner() {
  const context = storage.getStore();
  if (context === undefined) throw new Error("code of the package runs outside of every context");
  return context;
}

/**
 * @template T
 * @param {Context | undefined} context
 * @param {() => T} run
 */
export const runIn = (context, run) => storage.run(context, run);

/**
 * Watches a promise from outside of every context.
 *
 * @param {any} promise
 * @param {(value: any) => void} onValue
 * @param {(error: any) => void} [onError]
 * @returns {void}
 */
export const observe = (promise, onValue, onError) =>
  storage.run(undefined, () => void real.promiseThen.call(real.Promise.resolve(promise), onValue, onError));

/**
 * A promise that belongs to no context.
 *
 * @param {(resolve: (value?: any) => void, reject: (error?: any) => void) => void} executor
 */
export const promised = (executor) => new real.Promise(executor);

/**
 * Calls `step` until it returns true. All microtasks run between two calls.
 *
 * @param {() => boolean} step
 * @returns {Promise<void>}
 */
export const drive = (step) =>
  new real.Promise((resolve, reject) => {
    const next = () => {
      try {
        if (step()) resolve();
        else setImmediate(next);
      } catch (error) {
        reject(error);
      }
    };
    setImmediate(next);
  });

/** One request, or a node's own code. Once dead, no timer, response or continuation of it runs again. */
export class Context {
  isDead = false;
  /** Its promises that `waitUntil` was given and that are pending. */
  #kept = 0;
  #isOver = false;
  /**
   * Waiters of other contexts, which reject when this one dies where the runtime reports that.
   *
   * @type {Set<() => void>}
   */
  #foreign = new Set();
  /** @type {(() => void)[]} */
  #onDeath = [];
  /** Its number in the order of events. */
  began = 0;

  /**
   * A stranger's context has a node of its own, which is none of the cluster.
   *
   * @param {any} node
   * @param {"call" | "handler" | "node"} kind
   */
  constructor(node, kind, isHeld = false) {
    /** @type {import("./node.mjs").Node} */
    this.node = node;
    this.kind = kind;
    this.isHeld = isHeld;
  }

  /** @param {Promise<unknown>} promise */
  waitUntil(promise) {
    this.#kept += 1;
    const done = () => {
      this.#kept -= 1;
      if (this.#isOver && this.#kept === 0) this.die();
    };
    observe(promise, done, done);
  }

  /** The runtime ends the request: it lives on only while `waitUntil` holds it. */
  end() {
    this.#isOver = true;
    if (this.#kept === 0) this.die();
  }

  /** @param {() => void} run */
  onDeath(run) {
    this.#onDeath.push(run);
  }

  die() {
    if (this.isDead) return;
    this.isDead = true;
    for (const run of this.#onDeath) run();
    for (const reject of this.#foreign) reject();
    this.#foreign.clear();
  }

  /** @param {() => void} reject */
  whenGone(reject) {
    if (this.isDead) reject();
    else this.#foreign.add(reject);
  }
}

/** A new one each time: a shared one would keep all of its waiters alive. */
const never = () => new real.Promise(() => {});
const ended = () => new Error("This promise was created by a request that has since ended, so it can never settle.");

/**
 * `then` as workerd has it: a callback runs in the context that registered it, and never after that context has died.
 *
 * @this {any}
 * @param {any} onValue
 * @param {any} onError
 * @returns {Promise<any>}
 */
function then(onValue, onError) {
  const here = storage.getStore();
  if (here === undefined) return real.promiseThen.call(this, onValue, onError);
  const alive = (/** @type {any} */ run) =>
    typeof run === "function" ? (/** @type {unknown} */ value) => (here.isDead ? never() : run(value)) : run;
  const maker = this[OWNER];
  let source = this;
  if (maker !== undefined && maker !== here && world.plan.tells) {
    source = new real.Promise((resolve, reject) => {
      real.promiseThen.call(this, resolve, reject);
      // One turn later, so that a promise which settled before its request ended keeps its value.
      maker.whenGone(() => real.promiseThen.call(real.Promise.resolve(), () => reject(ended())));
    });
  }
  return real.promiseThen.call(source, alive(onValue), alive(onError));
}

/** @param {ConstructorParameters<typeof Promise<any>>[0]} executor */
function OwnedPromise(executor) {
  const promise = /** @type {any} */ (new real.Promise(executor));
  promise[OWNER] = storage.getStore();
  return promise;
}
OwnedPromise.prototype = real.Promise.prototype;
for (const name of ["resolve", "reject", "all", "race", "any", "allSettled", "withResolvers"])
  Object.assign(OwnedPromise, { [name]: /** @type {any} */ (real.Promise)[name]?.bind(real.Promise) });

/** Headers with the little that the package calls. */
export class PlainHeaders {
  /** @type {Map<string, string>} */
  #byName;

  /** @param {PlainHeaders | [string, string][]} [pairs] */
  constructor(pairs = []) {
    this.#byName = new Map(pairs instanceof PlainHeaders ? pairs.#byName : pairs);
  }

  /** @param {string} name */
  get(name) {
    return this.#byName.get(name.toLowerCase()) ?? null;
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  set(name, value) {
    this.#byName.set(name, value);
  }

  /** @param {string} name */
  delete(name) {
    this.#byName.delete(name);
  }
}

/** A response as a handler makes it: the network reads its parts. */
class PlainResponse {
  /**
   * @param {unknown} body
   * @param {{ status?: number, headers?: [string, string][] | Record<string, string> }} [init]
   */
  constructor(body, { status = 200, headers = [] } = {}) {
    const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
    Object.assign(this, { bytes: body, status, pairs });
  }
}

/**
 * @param {(...args: unknown[]) => void} run
 * @param {unknown} ms
 * @param {unknown[]} args
 * @param {boolean} repeats
 * @returns {any}
 */
function startTimer(run, ms, args, repeats) {
  const context = storage.getStore();
  const wait = Math.max(repeats ? 1 : 0, typeof ms === "number" && Number.isFinite(ms) ? ms : 0);
  /** @type {{ entry: import("./clock.mjs").Due | undefined }} */
  const timer = { entry: undefined };
  const start = () => {
    timer.entry = world.clock.after(wait + world.rng.below(world.plan.lateMs + 1), fire, context, "timer");
  };
  const fire = () => {
    timer.entry = undefined;
    if (repeats) start();
    run(...args);
  };
  start();
  return timer;
}

/** @param {(timer: any) => void} clear */
const stopTimer = (clear) => (/** @type {any} */ timer) => {
  if (timer !== null && typeof timer === "object" && "entry" in timer) world?.clock.cancel(timer.entry);
  else clear(timer);
};

/** @param {number} ms */
function timeoutSignal(ms) {
  if (storage.getStore() === undefined) return real.timeout.call(AbortSignal, ms);
  const abort = new AbortController();
  const late = () => abort.abort(TIMED_OUT);
  world.clock.after(ms + world.rng.below(world.plan.lateMs + 1), late, storage.getStore(), "signal");
  return abort.signal;
}

/**
 * Puts virtual globals in place of the real ones, for one run.
 *
 * @param {import("./world.mjs").World} run
 */
export function install(run) {
  world = run;
  const globals = /** @type {any} */ (globalThis);
  Error.stackTraceLimit = 3;
  const inContext = () => storage.getStore() !== undefined;
  globals.setTimeout = (/** @type {any} */ callback, /** @type {any} */ ms, /** @type {any[]} */ ...args) =>
    inContext() ? startTimer(callback, ms, args, false) : real.setTimeout(callback, ms, ...args);
  globals.setInterval = (/** @type {any} */ callback, /** @type {any} */ ms, /** @type {any[]} */ ...args) =>
    inContext() ? startTimer(callback, ms, args, true) : real.setInterval(callback, ms, ...args);
  globals.clearTimeout = stopTimer(real.clearTimeout);
  globals.clearInterval = stopTimer(real.clearInterval);
  globals.fetch = (/** @type {string} */ url, /** @type {any} */ init) =>
    world.network.fetch(new URL(url).host, url, init);
  Object.assign(globals, { Response: PlainResponse, Promise: OwnedPromise });
  // biome-ignore lint/suspicious/noThenProperty: promises behave as in the runtime that is simulated
  real.Promise.prototype.then = then;
  Date.now = () => storage.getStore()?.node.clock() ?? real.now();
  Math.random = () => world.seeds.next() / 2 ** 32;
  AbortSignal.timeout = timeoutSignal;
}

/** Puts the real ones back. */
export function uninstall() {
  world = /** @type {any} */ (undefined);
  Error.stackTraceLimit = 10;
  const { setTimeout, clearTimeout, setInterval, clearInterval, fetch, Response } = real;
  Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval, fetch, Response });
  globalThis.Promise = real.Promise;
  // biome-ignore lint/suspicious/noThenProperty: the runtime's own one
  real.Promise.prototype.then = real.promiseThen;
  Date.now = real.now;
  Math.random = real.random;
  AbortSignal.timeout = real.timeout;
}
