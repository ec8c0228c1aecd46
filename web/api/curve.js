/**
 * Deletion and insertion (RISE, arXiv:1806.07421, section 4.2): one picture becomes another, in the order
 * of a map, and the class's probability is read on the way.
 *
 * @typedef {{width: number, height: number, data: Uint8Array | Uint8ClampedArray}} Picture   RGBA
 */

/**
 * Positions of a map from the largest value to the smallest; of equal ones the first comes first.
 * @param {ArrayLike<number>} map
 * @returns {Uint32Array}
 */
export function orderOf(map) {
  return Uint32Array.from(map, (_, i) => i).sort((a, b) => map[b] - map[a] || a - b);
}

/**
 * A picture in one colour, as large as another.
 * @param {{width: number, height: number}} size
 * @param {number[]} rgb
 * @returns {Picture}
 */
export function plain({ width, height }, rgb) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; ++i) data.set([...rgb.slice(0, 3), 255], 4 * i);
  return { width, height, data };
}

/**
 * Probabilities while the cells of `order` go from `from` to `to`, in equal steps: steps + 1 values.
 * Deletion: from the picture to a plain one, and a good map falls fast. Insertion: from a blurred or
 * plain picture to the picture, and a good map rises fast.
 * @param {Picture} from
 * @param {Picture} to       as large
 * @param {ArrayLike<number>} order   cells of a grid, row by row
 * @param {(picture: Picture) => number | Promise<number>} predict
 * @param {number} steps
 * @param {{width: number, height: number}} [grid]  default: every pixel is a cell
 * @returns {Promise<number[]>}
 */
export async function curve(from, to, order, predict, steps, grid = from) {
  const { width, height } = from;
  const now = { width, height, data: new Uint8ClampedArray(from.data) };
  const start = (cell, cells, size) => Math.ceil((cell * size) / cells); // the cell's first pixel
  const values = [await predict(now)];
  for (let step = 1, done = 0; step <= steps; ++step) {
    for (const end = Math.round((step * order.length) / steps); done < end; ++done) {
      const [row, column] = [Math.floor(order[done] / grid.width), order[done] % grid.width];
      const [left, right] = [start(column, grid.width, width), start(column + 1, grid.width, width)];
      for (let y = start(row, grid.height, height); y < start(row + 1, grid.height, height); ++y) {
        const at = 4 * (y * width + left);
        now.data.set(to.data.subarray(at, 4 * (y * width + right)), at);
      }
    }
    values.push(await predict(now));
  }
  return values;
}

/** Area under a curve over 0..1, by the trapezium rule. @param {number[]} values */
export function area(values) {
  const inner = values.reduce((sum, value) => sum + value, 0) - (values[0] + values.at(-1)) / 2;
  return inner / (values.length - 1);
}
