// The invariants, each with a name. The names are those of tests/simulation/invariants.rs.
import { KNOWN } from "./known.mjs";
import { isCalm, peerName } from "./plan.mjs";
import { PlainHeaders } from "./runtime.mjs";

/** The promise of each one. */
export const INVARIANTS = {
  "right-value": "a value is its key's, as fresh as the options say, and no remove or set came after its load began",
  whole: "bytes that were altered, cut short, forged or shared reach no caller",
  "in-time": "every call, load and request to a peer ends within its deadline",
  "one-load": "a key is loaded once at a time on a node, and a stampede costs a bounded number of loads",
  "no-forward": "a peer request is never forwarded, and nobody asks itself or a stranger",
  budget: "a group uses no more than maxBytes",
  "at-rest": "when all is over every key is answered, and no flight and no timer is left",
  answered: "where only leaders, callers and owners are lost, every caller gets a value",
  "only-peers": "with a secret, unsigned requests get 401, and signed ones do not",
  breaker: "a peer known to be down is asked no more than a probe a cool-down, and again when it is back",
  counted: "counters and events report what happened",
  sound: "nothing throws that nobody catches, and every error has a code",
};

const CLOCK_SKEW_MS = 30_000;
/** Half of a breaker's first cool-down, and of its longest. */
const LEAST_COOL_DOWN_MS = 500;
const LONGEST_COOL_DOWN_MS = 15_000;
const CODES = new Set(["ERR_LOAD", "ERR_LOAD_TYPE", "ERR_TIMEOUT"]);

export class Checks {
  #world;

  /** @param {import("./world.mjs").World} world */
  constructor(world) {
    this.#world = world;
  }

  /**
   * @param {keyof typeof INVARIANTS} invariant
   * @param {string} what
   */
  #broke(invariant, what) {
    this.#world.broke(invariant, what);
  }

  /**
   * How a caller's lookup ended.
   *
   * @param {import("./types.js").Call} call
   * @param {import("./types.js").Ended} ended
   */
  outcome(call, { value, error, entry }) {
    const { clock, plan, rests } = this.#world;
    const { node, key } = call;
    this.#endsInTime(call, "a call");
    // A follower's value may have been on its way from a peer when it joined.
    const since = call.began - plan.options.peerTimeoutMs - plan.lateMs;
    const happenedSince = (/** @type {Map<number, number>} */ times) => (times.get(key) ?? -1) >= since;
    if (error !== undefined) {
      if (!(error instanceof this.#world.lib.GeecacheError) || !CODES.has(error.code))
        return this.#broke("sound", `${node.name} throws ${error?.stack ?? error}`);
      if (error.code !== "ERR_TIMEOUT" && !happenedSince(this.#world.origin.failedAt))
        this.#broke("right-value", `${node.name} says that key ${key} would not load: ${error.message}`);
      const invariant = rests ? "at-rest" : "answered";
      if (rests || isCalm(plan)) this.#broke(invariant, `${node.name} fails key ${key} at ${clock.now}: ${error.code}`);
    } else if (value === undefined) {
      if (!happenedSince(this.#world.origin.notFoundAt))
        this.#broke("right-value", `${node.name} says that there is no key ${key}: no load said so`);
    } else this.value(call, value, entry);
    return undefined;
  }

  /**
   * @param {{ node: import("./node.mjs").Node, endsAt: number }} ended
   * @param {string} what
   */
  #endsInTime({ node, endsAt }, what) {
    const { clock, plan, stepBacksMs } = this.#world;
    // One timer's lateness, and another's where the flight was lost at the last moment.
    const lateMs = clock.now - endsAt - (KNOWN.clockSetBack ? stepBacksMs : 0);
    if (lateMs > 2 * plan.lateMs) this.#broke("in-time", `${node.name}: ${what} ends ${lateMs} ms after its deadline`);
  }

  /**
   * @param {import("./types.js").Call} call
   * @param {Uint8Array} bytes
   * @param {import("./types.js").Ended["entry"]} [entry]
   */
  value({ node, key, stamp }, bytes, entry) {
    const { origin, clock, plan, steppedMs, seen } = this.#world;
    const version = bytes instanceof Uint8Array ? origin.versionOf(bytes) : undefined;
    if (version === undefined)
      return this.#broke("whole", `${node.name} gave ${bytes.length} bytes for key ${key} that nobody made`);
    const made = origin.versions[version];
    if (made.key !== key) return this.#broke("right-value", `${node.name} gave key ${made.key}'s value for key ${key}`);
    const { ttlMs, hotTtlMs, staleWhileRevalidateMs, staleIfErrorMs } = plan.options;
    const staleMs = Math.max(staleWhileRevalidateMs, staleIfErrorMs);
    const ageMs = clock.now - made.madeAt;
    if (ttlMs !== undefined && ageMs > ttlMs + staleMs + made.travelledMs + steppedMs)
      this.#broke("right-value", `${node.name} gave version ${version} of key ${key}, ${ageMs} ms old`);
    const freshMs = entry?.freshMs ?? -1;
    if (entry && ttlMs !== undefined && !(freshMs >= 0 && freshMs <= ttlMs + steppedMs))
      this.#broke("right-value", `${node.name} gave key ${key} as fresh for ${entry.freshMs} ms of ${ttlMs}`);
    const hotForMs = node.book.hotForMs(key, version, clock.now) ?? 0;
    if (!node.book.mayGive(key, version, stamp))
      this.#broke("right-value", `${node.name} gave version ${version} of key ${key} after it was removed`);
    else if (hotTtlMs !== undefined && hotForMs > hotTtlMs + staleMs + steppedMs)
      this.#broke("right-value", `${node.name} gave version ${version} of key ${key}, a hot copy for ${hotForMs} ms`);
    seen.values += 1;
    return undefined;
  }

  /**
   * A loader is called.
   *
   * @param {import("./types.js").Load} load
   */
  loadBegins(load) {
    const { clock, plan } = this.#world;
    const { node, key, context, signal } = load;
    const others = [...(node.book.loading.get(key) ?? [])].filter(
      (other) => !other.isDone && !other.context.isDead && !other.signal.aborted,
    );
    // A flight that a remove came after is not joined; it is no older than its request.
    const doubled = others.find((other) => !node.book.isForgottenSince(key, other.context.began));
    if (doubled && !plan.setsClocks)
      this.#broke("one-load", `${node.name} loads key ${key}, which it has been loading since ${doubled.since}`);
    node.book.loading.set(key, new Set([...others, load]));
    if (plan.setsClocks) return;
    const limitMs = plan.options.deadlineMs + (plan.options.failover + 3) * plan.lateMs + 1;
    clock.after(
      limitMs,
      () => {
        if (!load.isDone && !signal.aborted)
          this.#broke("in-time", `${node.name}: a load of key ${key} has no deadline`);
      },
      context,
    );
  }

  /**
   * A peer is asked.
   *
   * @param {import("./types.js").Ask} ask
   */
  askBegins(ask) {
    const { clock, plan, seen, steppedMs } = this.#world;
    const { node, context, to } = ask;
    const peer = peerName(to);
    ask.peer = peer;
    seen.askedAt.set(`${node.at} ${to}`, clock.now);
    if (context.kind === "handler") this.#broke("no-forward", `${node.name} asks ${peer} while a peer waits for it`);
    if (to === node.at || !node.hasPeer(peer)) this.#broke("no-forward", `${node.name} asks ${peer}, which is no peer`);
    node.book.asks.add(ask);
    node.book.count("asks begun");
    const endsMs = plan.options.peerTimeoutMs + 2 * plan.lateMs + 1;
    clock.after(
      endsMs,
      () => {
        if (node.listens && node.book.asks.has(ask) && !ask.isAbandoned && !plan.setsClocks)
          this.#broke("in-time", `${node.name} has waited for ${peer} for ${endsMs} ms`);
        if (ask.isOpen && ask.heeds) this.#broke("in-time", `${node.name} never aborts its request to ${peer}`);
      },
      context,
    );
    const trouble = node.book.troubles.get(peer);
    if (!trouble?.isOpen || plan.setsClocks || !node.listens || node.book.unsure > 0) return;
    const closedMs = clock.now - trouble.closedSince + steppedMs;
    Object.assign(trouble, { closedSince: clock.now, probes: trouble.probes + 1 });
    if (closedMs < LEAST_COOL_DOWN_MS)
      this.#broke("breaker", `${node.name} asks ${peer}, which is down, again after ${closedMs} ms`);
  }

  /**
   * The body of a response has arrived at the node that asked, in time or late.
   *
   * @param {import("./types.js").Ask} ask
   * @param {Uint8Array} body
   * @param {number} saidAt
   */
  bodyArrives({ node, to, began }, body, saidAt) {
    const { origin, clock } = this.#world;
    const version = origin.versionOf(body);
    if (version === undefined || to === undefined) return;
    const made = origin.versions[version];
    made.travelledMs += clock.now - saidAt;
    node.book.arrives(made.key, version, began, clock.now);
  }

  /**
   * How a peer request was answered.
   *
   * @param {import("./types.js").Handler} handler
   * @param {import("./types.js").Response | undefined} response
   */
  handled({ node, question, secrets, now, began }, response) {
    const { counts, clock, plan, seen } = this.#world;
    this.#endsInTime({ node, endsAt: began + plan.options.deadlineMs }, "a peer request");
    if (clock.now >= began + plan.options.deadlineMs) node.book.count("late");
    const { truth } = question;
    const status = response?.status;
    const source = new PlainHeaders(response?.pairs).get("cache-status") ?? "";
    if (/; hit(;|$)/.test(source)) counts.answers(node, source.includes("detail=stale") ? "stale" : "memory");
    if (source.includes("collapsed")) counts.answers(node, "flight");
    if (status === 401) {
      seen.turnedAway += 1;
      node.book.count("unauthorized");
    }
    if (secrets.length === 0) {
      if (truth.isForwarded && status !== 508) this.#broke("no-forward", `${node.name} takes a forwarded request`);
      return;
    }
    const isSigned = truth.secret !== undefined && secrets.includes(truth.secret);
    const isPeer = isSigned && !truth.isAltered && Math.abs(truth.signedAt - now) <= CLOCK_SKEW_MS;
    const shown = `${question.path} at ${clock.now}: ${status}`;
    if (status === 401 && isPeer) this.#broke("only-peers", `${node.name} turns a peer away: ${shown}`);
    if (status !== 401 && status !== undefined && !isPeer) this.#broke("only-peers", `${node.name} lets in ${shown}`);
  }

  /**
   * A peer that was down is back: how often it was asked meanwhile.
   *
   * @param {import("./node.mjs").Node} peer
   */
  outage(peer) {
    const { nodes, clock } = this.#world;
    for (const node of nodes) {
      const trouble = node.book.troubles.get(peer.name);
      if (!trouble?.isOpen || !node.listens) continue;
      let [leastMs, most] = [LEAST_COOL_DOWN_MS, 0];
      for (let downMs = clock.now - trouble.openedAt; downMs >= leastMs; most++) {
        downMs -= leastMs;
        leastMs = Math.min(2 * leastMs, LONGEST_COOL_DOWN_MS);
      }
      if (trouble.probes > most)
        this.#broke("breaker", `${node.name} asked ${peer.name} ${trouble.probes} times: ${most} at most`);
    }
  }

  /**
   * Bounds the loads of a stampede. In chaos no bound holds: loads are lost with their nodes, run at the asker when an answer is
   * lost, and run again when the value was removed, expired or evicted.
   */
  loads() {
    const { plan, nodes, origin, seen, network } = this.#world;
    for (let key = 0; key < plan.keys.length; key++) {
      const loads = origin.loads.get(key) ?? 0;
      const lost = seen.lostLoads.get(key) ?? 0;
      const owner = nodes.find(({ name }) => name === this.#world.owners[key]);
      /** @type {Record<string, number>} */
      const bounds = {
        stampede: 1,
        // The one that is cut off loads for itself, and the next of the ring for the others.
        "owner dies": lost + (network.partition || !owner?.isUp ? 2 : 1),
        // A leader that vanishes loses its load; with a waitUntil none does.
        "leaders cut": 1 + lost,
        "peers change": plan.nodes + lost,
      };
      const most = bounds[plan.kind] ?? Number.POSITIVE_INFINITY;
      if (loads > most) this.#broke("one-load", `key ${key} was loaded ${loads} times: ${most} at most`);
    }
  }
}
