// The pixels of one map tile of the Mandelbrot set, the same every time.

/** Width and height of a tile, in pixels. */
export const TILE_PIXELS = 256;

/** The deepest zoom: at 30 a pixel is 1.5e-11 wide, well within what a double tells apart. */
export const MAX_ZOOM = 30;

/** Zoom 0 is one tile, and this is the square of the complex plane that it shows. */
const WORLD = { re: -2.7, im: -2, size: 4 };

/** Nearer to the set than this, in pixels, one point a pixel is not enough: filaments flicker into noise. */
const CLOSE_PIXELS = 4;

/** The further points, in pixels, taken of such a pixel: a square, turned so that no two share a line. */
const CLOSE_POINTS = [0.375, 0.125, 0.875, 0.375, 0.125, 0.625, 0.625, 0.875];

/** Far beyond the 4 that proves escape: the colour bands and the slope are smooth only far out. */
const ESCAPED = 1e6;

/**
 * Is there such a tile? Zoom z has 2^z by 2^z of them.
 * @param {number} z @param {number} x @param {number} y
 */
export function tileExists(z, x, y) {
  const inside = (/** @type {number} */ n) => Number.isInteger(n) && n >= 0 && n < 2 ** z;
  return Number.isInteger(z) && z >= 0 && z <= MAX_ZOOM && inside(x) && inside(y);
}

/**
 * Renders tile z/x/y as rows of red, green, blue. Costs tens of milliseconds of one core, and hundreds where the
 * zoom is deep, which is the whole point of it: there is something to cache.
 * @param {number} z zoom
 * @param {number} x column, from the left
 * @param {number} y row, from the top
 * @returns {Uint8Array} TILE_PIXELS * TILE_PIXELS * 3 bytes
 */
export function renderTile(z, x, y) {
  const span = WORLD.size / 2 ** z;
  const pixel = span / TILE_PIXELS;
  const left = WORLD.re + x * span,
    top = WORLD.im + y * span;
  const limit = 280 + 40 * z;
  const rgb = new Uint8Array(TILE_PIXELS * TILE_PIXELS * 3);
  const sum = new Float64Array(3);
  let at = 0;
  for (let row = 0; row < TILE_PIXELS; row++) {
    for (let column = 0; column < TILE_PIXELS; column++) {
      const re = left + column * pixel,
        im = top + row * pixel;
      sum.fill(0);
      let points = 1;
      if (addLight(sum, re + pixel / 2, im + pixel / 2, pixel, limit) < CLOSE_PIXELS) {
        for (let i = 0; i < CLOSE_POINTS.length; i += 2) {
          addLight(sum, re + CLOSE_POINTS[i] * pixel, im + CLOSE_POINTS[i + 1] * pixel, pixel, limit);
          points++;
        }
      }
      for (let channel = 0; channel < 3; channel++) rgb[at++] = Math.round(255 * Math.sqrt(sum[channel] / points));
    }
  }
  return rgb;
}

/**
 * Follows z -> z*z + c from 0 and adds the light of the point c = (re, im) to `sum`. Beside z its derivative
 * by c is kept: the two give the distance to the set and the slope of the land around it, which is lit from
 * the upper left.
 * @returns {number} the distance to the set in pixels, about right where it is small; Infinity inside
 * @param {Float64Array} sum @param {number} re @param {number} im @param {number} pixel @param {number} limit
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
    if (square > ESCAPED) break;
    // Brent's cycle test: an orbit that comes back to where it was never escapes.
    if (Math.abs(zr - oldR) < near && Math.abs(zi - oldI) < near) return addInterior(sum);
    if (step === oldUntil) {
      oldR = zr;
      oldI = zi;
      oldUntil *= 2;
    }
  }
  if (step === limit) return addInterior(sum);

  const smoothStep = step + 1 - Math.log2(Math.log(square) / Math.log(ESCAPED));
  const slopeSquare = dr * dr + di * di;
  const distance = (0.5 * Math.sqrt(square) * Math.log(square)) / Math.sqrt(slopeSquare) / pixel;
  let slopeR = zr * dr + zi * di,
    slopeI = zi * dr - zr * di;
  const slope = Math.hypot(slopeR, slopeI);
  const lit = Math.max(0, ((-0.6 * slopeR) / slope - (0.8 * slopeI) / slope + 1.4) / 2.4);
  const light = (0.45 + 0.75 * lit) * Math.min(1, 0.15 + 0.55 * Math.sqrt(distance));

  const place = PALETTE_SIZE * (0.42 + 0.42 * Math.log(1 + Math.max(0, smoothStep)));
  const index = 3 * (Math.floor(place) % PALETTE_SIZE);
  sum[0] += Math.min(1, light * PALETTE[index]);
  sum[1] += Math.min(1, light * PALETTE[index + 1]);
  sum[2] += Math.min(1, light * PALETTE[index + 2]);
  return distance;
}

/** The cardioid and the disc to its left hold most of the set's area, and are known without iterating. @param {number} re @param {number} im */
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

/** The colours that follow one another as a point takes longer to escape, in a ring: where, red, green, blue. */
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

/** The ring of colours as light (the square of what a screen is told), so that means of it look right. */
function palette() {
  const light = new Float64Array(PALETTE_SIZE * 3);
  let stop = 0;
  for (let i = 0; i < PALETTE_SIZE; i++) {
    const place = i / PALETTE_SIZE;
    while (place >= STOPS[stop + 1][0]) stop++;
    const from = STOPS[stop],
      to = STOPS[stop + 1];
    const part = (place - from[0]) / (to[0] - from[0]);
    const eased = part * part * (3 - 2 * part);
    for (let channel = 0; channel < 3; channel++) {
      const told = from[channel + 1] + (to[channel + 1] - from[channel + 1]) * eased;
      light[3 * i + channel] = (told / 255) ** 2;
    }
  }
  return light;
}
