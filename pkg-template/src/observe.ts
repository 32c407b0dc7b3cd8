/** Observing a pool: its counters as Prometheus text, and RFC 9211's `Cache-Status` for answers of your own. */
import type { Entry } from "./options.js";
import type { PoolStats } from "./stats.js";

/** Counters that go down as well. */
const GAUGES = new Set(["entries", "usedBytes", "maxBytes", "flights", "openBreakers"]);

/**
 * `pool.stats()` in the text format of Prometheus 0.0.4: `geecache_hits_total{group="users"} 7`. Counters begin anew when
 * the isolate does.
 */
export function prometheus(stats: PoolStats): string {
  const { groups, ...pool } = stats;
  const families = new Map<string, string[]>();
  const add = (name: string, labels: string, count: number) => {
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const family = `geecache_${snake}${GAUGES.has(name) ? "" : "_total"}`;
    const lines = families.get(family) ?? [`# TYPE ${family} ${GAUGES.has(name) ? "gauge" : "counter"}`];
    families.set(family, [...lines, `${family}${labels} ${count}`]);
  };
  for (const [name, count] of Object.entries(pool)) add(name, "", count);
  for (const [group, counters] of Object.entries(groups)) {
    const label = group.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`));
    for (const [name, count] of Object.entries(counters)) add(name, `{group="${label}"}`, count as number);
  }
  return [...families.values()].flat().join("\n") + "\n";
}

/** `Cache-Status` (RFC 9211) of what `group.getEntry` gave: `geecache-edge; hit; ttl=59`. Peers' answers carry it already. */
export function cacheStatus(entry: Pick<Entry<unknown>, "source" | "freshMs">): string {
  const did = {
    memory: "hit",
    stale: "hit; detail=stale",
    flight: "fwd=miss; collapsed",
    peer: "fwd=miss",
    loader: "fwd=miss",
  }[entry.source];
  return `geecache-edge; ${did}${entry.freshMs === undefined ? "" : `; ttl=${Math.floor(entry.freshMs / 1_000)}`}`;
}
