// A pool's counters as OpenTelemetry instruments, through the official API alone: read at collection, free until then.
import type { Attributes, Meter } from "@opentelemetry/api";
import type { Pool } from "geecache-edge";

/** Sizes, which can fall. All other counters only grow. */
const GAUGES = new Set(["entries", "usedBytes", "maxBytes", "flights"]);

/**
 * Observes a pool and its groups; call it once they are made. Each counter of `pool.stats()` is `geecache.<name>`, a
 * group's with the attribute `geecache.group`.
 */
export function observe<Env>(pool: Pool<Env>, meter: Meter): void {
  const { groups, ...own } = pool.stats();
  const names = Object.keys(Object.assign(own, ...Object.values(groups)));
  const observable = (name: string) =>
    GAUGES.has(name)
      ? meter.createObservableGauge(`geecache.${name}`)
      : meter.createObservableCounter(`geecache.${name}`);
  const instruments = new Map(names.map((name) => [name, observable(name)]));

  // One callback for all, so that one export is one reading.
  meter.addBatchObservableCallback(
    (result) => {
      const tell = (counts: object, attributes: Attributes) => {
        for (const [name, instrument] of instruments) {
          const count: unknown = counts[name as keyof typeof counts];
          if (typeof count === "number") result.observe(instrument, count, attributes);
        }
      };
      const { groups, ...own } = pool.stats();
      tell(own, {});
      for (const [group, counts] of Object.entries(groups)) tell(counts, { "geecache.group": group });
    },
    [...instruments.values()],
  );
}
