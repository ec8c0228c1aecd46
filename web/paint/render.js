/**
 * Maps as pictures, in plain JavaScript: for canvases, which must be painted without waiting for the
 * worker, and for the presets whose order of steps the engine's overlay does not have. Where both
 * can, the engine's overlay (gcam_overlay) gives the same pixels; a test compares them.
 *
 * h, w: the map's rows and columns; H, W: the picture's. Half-pixel centres everywhere.
 *
 * @typedef {object} Style       the drawing part of a preset, see api/presets.js
 * @property {string} colormap
 * @property {number} alpha      weight of the heat, 0..1
 * @property {'nearest' | 'bilinear' | 'bicubic'} interpolation
 * @property {'torch' | 'pil'} resampler   whose bicubic
 * @property {number} power
 * @property {boolean} colourFirst
 * @property {boolean} swapped
 * @property {'mix' | 'add' | 'mix-max'} blend
 * @property {number} fade       0: the heat has the same weight everywhere; else it has all of it from
 *   1/fade of the map's maximum on, and none at 0
 *
 * @typedef {{width: number, height: number, data: Float32Array}} Map2d
 * @typedef {{width: number, height: number, data: Uint8Array | Uint8ClampedArray}} Pixels  RGBA
 *
 * The part of a picture that the network saw, in its pixels; it may lie partly outside (a padded picture).
 * A map lies on exactly this part. null: all of it.
 * @typedef {{x: number, y: number, width: number, height: number}} View
 */
import { GradCamError } from '../base/errors.js';
import { whole } from './pieces.js';

/**
 * A raw map (sum over the channels, before ReLU) by a preset's rule, most of which bring it to 0..1. A
 * map without positive evidence becomes zero, never NaN.
 * @param {Float32Array} raw
 * @param {string} rule   see api/presets.js
 */
export function normalise(raw, rule) {
  if (rule === 'none') return raw.slice();
  const positive = raw.map((value) => Math.max(0, value));
  const max = positive.reduce((most, value) => Math.max(most, value), 0);
  if (max === 0) return positive;
  if (rule === 'relu-max') return positive.map((value) => value / max);
  const min = positive.reduce((least, value) => Math.min(least, value), Infinity);
  const scale = max - min + (rule === 'min-max-eps' ? 1e-7 : 0);
  return positive.map((value) => (scale > 0 ? (value - min) / scale : 0));
}

/** -1..1, with 0 where it was: for the colours of a map that was not normalised. */
export function signed(raw) {
  const scale = raw.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return raw.map((value) => (scale > 0 ? value / scale : 0));
}

/**
 * Source positions and weights of one axis: [taps][out], and how much of each pixel is covered, where the
 * source lies on [start, start + length) of it.
 */
function axis(size, out, how, resampler, start = 0, length = out) {
  const taps = { nearest: 1, bilinear: 2, bicubic: 4 }[how];
  const index = Array.from({ length: taps }, () => new Int32Array(out));
  const weight = Array.from({ length: taps }, () => new Float32Array(out));
  const covered = Float32Array.from({ length: out },
    (_, i) => Math.max(Math.min(i + 1, start + length) - Math.max(i, start), 0));
  const clamp = (i) => Math.min(size - 1, Math.max(0, i));
  const scale = size / length;
  let centre = (0.5 - start) * scale; // summed up, as PIL and the engine do it: ties fall alike
  for (let i = 0; i < out; ++i, centre += scale) {
    if (taps === 1) {
      index[0][i] = clamp(Math.floor(centre));
      weight[0][i] = 1;
      continue;
    }
    const at = (i + 0.5 - start) * scale - 0.5;
    const low = Math.floor(at);
    const t = at - low;
    const weights = taps === 2 ? [1 - t, t] : keys(t, resampler === 'pil' ? -0.5 : -0.75);
    const first = low - (taps === 4 ? 1 : 0);
    // torch repeats the border; PIL leaves away what lies outside.
    const inside = (k) => first + k >= 0 && first + k < size;
    const counts = (k) => resampler !== 'pil' || inside(k) || covered[i] === 0;
    const total = weights.reduce((sum, value, k) => sum + (counts(k) ? value : 0), 0);
    for (let k = 0; k < taps; ++k) {
      index[k][i] = clamp(first + k);
      weight[k][i] = counts(k) ? weights[k] / total : 0;
    }
  }
  return { taps, index, weight, covered };
}

/** A view of the same picture at another size. @param {View} view @returns {View} */
export const scaled = ({ x, y, width, height }, right, down) => (
  { x: x * right, y: y * down, width: width * right, height: height * down });

/** How much of every pixel of a picture the network saw, 0..1, row by row; null: all of it. */
function coverage(view, width, height) {
  if (!view) return null;
  const part = (start, length, out) => Float32Array.from({ length: out },
    (_, i) => Math.max(Math.min(i + 1, start + length) - Math.max(i, start), 0));
  const x = part(view.x, view.width, width);
  const y = part(view.y, view.height, height);
  return { x, y, whole: x.every((value) => value === 1) && y.every((value) => value === 1) };
}

/** Keys's cubic convolution: a is -0.75 in torch and OpenCV, -0.5 in PIL. */
function keys(t, a) {
  const near = (x) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/**
 * A function that gives row after row of an enlarged map: beside the result, memory does not grow
 * with the picture's height.
 * @param {Float32Array} data   h x w x C
 * @returns {(row: number) => Float32Array}   W x C, overwritten by the next call
 */
function enlarger(data, width, height, outWidth, outHeight, { interpolation, resampler }, C, view = null) {
  const x = axis(width, outWidth, interpolation, resampler, view?.x, view?.width);
  const y = axis(height, outHeight, interpolation, resampler, view?.y, view?.height);
  const mixed = new Float32Array(width * C);
  const out = new Float32Array(outWidth * C);
  return (row) => {
    mixed.fill(0);
    for (let k = 0; k < y.taps; ++k) {
      const weight = y.weight[k][row];
      const from = y.index[k][row] * width * C;
      for (let i = 0; i < mixed.length; ++i) mixed[i] += weight * data[from + i];
    }
    out.fill(0);
    for (let k = 0; k < x.taps; ++k) {
      const weight = x.weight[k];
      const index = x.index[k];
      for (let i = 0; i < outWidth; ++i) {
        for (let c = 0; c < C; ++c) out[i * C + c] += weight[i] * mixed[index[i] * C + c];
      }
    }
    return out;
  };
}

/**
 * A whole map, or one channel of a picture, at another size; half-pixel centres.
 * @param {Map2d} map
 * @param {number} outWidth
 * @param {number} outHeight
 * @param {'nearest' | 'bilinear' | 'bicubic'} how
 * @param {View | null} [view]  the part of the result that the map lies on; the rest becomes 0
 * @returns {Float32Array}
 */
export function resize({ data, width, height }, outWidth, outHeight, how, view = null) {
  const style = { interpolation: how, resampler: 'torch' };
  const row = enlarger(data, width, height, outWidth, outHeight, style, 1, view);
  const out = new Float32Array(outWidth * outHeight);
  for (let j = 0; j < outHeight; ++j) out.set(row(j), j * outWidth);
  const seen = coverage(view, outWidth, outHeight);
  if (seen && !seen.whole) {
    for (let i = 0; i < out.length; ++i) {
      // A pixel of which more than half lies outside.
      if (seen.x[i % outWidth] < 0.5 || seen.y[Math.floor(i / outWidth)] < 0.5) out[i] = 0;
    }
  }
  return out;
}

/** Values 0..1 as colours, three floats 0..255 each, into `out`. */
function colour(values, rgb, { swapped, power }, out) {
  for (let i = 0; i < values.length; ++i) {
    const value = power === 1 ? values[i] : Math.max(0, values[i]) ** power;
    const at = 3 * Math.min(255, Math.max(0, Math.round(255 * value)));
    out[3 * i] = rgb[swapped ? at + 2 : at];
    out[3 * i + 1] = rgb[at + 1];
    out[3 * i + 2] = rgb[swapped ? at : at + 2];
  }
  return out;
}

/**
 * The heat alone, row by row.
 * @param {Map2d} map   0..1
 * @param {Style} style
 * @param {Uint8Array} rgb   256 colours
 * @returns {(row: number) => Float32Array}   RGB, 0..255 (bicubic may pass it a little)
 */
function heat({ data, width: w, height: h }, style, rgb, width, height, view) {
  if (style.colourFirst) {
    const small = colour(data, rgb, style, new Float32Array(3 * data.length));
    return enlarger(small, w, h, width, height, style, 3, view);
  }
  const large = enlarger(data, w, h, width, height, style, 1, view);
  const out = new Float32Array(3 * width);
  return (row) => colour(large(row), rgb, style, out);
}

/** The share of its weight that the heat has at each pixel, row by row. */
function strength({ data, width: w, height: h }, style, width, height, view) {
  const { fade } = style;
  const large = enlarger(data, w, h, width, height, style, 1, view);
  return (row) => {
    const values = large(row);
    for (let i = 0; i < width; ++i) values[i] = Math.min(1, Math.max(0, fade * values[i]));
    return values;
  };
}

/** What the network did not see: recognisable, and like nothing that a colour map makes (overlay.c). */
const DIM = 0.4;
const dimmed = (r, g, b) => DIM * (0.299 * r + 0.587 * g + 0.114 * b);

/**
 * Heat over picture, at the picture's size; transparent pictures stand on white. What the network did not
 * see is shown in dim grey.
 * @param {Pixels} picture
 * @param {Map2d} map        0..1
 * @param {Style} style
 * @param {Uint8Array} rgb   256 colours
 * @param {View | null} [view]  the part of the picture that the map lies on
 * @returns {{width: number, height: number, data: Uint8ClampedArray}} RGBA
 */
export function overlay(picture, map, style, rgb, view = null) {
  const { width, height } = picture;
  const data = new Uint8ClampedArray(4 * width * height);
  whole(overlayRows(picture, map, style, rgb, view, data));
  return { width, height, data };
}

/**
 * The same into `out`, row by row; it yields how many rows are done.
 * @returns {Generator<number, void, void>}
 */
export function* overlayRows(picture, map, style, rgb, view, out) {
  const { width, height, data } = picture;
  const row = heat(map, style, rgb, width, height, view);
  const { alpha, blend } = style;
  const strong = style.fade ? strength(map, style, width, height, view) : null;
  const seen = coverage(view, width, height);
  const mixed = new Float64Array(4 * width);
  /** One row of the result, before it is scaled; the fourth of each four stays 0. */
  const mix = (j) => {
    const hot = row(j);
    const strengths = strong?.(j);
    for (let i = 0; i < width; ++i) {
      const at = 4 * (j * width + i);
      const share = strengths ? alpha * strengths[i] : alpha;
      const rest = blend === 'add' ? 1 : 1 - share;
      const opaque = data[at + 3] / 255;
      const white = 255 * (1 - opaque);
      const part = seen ? seen.x[i] * seen.y[j] : 1;
      const grey = part < 1 ? dimmed(opaque * data[at] + white, opaque * data[at + 1] + white, opaque * data[at + 2] + white) : 0;
      for (let c = 0; c < 3; ++c) {
        const value = share * hot[3 * i + c] + rest * (opaque * data[at + c] + white);
        mixed[4 * i + c] = part < 1 ? grey + part * (value - grey) : value;
      }
    }
    return mixed;
  };
  let scale = 1;
  if (blend !== 'mix') {
    let most = 0;
    for (let j = 0; j < height; ++j) {
      const values = mix(j);
      for (let i = 0; i < values.length; ++i) if (values[i] > most) most = values[i];
      yield 0;
    }
    scale = most > 0 ? 255 / most : 1;
  }
  for (let j = 0; j < height; ++j) {
    const values = mix(j);
    const from = 4 * j * width;
    for (let i = 0; i < values.length; ++i) out[from + i] = (i & 3) === 3 ? 255 : scale * values[i];
    yield j + 1;
  }
}

/**
 * The heat with its weight as opacity: laid over the picture by whoever shows it. What the network did not
 * see is darkened.
 * @param {View | null} [view]  the part of width x height that the map lies on
 * @returns {{width: number, height: number, data: Uint8ClampedArray}} RGBA
 */
export function veil(map, style, rgb, width, height, view = null) {
  const data = new Uint8ClampedArray(4 * width * height);
  whole(veilRows(map, style, rgb, width, height, view, data));
  return { width, height, data };
}

/**
 * The same into `out`, row by row; it yields how many rows are done.
 * @returns {Generator<number, void, void>}
 */
export function* veilRows(map, style, rgb, width, height, view, out) {
  const row = (style.colourFirst ? colouredVeil : tableVeil)(map, style, rgb, width, height, out, view);
  const seen = coverage(view, width, height);
  for (let j = 0; j < height; ++j) {
    row(j);
    if (seen && !seen.whole) darken(out, seen, width, j);
    yield j + 1;
  }
}

function darken(data, { x, y }, width, j) {
  for (let i = 0; i < width; ++i) {
    const part = x[i] * y[j];
    if (part === 1) continue;
    const at = 4 * (j * width + i);
    const [own, dark] = [part * data[at + 3], (1 - part) * 255 * (1 - DIM)];
    for (let c = 0; c < 3; ++c) data[at + c] *= own / (own + dark);
    data[at + 3] = own + dark;
  }
}

/** Writes one row after the other. @returns {(row: number) => void} */
function colouredVeil(map, style, rgb, width, height, out, view) {
  const row = heat(map, style, rgb, width, height, view);
  const strong = style.fade ? strength(map, style, width, height, view) : null;
  return (j) => {
    const hot = row(j);
    const strengths = strong?.(j);
    for (let i = 0; i < width; ++i) {
      const at = 4 * (j * width + i);
      for (let c = 0; c < 3; ++c) out[at + c] = hot[3 * i + c];
      out[at + 3] = 255 * style.alpha * (strengths ? strengths[i] : 1);
    }
  };
}

/** One of 256 finished pixels for each value: pages do this for every frame of a video. */
function tableVeil({ data, width: w, height: h }, style, rgb, width, height, out, view) {
  const table = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(table.buffer);
  const values = Float32Array.from({ length: 256 }, (_, level) => level / 255);
  const colours = colour(values, rgb, { swapped: style.swapped, power: 1 }, new Float32Array(768));
  for (let level = 0; level < 256; ++level) {
    for (let c = 0; c < 3; ++c) bytes[4 * level + c] = colours[3 * level + c];
    bytes[4 * level + 3] = 255 * style.alpha * (style.fade ? Math.min(1, style.fade * values[level]) : 1);
  }
  const pixels = new Uint32Array(out.buffer);
  const row = enlarger(data, w, h, width, height, style, 1, view);
  return (j) => {
    const large = row(j);
    for (let i = 0; i < width; ++i) {
      const value = style.power === 1 ? large[i] : Math.max(0, large[i]) ** style.power;
      pixels[j * width + i] = table[Math.min(255, Math.max(0, Math.round(255 * value)))];
    }
  };
}

/** Connected parts above the threshold, the largest first, at a size that costs little. */
function partsOf(map, width, height, threshold, view) {
  if (!(threshold >= 0 && threshold < 1)) {
    throw new GradCamError('argument', `threshold is ${threshold}, but must be from 0 to below 1.`);
  }
  // Parts of a smooth map do not change above this size, and a large photo would only cost time.
  const shrink = Math.min(1, 512 / Math.max(width, height));
  const W = Math.max(1, Math.round(width * shrink));
  const H = Math.max(1, Math.round(height * shrink));
  const values = resize(map, W, H, 'bilinear', view && scaled(view, W / width, H / height));
  let max = 0;
  for (let i = 0; i < values.length; ++i) if (values[i] > max) max = values[i];
  const labels = new Uint32Array(W * H); // number of the part in `found`, from 1; 0: none
  if (max === 0) return { W, H, labels, found: [] };
  // Plain loops: this runs over every pixel whenever another class is shown.
  const level = threshold * max;
  const found = [];
  const stack = new Int32Array(W * H);
  for (let start = 0; start < W * H; ++start) {
    if (labels[start] || !(values[start] > level)) continue;
    const label = found.length + 1;
    let [left, top, right, bottom, area, peak] = [W, H, 0, 0, 0, 0];
    let size = 0;
    labels[start] = label;
    stack[size++] = start;
    while (size) {
      const i = stack[--size];
      const x = i % W;
      const y = (i - x) / W;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      if (y < top) top = y;
      if (y >= bottom) bottom = y + 1;
      if (values[i] > peak) peak = values[i];
      area += 1;
      for (let side = 0; side < 4; ++side) {
        if (side === 0 ? x === 0 : side === 1 ? x === W - 1 : side === 2 ? y === 0 : y === H - 1) continue;
        const next = i + (side === 0 ? -1 : side === 1 ? 1 : side === 2 ? -W : W);
        if (labels[next] || !(values[next] > level)) continue;
        labels[next] = label;
        stack[size++] = next;
      }
    }
    found.push({ left, top, right, bottom, area, peak, label });
  }
  found.sort((one, other) => other.area - one.area);
  return { W, H, labels, found };
}

/**
 * Rectangles around the connected parts (4-neighbours) of the map above `threshold` times its
 * maximum, in the picture's pixels, the largest part first. The paper takes the first, at 0.15
 * (arXiv:1610.02391, section 4.1).
 * @param {Map2d} map
 * @param {number} width    of the picture
 * @param {number} height
 * @param {number} threshold
 * @returns {{x: number, y: number, width: number, height: number, area: number, peak: number}[]}
 *   area: pixels of the part; peak: its largest value, 0..1
 */
export function boxes(map, width, height, threshold, view = null) {
  const { W, H, found } = partsOf(map, width, height, threshold, view);
  const [fx, fy] = [width / W, height / H];
  return found.map((part) => ({
    x: Math.round(part.left * fx),
    y: Math.round(part.top * fy),
    width: Math.round((part.right - part.left) * fx),
    height: Math.round((part.bottom - part.top) * fy),
    area: Math.round(part.area * fx * fy),
    peak: part.peak,
  }));
}

/**
 * The largest of these parts as a mask of the picture: 1 inside, 0 outside, row by row.
 * @param {Map2d} map
 * @returns {Uint8Array}
 */
export function mask(map, width, height, threshold, view = null) {
  const { W, H, labels, found } = partsOf(map, width, height, threshold, view);
  const out = new Uint8Array(width * height);
  for (let y = 0; found.length && y < height; ++y) {
    const row = Math.floor((y * H) / height) * W;
    for (let x = 0; x < width; ++x) {
      out[y * width + x] = labels[row + Math.floor((x * W) / width)] === found[0].label ? 1 : 0;
    }
  }
  return out;
}
