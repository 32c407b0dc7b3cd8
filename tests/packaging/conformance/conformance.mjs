// The conformance suite: the public API behaves the same in every runtime. Runs its cases one after another.
import * as geecache from "geecache-edge";
import * as keys from "./keys.mjs";
import * as peers from "./peers.mjs";
import * as values from "./values.mjs";

const CASES = { ...values.cases(geecache), ...keys.cases(geecache), ...peers.cases(geecache) };

/** The result of each case by name: null, or its error. */
export async function run() {
  /** @type {Record<string, string | null>} */
  const results = {};
  for (const [name, holds] of Object.entries(CASES)) {
    const restore = Date.now;
    try {
      await holds();
      results[name] = null;
    } catch (error) {
      results[name] = String(/** @type {Error | undefined} */ (error)?.stack ?? error);
    } finally {
      Date.now = restore;
    }
  }
  return results;
}
