// Starts the origin as a process, and reads its counters.
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("./origin.mjs", import.meta.url));

/** @param {import("../../harness/processes.mjs").ProcessGroup} processes @returns {Promise<string>} its URL */
export function startOrigin(processes) {
  const child = processes.start("the origin", process.execPath, [PROGRAM]);
  return child.until("its URL", (output) => /http:\S+(?=\n)/.exec(output)?.[0]);
}

/**
 * @param {string} url the origin's
 * @returns {Promise<ReturnType<import("./origin.mjs").TileRenderer["stats"]>>}
 */
export async function originStats(url) {
  return (await fetch(`${url}/stats`)).json();
}
