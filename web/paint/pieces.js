/**
 * Large pictures without large tasks: work over rows is a generator, which is run to its end at once
 * where nobody waits for anything else, and in pieces on a page, where a reader does.
 *
 * @typedef {import('./render.js').Pixels} Pixels
 */

/** iOS gives no canvas of more pixels, and no error either: what is drawn there is lost. */
export const MOST_CANVAS_PIXELS = 4096 * 4096;

/** A task that lasts no longer is not felt, in ms. */
const PIECE = 12;

/** @template T @param {Generator<number, T, void>} work @returns {T} */
export function whole(work) {
  for (;;) {
    const { done, value } = work.next();
    if (done) return /** @type {T} */ (value);
  }
}

/** The end of this task; sooner than a timer, which browsers hold back. */
const nextTask = () => new Promise((done) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    done(undefined);
  };
  port2.postMessage(null);
});

/**
 * @template T
 * @param {Generator<number, T, void>} work     yields often
 * @param {(value: number) => void} [paused]  what it yielded last, before each pause
 * @returns {Promise<T>}
 */
export async function inPieces(work, paused) {
  for (let end = performance.now() + PIECE; ;) {
    const { done, value } = work.next();
    if (done) return /** @type {T} */ (value);
    if (performance.now() < end) continue;
    paused?.(/** @type {number} */ (value));
    await nextTask();
    end = performance.now() + PIECE;
  }
}

/**
 * A picture's size in at most so many pixels, each the mean of `step` by `step` of its own.
 * @param {{width: number, height: number}} picture
 * @param {number} most
 */
export function reducedSize({ width, height }, most) {
  let step = Math.max(1, Math.ceil(Math.sqrt((width * height) / most)));
  step = Math.min(step, width, height); // a line of pixels stays one
  return { step, width: Math.floor(width / step), height: Math.floor(height / step) };
}

/**
 * The picture in at most so many pixels; itself, where it has no more.
 * @param {Pixels} picture
 * @param {number} most
 * @returns {Generator<number, Pixels, void>}
 */
export function* reduced(picture, most) {
  const { step, width, height } = reducedSize(picture, most);
  if (step === 1) return picture;
  const { data } = picture;
  const out = new Uint8ClampedArray(4 * width * height);
  const sums = new Uint32Array(4 * width);
  const share = 1 / (step * step);
  for (let y = 0; y < height; ++y) {
    sums.fill(0);
    for (let j = 0; j < step; ++j) {
      let from = 4 * (y * step + j) * picture.width;
      for (let to = 0; to < sums.length; to += 4) {
        for (let i = 0; i < step; ++i, from += 4) {
          sums[to] += data[from];
          sums[to + 1] += data[from + 1];
          sums[to + 2] += data[from + 2];
          sums[to + 3] += data[from + 3];
        }
      }
    }
    const at = 4 * y * width;
    for (let i = 0; i < sums.length; ++i) out[at + i] = sums[i] * share;
    yield y + 1;
  }
  return { width, height, data: out };
}

/** So many bytes are copied before anybody could notice. */
const COPIED_AT_ONCE = 1 << 21;

/**
 * The picture with bytes of its own, which can be handed to a worker: sent as they are, the browser would copy
 * them all in one task of this thread, 0.3 s for a photo of 24 megapixels.
 * @param {Pixels} picture
 * @returns {Promise<{picture: Pixels, transfer: ArrayBuffer[]}>}  a small one as it is
 */
export async function handed(picture) {
  const { width, height, data } = picture;
  if (data.length <= COPIED_AT_ONCE) return { picture, transfer: [] };
  const copy = new Uint8ClampedArray(data.length);
  await inPieces((function* copyRows() {
    for (let at = 0; at < data.length; at += COPIED_AT_ONCE) {
      copy.set(data.subarray(at, at + COPIED_AT_ONCE), at);
      yield at;
    }
  })());
  return { picture: { width, height, data: copy }, transfer: [copy.buffer] };
}

/** So many pixels of a picture are read at once: no canvas is as large as the picture need be. */
const STRIP = 1 << 18;

/**
 * The pixels of what can be drawn, strip after strip.
 * @param {CanvasImageSource} source
 * @param {number} width    its own
 * @param {number} height
 * @param {(width: number, height: number) => HTMLCanvasElement | OffscreenCanvas} newCanvas
 * @returns {Generator<number, {width: number, height: number, data: Uint8ClampedArray}, void>}
 */
export function* readRows(source, width, height, newCanvas) {
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
  const pen = /** @type {CanvasRenderingContext2D} */ (newCanvas(width, rows).getContext('2d', { willReadFrequently: true }));
  const draw = (top, count) => {
    pen.clearRect(0, 0, width, count);
    // With the source's own size alone: half a pixel more or less would blend rows.
    pen.drawImage(source, 0, -top, width, height);
    return pen.getImageData(0, 0, width, count).data;
  };
  if (rows === height) return { width, height, data: draw(0, height) };
  const data = new Uint8ClampedArray(4 * width * height);
  for (let top = 0; top < height; top += rows) {
    data.set(draw(top, Math.min(rows, height - top)), 4 * top * width);
    yield top + rows;
  }
  return { width, height, data };
}
