/**
 * Flights over requests: the leader carries out the core's tasks, the followers wait for its outcome.
 *
 * A request can vanish at any await, and its `finally` never runs. So the promise is the leader's and settles with plain
 * bytes; the leader hands it to `waitUntil` before its first await and beats while it lives; and every follower has a
 * timer of its own, which keeps its request alive and notices when the beats stop.
 */
import {
  AGAIN,
  ASK,
  CAME_LOAD_FAILED,
  CAME_NO_SUCH_KEY,
  CAME_PEER_FAILED,
  CAME_UNFIT,
  CAME_UNHANDED,
  CAME_VALUE,
  type Core,
  type Flight,
  LOAD,
  STALE,
  TOO_LATE,
} from "./core/core.js";
import { GeecacheError } from "./errors.js";
import { type Context } from "./options.js";

/** How a look-up ended. Only bytes and errors: nothing in it belongs to a request. */
export type Outcome =
  | { kind: "value"; bytes: Uint8Array<ArrayBuffer>; freshMs: number; source: "loader" | "peer" | "stale" }
  | { kind: "absent"; source: "loader" | "peer" }
  | { kind: "failed"; error: GeecacheError };

/** What a task came to: an outcome, a peer that failed, or a key or value that no peer can be asked for. */
export type Came = Outcome | { kind: "peer failed"; why?: GeecacheError } | { kind: "unfit"; why?: GeecacheError };

const CAME = { absent: CAME_NO_SUCH_KEY, failed: CAME_LOAD_FAILED, "peer failed": CAME_PEER_FAILED, unfit: CAME_UNFIT };

/** How often a leader beats and a follower looks: `BEAT_MS` of `src/flight.rs`. */
const BEAT_MS = 100;

/** The flights that this isolate's requests lead for one group. */
export class Flights {
  readonly #core: Core;
  readonly #group: number;
  readonly #led = new Map<number, Promise<Outcome | undefined>>();
  #instance = 0;

  constructor(core: Core, group: number) {
    this.#core = core;
    this.#group = group;
  }

  /** Leads a flight down the ladder, from its first task on. Resolves to undefined where it was lost to another leader. Never rejects. */
  lead(
    flight: Flight,
    task: number,
    context: Context | undefined,
    carryOut: (task: number) => Promise<Came>,
    late: () => Outcome,
  ): Promise<Outcome | undefined> {
    let land!: (outcome: Outcome | undefined) => void;
    const outcome = new Promise<Outcome | undefined>((resolve) => (land = resolve));
    this.#sweep();
    this.#led.set(flight.id, outcome);
    try {
      context?.waitUntil(outcome);
    } catch {
      // A context whose request has ended can keep nothing alive; the followers' watch covers that.
    }
    let leave = (_: Came) => {};
    const beat = setInterval(
      () => this.#core.note(this.#group, flight, false) || leave({ kind: "peer failed" }),
      BEAT_MS,
    );
    // Nobody waits for a peer that has left the ring; of the next one that is asked, that says nothing.
    const race = (task: number) =>
      task === ASK ? Promise.race([carryOut(task), new Promise<Came>((resolve) => (leave = resolve))]) : carryOut(task);
    void this.#descend(flight, task, race, late)
      .catch((thrown): Outcome => ({ kind: "failed", error: asError(thrown) }))
      .then((landed) => {
        clearInterval(beat);
        if (this.#led.get(flight.id) === outcome) this.#led.delete(flight.id);
        land(landed);
      });
    return outcome;
  }

  /** Waits for another request's flight. Resolves to undefined where its leader is gone: look the key up again. */
  follow(flight: Flight, withinMs: number, late: () => Outcome): Promise<Outcome | undefined> {
    return new Promise((resolve) => {
      const settle = (outcome: Outcome | undefined) => {
        clearInterval(ticks);
        clearTimeout(deadline);
        resolve(outcome);
      };
      const look = () => this.#core.watch(this.#group, flight);
      const ticks = setInterval(() => look() || settle(undefined), BEAT_MS);
      const deadline = setTimeout(
        () => {
          // For whoever follows next: callers in a hurry look as well. This one has no time left to lead.
          look();
          settle(late());
        },
        Math.max(0, withinMs),
      );
      this.#led.get(flight.id)?.then(settle, () => {
        // The runtime says that the leader's request has ended and its promise can never settle.
        this.#core.note(this.#group, flight, true);
        settle(undefined);
      });
    });
  }

  /** One task after the other, as the core says, to the end of the flight. */
  async #descend(
    flight: Flight,
    task: number,
    carryOut: (task: number) => Promise<Came>,
    late: () => Outcome,
  ): Promise<Outcome | undefined> {
    let came = await carryOut(task);
    let why: unknown;
    for (;;) {
      if ("why" in came) why = came.why;
      // An error without a cause of its own, a deadline that passed, may come of the peer that failed before.
      if (why !== undefined && came.kind === "failed" && !("cause" in came.error)) came.error.cause = why;
      const next = this.#tell(flight, came);
      if (next === AGAIN) return undefined;
      if (next === STALE) return { kind: "value", bytes: this.#core.value(), freshMs: 0, source: "stale" };
      if (next === ASK || next === LOAD) {
        came = await carryOut(next);
      } else if (next === TOO_LATE) {
        // Told once more, to a flight that is over, so that the cause goes with it.
        came = late();
      } else if (came.kind === "peer failed" || came.kind === "unfit") {
        // The flight was lost together with its instance: the answer comes from our own loader.
        came = await carryOut(LOAD);
      } else {
        return came;
      }
    }
  }

  #tell(flight: Flight, came: Came): number {
    if (came.kind !== "value") return this.#core.told(this.#group, flight, CAME[came.kind], -1);
    const handed = this.#core.hand(this.#group, [came.bytes]);
    return this.#core.told(this.#group, flight, handed ? CAME_VALUE : CAME_UNHANDED, came.freshMs);
  }

  /** Drops what vanished leaders left behind: flights that the core has given up, oldest first. */
  #sweep(): void {
    if (this.#instance !== this.#core.instance) this.#led.clear();
    this.#instance = this.#core.instance;
    for (const id of this.#led.keys()) {
      if (this.#core.call((wasm) => wasm.isFlying(this.#group, id))) return;
      this.#led.delete(id);
    }
  }
}

/** Anything thrown, as an error with a code. */
export function asError(thrown: unknown): GeecacheError {
  if (thrown instanceof GeecacheError) return thrown;
  let said = "";
  try {
    said = thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    // It cannot say.
  }
  return new GeecacheError("ERR_LOAD", `the loader failed: ${said}`, thrown);
}
