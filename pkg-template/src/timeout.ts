/** Waiting: every wait has an end. */

/** Settles as `work` does, or with what `late` gives once `ms` have passed. What comes after that is dropped. */
export function within<T>(ms: number, work: Promise<T>, late: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(late()), Math.max(0, ms));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
