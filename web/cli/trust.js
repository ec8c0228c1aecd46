/**
 * How far a map can be trusted: metrics over a picture at the network's input size. Deletion and
 * insertion are in the package (tools.curve), for the lesson has them too.
 *
 * `picture`: RGBA, `map`: one number a pixel, larger is more important, `predict`: what the network
 * makes of a picture, the probability of the class that the map explains.
 *
 * @typedef {{width: number, height: number, data: Uint8ClampedArray | Uint8Array}} Picture
 * @typedef {(picture: Picture) => Promise<number>} Predict
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 */
import { tools } from '../node.js';

const { orderOf } = tools;

/* ---- Random numbers: a hash of seed and index, so that a run can be repeated -------------------- */

function uniform(seed, index) {
  let h = (seed + Math.imul(index + 1, 0x9e3779b9)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

function normal(seed, index) {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, 2 * index)));
  return radius * Math.cos(2 * Math.PI * uniform(seed, 2 * index + 1));
}

/* ---- Baselines ---------------------------------------------------------------------------------- */

/** What a map must beat: chance, and that objects are mostly in the middle. */
export function baselines(width, height, seed = 1) {
  const n = width * height;
  const random = Float32Array.from({ length: n }, (_, i) => uniform(seed, i));
  const centre = Float32Array.from({ length: n }, (_, i) => (
    -Math.hypot((i % width) - (width - 1) / 2, Math.floor(i / width) - (height - 1) / 2)));
  return { random, centre };
}

/* ---- Where insertion begins (RISE, arXiv:1806.07421, section 4.1) ---------------------------------- */

const copy = ({ width, height, data }) => ({ width, height, data: new Uint8ClampedArray(data) });

/** Gaussian blur, sigma as a part of the longer side; borders repeat. */
export function blurred(picture, part = 1 / 22) {
  const { width, height, data } = picture;
  const sigma = part * Math.max(width, height);
  const radius = Math.ceil(3 * sigma);
  const kernel = Float64Array.from({ length: 2 * radius + 1 },
    (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)));
  const total = kernel.reduce((sum, k) => sum + k, 0);
  const pass = (from, length, lines, step, apart) => {
    const to = new Float64Array(from.length);
    for (let line = 0; line < lines; ++line) {
      for (let i = 0; i < length; ++i) {
        for (let c = 0; c < 4; ++c) {
          let sum = 0;
          for (let k = -radius; k <= radius; ++k) {
            const at = Math.min(length - 1, Math.max(0, i + k));
            sum += kernel[k + radius] * from[4 * (line * apart + at * step) + c];
          }
          to[4 * (line * apart + i * step) + c] = sum / total;
        }
      }
    }
    return to;
  };
  const rows = pass(data, width, height, 1, width);
  return { width, height, data: new Uint8ClampedArray(pass(rows, height, width, width, 1)) };
}

/* ---- Drop and increase in confidence (Grad-CAM++, arXiv:1710.11063, section 4.1) ------------------ */

/**
 * The probability when only what the map (0..1) shows is left, over a plain ground.
 * @param {Picture} picture @param {Float32Array} map @param {Picture} ground
 */
export function masked(picture, map, ground) {
  const out = copy(picture);
  for (let i = 0; i < map.length; ++i) {
    for (let c = 0; c < 3; ++c) {
      out.data[4 * i + c] = map[i] * picture.data[4 * i + c] + (1 - map[i]) * ground.data[4 * i + c];
    }
  }
  return out;
}

/** drop: the part of the probability that is lost, 0..1; increase: was any won? */
export const confidence = (before, after) => (
  { drop: before > 0 ? Math.max(0, before - after) / before : 0, increase: after > before });

/* ---- ROAD (Rong et al., arXiv:2202.00449) --------------------------------------------------------- */

/**
 * Noisy linear imputation: each removed pixel becomes the weighted mean of its neighbours inside the
 * picture (1/6 beside, 1/12 across), so that a hole does not show where it was cut. One linear system
 * a channel, solved by conjugate gradients.
 * @param {Picture} picture @param {Uint32Array | number[]} removed @param {number} seed
 */
export function imputed(picture, removed, seed = 1, noise = 1) {
  const { width, height } = picture;
  const [W, H] = [width + 2, height + 2]; // a frame of zeros, so that no neighbour needs a check
  const at = (pixel) => (Math.floor(pixel / width) + 1) * W + (pixel % width) + 1;
  const hole = Int32Array.from(removed, at);
  const known = new Float64Array(W * H);
  for (let pixel = 0; pixel < width * height; ++pixel) known[at(pixel)] = 1;
  const weights = neighbours(known, hole, W); // of those inside the picture
  for (const i of hole) known[i] = 0;
  const out = copy(picture);
  for (let c = 0; c < 3; ++c) {
    const values = new Float64Array(W * H);
    for (let pixel = 0; pixel < width * height; ++pixel) {
      values[at(pixel)] = known[at(pixel)] * picture.data[4 * pixel + c];
    }
    const b = neighbours(values, hole, W);
    const x = filled(values, known, W, H);
    const solved = removed.length < width * height ? conjugateGradients(hole, weights, b, x, W)
      : new Float64Array(W * H).fill(127);
    hole.forEach((i, k) => {
      out.data[4 * removed[k] + c] = solved[i] + noise * normal(seed, 3 * k + c);
    });
  }
  return out;
}

/** Weighted sum of the eight neighbours of each pixel of the hole. */
function neighbours(v, hole, W, out = new Float64Array(hole.length)) {
  for (let k = 0; k < hole.length; ++k) {
    const i = hole[k];
    out[k] = (v[i - 1] + v[i + 1] + v[i - W] + v[i + W]) / 6 +
      (v[i - W - 1] + v[i - W + 1] + v[i + W - 1] + v[i + W + 1]) / 12;
  }
  return out;
}

/** Where to begin: holes filled from means over ever larger squares. */
function filled(values, known, W, H) {
  const out = values.slice();
  const [w, h] = [Math.ceil(W / 2), Math.ceil(H / 2)];
  if (W * H <= 4) {
    const count = known.reduce((sum, one) => sum + one, 0);
    const mean = count ? values.reduce((sum, value) => sum + value, 0) / count : 127;
    return out.map((value, i) => (known[i] ? value : mean));
  }
  const sums = new Float64Array(w * h);
  const counts = new Float64Array(w * h);
  for (let y = 0; y < H; ++y) {
    for (let x = 0; x < W; ++x) {
      if (!known[y * W + x]) continue;
      sums[(y >> 1) * w + (x >> 1)] += values[y * W + x];
      counts[(y >> 1) * w + (x >> 1)] += 1;
    }
  }
  const coarse = filled(sums.map((sum, i) => (counts[i] ? sum / counts[i] : 0)),
    counts.map((count) => (count ? 1 : 0)), w, h);
  for (let y = 0; y < H; ++y) {
    for (let x = 0; x < W; ++x) {
      if (!known[y * W + x]) out[y * W + x] = coarse[(y >> 1) * w + (x >> 1)];
    }
  }
  return out;
}

/** weights x - neighbours(x) = b over the hole; x and p live on the framed picture, 0 outside the hole. */
function conjugateGradients(hole, weights, b, start, W) {
  const n = hole.length;
  const x = new Float64Array(start.length);
  const p = new Float64Array(start.length);
  const r = new Float64Array(n);
  const q = new Float64Array(n);
  for (const i of hole) x[i] = start[i];
  neighbours(x, hole, W, q);
  let [rr, scale] = [0, 1];
  for (let k = 0; k < n; ++k) {
    r[k] = b[k] - (weights[k] * x[hole[k]] - q[k]);
    p[hole[k]] = r[k];
    rr += r[k] * r[k];
    scale += (weights[k] * x[hole[k]]) ** 2;
  }
  for (let step = 0; step < 300 && rr > 1e-8 * scale; ++step) {
    neighbours(p, hole, W, q);
    let pq = 0;
    for (let k = 0; k < n; ++k) {
      q[k] = weights[k] * p[hole[k]] - q[k];
      pq += p[hole[k]] * q[k];
    }
    const alpha = rr / pq;
    let next = 0;
    for (let k = 0; k < n; ++k) {
      x[hole[k]] += alpha * p[hole[k]];
      r[k] -= alpha * q[k];
      next += r[k] * r[k];
    }
    for (let k = 0; k < n; ++k) p[hole[k]] = r[k] + (next / rr) * p[hole[k]];
    rr = next;
  }
  return x;
}

/**
 * Probabilities after removing the most, and the least, relevant pixels; a good map loses much by the
 * first and little by the second. score: mean of (least - most) / 2, as pytorch-grad-cam combines them.
 * @param {Picture} picture @param {Uint32Array} order @param {Predict} predict
 */
export async function road(picture, order, predict, percentiles = [20, 40, 60, 80]) {
  const most = [];
  const least = [];
  for (const percent of percentiles) {
    const count = Math.round((percent / 100) * order.length);
    most.push(await predict(imputed(picture, order.slice(0, count))));
    least.push(await predict(imputed(picture, order.slice(order.length - count))));
  }
  const score = most.reduce((sum, value, i) => sum + (least[i] - value) / 2, 0) / most.length;
  return { percentiles, most, least, score };
}

/* ---- Boxes ----------------------------------------------------------------------------------------- */

/**
 * Pointing game (Zhang et al., arXiv:1608.00507, section 5.1): does the map's largest value fall on
 * the object? `tolerance`: pixels around a box, 15 as usual.
 * @param {{x: number, y: number}} point @param {Box[]} boxes
 */
export const points = ({ x, y }, boxes, tolerance = 15) => boxes.some((box) => (
  x >= box.x - tolerance && x < box.x + box.width + tolerance &&
  y >= box.y - tolerance && y < box.y + box.height + tolerance));

/** Intersection over union. @param {Box} a @param {Box} b */
export function overlap(a, b) {
  const side = (p, q, from, size) => Math.max(0, Math.min(p[from] + p[size], q[from] + q[size]) -
    Math.max(p[from], q[from]));
  const both = side(a, b, 'x', 'width') * side(a, b, 'y', 'height');
  return both / (a.width * a.height + b.width * b.height - both);
}

/* ---- Sanity check (Adebayo et al., arXiv:1810.03292) ------------------------------------------------ */

/** Ranks from 0; equal values share the mean of theirs. */
function ranks(values) {
  const order = orderOf(values);
  const out = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && values[order[end]] === values[order[start]]) ++end;
    for (let i = start; i < end; ++i) out[order[i]] = (start + end - 1) / 2;
    start = end;
  }
  return out;
}

/** Spearman's rank correlation of two maps; 0 where one of them is constant. */
export function rankCorrelation(a, b) {
  const [p, q] = [ranks(a), ranks(b)];
  const mean = (a.length - 1) / 2;
  let [both, one, other] = [0, 0, 0];
  for (let i = 0; i < p.length; ++i) {
    both += (p[i] - mean) * (q[i] - mean);
    one += (p[i] - mean) ** 2;
    other += (q[i] - mean) ** 2;
  }
  return one && other ? both / Math.sqrt(one * other) : 0;
}
