// The plan of a run, drawn from its seed: the cluster, its options, the faults and the load. Kinds and odds are those of
// tests/simulation/plan.rs.
export const SECRETS = ["the old one", "the new one", "a stranger's"];
export const GROUPS = ["scores & more", "second"];
/** @param {number} node */
export const peerName = (node) => `http://node-${node}`;

/**
 * Percentages are of requests, messages or loads.
 *
 * @param {import("./random.mjs").Rng} rng
 * @param {import("./types.js").Lib} lib
 * @returns {import("./types.js").Plan}
 */
export function drawPlan(rng, lib) {
  const kind = rng.below(20);
  if (kind < 12) return chaos(rng);
  if (kind < 14) return calm(rng, "stampede");
  if (kind < 17) return calm(rng, "owner dies");
  // An owner whose leaders vanish twice still responds within the peer timeout.
  if (kind === 17) return { ...calm(rng, "leaders cut"), takesMs: [1, 300], events: 1 + rng.below(2) };
  if (kind === 18) return calm(rng, "peers change");
  return outage(rng, lib);
}

/**
 * Nothing happens that could leave a caller without a value.
 *
 * @param {import("./types.js").Plan} plan
 */
export const isCalm = (plan) => plan.kind !== "chaos";

/**
 * @param {import("./random.mjs").Rng} rng
 * @returns {import("./types.js").Plan}
 */
function chaos(rng) {
  const options = /** @type {import("./types.js").Options} */ ({
    maxBytes: rng.pick([8 << 10, 16 << 10, 64 << 10, 1 << 20]),
  });
  if (rng.chance(30)) options.policy = "lru";
  options.maxEntryBytes = rng.chance(30) ? 200 + rng.below(800) : Math.min(options.maxBytes / 8, 512 << 10);
  const anyMs = () => rng.pick([20, 200, 1_000, 5_000, 20_000]);
  if (rng.chance(75)) options.ttlMs = anyMs();
  options.staleWhileRevalidateMs = rng.chance(40) ? anyMs() : 0;
  options.staleIfErrorMs = rng.chance(40) ? anyMs() : 0;
  if (rng.chance(30)) options.hotTtlMs = rng.pick([0, 50, 500, 5_000]);
  options.deadlineMs = rng.pick([250, 800, 2_000, 5_000, 10_000]);
  options.peerTimeoutMs = rng.pick([60, 250, 1_000, 2_000]);
  options.failover = rng.below(4);
  // Names without a space may also come from a Go peer, which adds no digest.
  const isPlain = rng.chance(30);
  const names = Array.from({ length: 1 + rng.below(24) }, (_, at) => (isPlain ? `key-${at}` : `key ${at}/+%ü?#&`));
  const groups = isPlain ? GROUPS.slice(1) : rng.chance(20) ? GROUPS : GROUPS.slice(0, 1);
  // No URL can carry these.
  if (rng.chance(20)) names.push(".", "ü".repeat(1_100));
  const sizes = [64, Math.min(options.maxEntryBytes, 4_096) / 2, Math.min((options.maxEntryBytes * 5) / 4, 8_192)];
  const often = (/** @type {number} */ most) => (rng.chance(50) ? 0 : rng.below(most));
  return {
    ...misbehaviour(rng, often),
    kind: "chaos",
    nodes: 1 + rng.below(6),
    keys: keysOf(names, groups),
    options,
    secrets: rng.chance(60) ? [SECRETS[0]] : [],
    rotates: rng.chance(30),
    skewMs: rng.pick([0, 5_000, 14_000, 40_000]),
    lateMs: rng.below(10),
    setsClocks: rng.chance(20),
    delayMs: [0, rng.pick([2, 20, 100])],
    lost: often(20),
    doubled: often(20),
    slow: often(20),
    lies: often(30),
    takesMs: rng.pick(
      /** @type {import("./types.js").Range[]} */ ([
        [0, 5],
        [10, 100],
        [50, 1_500],
      ]),
    ),
    fails: often(30),
    hangs: often(10),
    notFound: often(15),
    valueBytes: Math.floor(rng.pick(sizes)),
    held: rng.pick([0, 50, 100]),
    tells: rng.chance(30),
    killed: rng.pick([0, 50, 100]),
    lastsMs: rng.pick([500, 3_000, 20_000, 60_000]),
    calls: 20 + rng.below(110),
    events: rng.below(60),
  };
}

/**
 * Faults of the code around the package: listeners, loaders and fetchers of the user.
 *
 * @param {import("./random.mjs").Rng} rng
 * @param {import("./types.js").Often} often
 */
function misbehaviour(rng, often) {
  return {
    /** Listeners that throw, loaders that throw odd things, fetchers that do not heed their signal. */
    listenerThrows: often(30),
    odd: often(40),
    heedless: often(60),
    /** Bodies that are cut, hang or never end; and bodies in several pieces. */
    brokenBodies: often(20),
    pieces: rng.pick([1, 1, 3]),
    /** Loaders that give their value at once. */
    sync: often(60),
    /** Whether peers are reached by `connect` instead of the global fetch. */
    connects: rng.chance(50),
    /** User code that uses the cache while the package calls it: a listener, loader, codec, fetcher or `waitUntil`. */
    meddles: rng.chance(50) ? 0 : rng.below(30),
    /** Whether the group has a codec of the user's. */
    codes: rng.chance(30),
  };
}

/**
 * Values stay fresh, nothing is lost on the way, and there is time for everything.
 *
 * @param {import("./random.mjs").Rng} rng
 * @param {import("./types.js").Plan["kind"]} kind
 * @returns {import("./types.js").Plan}
 */
function calm(rng, kind) {
  const options = /** @type {import("./types.js").Options} */ ({
    maxBytes: 4 << 20,
    maxEntryBytes: 512 << 10,
    deadlineMs: 10_000,
  });
  if (rng.chance(20)) options.hotTtlMs = 0;
  if (rng.chance(50)) options.ttlMs = 600_000;
  Object.assign(options, { staleWhileRevalidateMs: 0, staleIfErrorMs: 0, peerTimeoutMs: 2_000 });
  options.failover = 1 + rng.below(2);
  const names = Array.from({ length: 1 + rng.below(4) }, (_, at) => `key-${at}`);
  return {
    ...misbehaviour(rng, () => 0),
    kind,
    nodes: 2 + rng.below(5),
    keys: keysOf(names, GROUPS.slice(0, 1)),
    options,
    secrets: rng.chance(40) ? [SECRETS[0]] : [],
    rotates: false,
    skewMs: rng.below(14_000),
    lateMs: rng.below(8),
    setsClocks: false,
    delayMs: [0, 1 + rng.below(30)],
    ...{ lost: 0, doubled: rng.chance(50) ? 20 : 0, slow: 0, lies: 0 },
    takesMs: [1, 600],
    ...{ fails: 0, hangs: 0, notFound: 0, valueBytes: 200 },
    held: rng.pick([0, 50, 100]),
    tells: rng.chance(30),
    killed: 0,
    lastsMs: 1 + rng.below(400),
    calls: 0,
    events: 0,
  };
}

/**
 * Node 0 owns every key.
 *
 * @param {import("./random.mjs").Rng} rng
 * @param {import("./types.js").Lib} lib
 */
function outage(rng, lib) {
  const plan = calm(rng, "outage");
  plan.nodes = 2 + rng.below(2);
  plan.options.peerTimeoutMs = 100 + rng.below(300);
  Object.assign(plan, { takesMs: [1, 20], delayMs: [0, 10], doubled: 0, lastsMs: 10_000 + rng.below(80_000) });
  const peers = Array.from({ length: plan.nodes }, (_, at) => peerName(at));
  const pool = lib.createPool({ self: peers[0], peers });
  const names = [];
  for (let at = 0; names.length < 150; at++) if (pool.owner(`key-${at}`) === peers[0]) names.push(`key-${at}`);
  plan.keys = keysOf(names, GROUPS.slice(0, 1));
  return plan;
}

/**
 * @param {string[]} names
 * @param {string[]} groups
 */
const keysOf = (names, groups) => groups.flatMap((group) => names.map((name) => ({ group, name })));
