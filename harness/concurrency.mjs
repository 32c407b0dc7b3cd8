// Bounded concurrency.

/**
 * Calls `work` for every item, with at most `limit` calls in flight.
 * @template T
 * @param {number} limit
 * @param {readonly T[]} items
 * @param {(item: T) => Promise<unknown>} work
 */
export async function forEachConcurrently(limit, items, work) {
  const queue = items.values();
  const drain = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, drain));
}
