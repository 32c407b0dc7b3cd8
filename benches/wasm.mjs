// Measures the store in wasm (linear memory, bytes per entry, time of a full garbage collection) against npm's lru-cache in the
// same run, and ring lookups inside wasm. scripts/bench.sh builds benches/wasm first.
// Usage: node --expose-gc benches/wasm.mjs [churn [MEBIBYTES,...]]
import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { LRUCache } from "lru-cache";

const target = resolve(process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, "wasm/target"));
const module = await WebAssembly.compile(
  await readFile(`${target}/wasm32-unknown-unknown/release/store_wasm_probe.wasm`),
);
/**
 * Exports of benches/wasm.
 * @typedef {object} Probe
 * @property {WebAssembly.Memory} memory
 * @property {(maxBytes: number, lru: number) => number} create
 * @property {(from: number, to: number, length: number) => number} fill
 * @property {(steps: number, leastOctave: bigint, octaves: bigint, keys: bigint) => number} churn
 * @property {(steps: number, keys: bigint) => number} hits
 * @property {(which: number) => number} figure
 * @property {(peers: number) => void} ring
 * @property {(times: number) => number} owners
 */

const start = async () => {
  const { exports } = await WebAssembly.instantiate(module, {});
  return /** @type {Probe} */ (/** @type {unknown} */ (exports));
};
const { gc } = globalThis;
if (!gc) throw new Error("run this with node --expose-gc");
const median = (/** @type {number[]} */ times) => times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
/** Milliseconds of a call. */
const timed = (/** @type {() => void} */ run) => {
  const began = performance.now();
  run();
  return performance.now() - began;
};
const full = () => median(Array.from({ length: 15 }, () => timed(() => gc())));
const entries = 300_000;
/** Appends a figure to the file that BENCH_FIGURES names, for `make bench`. */
const record = (/** @type {string} */ name, /** @type {number} */ value) => {
  if (process.env.BENCH_FIGURES) appendFileSync(process.env.BENCH_FIGURES, `${name} ${value}\n`);
};

// Each collection is measured in its own process, because one process never has the same heap twice. The processes take turns:
// with entries, without, and with a store that was filled and then emptied, since filling leaves compiled code and a larger heap.
if (process.argv[2] === "collect") {
  const held = await start();
  held.create(96 << 20, 0);
  held.fill(0, Number(process.argv[3]), 100);
  if (process.argv[4]) held.create(96 << 20, 0);
  // After filling, V8 recompiles the hot loop on another thread for a while. Five collections then make the heaps alike.
  await new Promise((done) => setTimeout(done, 500));
  for (let n = 0; n < 5; n++) gc();
  console.log(full());
  process.exit(held.memory.buffer.byteLength > 0 ? 0 : 1);
}
const collect = (/** @type {(number | string)[]} */ ...how) =>
  Number(execFileSync(process.execPath, ["--expose-gc", import.meta.filename, "collect", ...how.map(String)]));
const kinds = [[entries], [entries, "emptied"], [0]];
// The order changes from turn to turn.
const collections = Array.from({ length: 15 }, (_, turn) => {
  /** @type {number[]} */
  const times = [];
  for (const which of [turn, turn + 1, turn + 2].map((n) => n % kinds.length))
    times[which] = collect(...(kinds[which] ?? []));
  return times;
});
const [filled = 0, emptied = 0, empty = 0] = kinds.map((_, which) =>
  median(collections.map((times) => times[which] ?? Number.NaN)),
);

// The first instance costs more than later ones, which is no cost per entry, so it is dropped.
const first = await start();
first.create(1 << 20, 0);
first.fill(0, entries, 100);
gc();
const before = process.memoryUsage().rss;
const store = await start();
store.create(96 << 20, 0);
const linear = store.memory.buffer.byteLength;
store.fill(0, entries, 100);
record("memory.linear", (store.memory.buffer.byteLength - linear) / entries - 129);
record("memory.resident", (process.memoryUsage().rss - before) / entries - 129);
record("collection.ours", filled);
record("collection.emptied", emptied);
record("collection.empty", empty);
console.log(`300,000 entries of 29 + 100 bytes, bytes per entry beyond them
  ours       linear memory ${((store.memory.buffer.byteLength - linear) / entries - 129).toFixed(1)}, resident ${((process.memoryUsage().rss - before) / entries - 129).toFixed(1)}, used ${(store.figure(2) / entries - 129).toFixed(1)}
             full collection ${filled.toFixed(2)} ms; ${emptied.toFixed(2)} with a store that was filled and emptied, ${(filled / emptied).toFixed(2)} times; ${empty.toFixed(2)} with one never filled, ${(filled / empty).toFixed(2)} times (medians of 15 processes each)`);
for (const keys of [1_000, 100_000]) {
  store.hits(100_000, BigInt(keys));
  const times = Array.from({ length: 9 }, () => timed(() => store.hits(500_000, BigInt(keys))) * 2);
  record(`hit.${keys}`, median(times));
  console.log(
    `  hits inside wasm among ${keys}: ${median(times).toFixed(0)} ns, including drawing and writing the key`,
  );
}
{
  const before = process.memoryUsage().rss;
  const rival = new LRUCache({ max: entries });
  for (let n = 0; n < entries; n++)
    rival.set(`https://example.net/u/${String(n).padStart(7, "0")}`, new Uint8Array(100).fill(7));
  const collection = full();
  record("memory.lru-cache", (process.memoryUsage().rss - before) / rival.size - 129);
  record("collection.lru-cache", collection);
  console.log(
    `  lru-cache  resident ${((process.memoryUsage().rss - before) / rival.size - 129).toFixed(1)}, full collection ${collection.toFixed(2)} ms`,
  );
}

{
  const wasm = await start();
  for (const peers of [3, 100, 1_000]) {
    const least = (/** @type {() => void} */ turn) => Math.min(...Array.from({ length: 15 }, () => timed(turn)));
    const building = least(() => wasm.ring(peers));
    const looking = (least(() => wasm.owners(256)) * 1e6) / (256 * 4096);
    record(`lookup.${peers}`, looking);
    record(`build.${peers}`, building);
    console.log(
      `  ring of ${peers} peers x 50 points: ${looking.toFixed(1)} ns per lookup of a 10-byte key inside wasm, ${building.toFixed(2)} ms to build, including the keys`,
    );
  }
}

if (process.argv.includes("churn")) {
  console.log(
    "20,000,000 operations, sizes from 16 B to 64 KiB shifting every million; limit of linear memory: 1.05 x budget + 2 MiB",
  );
  // Least octave and number of octaves: all sizes, then mostly smaller ones, mostly larger ones, and so on.
  /** @type {[octave: number, octaves: number][]} */
  const shifts = [
    [4, 12],
    [4, 9],
    [8, 8],
    [4, 12],
    [6, 7],
    [12, 4],
    [10, 2],
    [4, 10],
    [5, 3],
    [4, 4],
  ];
  for (const lru of [0, 1])
    for (const megabytes of (process.argv[3] ?? "16").split(",").map(Number)) {
      const store = await start();
      const budget = megabytes << 20;
      store.create(budget, lru);
      /** @type {[payload: number, inUse: number][]} */
      const least = [];
      const t = performance.now();
      for (let shift = 0; shift < 20; shift++) {
        const [octave, octaves] = /** @type {[number, number]} */ (shifts[shift % shifts.length]);
        const keys = BigInt(Math.ceil((budget * 3) / (1.5 * 2 ** (octave + octaves / 2))) + 1000);
        store.churn(50_000, BigInt(octave), BigInt(octaves), keys * 100n);
        const both = store.churn(950_000, BigInt(octave), BigInt(octaves), keys);
        least.push([Math.floor(both / 10_000) / 10, (both % 10_000) / 10]);
      }
      const seconds = (performance.now() - t) / 1000;
      const peak = store.memory.buffer.byteLength;
      console.log(
        `  ${lru ? "lru    " : "gdsf   "} ${megabytes} MiB: linear ${(peak / 2 ** 20).toFixed(2)} MiB of ${(1.05 * megabytes + 2).toFixed(2)}; least payload / in use by shift ${least
          .slice(0, 10)
          .map((both) => both.join("/"))
          .join(" ")} %; ${store.figure(4)} evicted, ${store.figure(5)} rejected; ${seconds.toFixed(0)} s`,
      );
    }
}
