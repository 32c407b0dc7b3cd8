// Encodes pixels as PNG.
import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const EIGHT_BIT_RGB = [8, 2, 0, 0, 0];

/** Each byte is encoded as the difference from the byte above, which compresses well. */
const FILTER_UP = 2;

/**
 * @param {Uint8Array} rgb rows of red, green, blue
 * @param {number} width in pixels
 * @param {number} height in pixels
 * @returns {Buffer} deterministic for one version of zlib
 */
export function encodePng(rgb, width, height) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set(EIGHT_BIT_RGB, 8);

  const rowBytes = width * 3;
  const rows = Buffer.alloc(height * (1 + rowBytes));
  for (let row = 0; row < height; row++) {
    const out = row * (1 + rowBytes),
      from = row * rowBytes;
    rows[out] = FILTER_UP;
    for (let i = 0; i < rowBytes; i++) {
      const above = row === 0 ? 0 : rgb[from - rowBytes + i];
      rows[out + 1 + i] = rgb[from + i] - above;
    }
  }
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** @param {string} type @param {Uint8Array} data */
function chunk(type, data) {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, "latin1");
  out.set(data, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}
