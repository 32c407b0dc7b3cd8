// Book-keeping: the package's events and counters, compared with each other and with the simulation's own counts.
import { COUNTERS, OUTCOMES, POOL_COUNTERS, RING_MISMATCH } from "./names.mjs";
import { current } from "./runtime.mjs";

/** Counts of a run's events: a simulation that no longer produces one of them fails. */
export const newSeen = () => ({
  ...{ events: 0, calls: 0, values: 0, loads: 0, asks: 0, lost: 0, doubled: 0, altered: 0, strangers: 0 },
  ...{ turnedAway: 0, cut: 0, meddled: 0, vanished: 0, staleHits: 0, coalesced: 0, peerHits: 0, shortCircuits: 0 },
  ...{ lostFlights: 0, timeouts: 0, rejected: 0, invalidatedLoads: 0, evictions: 0 },
  ...{ leftPeers: 0, breakers: 0, leftOpen: 0 },
  /**
   * By key: loads whose request vanished without a waitUntil. By node and peer: when it was last asked.
   *
   * @type {Map<number, number>}
   */
  lostLoads: new Map(),
  /** @type {Map<string, number>} */
  askedAt: new Map(),
});
const FROM_STATS = /** @type {const} */ ([
  ...["staleHits", "coalesced", "peerHits", "shortCircuits", "lostFlights", "timeouts"],
  ...["rejected", "invalidatedLoads", "evictions"],
]);

export class Counts {
  #world;

  /** @param {import("./world.mjs").World} world */
  constructor(world) {
    this.#world = world;
  }

  /**
   * A listener of the user.
   *
   * @param {import("./node.mjs").Node} node
   * @param {import("geecache-edge/slim").CacheEvent} event
   */
  hears(node, event) {
    const world = this.#world;
    const { rng, plan } = world;
    world.trace(() => `${node.name}: event ${JSON.stringify(event)}`);
    this.#records(node, event);
    world.meddle(node);
    if (rng.chance(plan.listenerThrows)) throw rng.pick([new Error("the listener fails"), undefined, "a text"]);
  }

  /**
   * @param {import("./node.mjs").Node} node
   * @param {import("geecache-edge/slim").CacheEvent} event
   */
  #records(node, event) {
    const { book } = node;
    const { seen, plan } = this.#world;
    const wrong = (/** @type {string} */ what) =>
      this.#world.broke("counted", `${node.name}: ${what}: ${JSON.stringify(event)}`);
    if ("key" in event && this.#world.keyIndex(event.group, event.key) === undefined) wrong("an event of no key");
    if ("ms" in event && !plan.setsClocks && !(event.ms >= 0)) wrong("an event took no time");
    if (event.type === "hit" || event.type === "stale" || event.type === "miss") {
      book.count(`${event.type} events`);
      book.count(event.fromPeer ? "peer lookups" : "lookups");
      if (event.fromPeer !== (current()?.kind === "handler"))
        this.#world.broke("no-forward", `${node.name} takes a peer request for a caller's, or the reverse`);
    } else if (event.type === "peer") this.#peerEvent(node, event, wrong);
    else if (event.type === "load") {
      if (event.outcome === OUTCOMES.notFound) book.count("notFound");
      else if (event.outcome !== OUTCOMES.value && event.outcome !== OUTCOMES.loadFailed) wrong("an unknown outcome");
      book.count("load events");
    } else if (event.type === "evict") book.count("evict events", event.count);
    else if (event.type === "fallback") book.count("fallback events");
    else if (event.type === "breaker") {
      seen.breakers += 1;
      book.count(event.isOpen ? "opened" : "closed");
      // A peer that leaves takes its breaker with it.
      if (!node.hasPeer(event.peer)) seen.leftOpen += Number(book.troubles.delete(event.peer));
      const isOpen = book.troubles.get(event.peer)?.isOpen ?? false;
      if (this.#isExact(node) && book.unsure === 0 && isOpen !== event.isOpen)
        wrong("the event of another peer's breaker");
    } else if (event.type === RING_MISMATCH) book.count("mismatch events");
    else wrong("an unknown event");
  }

  /**
   * @param {import("./node.mjs").Node} node
   * @param {{ peer: string, outcome: string, ms: number }} event
   * @param {(what: string) => void} wrong
   */
  #peerEvent(node, { peer, outcome, ms }, wrong) {
    const { book } = node;
    const { clock } = this.#world;
    const context = current();
    const asks = [...book.asks].filter((ask) => ask.context === context);
    const took = (/** @type {import("./types.js").Ask} */ ask) => clock.now - ask.since === ms;
    const exact = asks.find((ask) => ask.peer === peer && took(ask));
    const other = exact ? undefined : asks.find(took);
    if (other !== undefined) {
      book.asks.delete(other);
      if (!other.isAbandoned) book.count("peerFailures");
      wrong(`the event of a request to ${other.peer}`);
      return;
    }
    const ask = exact ?? asks.find((ask) => ask.peer === peer);
    if (ask !== undefined) book.asks.delete(ask);
    if (ask?.isAbandoned) return;
    const hasLeft = !node.hasPeer(peer);
    if (hasLeft) book.unsure += 1;
    if (outcome === OUTCOMES.value) book.count("peerHits");
    else if (outcome === OUTCOMES.notFound) book.count("notFound");
    else if (outcome === OUTCOMES.peerFailed || outcome === OUTCOMES.notTransferable) book.count("peerFailures");
    else if (outcome !== OUTCOMES.loadFailed) wrong("an unknown outcome");
    if (!hasLeft && outcome !== OUTCOMES.notTransferable)
      book.records(peer, this.#world.clock.now, outcome === OUTCOMES.peerFailed);
  }

  /**
   * Counts a response of the package to a caller or a peer, by its source.
   *
   * @param {import("./node.mjs").Node} node
   * @param {string} source
   */
  answers(node, source) {
    node.book.count(`from ${source}`);
  }

  /**
   * The list of a node's peers changes: requests to those who left are given up at the next heartbeat.
   *
   * @param {import("./node.mjs").Node} node
   * @param {string[]} before
   */
  peersChange(node, before) {
    const { clock, plan, seen } = this.#world;
    const { book } = node;
    for (const peer of before) if (!node.hasPeer(peer)) book.leftAt.set(peer, clock.stamp());
    for (const peer of node.peers) {
      if (!book.leftAt.delete(peer)) continue;
      for (const ask of book.asks) book.unsure += ask.peer === peer ? 1 : 0;
    }
    for (const [peer, { isOpen }] of book.troubles) {
      if (node.hasPeer(peer)) continue;
      book.troubles.delete(peer);
      if (isOpen && this.#isExact(node) && book.unsure === 0)
        this.#world.broke("counted", `${node.name}: no event of the breaker of ${peer}, which left`);
    }
    const open = [...book.asks].filter((ask) => !ask.isAbandoned && book.leftAt.has(ask.peer));
    if (open.length === 0) return;
    const leftAt = new Map(book.leftAt);
    book.leaving += 1;
    clock.after(100 + 2 * plan.lateMs + 2, () => {
      book.leaving -= 1;
      if (!node.isUp) return;
      for (const ask of open) {
        const isGone = leftAt.get(ask.peer) === book.leftAt.get(ask.peer);
        if (!book.asks.has(ask) || ask.isAbandoned || !isGone) continue;
        // Its request has ended: before the heartbeat, or since.
        if (ask.context.isDead) book.unsure += 1;
        else book.count("peerFailures");
        ask.isAbandoned = true;
        seen.leftPeers += 1;
      }
      const counted = node.stats().group[COUNTERS.peerFailures];
      if (this.#isExact(node) && counted < book.of("peerFailures") - book.unsure)
        this.#world.broke("in-time", `${node.name} waits for a peer that has left`);
    });
  }

  /** @param {import("./node.mjs").Node} node */
  #isExact({ listens, book }) {
    return listens && !this.#world.plan.setsClocks && book.leaving === 0;
  }

  /**
   * Compares the counters of a node with the simulation's own.
   *
   * @param {import("./node.mjs").Node} node
   */
  check(node) {
    if (!node.isUp) return undefined;
    const { book, listens } = node;
    const { plan } = this.#world;
    const stats = node.stats();
    const of = (/** @type {keyof typeof COUNTERS} */ name) => stats.group[COUNTERS[name]];
    const wrong = (/** @type {string} */ what) =>
      this.#world.broke("counted", `${node.name}: ${what}; stats ${JSON.stringify(stats)}, seen ${show(book.counted)}`);
    const same = (/** @type {keyof typeof COUNTERS} */ name, /** @type {number} */ expected, unsure = 0) => {
      if (!(Math.abs(of(name) - expected) <= unsure)) wrong(`${name} is ${of(name)}, not ${expected}`);
    };
    if (stats.pool[POOL_COUNTERS.traps] !== 0) this.#world.broke("sound", `${node.name}: a trap`);
    same("requests", book.of("calls"));
    same("loads", book.of("loads"));
    same("hits", book.of("from memory"));
    if (of("staleHits") < book.of("from stale")) wrong("more stale answers than staleHits");
    if (of("coalesced") + of("staleHits") < book.of("from flight")) wrong("more answers of flights than coalesced");
    if (of("timeouts") > book.of("late") && !plan.setsClocks) wrong("more timeouts than late ends");
    if (stats.pool[POOL_COUNTERS.unauthorized] !== book.of("unauthorized")) wrong("unauthorized");
    if (of("usedBytes") > of("maxBytes")) this.#world.broke("budget", `${node.name} uses ${of("usedBytes")} bytes`);
    if (listens) {
      if (book.of("hit events") > of("hits") || book.of("stale events") > of("staleHits")) wrong("events of hits");
      same("requests", book.of("lookups"));
      same("peerRequests", book.of("peer lookups"));
      if (book.of("fallback events") > of("fallbacks")) wrong("events of fallbacks");
    }
    if (this.#isExact(node)) {
      same("peerHits", book.of("peerHits"), book.unsure);
      same("peerFailures", book.of("peerFailures"), book.unsure);
      same("notFound", book.of("notFound"), book.unsure);
    }
    const newly = of("shortCircuits") - book.shortCircuits;
    book.shortCircuits = of("shortCircuits");
    const wasWell = !book.wasTroubled;
    book.wasTroubled = [...book.troubles.values()].some(({ isOpen }) => isOpen);
    if (newly > 0 && wasWell && this.#isExact(node) && book.unsure === 0)
      this.#world.broke("breaker", `${node.name} passes over a peer that is well`);
    return { stats, of, wrong, plan };
  }

  /**
   * The same once nothing is under way and every lookup has been followed by another.
   *
   * @param {import("./node.mjs").Node} node
   */
  checkAtRest(node) {
    const checked = this.check(node);
    if (checked === undefined) return;
    const { stats, of, wrong } = checked;
    const { book, listens } = node;
    const flights = of("flights");
    if (flights > 0) this.#world.broke("at-rest", `${node.name} has ${flights} flights at rest`);
    const led = of("loads") + book.of("asks begun");
    // Every lookup hits, joins, or leads a flight, which runs at least one task.
    if (of("requests") + of("peerRequests") > of("hits") + of("staleHits") + of("coalesced") + led)
      wrong("more lookups than ends of lookups");
    if (!listens) return;
    if (book.of("evict events") !== of("evictions")) wrong(`${book.of("evict events")} evictions are reported`);
    if (of("fallbacks") > book.of("fallback events") + of("shortCircuits") + book.of("peerFailures") + book.unsure)
      wrong("more fallbacks than failures of peers");
    const mismatches = stats.pool[POOL_COUNTERS.ringMismatches];
    if (book.of("mismatch events") > mismatches || mismatches > 0 !== book.of("mismatch events") > 0)
      wrong("events of other rings");
    const open = stats.pool[POOL_COUNTERS.openBreakers];
    if (open > book.of("opened") || (open === 0 && book.of("opened") > 0 && book.of("closed") === 0))
      wrong("events of breakers");
  }

  /**
   * Adds a node's counters to those of the run.
   *
   * @param {import("./node.mjs").Node} node
   */
  takeOver(node) {
    const { group } = node.stats();
    for (const name of FROM_STATS) this.#world.seen[name] += group[COUNTERS[name]];
  }
}

const show = (/** @type {object} */ counted) => JSON.stringify(counted);
