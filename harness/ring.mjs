// Key placement, computed like Go's consistenthash: an oracle that shares no code with the product.
import { crc32 } from "node:zlib";

const REPLICAS = 50;

/**
 * @param {readonly string[]} peers
 * @returns {(key: string) => string} the owner of a key
 */
export function goRing(peers) {
  /** @type {Map<number, string>} */
  const owners = new Map();
  for (const peer of peers) for (let i = 0; i < REPLICAS; i++) owners.set(crc32(`${i}${peer}`), peer);
  const points = [...owners.keys()].sort((a, b) => a - b);
  return (key) => {
    const hash = crc32(key);
    const point = points.find((point) => point >= hash) ?? points[0];
    return owners.get(point) ?? "";
  };
}

let nextKey = 0;

/** Keys of one owner that no earlier call returned. @param {string} owner @param {(key: string) => string} ring @param {number} count */
export function unusedKeys(owner, ring, count) {
  const keys = [];
  while (keys.length < count) {
    const key = `${owner}/${nextKey++}`;
    if (ring(key) === owner) keys.push(key);
  }
  return keys;
}
