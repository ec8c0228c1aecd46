/**
 * Maps read back from published figures, so that they can be compared by number and not by eye.
 *
 * Grids: the blog post's grids. A tile is 0.6 photo + 0.4 heat, the heat a 14 x 14 map coloured with
 * jet whose red and blue are exchanged, enlarged by nearest neighbour. Over each cell the mean photo is
 * taken off, and the colour that is left is looked up in jet.
 * Plots: a 14 x 14 map drawn by matplotlib in viridis, whose luminance rises with the value.
 */
const CELLS = 14;

/** Where the tiles' frames are, in the figures' pixels: by the figure's width. */
const GRIDS = {
  1615: { columns: [[16, 426], [607, 1017], [1198, 1608]], rows: [[35, 275], [323, 563], [611, 851]] },
  1697: { columns: [[16, 508], [607, 1099], [1198, 1690]], rows: [[36, 358], [480, 802]] },
};
const MATSHOW = { 257: { columns: [27, 250], rows: [24, 247] } };

/** Mean colour of part of an RGBA picture; left, top, right, bottom in pixels, the last two excluded. */
function meanColour({ data, width }, left, top, right, bottom) {
  const sum = [0, 0, 0];
  let count = 0;
  for (let y = Math.round(top); y < Math.round(bottom); y++) {
    for (let x = Math.round(left); x < Math.round(right); x++, count++) {
      for (let c = 0; c < 3; c++) sum[c] += data[(y * width + x) * 4 + c];
    }
  }
  return sum.map((value) => value / count);
}

/** Jet as OpenCV and matplotlib have it, to within a few levels. */
const JET = Array.from({ length: 256 }, (_, i) => [3, 2, 1].map((peak) =>
  255 * Math.max(0, Math.min(1, 1.5 - Math.abs((4 * i) / 255 - peak)))));

function jetValue(colour) {
  let best = 0;
  let least = Infinity;
  JET.forEach((entry, i) => {
    const distance = entry.reduce((sum, value, c) => sum + (value - colour[c]) ** 2, 0);
    if (distance < least) [best, least] = [i, distance];
  });
  return best / 255;
}

/** 14 x 14 cells of an area, each reduced by a margin that keeps its neighbours out. */
function* cells([left, right], [top, bottom]) {
  const [w, h] = [(right - left) / CELLS, (bottom - top) / CELLS];
  const margin = 0.2;
  for (let row = 0; row < CELLS; row++) {
    for (let column = 0; column < CELLS; column++) {
      yield [left + (column + margin) * w, top + (row + margin) * h,
        left + (column + 1 - margin) * w, top + (row + 1 - margin) * h];
    }
  }
}

/**
 * @param {{data: Uint8ClampedArray, width: number}} figure  RGBA
 * @param {{data: Uint8ClampedArray, width: number, height: number}} photo
 * @param {number} count  maps in it
 * @returns {Float32Array[]}  each 14 x 14, 0..1; none where the figure is not one of those known
 */
export function readFigure(figure, photo, count) {
  if (MATSHOW[figure.width]) return [readMatshow(figure)];
  return GRIDS[figure.width] ? readGrid(figure, photo, count) : [];
}

function readGrid(figure, photo, count) {
  const grid = GRIDS[figure.width];
  const tiles = grid.rows.flatMap((rows) => grid.columns.map((columns) => [columns, rows]));
  return tiles.slice(0, count).map(([columns, rows]) => {
    const photoCells = [...cells([0, photo.width], [0, photo.height])];
    return Float32Array.from(cells([columns[0] + 1, columns[1]], [rows[0] + 1, rows[1]]), (area, i) => {
      const under = meanColour(photo, ...photoCells[i]);
      const [r, g, b] = meanColour(figure, ...area).map((value, c) => (value - 0.6 * under[c]) / 0.4);
      return jetValue([b, g, r]);
    });
  });
}

function readMatshow(figure) {
  const { columns, rows } = MATSHOW[figure.width];
  return Float32Array.from(cells(columns, rows), (area) => {
    const [r, g, b] = meanColour(figure, ...area);
    return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
  });
}

/** Pearson's correlation. */
export function correlation(a, b) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) ** 2;
    bb += (b[i] - mb) ** 2;
  }
  return aa && bb ? ab / Math.sqrt(aa * bb) : 0;
}
