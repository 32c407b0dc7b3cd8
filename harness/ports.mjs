// Free ports on loopback.
import { createServer } from "node:net";

/**
 * Below the range that operating systems assign to outgoing connections: otherwise such a connection could take
 * the port of a killed peer before the peer restarts.
 */
const PORTS = { first: 15_000, last: 32_000 };

/**
 * Each process draws from a slice of its own, so that clusters of test files that run side by side do not race for
 * the same port between the check and the bind.
 */
const SLICE_SIZE = 200;
const SLICE_COUNT = Math.floor((PORTS.last - PORTS.first) / SLICE_SIZE);
const SLICE_START = PORTS.first + (process.pid % SLICE_COUNT) * SLICE_SIZE;

/**
 * @param {number} count
 * @param {readonly number[]} [preferred] taken first if they are free
 * @returns {Promise<number[]>} distinct ports of 127.0.0.1
 */
export async function freePorts(count, preferred = []) {
  /** @type {Set<number>} */
  const ports = new Set();
  const addIfFree = async (/** @type {number} */ port) => {
    if (ports.size < count && !ports.has(port) && (await isFree(port))) ports.add(port);
  };
  for (const port of preferred) await addIfFree(port);
  // A random start keeps a port that was just released from being reused at once.
  const offset = Math.floor(Math.random() * SLICE_SIZE);
  for (let i = 0; i < SLICE_SIZE; i++) await addIfFree(SLICE_START + ((offset + i) % SLICE_SIZE));
  if (ports.size < count) throw new Error(`Needed ${count} free ports on 127.0.0.1 and found ${ports.size}.`);
  return [...ports];
}

/** @param {number} port @returns {Promise<boolean>} */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
