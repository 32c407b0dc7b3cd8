/** Observability: a pool's counters as Prometheus text, and the header `Cache-Status` (RFC 9211) of an entry. */
import type { Entry } from "./options.js";
import type { PoolStats } from "./stats.js";

/** Counters that also decrease. */
const GAUGES = new Set(["entries", "usedBytes", "maxBytes", "flights", "openBreakers"]);

/**
 * Writes `pool.stats()` in the text format 0.0.4 of Prometheus: `geecache_hits_total{group="users"} 7`. Counters start
 * again when the isolate does.
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
  return `${[...families.values()].flat().join("\n")}\n`;
}

/**
 * Returns `Cache-Status` (RFC 9211) for an entry of `group.getEntry`: `geecache-edge; hit; ttl=59`. Responses to peers
 * have it already.
 */
export function cacheStatus(entry: Pick<Entry<unknown>, "source" | "freshMs">): string {
  const status = {
    memory: "hit",
    stale: "hit; detail=stale",
    flight: "fwd=miss; collapsed",
    peer: "fwd=miss",
    loader: "fwd=miss",
  }[entry.source];
  return `geecache-edge; ${status}${entry.freshMs === undefined ? "" : `; ttl=${Math.floor(entry.freshMs / 1_000)}`}`;
}
