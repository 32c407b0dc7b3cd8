// Renders map tiles of the Mandelbrot set, deterministically.

/** Width and height of a tile, in pixels. */
export const TILE_PIXELS = 256;

/** The deepest zoom. Its pixels are still far apart compared with the precision of a double. */
export const MAX_ZOOM = 30;

/** The square of the complex plane that the single tile of zoom 0 shows. */
const WORLD = { re: -2.7, im: -2, size: 4 };

/** Pixels nearer to the set than this, in pixels, are supersampled: one sample turns filaments into noise. */
const SUPERSAMPLE_WITHIN = 4;

/** The additional samples of such a pixel, in pixels: a rotated square, so that no two share a row or column. */
const SAMPLE_OFFSETS = [0.375, 0.125, 0.875, 0.375, 0.125, 0.625, 0.625, 0.875];

/** Much larger than the escape radius: colours and slope are smooth only far from the set. */
const BAILOUT = 1e6;

/**
 * @typedef {object} Tile
 * @property {number} z zoom; zoom z has 2^z by 2^z tiles
 * @property {number} x column, from the left
 * @property {number} y row, from the top
 */

/** @param {Tile} tile */
export function tileExists({ z, x, y }) {
  const inRange = (/** @type {number} */ n) => Number.isInteger(n) && n >= 0 && n < 2 ** z;
  return Number.isInteger(z) && z >= 0 && z <= MAX_ZOOM && inRange(x) && inRange(y);
}

/**
 * Renders a tile as rows of red, green, blue. Slow, and slower at deep zooms: the demo needs an expensive load.
 * @param {Tile} tile
 * @returns {Uint8Array} TILE_PIXELS * TILE_PIXELS * 3 bytes
 */
export function renderTile({ z, x, y }) {
  const span = WORLD.size / 2 ** z;
  const pixel = span / TILE_PIXELS;
  const left = WORLD.re + x * span,
    top = WORLD.im + y * span;
  const limit = 280 + 40 * z;
  const rgb = new Uint8Array(TILE_PIXELS * TILE_PIXELS * 3);
  const sum = new Float64Array(3);
  let offset = 0;
  for (let row = 0; row < TILE_PIXELS; row++) {
    for (let column = 0; column < TILE_PIXELS; column++) {
      const re = left + column * pixel,
        im = top + row * pixel;
      sum.fill(0);
      let samples = 1;
      if (addLight(sum, re + pixel / 2, im + pixel / 2, pixel, limit) < SUPERSAMPLE_WITHIN) {
        for (let i = 0; i < SAMPLE_OFFSETS.length; i += 2) {
          addLight(sum, re + SAMPLE_OFFSETS[i] * pixel, im + SAMPLE_OFFSETS[i + 1] * pixel, pixel, limit);
          samples++;
        }
      }
      for (let channel = 0; channel < 3; channel++) rgb[offset++] = Math.round(255 * Math.sqrt(sum[channel] / samples));
    }
  }
  return rgb;
}

/**
 * Iterates z -> z*z + c from 0 for the point c = (re, im), and adds its light to `sum`. The derivative of z by c is
 * iterated too: both together give the distance to the set and the slope of the surface, which is lit from the upper
 * left.
 * @param {Float64Array} sum
 * @param {number} re
 * @param {number} im
 * @param {number} pixel the width of a pixel
 * @param {number} limit of iterations
 * @returns {number} the approximate distance to the set in pixels; Infinity inside
 */
function addLight(sum, re, im, pixel, limit) {
  if (inMainBody(re, im)) return addInterior(sum);
  const near = pixel * 1e-3;
  let zr = 0,
    zi = 0,
    dr = 0,
    di = 0,
    square = 0,
    step = 0;
  let oldR = 0,
    oldI = 0,
    oldUntil = 8;
  for (; step < limit; step++) {
    const nextDr = 2 * (zr * dr - zi * di) + 1;
    di = 2 * (zr * di + zi * dr);
    dr = nextDr;
    const nextR = zr * zr - zi * zi + re;
    zi = 2 * zr * zi + im;
    zr = nextR;
    square = zr * zr + zi * zi;
    if (square > BAILOUT) break;
    // Brent's cycle detection: an orbit that returns to an earlier point never escapes.
    if (Math.abs(zr - oldR) < near && Math.abs(zi - oldI) < near) return addInterior(sum);
    if (step === oldUntil) {
      oldR = zr;
      oldI = zi;
      oldUntil *= 2;
    }
  }
  if (step === limit) return addInterior(sum);

  const smoothStep = step + 1 - Math.log2(Math.log(square) / Math.log(BAILOUT));
  const slopeSquare = dr * dr + di * di;
  const distance = (0.5 * Math.sqrt(square) * Math.log(square)) / Math.sqrt(slopeSquare) / pixel;
  const slopeR = zr * dr + zi * di,
    slopeI = zi * dr - zr * di;
  const slope = Math.hypot(slopeR, slopeI);
  const lit = Math.max(0, ((-0.6 * slopeR) / slope - (0.8 * slopeI) / slope + 1.4) / 2.4);
  const light = (0.45 + 0.75 * lit) * Math.min(1, 0.15 + 0.55 * Math.sqrt(distance));

  const position = PALETTE_SIZE * (0.42 + 0.42 * Math.log(1 + Math.max(0, smoothStep)));
  const index = 3 * (Math.floor(position) % PALETTE_SIZE);
  sum[0] += Math.min(1, light * PALETTE[index]);
  sum[1] += Math.min(1, light * PALETTE[index + 1]);
  sum[2] += Math.min(1, light * PALETTE[index + 2]);
  return distance;
}

/** True in the main cardioid and the disc to its left: most of the set's area, without iteration. @param {number} re @param {number} im */
function inMainBody(re, im) {
  const q = (re - 0.25) ** 2 + im * im;
  return q * (q + re - 0.25) <= 0.25 * im * im || (re + 1) ** 2 + im * im <= 0.0625;
}

/** @param {Float64Array} sum */
function addInterior(sum) {
  sum[0] += 0.0012;
  sum[1] += 0.0016;
  sum[2] += 0.0055;
  return Infinity;
}

/** A ring of colours, by the number of steps until a point escapes: position, red, green, blue. */
const STOPS = [
  [0.0, 12, 16, 46],
  [0.16, 24, 64, 128],
  [0.3, 46, 150, 178],
  [0.43, 214, 236, 214],
  [0.55, 250, 206, 118],
  [0.67, 226, 110, 62],
  [0.8, 132, 32, 74],
  [0.91, 46, 16, 66],
  [1.0, 12, 16, 46],
];
const PALETTE_SIZE = 4096;
const PALETTE = palette();

/** The ring of colours in linear light (the square of a screen value), so that averages look right. */
function palette() {
  const light = new Float64Array(PALETTE_SIZE * 3);
  let stop = 0;
  for (let i = 0; i < PALETTE_SIZE; i++) {
    const position = i / PALETTE_SIZE;
    while (position >= STOPS[stop + 1][0]) stop++;
    const from = STOPS[stop],
      to = STOPS[stop + 1];
    const part = (position - from[0]) / (to[0] - from[0]);
    const eased = part * part * (3 - 2 * part);
    for (let channel = 0; channel < 3; channel++) {
      const screen = from[channel + 1] + (to[channel + 1] - from[channel + 1]) * eased;
      light[3 * i + channel] = (screen / 255) ** 2;
    }
  }
  return light;
}
