// Many runs: counts of their events, and which seeds broke which invariant.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { run } from "./scenario.mjs";

export { run };

/** Pools give their wasm memory back when they are collected, which must not wait until memory is short. */
const COLLECTED_EVERY = 60;
setFlagsFromString("--expose-gc");
const collect = /** @type {() => void} */ (runInNewContext("gc"));

/**
 * The package in `folder`, with its wasm compiled once for all pools.
 *
 * @param {string} folder
 * @returns {Promise<import("./types.js").Lib>}
 */
export async function load(folder) {
  const lib = await import(String(new URL("entry/slim.js", `${pathToFileURL(folder)}/`)));
  lib.init(new WebAssembly.Module(readFileSync(`${folder}/core.wasm`)));
  return lib;
}

/**
 * A whole number of the environment.
 *
 * @param {string} name
 */
export function number(name) {
  const text = process.env[name];
  if (text === undefined || text === "") return undefined;
  if (!/^\d+$/.test(text)) throw new Error(`${name} is a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}

/**
 * Runs seeds one after the other, until `isEnough(result)`.
 *
 * @param {import("./types.js").Lib} lib
 * @param {number} start
 * @param {number} seeds
 * @param {import("./types.js").RunOptions & { isEnough?: (result: Awaited<ReturnType<typeof run>>) => boolean }} [options]
 */
export async function many(lib, start, seeds, { isEnough = () => false, ...options } = {}) {
  /** @type {Record<string, number>} */
  const counts = {};
  /** @type {Map<string, { seed: number, what: string }[]>} */
  const broken = new Map();
  const began = performance.now();
  let runs = 0;
  for (let seed = start; seed < start + seeds; seed++) {
    const result = await run(lib, seed, options);
    runs += 1;
    if (runs % COLLECTED_EVERY === 0) {
      collect();
      await new Promise((resolve) => setTimeout(resolve));
    }
    if (result.broken) {
      const { invariant, what } = result.broken;
      broken.set(invariant, [...(broken.get(invariant) ?? []), { seed, what }]);
    } else
      for (const [name, count] of Object.entries(result.seen))
        if (typeof count === "number") counts[name] = (counts[name] ?? 0) + count;
    if (isEnough(result)) break;
  }
  const report = () =>
    [...broken].map(([invariant, failed]) => {
      const shown = failed
        .slice(0, 3)
        .map(
          ({ seed, what }) =>
            `  ${what}\n    SEED=${seed} node --test tests/shell/shell.test.mjs (TRACE=1 for its steps)`,
        );
      return `${invariant}: ${failed.length} seeds\n${shown.join("\n")}`;
    });
  return { runs, counts, broken, report, seconds: (performance.now() - began) / 1_000 };
}
