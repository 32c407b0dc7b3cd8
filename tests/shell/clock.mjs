// The virtual clock: a queue of due entries. Time passes only from one entry to the next.

/**
 * @typedef {object} Due
 * @property {number} at
 * @property {number} serial
 * @property {() => void} run
 * @property {import("./runtime.mjs").Context | undefined} context
 * @property {string} kind
 * @property {boolean} isCancelled
 */

/** The moment at which every run begins: far from 0, so that a moment taken for a duration shows. */
export const START_MS = 1_000_000_000;

export class Clock {
  now = START_MS;
  #serial = 0;
  /**
   * A binary heap by time, then by order of entry.
   *
   * @type {Due[]}
   */
  #heap = [];

  /**
   * Runs `run` in `context` after `ms`. `kind` is "world" for the script and the network, "timer" for timers of the
   * package, "signal" for AbortSignal.timeout, which nothing can clear.
   *
   * @param {number} ms
   * @param {() => void} run
   * @param {import("./runtime.mjs").Context} [context]
   */
  after(ms, run, context = undefined, kind = "world") {
    const entry = { at: this.now + ms, serial: ++this.#serial, run, context, kind, isCancelled: false };
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
    return entry;
  }

  /** Numbers everything that happens, in order. */
  stamp() {
    return ++this.#serial;
  }

  /** @param {Due} [entry] */
  cancel(entry) {
    if (entry) entry.isCancelled = true;
  }

  /** The next entry of a living context; undefined if there is none. */
  peek() {
    while (this.#heap.length > 0) {
      const [first] = this.#heap;
      if (!first.isCancelled && !first.context?.isDead) return first;
      this.#remove();
    }
    return undefined;
  }

  pop() {
    const entry = this.peek();
    if (entry === undefined) return undefined;
    this.#remove();
    this.now = Math.max(this.now, entry.at);
    return entry;
  }

  /** Timers of the package that are still due. */
  timers() {
    return this.#heap.filter(({ isCancelled, context, kind }) => kind === "timer" && !isCancelled && !context?.isDead);
  }

  #remove() {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

/**
 * @param {Due} a
 * @param {Due} b
 */
const isBefore = (a, b) => a.at < b.at || (a.at === b.at && a.serial < b.serial);
