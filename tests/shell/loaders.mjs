// Loaders of the user: they take their time, fail, hang, throw odd things, and go on writing into the arrays they gave.
import { observe, owner, promised } from "./runtime.mjs";

/** Things that only plain JavaScript throws. */
const ODD_ERRORS = [
  () => undefined,
  () => null,
  () => "a text",
  () => Object.assign(new Error("with a code"), { code: "ECONNRESET" }),
  () => ({
    toString() {
      throw new Error("it has no text");
    },
  }),
];
const ODD_VALUES = [null, "a text", 7, {}];

export class Loaders {
  #world;

  /** @param {import("./world.mjs").World} world */
  constructor(world) {
    this.#world = world;
  }

  /**
   * The group's loader.
   *
   * @param {import("./node.mjs").Node} node
   * @param {number} key
   * @param {{ signal: AbortSignal }} scope
   * @returns {any} Odd values, too.
   */
  load(node, key, { signal }) {
    const world = this.#world;
    const { rng, plan, clock, origin } = world;
    const context = owner();
    const load = { node, key, context, signal, began: clock.stamp(), since: clock.now, isDone: false };
    world.seen.loads += 1;
    node.book.count("loads");
    origin.loads.set(key, (origin.loads.get(key) ?? 0) + 1);
    world.checks.loadBegins(load);
    world.loads.add(load);
    context.onDeath(() => this.#vanishes(load));
    world.meddle(node);
    const hangs = rng.chance(plan.hangs);
    const takesMs = rng.between(plan.takesMs);
    const end = this.#draw(load);
    world.trace(() => `${node.name}: loads key ${key}: ${hangs ? "hangs" : `${end.what} in ${takesMs} ms`}`);
    if (hangs) return promised(() => {});
    if (rng.chance(plan.sync)) return end.give();
    return promised((resolve, reject) => {
      const finish = () => {
        try {
          resolve(end.give());
        } catch (error) {
          reject(error);
        }
      };
      clock.after(takesMs, finish, context);
    });
  }

  /** @param {import("./types.js").Load} load */
  #draw(load) {
    const { rng, plan, clock, origin } = this.#world;
    const { node, key } = load;
    const isOdd = rng.chance(plan.odd);
    const ends = () => {
      load.isDone = true;
      this.#world.loads.delete(load);
    };
    if (rng.chance(plan.fails)) {
      const odd = rng.pick(ODD_ERRORS);
      const value = rng.pick(ODD_VALUES);
      const throws = rng.chance(70);
      return {
        what: "fails",
        give: () => {
          ends();
          origin.failedAt.set(key, clock.now);
          if (isOdd && !throws) return value;
          throw isOdd ? odd() : new Error("it would not load");
        },
      };
    }
    if (rng.chance(plan.notFound)) {
      const give = () => {
        ends();
        origin.notFoundAt.set(key, clock.now);
        return undefined;
      };
      return { what: "finds nothing", give };
    }
    const length = rng.below(plan.valueBytes + 1);
    return {
      what: `gives ${length} bytes`,
      give: () => {
        ends();
        const version = origin.make(key, length, clock.now);
        const bytes = origin.bytesOf(version);
        node.book.arrives(key, version, load.began);
        // The array is the loader's, which uses it again as soon as it has been read.
        if (isOdd) afterTurns(2 + rng.below(4), () => bytes.fill(0xee));
        return bytes;
      },
    };
  }

  /** @param {import("./types.js").Load} load */
  #vanishes(load) {
    const { seen, loads } = this.#world;
    if (!loads.delete(load)) return;
    seen.vanished += 1;
    if (load.context.isHeld && load.node.isUp && !load.signal.aborted)
      this.#world.broke("one-load", `${load.node.name}: waitUntil does not hold the load of key ${load.key}`);
    // With a waitUntil a load outlives its caller, though not its node.
    if (!load.context.isHeld && load.node.isUp) seen.lostLoads.set(load.key, (seen.lostLoads.get(load.key) ?? 0) + 1);
  }
}

/**
 * Runs `run` after so many microtasks.
 *
 * @param {number} turns
 * @param {() => void} run
 */
function afterTurns(turns, run) {
  if (turns === 0) run();
  else observe(undefined, () => afterTurns(turns - 1, run));
}
