// The network: requests of peers and their responses travel late, twice, altered, in pieces or never.
import { alterAnswer, alterQuestion } from "./faults.mjs";
import { AUTH_HEADER } from "./names.mjs";
import { observe, owner, PlainHeaders, promised, runIn } from "./runtime.mjs";

/** How many messages are remembered, to be repeated or mixed up. */
const REMEMBERED = 16;
const ENDLESS_PIECE = new Uint8Array(16 << 10).fill(0x55);
const lostConnection = () => new TypeError("Network connection lost.");

export class Network {
  /**
   * The nodes on one side of a partition, bit by bit, and whether messages that would cross it vanish.
   *
   * @type {import("./types.js").Partition | undefined}
   */
  partition;
  /** @type {import("./types.js").Question[]} */
  questions = [];
  /** @type {{ path: string, said: import("./types.js").Said }[]} */
  answers = [];
  /**
   * Handlers of peer requests under way.
   *
   * @type {Set<import("./types.js").Handler>}
   */
  handlers = new Set();
  #world;

  /** @param {import("./world.mjs").World} world */
  constructor(world) {
    this.#world = world;
  }

  /**
   * The user's `connect`.
   *
   * @param {string} peer
   * @param {import("./node.mjs").Node} node
   * @returns {{ fetch(url: string, init: any): unknown }}
   */
  connect(peer, node) {
    const { rng, plan } = this.#world;
    this.#world.meddle(node);
    if (rng.chance(plan.odd) && rng.chance(20)) throw new Error("connect throws");
    if (rng.chance(plan.odd) && rng.chance(20)) return { fetch: () => rng.pick([undefined, "no response"]) };
    return { fetch: (url, init) => this.fetch(new URL(peer).host, url, init) };
  }

  /**
   * A request to a peer, made in the context that runs now.
   *
   * @param {string} host
   * @param {string} url
   * @param {{ headers: Record<string, string>, signal?: AbortSignal, redirect?: string }} init
   */
  fetch(host, url, init) {
    const world = this.#world;
    const context = owner();
    const signal = init.signal;
    const { node } = context;
    const truth = { secret: node.secrets[0], signedAt: node.clock(), isAltered: false, isForwarded: false };
    const ask = /** @type {import("./types.js").Ask} */ ({ context, node, signal, truth, redirect: init.redirect });
    Object.assign(ask, { to: Number(host.split("-")[1]), began: world.clock.stamp(), since: world.clock.now });
    ask.isOpen = true;
    ask.heeds = !world.rng.chance(world.plan.heedless);
    world.checks.askBegins(ask);
    const headers = new PlainHeaders(Object.entries(init.headers));
    /** @type {import("./types.js").Question} */
    const question = { auth: undefined, ask, from: node.at, to: ask.to, path: url.slice(url.indexOf("/", 8)), truth };
    ask.path = question.path;
    question.auth = headers.get(AUTH_HEADER) ?? undefined;
    return promised((resolve, reject) => {
      ask.resolve = resolve;
      ask.fails = (error) => {
        if (!ask.isOpen) return;
        this.#hangUp(ask);
        reject(error);
        ask.breaksBody?.(error);
      };
      if (ask.heeds) signal?.addEventListener("abort", () => ask.fails(signal?.reason));
      context.onDeath(() => this.#hangUp(ask));
      world.network.post(question);
    });
  }

  /**
   * The asker no longer waits for the response, and the peer may notice that.
   *
   * @param {import("./types.js").Ask} ask
   */
  #hangUp(ask) {
    if (!ask.isOpen) return;
    ask.isOpen = false;
    const { rng, clock, plan } = this.#world;
    if (!rng.chance(50)) return;
    clock.after(rng.between(plan.delayMs), () => {
      for (const handler of [...this.handlers]) if (handler.question.ask === ask) this.#world.cut(handler.context);
    });
  }

  /**
   * @param {number | undefined} from
   * @param {number} to
   */
  #reaches(from, to) {
    if (this.partition === undefined || from === undefined) return true;
    return ((this.partition.side >> from) & 1) === ((this.partition.side >> to) & 1);
  }

  /**
   * A message that cannot arrive vanishes, or its sender gets an error.
   *
   * @param {import("./types.js").Ask | undefined} ask
   * @param {boolean} swallows
   */
  #isUndeliverable(ask, swallows) {
    if (ask === undefined || swallows) return;
    const { rng, clock, plan } = this.#world;
    const error = rng.chance(plan.odd) ? rng.pick([undefined, "a text", null]) : lostConnection();
    clock.after(rng.between(plan.delayMs), () => ask.fails(error));
  }

  /** @param {import("./types.js").Question} question */
  post(question) {
    const { rng, clock, plan, seen, trace } = this.#world;
    seen.asks += 1;
    this.questions = [question, ...this.questions.slice(0, REMEMBERED - 1)];
    trace(() => `node ${question.from}: asks node ${question.to} for ${question.path}`);
    if (!this.#reaches(question.from, question.to))
      return this.#isUndeliverable(question.ask, this.partition?.swallows ?? false);
    if (rng.chance(plan.lost)) {
      seen.lost += 1;
      return;
    }
    const sent = rng.chance(plan.lies) ? alterQuestion(this.#world, question) : question;
    if (rng.chance(plan.doubled)) {
      seen.doubled += 1;
      clock.after(this.#delayMs(sent.to), () => this.arrives(sent));
    }
    return void clock.after(this.#delayMs(sent.to), () => this.arrives(sent));
  }

  /** @param {number} at */
  #delayMs(at) {
    const { rng, plan, nodes } = this.#world;
    const slowMs = rng.chance(plan.slow) ? rng.below(3_000) : 0;
    return rng.between(plan.delayMs) + slowMs + nodes[at].slowMs;
  }

  /**
   * A request arrives: the shipped handler serves it.
   *
   * @param {import("./types.js").Question} question
   */
  arrives(question) {
    const world = this.#world;
    const node = world.nodes[question.to];
    if (!node.isUp) return this.#isUndeliverable(question.ask, node.swallows);
    const context = node.request("handler", world.rng.chance(world.plan.held));
    const handler = { question, context, node, began: world.clock.now, secrets: node.secrets, now: node.clock() };
    this.handlers.add(handler);
    context.onDeath(() => {
      if (!this.handlers.delete(handler)) return;
      if (!node.isUp) this.#isUndeliverable(question.ask, node.swallows);
      else if (world.rng.chance(50)) this.#isUndeliverable(question.ask, false);
    });
    const headers = new PlainHeaders(question.auth === undefined ? [] : [[AUTH_HEADER, question.auth]]);
    /** @type {any} */
    const request = { url: `http://${node.name.slice(7)}${question.path}`, method: "GET", headers };
    const { env, ctx } = node.scope(context);
    const answered = runIn(context, () => node.pool.handle(request, env, ctx));
    observe(
      answered,
      (response) => {
        if (context.isDead) return;
        world.checks.handled(handler, response);
        if (!this.handlers.delete(handler)) return;
        world.answered(context);
        if (response !== undefined) this.#replies(handler, response);
        else this.#replies(handler, { status: 404, pairs: [], bytes: new Uint8Array() });
      },
      (error) => context.isDead || world.broke("sound", `${node.name}: handle rejects: ${error?.stack}`),
    );
  }

  /**
   * @param {import("./types.js").Handler} handler
   * @param {import("./types.js").Response} response
   */
  #replies({ node, question }, { status, pairs, bytes }) {
    const { rng, clock, plan, seen, trace } = this.#world;
    const { ask } = question;
    trace(() => `${node.name}: answers ${question.path} with ${status}, ${bytes?.length ?? 0} bytes`);
    if (ask === undefined || !ask.isOpen) return;
    const body = typeof bytes === "string" ? Buffer.from(bytes) : (bytes?.slice() ?? null);
    /** @type {import("./types.js").Said} */
    const said = { status, headers: new PlainHeaders(pairs), body, saidAt: clock.now, fate: "whole" };
    if (!this.#reaches(node.at, ask.node.at)) return this.#isUndeliverable(ask, this.partition?.swallows ?? false);
    if (rng.chance(plan.lost)) {
      seen.lost += 1;
      return this.#isUndeliverable(ask, node.swallows);
    }
    this.answers = [{ path: question.path, said: { ...said } }, ...this.answers.slice(0, REMEMBERED - 1)];
    if (rng.chance(plan.brokenBodies)) said.fate = rng.pick(["cut", "hangs", "is endless", "is odd"]);
    const isAltered = rng.chance(Math.max(plan.lies, node.lies));
    const deliver = () => clock.after(this.#delayMs(node.at), () => this.#delivers(ask, said));
    if (isAltered)
      observe(alterAnswer(this.#world, { ...question, ask }, said), deliver, (error) => this.#world.fails(error));
    else deliver();
  }

  /**
   * @param {import("./types.js").Ask} ask
   * @param {import("./types.js").Said} said
   */
  #delivers(ask, said) {
    if (!ask.isOpen || ask.context.isDead) return;
    ask.resolve(this.#response(ask, said));
    if (said.body === null) ask.isOpen = false;
  }

  /**
   * The response as an object of the user's: to read any part of it runs code of the user's.
   *
   * @param {import("./types.js").Ask} ask
   * @param {import("./types.js").Said} said
   */
  #response(ask, said) {
    const world = this.#world;
    /**
     * @template T
     * @param {T} part
     */
    const read = (part) => {
      world.meddle(ask.node);
      return part;
    };
    const bytes = said.body;
    const body = bytes === null ? null : { getReader: () => read(this.#reader(ask, bytes, said)) };
    return {
      headers: { get: (/** @type {string} */ name) => read(said.headers.get(name)) },
      get status() {
        return read(said.status);
      },
      get body() {
        return read(body);
      },
    };
  }

  /**
   * The body in pieces, each after the other, by the pace of the network.
   *
   * @param {import("./types.js").Ask} ask
   * @param {Uint8Array} body
   * @param {import("./types.js").Said} said
   */
  #reader(ask, body, { fate, saidAt }) {
    const { rng, clock, plan, checks } = this.#world;
    /** @type {Uint8Array[]} */
    const pieces = [];
    const most = 1 + rng.below(plan.pieces);
    const step = Math.max(1, Math.ceil(body.length / most));
    for (let at = 0; at < body.length; at += step) pieces.push(Uint8Array.from(body.subarray(at, at + step)));
    let isFirst = true;
    const next = () => {
      if (fate === "is endless") return { done: false, value: ENDLESS_PIECE };
      if (fate === "is odd") return { done: false, value: "text" };
      if (pieces.length > (fate === "cut" ? 1 : 0)) return { done: false, value: pieces.shift() };
      if (fate === "cut") throw lostConnection();
      ask.isOpen = false;
      checks.bodyArrives(ask, body, saidAt);
      return { done: true, value: undefined };
    };
    const read = () =>
      promised((resolve, reject) => {
        ask.breaksBody = reject;
        if (!ask.isOpen && ask.heeds) return reject(ask.signal?.reason ?? lostConnection());
        if (fate === "hangs" && pieces.length <= 1) return undefined;
        const waitMs = isFirst ? 0 : rng.between(plan.delayMs) + 1;
        isFirst = false;
        const give = () => {
          try {
            resolve(next());
          } catch (error) {
            ask.isOpen = false;
            reject(error);
          }
        };
        if (pieces.length === 0 && fate === "whole") return give();
        return void clock.after(waitMs, give, ask.context);
      });
    const cancel = () => {
      this.#hangUp(ask);
      const isOdd = rng.chance(plan.odd);
      const settles = rng.chance(50);
      return promised((resolve, reject) => (isOdd ? settles && reject("it cannot be cancelled") : resolve()));
    };
    return { read, cancel };
  }
}
