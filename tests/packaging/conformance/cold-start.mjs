// Measures a cold start: starts many copies of the package in one request.
import wasm from "geecache-edge/core.wasm";

/**
 * Returns the lowest mean of the rounds, in ms: of an import, of the first pool, and of a bare instance.
 * @param {{ COPIES: number, ROUNDS: number }} bindings
 */
export async function run({ COPIES, ROUNDS }) {
  /** @type {Awaited<ReturnType<typeof starts>>[]} */
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++)
    rounds.push(await starts(Array.from({ length: COPIES }, (_, i) => `./copy-${round * COPIES + i}.js`)));
  const least = (/** @type {"importMs" | "firstPoolMs" | "instanceMs"} */ name) =>
    Math.min(...rounds.map((round) => round[name]));
  return {
    owners: rounds.flatMap(({ owners }) => owners),
    importMs: least("importMs"),
    firstPoolMs: least("firstPoolMs"),
    instanceMs: least("instanceMs"),
  };
}

/**
 * Each path is a module of its own, so each import evaluates it. workerd's clock has whole ms, so one start is too short.
 * @param {string[]} paths
 */
async function starts(paths) {
  const times = [performance.now()];
  const latest = (/** @type {number} */ index) => /** @type {number} */ (times.at(index));
  const mean = () => (times.push(performance.now()), (latest(-1) - latest(-2)) / paths.length);
  /** @type {Pick<typeof import("geecache-edge"), "createPool">[]} */
  const copies = [];
  for (const path of paths) copies.push(await import(path));
  const importMs = mean();
  const pools = copies.map(({ createPool }) => createPool({ self: "http://a.test" }));
  const firstPoolMs = mean();
  for (const _ of paths) new WebAssembly.Instance(wasm, stubs());
  const instanceMs = mean();
  for (const [i, pool] of pools.entries()) pool.setPeers([`http://${paths[i]}`]);
  return { importMs, firstPoolMs, instanceMs, owners: pools.map((pool) => pool.owner("k")) };
}

/** No-op imports for a bare instance. */
function stubs() {
  /** @type {WebAssembly.Imports} */
  const modules = {};
  for (const { module, name } of WebAssembly.Module.imports(wasm)) (modules[module] ??= {})[name] = () => {};
  return modules;
}
