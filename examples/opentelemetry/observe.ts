// A pool's counters as OpenTelemetry instruments, with no dependency but the API. They are read at collection, and cost nothing between collections.
import type { Attributes, Meter } from "@opentelemetry/api";
import type { Pool, PoolStats, Stats } from "geecache-edge";

/** The counters that can fall. All others only grow. Typed, because an outdated name would turn a gauge into a counter. */
const GAUGES: ReadonlySet<string> = new Set<keyof Stats | keyof PoolStats>([
  "entries",
  "usedBytes",
  "maxBytes",
  "flights",
  "openBreakers",
]);

/**
 * Observes a pool and its groups. Call it once, after the last `pool.group`. Each counter of `pool.stats()` becomes
 * `geecache.<name>`; a group's has the attribute `geecache.group`.
 */
export function observe<Env>(pool: Pool<Env>, meter: Meter): void {
  const { groups, ...own } = pool.stats();
  const names = Object.keys(Object.assign(own, ...Object.values(groups)));
  const observable = (name: string) =>
    GAUGES.has(name)
      ? meter.createObservableGauge(`geecache.${name}`)
      : meter.createObservableCounter(`geecache.${name}`);
  const instruments = new Map(names.map((name) => [name, observable(name)]));

  // One callback for all instruments, so that an export is one consistent snapshot.
  meter.addBatchObservableCallback(
    (result) => {
      const report = (counts: object, attributes: Attributes) => {
        for (const [name, instrument] of instruments) {
          const count: unknown = counts[name as keyof typeof counts];
          if (typeof count === "number") result.observe(instrument, count, attributes);
        }
      };
      const { groups, ...own } = pool.stats();
      report(own, {});
      for (const [group, counts] of Object.entries(groups)) report(counts, { "geecache.group": group });
    },
    [...instruments.values()],
  );
}
