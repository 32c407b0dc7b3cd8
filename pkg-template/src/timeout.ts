/** Waiting with an end. */

/** Settles as `work` does, or with the result of `onTimeout` after `ms`. A later result of `work` is dropped. */
export function withTimeout<T>(ms: number, work: Promise<T>, onTimeout: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(onTimeout()), Math.max(0, ms));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
