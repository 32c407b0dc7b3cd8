/**
 * Singleflight over requests: the leader's promise, its heartbeat, and how followers wait.
 *
 * A request can vanish at any await, and its `finally` never runs. So the promise is the leader's and settles with
 * plain bytes; the leader passes it to `waitUntil` before its first await and sends a heartbeat while it lives; and
 * every follower has a timer of its own, which keeps its request alive and notices when the heartbeat stops.
 */
import type { Core } from "./core/core.js";
import { HEARTBEAT_MS, Outcome } from "./core/protocol.js";
import type { Bytes, Flight } from "./core/steps.js";
import { asError, type GeecacheError } from "./errors.js";
import type { Context } from "./options.js";

/** How a flight ended. Only bytes and errors: nothing in it belongs to a request. */
export type FlightResult =
  | { kind: Outcome.Value; value: Bytes; freshMs: number; source: "loader" | "peer" | "stale" }
  | { kind: Outcome.NotFound; source: "loader" | "peer" }
  | { kind: Outcome.LoadFailed; error: GeecacheError };

/** A flight that a request of this isolate leads. */
export interface LedFlight {
  readonly flight: Flight;
  /** Never rejects. Resolves to undefined if the flight was lost to another leader: look the key up again. */
  readonly result: Promise<FlightResult | undefined>;
  land(result: FlightResult | undefined): void;
  /** Called when the peer being asked has left the ring. */
  onPeerLeft(): void;
}

/** The runtime's own `waitUntil`, for calls without a `ctx`. */
let ambientContext: Context | undefined;

/** Provides the context for calls without a `ctx`. The first call counts. */
export function provideContext(context: Context | undefined): void {
  ambientContext ??= context;
}

/** The flights that this isolate's requests lead for one group. */
export class Flights {
  readonly #core: Core;
  readonly #group: number;
  readonly #led = new Map<number, LedFlight>();
  #instance = -1;

  constructor(core: Core, group: number) {
    this.#core = core;
    this.#group = group;
  }

  /** Registers a flight, so that those who join it from now on share its result. */
  lead(flight: Flight): LedFlight {
    this.#sweep();
    let land!: LedFlight["land"];
    const result = new Promise<FlightResult | undefined>((resolve) => (land = resolve));
    const led = { flight, result, land, onPeerLeft() {} };
    this.#led.set(flight.id, led);
    return led;
  }

  /** Carries out the tasks of a registered flight, with a heartbeat, and lands it. */
  carryOut(led: LedFlight, context: Context | undefined, tasks: () => Promise<FlightResult | undefined>): void {
    const { flight } = led;
    try {
      (context ?? ambientContext)?.waitUntil(led.result);
    } catch {
      // The context of a request that has ended keeps nothing alive; followers notice by the heartbeat.
    }
    const heartbeat = setInterval(() => {
      if (!this.#core.heartbeat(this.#group, flight)) led.onPeerLeft();
    }, HEARTBEAT_MS);
    void tasks()
      .catch((thrown): FlightResult => ({ kind: Outcome.LoadFailed, error: asError(thrown) }))
      .then((result) => {
        clearInterval(heartbeat);
        if (this.#led.get(flight.id) === led) this.#led.delete(flight.id);
        led.land(result);
      });
  }

  /** Waits for another request's flight. Resolves to undefined if its leader has vanished: look the key up again. */
  follow(
    flight: Flight,
    timeoutMs: number,
    onTimeout: () => FlightResult | undefined,
  ): Promise<FlightResult | undefined> {
    return new Promise((resolve) => {
      const settle = (result: FlightResult | undefined) => {
        clearInterval(checks);
        clearTimeout(deadline);
        resolve(result);
      };
      const isLed = () => this.#core.watch(this.#group, flight);
      const checks = setInterval(() => isLed() || settle(undefined), HEARTBEAT_MS);
      const deadline = setTimeout(
        () => {
          // Checks for the next follower, too: callers in a hurry count as well. This one has no time left to lead.
          isLed();
          settle(onTimeout());
        },
        Math.max(0, timeoutMs),
      );
      this.#led.get(flight.id)?.result.then(settle, () => {
        // The runtime reports that the leader's request has ended and its promise can never settle.
        this.#core.abandon(this.#group, flight);
        settle(undefined);
      });
    });
  }

  /** Drops the flights of vanished leaders, which the core has abandoned, oldest first. */
  #sweep(): void {
    if (this.#instance !== this.#core.instance) this.#led.clear();
    this.#instance = this.#core.instance;
    for (const id of this.#led.keys()) {
      if (this.#core.isInFlight(this.#group, id)) return;
      this.#led.delete(id);
    }
  }
}
