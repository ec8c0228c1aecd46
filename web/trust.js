/**
 * How far a map can be trusted: metrics over a picture at the network's input size.
 *
 * `picture`: RGBA, `map`: one number a pixel, larger is more important, `predict`: what the network
 * makes of a picture, the probability of the class that the map explains.
 *
 * @typedef {{width: number, height: number, data: Uint8ClampedArray | Uint8Array}} Picture
 * @typedef {(picture: Picture) => Promise<number>} Predict
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 */

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

/* ---- Orders ------------------------------------------------------------------------------------- */

/** Pixels from the largest value to the smallest; of equal ones the first comes first. */
export function orderOf(map) {
  return Uint32Array.from(map, (_, i) => i).sort((a, b) => map[b] - map[a] || a - b);
}

/** What a map must beat: chance, and that objects are mostly in the middle. */
export function baselines(width, height, seed = 1) {
  const n = width * height;
  const random = Float32Array.from({ length: n }, (_, i) => uniform(seed, i));
  const centre = Float32Array.from({ length: n }, (_, i) => (
    -Math.hypot((i % width) - (width - 1) / 2, Math.floor(i / width) - (height - 1) / 2)));
  return { random, centre };
}

/* ---- Deletion and insertion (RISE, arXiv:1806.07421, section 4.1) -------------------------------- */

const copy = ({ width, height, data }) => ({ width, height, data: new Uint8ClampedArray(data) });

/** The picture in one colour. @param {[number, number, number]} rgb */
export function plain({ width, height }, rgb) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; ++i) data.set([...rgb, 255], 4 * i);
  return { width, height, data };
}

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

/**
 * Probabilities while the pixels of `order` go from `from` to `to`, in equal steps: steps + 1 values.
 * Deletion: from the picture to a plain one, and a good map falls fast. Insertion: from a blurred
 * picture to the picture, and a good map rises fast.
 * @param {Picture} from @param {Picture} to @param {Uint32Array} order @param {Predict} predict
 */
export async function curve(from, to, order, predict, steps) {
  const now = copy(from);
  const values = [await predict(now)];
  for (let step = 1, done = 0; step <= steps; ++step) {
    for (const end = Math.round((step * order.length) / steps); done < end; ++done) {
      const at = 4 * order[done];
      now.data.set(to.data.subarray(at, at + 4), at);
    }
    values.push(await predict(now));
  }
  return values;
}

/** Area under a curve over 0..1, by the trapezium rule. */
export function area(values) {
  const inner = values.reduce((sum, value) => sum + value, 0) - (values[0] + values.at(-1)) / 2;
  return inner / (values.length - 1);
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

const NEIGHBOURS = [[0, 1, 1 / 6], [0, -1, 1 / 6], [1, 0, 1 / 6], [-1, 0, 1 / 6],
  [1, 1, 1 / 12], [1, -1, 1 / 12], [-1, 1, 1 / 12], [-1, -1, 1 / 12]];

/**
 * Noisy linear imputation: each removed pixel becomes the weighted mean of its neighbours, so that a
 * hole does not show where it was cut. One linear system, solved by conjugate gradients.
 * @param {Picture} picture @param {Uint32Array | number[]} removed @param {number} seed
 */
export function imputed(picture, removed, seed = 1, noise = 1) {
  const { width, height } = picture;
  const n = removed.length;
  const index = new Int32Array(width * height).fill(-1);
  removed.forEach((pixel, i) => {
    index[pixel] = i;
  });
  const links = new Int32Array(8 * n).fill(-1); // to other removed pixels
  const diagonal = new Float64Array(n);
  const known = [0, 1, 2].map(() => new Float64Array(n));
  for (let i = 0; i < n; ++i) {
    const x = removed[i] % width;
    const y = (removed[i] - x) / width;
    NEIGHBOURS.forEach(([dx, dy, weight], k) => {
      const [u, v] = [x + dx, y + dy];
      if (u < 0 || v < 0 || u >= width || v >= height) return;
      diagonal[i] += weight;
      const other = index[v * width + u];
      if (other >= 0) links[8 * i + k] = other;
      else for (let c = 0; c < 3; ++c) known[c][i] += weight * picture.data[4 * (v * width + u) + c];
    });
  }
  const apply = (v) => {
    const out = new Float64Array(n);
    for (let i = 0; i < n; ++i) {
      let sum = diagonal[i] * v[i];
      for (let k = 0; k < 8; ++k) {
        if (links[8 * i + k] >= 0) sum -= NEIGHBOURS[k][2] * v[links[8 * i + k]];
      }
      out[i] = sum;
    }
    return out;
  };
  const out = copy(picture);
  known.forEach((b, c) => {
    const start = Float64Array.from(removed, (pixel) => picture.data[4 * pixel + c]);
    const solved = n < width * height ? conjugateGradients(apply, b, start) : start.fill(127);
    solved.forEach((value, i) => {
      out.data[4 * removed[i] + c] = value + noise * normal(seed, 3 * i + c);
    });
  });
  return out;
}

function conjugateGradients(apply, b, x) {
  const dot = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  let r = apply(x).map((value, i) => b[i] - value);
  let p = r.slice();
  let rr = dot(r, r);
  const enough = 1e-8 * Math.max(dot(b, b), 1);
  for (let step = 0; step < 500 && rr > enough; ++step) {
    const q = apply(p);
    const alpha = rr / dot(p, q);
    for (let i = 0; i < x.length; ++i) {
      x[i] += alpha * p[i];
      r[i] -= alpha * q[i];
    }
    const next = dot(r, r);
    p = r.map((value, i) => value + (next / rr) * p[i]);
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
