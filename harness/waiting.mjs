// Bounded waits: a condition that never holds fails the test instead of hanging it.

/** Generous, for a busy machine with one core. A run that passes never waits this long. */
const PATIENCE_MS = 20_000;
const POLL_EVERY_MS = 2;

/**
 * Polls until the check returns a truthy value, and returns that value.
 * @template T
 * @param {string} condition for the error message
 * @param {() => T | Promise<T>} check
 * @param {number} [patienceMs]
 * @returns {Promise<T>}
 */
export async function eventually(condition, check, patienceMs = PATIENCE_MS) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const result = await check();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`Waited ${patienceMs / 1000} s for ${condition}.`);
    await new Promise((resolve) => setTimeout(resolve, POLL_EVERY_MS));
  }
}

/**
 * Rejects if `work` takes too long.
 * @template T
 * @param {string} description of the result, for the error message
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withTimeout(description, work) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {Promise<never>} */
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${PATIENCE_MS / 1000} s for ${description}.`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
