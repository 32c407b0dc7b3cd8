// Runs: a script for each kind of plan, and the checks at rest after it. As tests/simulation/scenarios.rs.
import { START_MS } from "./clock.mjs";
import { stranger } from "./faults.mjs";
import { peerName, SECRETS } from "./plan.mjs";
import { World } from "./world.mjs";

/** How many callers of a key a stampede has on each node, at most. */
const MOST_CALLERS = 5;
/** The time before and after an outage. */
const BEFORE_MS = 2_000;
const AFTER_MS = 40_000;
/** At most so many keys are looked up on every node at rest. */
const MOST_KEYS_AT_REST = 32;

/**
 * The run that uncaught errors belong to.
 *
 * @type {World | undefined}
 */
let inCharge;
process.on("unhandledRejection", (error) => inCharge?.fails(error));
process.on("uncaughtException", (error) => {
  if (inCharge === undefined) throw error;
  inCharge.fails(error);
});

/**
 * One run, from its seed to the rest at its end.
 *
 * @param {import("./types.js").Lib} lib
 * @param {number} seed
 * @param {import("./types.js").RunOptions} options
 */
export async function run(lib, seed, options) {
  const world = new World(lib, seed, options);
  inCharge = world;
  try {
    world.start();
    script(world);
    await settleDown(world);
    world.checks.loads();
    checkReturn(world);
    await rest(world);
  } finally {
    world.stop();
    inCharge = undefined;
  }
  return { seed, plan: world.plan, seen: world.seen, broken: world.broken };
}

/** @param {World} world */
function script(world) {
  const { plan } = world;
  if (plan.kind === "chaos") return scriptChaos(world);
  if (plan.kind === "outage") return scriptOutage(world);
  scriptStampede(world);
  return scriptLosses(world);
}

/**
 * Puts a deed into the script. Nodes are looked up when it is done: they may have restarted.
 *
 * @param {World} world
 * @param {number} at
 * @param {string} what
 * @param {() => unknown} deed
 */
function planDeed(world, at, what, deed) {
  world.clock.after(at, () => {
    world.trace(() => `-- ${what}`);
    deed();
  });
}

/** @param {World} world */
function scriptChaos(world) {
  const { plan, rng } = world;
  for (let call = 0; call < plan.calls; call++) {
    const [node, key] = [rng.below(plan.nodes), anyKey(world)];
    const withinMs = rng.chance(20) ? 1 + rng.below(1_000) : Infinity;
    world.clock.after(rng.below(plan.lastsMs), () => world.call(world.nodes[node], key, withinMs));
  }
  if (plan.rotates && plan.secrets.length > 0) scriptRotation(world);
  for (let event = 0; event < plan.events; event++) scriptEvent(world, rng.below(plan.lastsMs));
}

/**
 * Low numbers are asked for more often.
 *
 * @param {World} world
 */
function anyKey({ rng, plan }) {
  const count = plan.keys.length;
  return Math.floor((rng.below(count) * (rng.below(count) + 1)) / count);
}

/**
 * A secret is rotated: each node accepts the new one, then signs with it, then drops the old one, none a step ahead.
 *
 * @param {World} world
 */
function scriptRotation(world) {
  const { plan, rng } = world;
  const [old, next] = SECRETS;
  const thirdMs = Math.floor(plan.lastsMs / 3);
  [[old, next], [next, old], [next]].forEach((list, phase) => {
    for (let node = 0; node < plan.nodes; node++)
      planDeed(world, thirdMs * phase + rng.below(thirdMs + 1), `node ${node} has other secrets`, () => {
        world.nodes[node].secrets = list;
      });
  });
}

/**
 * A fault begins at a moment, and ends later.
 *
 * @param {World} world
 * @param {number} at
 */
function scriptEvent(world, at) {
  const { rng, plan, network } = world;
  const [node, key, swallows, side] = [rng.below(plan.nodes), anyKey(world), rng.chance(50), rng.next()];
  const later = at + rng.below(Math.floor(plan.lastsMs / 2) + 1);
  /**
   * @param {number} when
   * @param {string} what
   * @param {(node: import("./node.mjs").Node) => unknown} deed
   */
  const does = (when, what, deed) => planDeed(world, when, `${what} ${node}`, () => deed(world.nodes[node]));
  const kind = rng.below(16);
  if (kind <= 1) {
    does(at, "crash", (node) => world.crash(node, swallows));
    does(later, "start", (node) => world.restart(node));
  } else if (kind === 2) {
    does(at, "partition", () => (network.partition = { side, swallows }));
    does(later, "heal", () => (network.partition = undefined));
  } else if (kind === 3) {
    scriptPeers(world, at);
    does(later, "all peers", (node) => world.setPeers(node, allPeers(plan)));
  } else if (kind === 4) {
    const ms = rng.below(3_000);
    does(at, "slow", (node) => (node.slowMs = ms));
    does(later, "quick", (node) => (node.slowMs = 0));
  } else if (kind === 5) {
    does(at, "lies", (node) => (node.lies = 80));
    does(later, "honest", (node) => (node.lies = 0));
  } else if (kind <= 7) does(at, `remove key ${key} on`, (node) => node.isUp && world.remove(node, key));
  else if (kind === 8) does(at, `set key ${key} on`, (node) => node.isUp && world.set(node, key));
  else if (kind === 9 && rng.chance(20)) does(at, "clear", (node) => node.isUp && world.clear(node));
  else if (kind === 10) does(at, "a stranger asks", (node) => stranger(world, node.at));
  else if (kind === 11)
    does(at, "repeat", () => {
      const oldest = network.questions.at(-1);
      if (oldest !== undefined) network.arrives(oldest);
    });
  else if (kind === 12 && plan.secrets.length > 0) {
    does(at, "another secret", (node) => (node.secrets = [SECRETS[1]]));
    does(later, "the secret", (node) => (node.secrets = [SECRETS[0]]));
  } else if ((kind === 9 || kind === 13) && plan.setsClocks) {
    const ms = rng.pick([20, 1_000, 20_000, 3_600_000]) * (rng.chance(50) ? 1 : -1);
    does(at, `clock by ${ms} ms`, (node) => {
      node.skewMs += ms;
      world.steppedMs += Math.abs(ms);
      if (ms < 0) world.stepBacksMs -= ms;
    });
  } else does(at, "cut", () => world.cutSome());
}

/** @param {import("./types.js").Plan} plan */
const allPeers = ({ nodes }) => Array.from({ length: nodes }, (_, at) => peerName(at));

/**
 * Another list of peers, which some nodes get late, or never.
 *
 * @param {World} world
 * @param {number} at
 */
function scriptPeers(world, at) {
  const { rng, plan } = world;
  const list = rng.shuffle(allPeers(plan).filter(() => rng.chance(50)));
  for (let node = 0; node < plan.nodes; node++) {
    if (!rng.chance(80)) continue;
    planDeed(world, at + rng.below(2_000), `node ${node} has peers ${list}`, () =>
      world.setPeers(world.nodes[node], list),
    );
  }
}

/**
 * Every node is asked for every key, within a moment.
 *
 * @param {World} world
 */
function scriptStampede(world) {
  const { rng, plan, clock } = world;
  for (let node = 0; node < plan.nodes; node++)
    for (let key = 0; key < plan.keys.length; key++)
      for (let callers = 1 + rng.below(MOST_CALLERS); callers > 0; callers--)
        clock.after(rng.below(plan.lastsMs), () => world.call(world.nodes[node], key));
}

/** @param {World} world */
function scriptLosses(world) {
  const { rng, plan, network } = world;
  if (plan.kind === "owner dies") {
    const [node, swallows] = [rng.below(plan.nodes), rng.chance(50)];
    const isParted = rng.chance(30);
    planDeed(world, rng.below(plan.lastsMs + 1_000), `node ${node} is lost`, () => {
      // Or it lives on, unreachable.
      if (isParted) network.partition = { side: 1 << node, swallows };
      else world.crash(world.nodes[node], swallows);
    });
  }
  if (plan.kind === "peers change")
    for (let changes = 1 + rng.below(3); changes > 0; changes--) scriptPeers(world, rng.below(plan.lastsMs));
  for (let event = 0; event < plan.events; event++)
    planDeed(world, rng.below(plan.lastsMs + 300), "cut", () => world.cutSome());
}

/**
 * Node 0 owns every key and is down for a while; the others are asked for one key after the other.
 *
 * @param {World} world
 */
function scriptOutage(world) {
  const { rng, plan, clock } = world;
  for (let key = 0; key < plan.keys.length; key++)
    clock.after(gapMs(plan) * key, () => world.call(world.nodes[1 + (key % (plan.nodes - 1))], key));
  const swallows = rng.chance(50);
  planDeed(world, BEFORE_MS, "crash 0", () => world.crash(world.nodes[0], swallows));
  planDeed(world, BEFORE_MS + plan.lastsMs, "start 0", () => world.restart(world.nodes[0]));
}

/** @param {import("./types.js").Plan} plan */
const gapMs = (plan) => Math.floor((BEFORE_MS + plan.lastsMs + AFTER_MS) / plan.keys.length);
/** @param {import("./types.js").Plan} plan */
const lastsMs = (plan) => (plan.kind === "outage" ? BEFORE_MS + plan.lastsMs + AFTER_MS : plan.lastsMs * 2 + 5_000);

/**
 * Runs until nothing is due. Work that is still under way long after every deadline never ends.
 *
 * @param {World} world
 */
async function settleDown(world) {
  const { plan, clock } = world;
  if (world.broken !== undefined) return;
  const last = Math.max(clock.now, START_MS + lastsMs(plan));
  const isStill = await world.runUntil(last + 2 * plan.options.deadlineMs + 20_000 + world.steppedMs);
  if (world.broken !== undefined) return;
  const handlers = world.network.handlers.size;
  if (world.calls.size + handlers > 0)
    world.broke("at-rest", `${world.calls.size} calls and ${handlers} handlers never end`);
  const timers = clock.timers().length;
  if (timers > 0) world.broke("at-rest", `${timers} timers are left`);
  if (!isStill) world.broke("at-rest", "something goes on for ever");
  for (const { node, key, context, signal } of world.loads)
    if (!context.isDead && !signal.aborted) world.broke("in-time", `${node.name}: a load of key ${key} hangs for ever`);
}

/**
 * After an outage the peer is asked again, by everybody.
 *
 * @param {World} world
 */
function checkReturn(world) {
  const { plan, seen } = world;
  if (plan.kind !== "outage") return;
  const latestMs = gapMs(plan) * (plan.nodes + 2);
  for (let node = 1; node < plan.nodes; node++)
    if ((seen.askedAt.get(`${node} 0`) ?? 0) + latestMs < START_MS + lastsMs(plan))
      world.broke("breaker", `node ${node} does not ask node 0, which has been back for long`);
}

/**
 * No fault is left: every key returns a value on every node, and then nothing is under way.
 *
 * @param {World} world
 */
async function rest(world) {
  if (world.broken !== undefined) return;
  const { plan, rng, nodes, network } = world;
  world.trace(() => "-- calm");
  /** @type {import("./types.js").Faults} */
  const none = {
    ...{ lost: 0, doubled: 0, slow: 0, lies: 0, fails: 0, hangs: 0, notFound: 0, killed: 0 },
    ...{ listenerThrows: 0, odd: 0, heedless: 0, brokenBodies: 0 },
  };
  Object.assign(plan, none, { takesMs: [0, 10], delayMs: [0, 5] });
  network.partition = undefined;
  world.rests = true;
  for (let at = 0; at < plan.nodes; at++) {
    world.restart(nodes[at]);
    Object.assign(nodes[at], { slowMs: 0, lies: 0 });
    world.setPeers(nodes[at], allPeers(plan));
  }
  const longMs = 2 * plan.options.deadlineMs + 1 + world.steppedMs;
  // A flight without a leader is noticed by a follower within half a second, or given up in time.
  if (plan.options.deadlineMs < 4_000 || rng.chance(30)) await world.pass(longMs);
  for (const node of nodes)
    for (let key = 0; key < Math.min(plan.keys.length, MOST_KEYS_AT_REST); key++) world.call(node, key);
  await settleDown(world);
  await world.pass(longMs);
  // New keys: their lookups abandon flights without a leader, and report the last events.
  for (const group of new Set(plan.keys.map(({ group }) => group))) {
    const key = world.addKey(group, "the last one");
    for (const node of nodes) world.call(node, key);
  }
  await settleDown(world);
  for (const node of nodes) {
    if (world.broken !== undefined) return;
    world.counts.checkAtRest(node);
    world.counts.takeOver(node);
  }
}
