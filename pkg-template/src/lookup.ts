/**
 * Lookups: the loop that carries out the core's steps, and decides nothing. The numbers are those of
 * `src/group/mod.rs`.
 *
 * The core returns a step with all that belongs to it, as plain data; only then may code of the user's run: a listener,
 * `waitUntil`, `connect`, `secret`, a codec, the loader, a peer's response. Any of them may look into the cache.
 */
import type { Core } from "./core/core.js";
import { OUTCOMES, Outcome, Step } from "./core/protocol.js";
import type { Bytes, FirstStep, NextStep, PeerAnswer, Task } from "./core/steps.js";
import type { EventEmitter } from "./emitter.js";
import { GeecacheError, quoteKey } from "./errors.js";
import { type FlightResult, Flights, type LedFlight } from "./flights.js";
import type { Loader } from "./loader.js";
import type { ResolvePeer, Scope, Source } from "./options.js";
import { askPeer } from "./peer.js";
import { withTimeout } from "./timeout.js";

/** The bytes for a caller or a peer. */
export type Answer =
  | { kind: Outcome.Value; value: Bytes; freshMs: number; source: Source }
  | { kind: Outcome.NotFound; source: Source };

/** A peer that could not answer, with the reason if it is known. */
interface PeerFailure {
  kind: Outcome.PeerFailed | Outcome.NotTransferable;
  error: GeecacheError | undefined;
}

/** The lookups of one group. */
export class Lookups<T, Env> {
  readonly #core: Core;
  readonly #id: number;
  readonly #group: string;
  readonly #flights: Flights;
  readonly #loader: Loader<T, Env>;
  readonly #resolvePeer: ResolvePeer;
  readonly #emitter: EventEmitter | undefined;
  readonly #deadlineMs: number;

  constructor(
    core: Core,
    id: number,
    group: string,
    loader: Loader<T, Env>,
    resolvePeer: ResolvePeer,
    deadlineMs: number,
    emitter: EventEmitter | undefined,
  ) {
    this.#core = core;
    this.#id = id;
    this.#group = group;
    this.#flights = new Flights(core, id);
    this.#loader = loader;
    this.#resolvePeer = resolvePeer;
    this.#deadlineMs = deadlineMs;
    this.#emitter = emitter;
  }

  /** Looks a key up. A copy here is returned at once, without a promise. */
  lookUp(key: string, scope: Scope<Env>, fromPeer: boolean): Answer | Promise<Answer> {
    const { deadlineMs = Infinity } = scope;
    if (typeof deadlineMs !== "number" || !(deadlineMs > 0))
      throw new GeecacheError("ERR_OPTION", "the option deadlineMs of a call must be a number above 0");
    const now = Date.now();
    const first = this.#begin(key, now, fromPeer, false);
    // Registered before the listener runs, so that a lookup of the listener's can join it.
    const led = this.#register(first);
    this.#emitter?.emit({
      type: first.step === Step.Hit ? "hit" : first.step === Step.Stale ? "stale" : "miss",
      group: this.#group,
      key,
      fromPeer,
    });
    return (
      this.#copyOf(first, led, key, scope) ??
      this.#wait(first, led, key, scope, fromPeer, now + Math.min(deadlineMs, this.#deadlineMs))
    );
  }

  #begin(key: string, now: number, fromPeer: boolean, isRetry: boolean): FirstStep {
    try {
      return this.#core.begin(this.#id, key, now, fromPeer, isRetry);
    } catch (thrown) {
      // The next call has a fresh instance. Twice in a row is no accident.
      if (!(thrown instanceof GeecacheError && thrown.code === "ERR_TRAP")) throw thrown;
      return this.#core.begin(this.#id, key, now, fromPeer, isRetry);
    }
  }

  #register(first: FirstStep): LedFlight | undefined {
    if (first.step === Step.Hit || first.step === Step.Join) return undefined;
    const task = first.step === Step.Stale ? first.refresh : first;
    return task && this.#flights.lead(task.flight);
  }

  #copyOf(first: FirstStep, led: LedFlight | undefined, key: string, scope: Scope<Env>): Answer | undefined {
    // 1. A fresh copy.
    if (first.step === Step.Hit)
      return { kind: Outcome.Value, value: first.value, freshMs: first.freshMs, source: "memory" };
    if (first.step !== Step.Stale) return undefined;
    // 2. A stale copy; one caller refreshes it in the background.
    if (led && first.refresh) this.#lead(led, first.refresh, key, scope);
    return { kind: Outcome.Value, value: first.value, freshMs: 0, source: "stale" };
  }

  async #wait(
    first: FirstStep,
    led: LedFlight | undefined,
    key: string,
    scope: Scope<Env>,
    fromPeer: boolean,
    endsAt: number,
  ): Promise<Answer> {
    const onTimeout = () => this.#timedOut(key);
    for (;;) {
      const copy = this.#copyOf(first, led, key, scope);
      if (copy) return copy;
      const leftMs = endsAt - Date.now();
      let result: FlightResult | undefined;
      if (first.step === Step.Join) {
        // 3. Already in flight.
        result = await this.#flights.follow(first.flight, leftMs, onTimeout);
      } else if (led) {
        // 4. to 6. Lead a flight.
        this.#lead(led, first as Task, key, scope);
        result = await withTimeout(leftMs, led.result, onTimeout);
      }
      if (result === undefined && Date.now() >= endsAt) result = onTimeout();
      if (result !== undefined) return answerOf(result, first.step === Step.Join);
      first = this.#begin(key, Date.now(), fromPeer, true);
      led = this.#register(first);
    }
  }

  #lead(led: LedFlight, task: Task, key: string, scope: Scope<Env>): void {
    const asked = { peer: "" };
    if (this.#emitter) void led.result.then(() => this.#emitter?.emitChanges(this.#id, this.#group, asked.peer));
    this.#flights.carryOut(led, scope.ctx, () => this.#carryOut(led, task, key, scope, asked));
  }

  /** One task after the other, as the core says, to the end of the flight. */
  async #carryOut(
    led: LedFlight,
    task: Task,
    key: string,
    scope: Scope<Env>,
    asked: { peer: string },
  ): Promise<FlightResult | undefined> {
    const endsAt = Date.now() + this.#deadlineMs;
    let peerError: GeecacheError | undefined;
    for (;;) {
      const [result, next] = await (task.step === Step.Ask
        ? this.#ask(led, task, key, scope, asked)
        : this.#load(task, key, scope, asked.peer !== ""));
      if (isPeerFailure(result)) peerError = result.error ?? peerError;
      else if (result.kind === Outcome.LoadFailed) withCause(result.error, peerError);
      switch (next.step) {
        case Step.Ask:
        case Step.Load:
          // 5. The peer failed: the ring's next peer, or this node's loader.
          task = next;
          break;
        case Step.Retry:
        case Step.Superseded:
          return undefined;
        case Step.Stale:
          return { kind: Outcome.Value, value: next.value, freshMs: 0, source: "stale" };
        case Step.DeadlinePassed:
          return { kind: Outcome.LoadFailed, error: withCause(this.#deadlineError(key), peerError) };
        case Step.Done:
          // 6. The value is cached and the flight has ended.
          if (!isPeerFailure(result)) return result;
          // The flight was lost together with its instance: this node's loader answers.
          task = { ...task, step: Step.Load, timeoutMs: endsAt - Date.now() };
          break;
        default:
          return next satisfies never;
      }
    }
  }

  async #ask(
    led: LedFlight,
    task: Task,
    key: string,
    scope: Scope<Env>,
    asked: { peer: string },
  ): Promise<[FlightResult | PeerFailure, NextStep]> {
    const { peer } = task;
    asked.peer = peer;
    const began = Date.now();
    const failure = (kind: PeerFailure["kind"], why: string, cause?: unknown): PeerFailure => ({
      kind,
      error: new GeecacheError("ERR_PEER", `asking the peer ${peer} for ${quoteKey(key)} failed: ${why}`, cause),
    });
    let answer: PeerAnswer | undefined;
    let result: FlightResult | PeerFailure;
    try {
      // Nobody waits for a peer that has left the ring. A late response names its attempt, and the core ignores it.
      const left = new Promise<undefined>((resolve) => (led.onPeerLeft = () => resolve(undefined)));
      const asking = this.#askPeer(task, key, scope);
      answer = await Promise.race([withTimeout(task.timeoutMs, asking, () => timedOut(task)), left]);
      if (answer === undefined) result = { kind: Outcome.PeerFailed, error: undefined };
      else if (answer.kind === Outcome.Value) result = { ...answer, source: "peer" };
      else if (answer.kind === Outcome.NotFound) result = { kind: answer.kind, source: "peer" };
      else if (answer.kind === Outcome.LoadFailed) {
        const message = `the owner ${peer} could not load ${quoteKey(key)}: ${answer.message}`;
        result = { kind: answer.kind, error: new GeecacheError(answer.code, message) };
      } else result = failure(answer.kind, answer.message);
    } catch (thrown) {
      result = failure(Outcome.PeerFailed, thrown instanceof Error ? thrown.message : String(thrown), thrown);
    }
    led.onPeerLeft = () => {};
    const next = answer?.next ?? this.#core.completeTask(this.#id, task, result.kind);
    const ms = Date.now() - began;
    this.#emitter?.emit({ type: "peer", group: this.#group, key, peer, outcome: OUTCOMES[result.kind], ms });
    // At once, so that the event of a circuit breaker names its peer.
    this.#emitter?.emitChanges(this.#id, this.#group, peer);
    return [result, next];
  }

  /** Async, so that an error of `connect` or `secret` is a failed peer. */
  async #askPeer(task: Task, key: string, scope: Scope<Env>): Promise<PeerAnswer> {
    return askPeer(this.#core, this.#id, task, key, this.#resolvePeer(task.peer, scope.env));
  }

  async #load(task: Task, key: string, scope: Scope<Env>, isFallback: boolean): Promise<[FlightResult, NextStep]> {
    if (isFallback) this.#emitter?.emit({ type: "fallback", group: this.#group, key });
    const began = Date.now();
    const result = await this.#loader.run(key, scope, task.timeoutMs, () => this.#deadlineError(key));
    const next =
      result.kind === Outcome.Value
        ? this.#core.completeTask(this.#id, task, result.kind, result.value, result.freshMs)
        : this.#core.completeTask(this.#id, task, result.kind);
    const ms = Date.now() - began;
    this.#emitter?.emit({ type: "load", group: this.#group, key, outcome: OUTCOMES[result.kind], ms });
    return [result, next];
  }

  /** 5. Out of time: the stale copy if it may be served, else the error. */
  #timedOut(key: string): FlightResult {
    const value = this.#core.timedOut(this.#id, key);
    return value === undefined
      ? { kind: Outcome.LoadFailed, error: this.#deadlineError(key) }
      : { kind: Outcome.Value, value, freshMs: 0, source: "stale" };
  }

  #deadlineError(key: string): GeecacheError {
    const message = `looking up ${quoteKey(key)} in ${this.#group} took longer than its deadline: try again, or raise deadlineMs`;
    return new GeecacheError("ERR_TIMEOUT", message);
  }
}

function isPeerFailure(result: FlightResult | PeerFailure): result is PeerFailure {
  return result.kind === Outcome.PeerFailed || result.kind === Outcome.NotTransferable;
}

function timedOut({ timeoutMs }: Task): PeerAnswer {
  return { kind: Outcome.PeerFailed, message: `no answer within ${timeoutMs} ms` };
}

/**
 * A deadline that passed, or any error without a cause of its own, may be the result of the peer that failed before.
 */
function withCause(error: GeecacheError, cause: GeecacheError | undefined): GeecacheError {
  if (cause !== undefined && !("cause" in error)) (error as Error).cause = cause;
  return error;
}

/** A flight's result for one of its callers: the bytes are shared, so each caller has a copy. */
function answerOf(result: FlightResult, isJoined: boolean): Answer {
  if (result.kind === Outcome.LoadFailed) throw result.error;
  if (result.kind === Outcome.NotFound) return result;
  return { ...result, value: result.value.slice(), source: isJoined ? "flight" : result.source };
}
