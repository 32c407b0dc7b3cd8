// The world: one clock, one network, the nodes on it, and the calls under way. One thing happens after the other.
import { Clock, START_MS } from "./clock.mjs";
import { Counts, newSeen } from "./counts.mjs";
import { Checks } from "./invariants.mjs";
import { Loaders } from "./loaders.mjs";
import { Network } from "./network.mjs";
import { Node } from "./node.mjs";
import { Origin } from "./origin.mjs";
import { drawPlan, isCalm } from "./plan.mjs";
import { Rng } from "./random.mjs";
import { drive, install, observe, runIn, uninstall } from "./runtime.mjs";

/** How often some node's counters are looked at, in events. */
const CHECKED_EVERY = 16;

export class World {
  clock = new Clock();
  origin = new Origin();
  seen = newSeen();
  /** @type {Set<import("./types.js").Call>} */
  calls = new Set();
  /**
   * Loads under way.
   *
   * @type {Set<import("./types.js").Load>}
   */
  loads = new Set();
  /** By how much clocks have been set so far, in all, and backwards. */
  steppedMs = 0;
  stepBacksMs = 0;
  /** A `set` runs, whose codec may only read: the order of two changes would be unclear. */
  isSetting = false;
  /** The chaos is over: every caller must be answered from now on. */
  rests = false;
  /** @type {import("./types.js").Broken | undefined} */
  broken = undefined;
  /** @type {Node[]} */
  nodes = [];
  /** @type {(string | undefined)[]} */
  owners = [];
  #traces;
  #keys;

  /**
   * `lib` is the package; `change` makes another plan of the one that is drawn.
   *
   * @param {import("./types.js").Lib} lib
   * @param {number} seed
   * @param {import("./types.js").RunOptions} [options]
   */
  constructor(lib, seed, { traces = false, change = (plan) => plan } = {}) {
    this.lib = lib;
    this.rng = new Rng(seed);
    this.seeds = new Rng(~seed);
    this.#traces = traces;
    this.plan = change(drawPlan(this.rng, lib));
    this.#keys = new Map(this.plan.keys.map(({ group, name }, at) => [`${group}\0${name}`, at]));
    this.network = new Network(this);
    this.checks = new Checks(this);
    this.counts = new Counts(this);
    this.loaders = new Loaders(this);
  }

  start() {
    install(this);
    this.trace(() => JSON.stringify(this.plan));
    const { nodes, secrets } = this.plan;
    this.nodes = Array.from({ length: nodes }, (_, at) => new Node(this, at, { secrets, skewMs: this.drawSkewMs() }));
    this.owners = this.plan.keys.map(({ name }) => this.nodes[0].run(() => this.nodes[0].pool.owner(name)));
  }

  stop() {
    uninstall();
  }

  drawSkewMs() {
    return this.rng.below(2 * this.plan.skewMs + 1) - this.plan.skewMs;
  }

  /**
   * @param {string} group
   * @param {string} name
   */
  keyIndex(group, name) {
    return this.#keys.get(`${group}\0${name}`);
  }

  /**
   * @param {string} group
   * @param {string} name
   */
  addKey(group, name) {
    this.#keys.set(`${group}\0${name}`, this.plan.keys.length);
    return this.plan.keys.push({ group, name }) - 1;
  }

  /**
   * Runs everything due until `end`. Resolves to whether nothing is left.
   *
   * @param {number} end
   */
  async runUntil(end) {
    let isAll = true;
    await drive(() => {
      if (this.seen.events % CHECKED_EVERY === 0)
        this.counts.check(this.nodes[(this.seen.events / CHECKED_EVERY) % this.nodes.length]);
      if (this.broken !== undefined) return true;
      const next = this.clock.peek();
      if (next === undefined) return true;
      if (next.at > end) {
        isAll = false;
        this.clock.now = Math.max(this.clock.now, end);
        return true;
      }
      this.clock.pop();
      this.clock.stamp();
      this.seen.events += 1;
      try {
        runIn(next.context, next.run);
      } catch (error) {
        this.fails(error);
      }
      return false;
    });
    return isAll;
  }

  /**
   * Lets so much time pass.
   *
   * @param {number} ms
   */
  async pass(ms) {
    const end = this.clock.now + ms;
    await this.runUntil(end);
    this.clock.now = Math.max(this.clock.now, end);
  }

  /**
   * The first invariant that does not hold ends the run.
   *
   * @param {string} invariant
   * @param {string} what
   */
  broke(invariant, what) {
    this.trace(() => `BROKEN ${invariant}: ${what}`);
    this.broken ??= { invariant, what };
  }

  /**
   * An error that nobody caught.
   *
   * @param {any} error
   */
  fails(error) {
    this.broke("sound", `uncaught: ${error?.stack ?? String(error)}`);
  }

  /** @param {() => string} said */
  trace = (said) => {
    if (this.#traces) console.log(`${String(this.clock.now - START_MS).padStart(8)} ms  ${said()}`);
  };

  /**
   * A caller looks a key up.
   *
   * @param {Node} node
   * @param {number} key
   */
  call(node, key, withinMs = Infinity) {
    const { rng, plan, clock, seen } = this;
    if (!node.isUp) return;
    seen.calls += 1;
    const context = node.request("call", rng.chance(plan.held));
    const endsAt = clock.now + Math.min(withinMs, plan.options.deadlineMs);
    const call = { context, node, key, began: clock.now, stamp: clock.stamp(), endsAt };
    const scope = node.scope(context);
    if (withinMs < Infinity) scope.deadlineMs = withinMs;
    const { name } = plan.keys[key];
    this.trace(() => `${node.name}: call for key ${key} within ${withinMs} ms`);
    this.calls.add(call);
    node.book.count("calls");
    context.onDeath(() => this.calls.delete(call));
    const group = node.group(key);
    const ended = (/** @type {import("./types.js").Ended} */ how) => {
      if (context.isDead) return;
      if (clock.now >= endsAt) node.book.count("late");
      if (how.entry?.value !== undefined) this.counts.answers(node, how.entry.source);
      if (!this.calls.delete(call)) return;
      this.trace(() => `${node.name}: key ${key}: ${how.error?.code ?? how.entry?.source ?? "a value"}`);
      this.checks.outcome(call, how);
      // The value is the caller's own, who may write to it.
      how.value?.fill(0xdd);
      this.answered(context);
    };
    const looksUp = () => group.getEntry(name, scope);
    observe(
      runIn(context, looksUp),
      (entry) => ended({ value: entry.value, entry }),
      (error) => ended({ error }),
    );
  }

  /**
   * A request has its response. Its other work lives on as long as its runtime lets it.
   *
   * @param {import("./runtime.mjs").Context} context
   */
  answered(context) {
    const { rng, clock, plan } = this;
    if (context.isHeld) context.end();
    else if (rng.chance(plan.killed)) clock.after(rng.between([0, 300]), () => context.die());
  }

  /**
   * A request's client hangs up.
   *
   * @param {import("./runtime.mjs").Context} context
   */
  cut(context) {
    this.trace(() => `${context.node.name}: a ${context.kind} is cut`);
    this.seen.cut += 1;
    for (const call of this.calls) if (call.context === context) this.calls.delete(call);
    context.end();
  }

  cutSome() {
    const contexts = [...this.calls].map(({ context }) => context);
    if (!isCalm(this.plan)) for (const { context } of this.network.handlers) contexts.push(context);
    if (contexts.length > 0) this.cut(this.rng.pick(contexts));
  }

  /**
   * @param {Node} node
   * @param {number} key
   */
  remove(node, key) {
    this.trace(() => `${node.name}: removes key ${key}`);
    node.book.forgets(key, this.clock.stamp());
    node.run(() => node.group(key).remove(this.plan.keys[key].name));
  }

  /**
   * @param {Node} node
   * @param {number} key
   */
  set(node, key) {
    this.trace(() => `${node.name}: sets key ${key}`);
    const { origin, clock, rng, plan } = this;
    node.book.forgets(key, clock.stamp());
    const version = origin.make(key, rng.below(plan.valueBytes + 1), clock.now);
    const bytes = origin.bytesOf(version);
    node.book.arrives(key, version, clock.stamp());
    this.isSetting = true;
    node.run(() => {
      const { name } = plan.keys[key];
      const isKept = node.group(key).set(name, bytes);
      bytes.fill(0xee);
      const found = node.group(key).peek(name);
      const isFound = found !== undefined && origin.versionOf(found) === version;
      if (isKept ? plan.options.ttlMs !== 0 && !isFound : found !== undefined)
        this.broke("right-value", `${node.name}: key ${key} was set: ${isKept}, and is here: ${isFound}`);
    });
    this.isSetting = false;
  }

  /** @param {Node} node */
  clear(node) {
    for (let key = 0; key < this.plan.keys.length; key++) node.book.forgets(key, this.clock.stamp());
    node.run(() => {
      for (const group of node.groups) group.clear();
    });
  }

  /**
   * @param {Node} node
   * @param {string[]} list
   */
  setPeers(node, list) {
    if (!node.isUp) return;
    const before = node.peers;
    node.peers = list;
    node.run(() => node.pool.setPeers(list));
    this.counts.peersChange(node, before);
  }

  /**
   * @param {Node} node
   * @param {boolean} swallows
   */
  crash(node, swallows) {
    if (!node.isUp) return;
    this.counts.check(node);
    this.counts.takeOver(node);
    node.swallows = swallows;
    node.crash();
  }

  /** @param {Node} node */
  restart(node) {
    if (node.isUp) return;
    if (this.plan.kind === "outage") this.checks.outage(node);
    const { secrets } = node;
    this.nodes[node.at] = new Node(this, node.at, { secrets, skewMs: this.drawSkewMs() });
  }

  /**
   * User code uses the cache while the package calls it. Where every caller must get a value, it only reads.
   *
   * @param {Node} node
   */
  meddle(node) {
    const { rng, plan, seen } = this;
    if (!rng.chance(plan.meddles) || node.groups === undefined || !node.isUp) return;
    seen.meddled += 1;
    const key = rng.below(plan.keys.length);
    const kind = rng.below(isCalm(plan) || this.rests || this.isSetting ? 3 : 6);
    if (kind === 0) node.run(() => node.pool.stats());
    else if (kind === 1) node.run(() => node.group(key).peek(plan.keys[key].name));
    else if (kind === 2) node.run(() => node.pool.owner(plan.keys[key].name));
    else if (kind === 3) this.remove(node, key);
    else if (kind === 4) this.set(node, key);
    else this.call(node, key);
  }
}
