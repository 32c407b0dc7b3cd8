// Random numbers from a seed, so that every failing run can be repeated.

/** SplitMix32: small, and good enough to draw plans and faults from. */
export class Rng {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  next() {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /**
   * 0 to `limit` - 1.
   *
   * @param {number} limit
   */
  below(limit) {
    return this.next() % limit;
  }

  /**
   * From `least` to `most`, both included.
   *
   * @param {readonly [least: number, most: number]} range
   */
  between([least, most]) {
    return least + this.below(most - least + 1);
  }

  /** @param {number} percent */
  chance(percent) {
    return this.below(100) < percent;
  }

  /**
   * @template T
   * @param {readonly T[]} list
   * @returns {T}
   */
  pick(list) {
    return list[this.below(list.length)];
  }

  /**
   * @template T
   * @param {T[]} list
   */
  shuffle(list) {
    for (let last = list.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      [list[last], list[other]] = [list[other], list[last]];
    }
    return list;
  }

  /** @param {number} length */
  bytes(length) {
    return Uint8Array.from({ length }, () => this.next());
  }
}
