// The runtime: request contexts that can vanish at any await, and the globals that the package calls, all virtual.
import { AsyncLocalStorage } from "node:async_hooks";

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
/** One for all: to make one with its stack costs more than a whole look-up. */
const TIMED_OUT = new DOMException("The operation was aborted due to timeout", "TimeoutError");
/** The run that owns the globals. */
let world;

/** The context of the code that runs now; undefined in the simulation's own code. */
export const current = () => storage.getStore();
export const runIn = (context, run) => storage.run(context, run);

/** Watches a promise from outside of every context. */
export const observe = (promise, onValue, onError) =>
  storage.run(undefined, () => real.promiseThen.call(real.Promise.resolve(promise), onValue, onError));

/** A promise that belongs to no context. */
export const promised = (executor) => new real.Promise(executor);

/** Calls `step` until it returns true. All microtasks run between two calls. */
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

/** One request, or a node's own code. Once dead, no timer, answer or continuation of it runs again. */
export class Context {
  isDead = false;
  /** Its promises that `waitUntil` was given and that are pending. */
  #kept = 0;
  #isOver = false;
  /** What rejects in other contexts when this one dies, where the runtime reports that. */
  #foreign = new Set();
  #onDeath = [];

  /** `kind` is "call", "handler" or "node". */
  constructor(node, kind, isHeld = false) {
    this.node = node;
    this.kind = kind;
    this.isHeld = isHeld;
  }

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

  whenGone(reject) {
    if (this.isDead) reject();
    else this.#foreign.add(reject);
  }
}

/** A new one each time: a shared one would keep all of its waiters alive. */
const never = () => new real.Promise(() => {});
const ended = () => new Error("This promise was created by a request that has since ended, so it can never settle.");

/** `then` as workerd has it: a callback runs in the context that registered it, and never after that context has died. */
function then(onValue, onError) {
  const here = storage.getStore();
  if (here === undefined) return real.promiseThen.call(this, onValue, onError);
  const alive = (run) => (typeof run === "function" ? (value) => (here.isDead ? never() : run(value)) : run);
  const owner = this[OWNER];
  let source = this;
  if (owner !== undefined && owner !== here && world.plan.tells) {
    source = new real.Promise((resolve, reject) => {
      real.promiseThen.call(this, resolve, reject);
      // One turn later, so that a promise which settled before its request ended keeps its value.
      owner.whenGone(() => real.promiseThen.call(real.Promise.resolve(), () => reject(ended())));
    });
  }
  return real.promiseThen.call(source, alive(onValue), alive(onError));
}

function OwnedPromise(executor) {
  const promise = new real.Promise(executor);
  promise[OWNER] = storage.getStore();
  return promise;
}
OwnedPromise.prototype = real.Promise.prototype;
for (const name of ["resolve", "reject", "all", "race", "any", "allSettled", "withResolvers"])
  OwnedPromise[name] = real.Promise[name]?.bind(real.Promise);

/** Headers with the little that the package calls. */
export class PlainHeaders {
  #byName;

  constructor(pairs = []) {
    this.#byName = new Map(pairs instanceof PlainHeaders ? pairs.#byName : pairs);
  }

  get(name) {
    return this.#byName.get(name.toLowerCase()) ?? null;
  }

  set(name, value) {
    this.#byName.set(name, value);
  }

  delete(name) {
    this.#byName.delete(name);
  }
}

/** A response as a handler makes it: the network reads its parts. */
class PlainResponse {
  constructor(body, { status = 200, headers = [] } = {}) {
    const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
    Object.assign(this, { bytes: body, status, pairs });
  }
}

function startTimer(run, ms, args, repeats) {
  const context = storage.getStore();
  const wait = Math.max(repeats ? 1 : 0, Number.isFinite(ms) ? ms : 0);
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

const stopTimer = (clear) => (timer) => {
  if (timer !== null && typeof timer === "object" && "entry" in timer) world?.clock.cancel(timer.entry);
  else clear(timer);
};

function timeoutSignal(ms) {
  if (storage.getStore() === undefined) return real.timeout.call(AbortSignal, ms);
  const abort = new AbortController();
  const late = () => abort.abort(TIMED_OUT);
  world.clock.after(ms + world.rng.below(world.plan.lateMs + 1), late, storage.getStore(), "signal");
  return abort.signal;
}

/** Puts virtual globals in place of the real ones, for one run. */
export function install(run) {
  world = run;
  Error.stackTraceLimit = 3;
  const inContext = () => storage.getStore() !== undefined;
  globalThis.setTimeout = (callback, ms, ...args) =>
    inContext() ? startTimer(callback, ms, args, false) : real.setTimeout(callback, ms, ...args);
  globalThis.setInterval = (callback, ms, ...args) =>
    inContext() ? startTimer(callback, ms, args, true) : real.setInterval(callback, ms, ...args);
  globalThis.clearTimeout = stopTimer(real.clearTimeout);
  globalThis.clearInterval = stopTimer(real.clearInterval);
  globalThis.fetch = (url, init) => world.network.fetch(new URL(url).host, url, init);
  globalThis.Response = PlainResponse;
  globalThis.Promise = OwnedPromise;
  // biome-ignore lint/suspicious/noThenProperty: promises behave as in the runtime that is simulated
  real.Promise.prototype.then = then;
  Date.now = () => storage.getStore()?.node.clock() ?? real.now();
  Math.random = () => world.seeds.next() / 2 ** 32;
  AbortSignal.timeout = timeoutSignal;
}

/** Puts the real ones back. */
export function uninstall() {
  world = undefined;
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
