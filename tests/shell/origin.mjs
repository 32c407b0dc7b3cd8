// The origin: every load and every set makes a new version of its key, and a value names its group, key and version.

const MARK_BYTES = 16;
const mark = new Uint32Array(MARK_BYTES / 4);
const markBytes = new Uint8Array(mark.buffer);

/** Every value that was made, and when a load last gave none. */
export class Origin {
  /**
   * By version: its key, when it was made, its length, and how long it travelled between peers.
   *
   * @type {{ key: number, madeAt: number, length: number, travelledMs: number }[]}
   */
  versions = [];
  /**
   * Loads that began, by key.
   *
   * @type {Map<number, number>}
   */
  loads = new Map();
  /** @type {Map<number, number>} */
  notFoundAt = new Map();
  /** @type {Map<number, number>} */
  failedAt = new Map();

  /**
   * The next version of a key.
   *
   * @param {number} key
   * @param {number} bytes
   * @param {number} now
   */
  make(key, bytes, now) {
    const length = Math.max(MARK_BYTES, bytes);
    this.versions.push({ key, madeAt: now, length, travelledMs: 0 });
    return this.versions.length - 1;
  }

  /** @param {number} version */
  #mark(version) {
    const { key } = this.versions[version];
    mark.set([key, version, Math.imul(version + 1, 0x9e3779b1), ~version]);
    return markBytes;
  }

  /**
   * A new array with the bytes of a version: its mark, over and over.
   *
   * @param {number} version
   */
  bytesOf(version) {
    const bytes = new Uint8Array(this.versions[version].length);
    const source = this.#mark(version);
    for (let at = 0; at < bytes.length; at++) bytes[at] = source[at % MARK_BYTES];
    return bytes;
  }

  /**
   * The version that these bytes are, whole and unaltered; undefined for none.
   *
   * @param {Uint8Array} bytes
   */
  versionOf(bytes) {
    if (bytes.length < MARK_BYTES) return undefined;
    const version = (bytes[4] | (bytes[5] << 8) | (bytes[6] << 16) | (bytes[7] << 24)) >>> 0;
    if (this.versions[version]?.length !== bytes.length) return undefined;
    const expected = this.#mark(version);
    for (let at = 0; at < bytes.length; at++) if (bytes[at] !== expected[at % MARK_BYTES]) return undefined;
    return version;
  }
}
