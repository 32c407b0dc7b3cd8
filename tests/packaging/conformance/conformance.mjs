// The conformance suite: what the package promises on its public face, the same in every runtime. Runs one case after another.
import * as geecache from "geecache-edge";
import * as keys from "./keys.mjs";
import * as peers from "./peers.mjs";
import * as values from "./values.mjs";

const CASES = { ...values.cases(geecache), ...keys.cases(geecache), ...peers.cases(geecache) };

/** Every case by its name: null where it holds, or else what was wrong. */
export async function run() {
  const results = {};
  for (const [name, holds] of Object.entries(CASES)) {
    const restore = Date.now;
    try {
      await holds();
      results[name] = null;
    } catch (error) {
      results[name] = String(error?.stack ?? error);
    } finally {
      Date.now = restore;
    }
  }
  return results;
}
