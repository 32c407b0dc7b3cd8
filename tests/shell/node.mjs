// A node: a pool of the shipped package, a clock of its own, and the simulation's own record of its work.
import { GROUPS, peerName } from "./plan.mjs";
import { Context, current, runIn } from "./runtime.mjs";

/** Failures in a row that open a breaker, and over how many requests half of them do: src/pool/breaker.rs. */
const MOST_IN_A_ROW = 5;
const HISTORY = 32;

export class Node {
  isUp = true;
  /** Whether requests to it hang while it is down, instead of failing at once. */
  swallows = false;
  /** The delay of its responses in ms, and the percentage of them that is altered. */
  slowMs = 0;
  lies = 0;
  book = new Book();
  /**
   * Every context of this node that may still run.
   *
   * @type {Set<Context>}
   */
  contexts = new Set();

  /**
   * @param {import("./world.mjs").World} world
   * @param {number} at
   * @param {{ secrets: string[], skewMs: number }} state
   */
  constructor(world, at, { secrets, skewMs }) {
    const { plan, lib, rng } = world;
    this.world = world;
    this.at = at;
    this.name = peerName(at);
    this.secrets = secrets;
    this.skewMs = skewMs;
    this.context = new Context(this, "node");
    this.peers = Array.from({ length: plan.nodes }, (_, other) => peerName(other));
    /** Nodes without a listener compute nothing for events, so both ways run. */
    this.listens = rng.chance(90);
    /** @type {import("geecache-edge/slim").PoolOptions<{ node: Node }>} */
    const options = { self: this.name, peers: this.peers };
    if (plan.secrets.length > 0) options.secret = (env) => env.node.secretList();
    if (this.listens) options.onEvent = (event) => world.counts.hears(this, event);
    if (plan.connects) options.connect = (peer) => /** @type {any} */ (world.network.connect(peer, this));
    const groups = new Set(plan.keys.map(({ group }) => group));
    runIn(this.context, () => {
      this.pool = lib.createPool(options);
      this.groups = GROUPS.filter((name) => groups.has(name)).map((name) =>
        this.pool.group(name, {
          ...plan.options,
          ...(plan.codes && { codec: this.codec() }),
          load: (key, scope) => world.loaders.load(this, /** @type {number} */ (world.keyIndex(name, key)), scope),
        }),
      );
    });
  }

  /** The node's own time. */
  clock() {
    return this.world.clock.now + this.skewMs;
  }

  /** The user's list of secrets. To read it runs code of the user's. */
  secretList() {
    const { world, secrets } = this;
    world.meddle(this);
    const list = [...secrets];
    const get = () => {
      world.meddle(this);
      return secrets[0];
    };
    return Object.defineProperty(list, 0, { get });
  }

  /** The user's codec. */
  codec() {
    const same = (/** @type {Uint8Array} */ value) => {
      this.world.meddle(this);
      return value;
    };
    return { encode: same, decode: same };
  }

  /** @param {number} key */
  group(key) {
    const group = this.groups.find(({ name }) => name === this.world.plan.keys[key].group);
    if (group === undefined) throw new Error(`no group has key ${key}`);
    return group;
  }

  /**
   * A request's context on this node.
   *
   * @param {"call" | "handler"} kind
   * @param {boolean} isHeld
   */
  request(kind, isHeld) {
    const context = new Context(this, kind, isHeld);
    context.began = this.world.clock.stamp();
    this.contexts.add(context);
    context.onDeath(() => this.contexts.delete(context));
    return context;
  }

  /**
   * The scope of a call in `context`.
   *
   * @param {Context} context
   */
  scope(context) {
    /** @type {import("geecache-edge/slim").Scope<any>} */
    const scope = { env: { node: this } };
    const holds = (/** @type {Promise<unknown>} */ promise) => {
      context.waitUntil(promise);
      this.world.meddle(this);
    };
    if (context.isHeld) scope.ctx = { waitUntil: holds };
    else if (this.world.rng.chance(this.world.plan.odd))
      scope.ctx = {
        waitUntil: () => {
          throw new TypeError("the request has ended");
        },
      };
    return scope;
  }

  /**
   * Runs `use` as code of the node.
   *
   * @template T
   * @param {() => T} use
   * @returns {T}
   */
  run(use) {
    return current()?.node === this ? use() : runIn(this.context, use);
  }

  /**
   * Counters of the pool, and those of its groups added up.
   *
   * @returns {import("./types.js").NodeStats}
   */
  stats() {
    return this.run(() => {
      const { groups, ...pool } = this.pool.stats();
      /** @type {Record<string, number>} */
      const sum = {};
      for (const counters of Object.values(groups))
        for (const [name, count] of Object.entries(counters)) sum[name] = (sum[name] ?? 0) + count;
      return { pool: { ...pool }, group: sum };
    });
  }

  /** @param {string} peer */
  hasPeer(peer) {
    return this.peers.includes(peer);
  }

  crash() {
    this.isUp = false;
    for (const context of [...this.contexts]) context.die();
    this.context.die();
  }
}

/** The simulation's record of a node since its start. */
export class Book {
  /**
   * By name: how often something happened.
   *
   * @type {Record<string, number>}
   */
  counted = {};
  /**
   * By key: the versions that arrived, each with the stamp at which its load or request began.
   *
   * @type {Map<number, { version: number, began: number, hotSince: number | undefined }[]>}
   */
  #arrivals = new Map();
  /**
   * By key: the stamps of removes and sets.
   *
   * @type {Map<number, number[]>}
   */
  #forgotten = new Map();
  /**
   * By key: loads under way.
   *
   * @type {Map<number, Set<import("./types.js").Load>>}
   */
  loading = new Map();
  /**
   * Requests to peers that have not been reported by an event, and those given up because the peer left.
   *
   * @type {Set<import("./types.js").Ask>}
   */
  asks = new Set();
  /**
   * By peer: when it left the list.
   *
   * @type {Map<string, number>}
   */
  leftAt = new Map();
  /** Changes of the list whose effect on requests under way is not sure yet, and requests that ended meanwhile. */
  leaving = 0;
  unsure = 0;
  /**
   * By peer: the state that its breaker must have.
   *
   * @type {Map<string, import("./types.js").Trouble>}
   */
  troubles = new Map();
  /** Requests not sent because of an open breaker, and whether one was open, when that was last looked at. */
  shortCircuits = 0;
  wasTroubled = false;

  /** @param {string} name */
  count(name, by = 1) {
    this.counted[name] = (this.counted[name] ?? 0) + by;
  }

  /** @param {string} name */
  of(name) {
    return this.counted[name] ?? 0;
  }

  /**
   * @param {number} key
   * @param {number} version
   * @param {number} began
   * @param {number} [hotSince]
   */
  arrives(key, version, began, hotSince) {
    const arrivals = this.#arrivals.get(key) ?? [];
    arrivals.push({ version, began, hotSince });
    this.#arrivals.set(key, arrivals);
  }

  /**
   * @param {number} key
   * @param {number} stamp
   */
  forgets(key, stamp) {
    const stamps = this.#forgotten.get(key) ?? [];
    stamps.push(stamp);
    this.#forgotten.set(key, stamps);
  }

  /**
   * Whether a remove or a set of the key happened since.
   *
   * @param {number} key
   * @param {number} stamp
   */
  isForgottenSince(key, stamp) {
    return (this.#forgotten.get(key)?.at(-1) ?? 0) > stamp;
  }

  /**
   * @param {number} key
   * @param {number} version
   */
  #of(key, version) {
    return (this.#arrivals.get(key) ?? []).filter((arrival) => arrival.version === version);
  }

  /**
   * For how long a version has been here at least, if every copy of it is a hot copy.
   *
   * @param {number} key
   * @param {number} version
   * @param {number} now
   */
  hotForMs(key, version, now) {
    const newest = Math.max(...this.#of(key, version).map(({ hotSince }) => hotSince ?? now));
    return Number.isFinite(newest) ? now - newest : undefined;
  }

  /**
   * Whether a lookup that began at `stamp` may return the version: its load began after the last remove before.
   *
   * @param {number} key
   * @param {number} version
   * @param {number} stamp
   */
  mayGive(key, version, stamp) {
    const removed = (this.#forgotten.get(key) ?? []).findLast((remove) => remove < stamp) ?? 0;
    return this.#of(key, version).some(({ began }) => began >= removed);
  }

  /**
   * Records how a request to a peer ended.
   *
   * @param {string} peer
   * @param {number} now
   * @param {boolean} failed
   */
  records(peer, now, failed) {
    const trouble = this.troubles.get(peer) ?? { history: [], isOpen: false, probes: 0, openedAt: 0, closedSince: 0 };
    this.troubles.set(peer, trouble);
    if (trouble.isOpen) {
      if (!failed) this.troubles.delete(peer);
      return;
    }
    trouble.history.unshift(failed);
    trouble.history.length = Math.min(trouble.history.length, HISTORY);
    const failures = trouble.history.filter(Boolean).length;
    const answered = trouble.history.indexOf(false);
    const inARow = answered < 0 ? trouble.history.length : answered;
    const tooOften = trouble.history.length === HISTORY && failures >= HISTORY / 2;
    if (failed && (inARow >= MOST_IN_A_ROW || tooOften)) {
      Object.assign(trouble, { isOpen: true, openedAt: now, closedSince: now });
      this.wasTroubled = true;
    } else if (failures === 0) this.troubles.delete(peer);
  }
}
