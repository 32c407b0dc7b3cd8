// Translates drags, wheel, pinches and keys on an element into pan and zoom.

/** Wheel pixels per zoom level: one notch of a mouse wheel, or a short stroke on a trackpad. */
const WHEEL_LEVEL_PX = 90;
const WHEEL_LINE_PX = 30;
const PINCH_LEVEL = 1.5;
const KEY_PAN_PX = 120;

/** @type {Record<string, [x: number, y: number]>} */
const PAN_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** @type {Record<string, number>} */
const ZOOM_KEYS = { "+": 1, "=": 1, "-": -1, _: -1 };

/**
 * @typedef {object} Handlers
 * @property {(x: number, y: number) => void} panBy by pixels
 * @property {(levels: number, x?: number, y?: number) => void} zoomBy around a point, in pixels from the centre
 */

/** @param {HTMLElement} element @param {Handlers} handlers */
export function addGestures(element, { panBy, zoomBy }) {
  /** @param {number} levels @param {{ clientX: number, clientY: number }} point */
  const zoomAt = (levels, { clientX, clientY }) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    zoomBy(levels, clientX - left - width / 2, clientY - top - height / 2);
  };

  let wheelPx = 0;
  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      wheelPx += event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : WHEEL_LINE_PX);
      if (Math.abs(wheelPx) < WHEEL_LEVEL_PX) return;
      zoomAt(-Math.sign(wheelPx), event);
      wheelPx = 0;
    },
    { passive: false },
  );
  element.addEventListener("dblclick", (event) => zoomAt(1, event));

  /** @type {Map<number, PointerEvent>} */
  const pointers = new Map();
  let pinchStart = 0;
  const distance = () => {
    const [a, b] = [...pointers.values()];
    return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  };
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) pinchStart = distance();
    element.classList.add("dragged");
  });
  element.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    pointers.set(event.pointerId, event);
    panBy((before.clientX - event.clientX) / pointers.size, (before.clientY - event.clientY) / pointers.size);
    if (pointers.size !== 2) return;
    const ratio = distance() / pinchStart;
    if (ratio < PINCH_LEVEL && ratio > 1 / PINCH_LEVEL) return;
    const [a, b] = [...pointers.values()];
    zoomAt(ratio > 1 ? 1 : -1, { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 });
    pinchStart = distance();
  });
  for (const type of /** @type {const} */ (["pointerup", "pointercancel"])) {
    element.addEventListener(type, (event) => {
      pointers.delete(event.pointerId);
      element.classList.toggle("dragged", pointers.size > 0);
    });
  }

  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pan = PAN_KEYS[event.key],
      zoom = ZOOM_KEYS[event.key];
    if (pan) panBy(pan[0] * KEY_PAN_PX, pan[1] * KEY_PAN_PX);
    else if (zoom) zoomBy(zoom);
    else return;
    event.preventDefault();
  });
}
