/**
 * All channels of a layer as small planes, side by side; one is chosen, by pointer or slider, and shown
 * large with its numbers. Used for activations and for gradients.
 *
 * K: channels; k: one of them.
 */
import { colour, drawPlane, figure, figures, label, legend, make, onCell, onPoint, placeName, planeCanvas, range, say, select } from './dom.js';

const GAP = 1; // pixels of the atlas between two planes
const ROWS = 8; // so many are shown at first
const [TILE, SMALL_TILE] = [34, 22]; // CSS pixels of a plane; if all are shown

const ORDERS = [
  ['weight', say('atlas.byWeight')],
  ['contribution', say('atlas.byContribution')],
  ['index', say('step.byNumber')],
];

/** The channels in an order. @param {import('../../index.js').Steps} steps @returns {Uint32Array} */
export function orderChannels(steps, order) {
  const { channels: K, height, width } = steps.layer;
  const index = Uint32Array.from({ length: K }, (_, k) => k);
  if (order === 'index') return index;
  const size = height * width;
  const rank = order === 'weight' ? steps.weights
    : steps.weights.map((weight, k) => weight * range(steps.activations, k * size, size).mean);
  return index.sort((a, b) => rank[b] - rank[a]);
}

/**
 * @param {{name: string, symbol: string, planes: (steps: any) => Float32Array,
 *   scale: (low: number, high: number) => {low: number, high: number}, table: () => Uint8Array}} what
 *   scale: which values the ends of the colours mean
 */
export function createAtlas(what) {
  let steps = null;
  let order = new Uint32Array(0);
  let columns = 12;
  let chosen = 0; // place in the order

  const canvas = make('canvas', { role: 'img' });
  const mark = make('div', { class: 'mark' });
  const atlas = make('div', { class: 'atlas' }, canvas, mark);
  const how = select(ORDERS, 'weight');
  const all = make('input', { type: 'checkbox' });
  const allText = make('span');
  const slider = make('input', { type: 'range', min: '0', value: '0', 'aria-label': say('atlas.slider') });
  const which = make('output');
  const large = planeCanvas(say('atlas.large', { name: what.name }));
  const scale = legend();
  const numbers = figures();

  const element = make('div', {},
    make('div', { class: 'bar' }, make('span', { class: 'symbolic' }, label(say('atlas.sorted'), how)), make('label', {}, all, allText)),
    make('div', { class: 'split' },
      atlas,
      make('div', {},
        make('div', { class: 'bar' }, make('label', { class: 'wide' }, slider, make('span', { class: 'symbolic' }, which))),
        large, scale.element, numbers.element)));

  const count = () => Math.min(order.length, all.checked ? Infinity : ROWS * columns);

  function drawAll() {
    const { height, width } = steps.layer;
    const planes = what.planes(steps);
    const table = what.table();
    const box = atlas.clientWidth || 400;
    columns = Math.max(6, Math.min(32, order.length, Math.floor(box / (all.checked ? SMALL_TILE : TILE))));
    const rows = Math.ceil(count() / columns);
    Object.assign(canvas, { width: columns * (width + GAP) - GAP, height: rows * (height + GAP) - GAP });
    const image = new ImageData(canvas.width, canvas.height);
    // One scale for all: a dark plane is a quiet channel.
    const { low, high } = what.scale(...Object.values(range(planes)));
    for (let place = 0; place < count(); ++place) {
      const at = Math.floor(place / columns) * (height + GAP) * canvas.width + (place % columns) * (width + GAP);
      colour(image.data, canvas.width, at,
        { values: planes, from: order[place] * height * width, width, height, table, low, high });
    }
    canvas.getContext('2d').putImageData(image, 0, 0);
    canvas.setAttribute('aria-label', say('atlas.described', { name: what.name, count: count(), of: order.length, width, height }));
    scale.set(table, figure(low), figure(high));
    slider.max = String(count() - 1);
  }

  function drawChosen(cell = null) {
    const { height, width, channels: K } = steps.layer;
    const size = height * width;
    const k = order[chosen];
    const planes = what.planes(steps);
    const { low, high } = what.scale(...Object.values(range(planes)));
    const own = range(planes, k * size, size);
    drawPlane(large, { values: planes, from: k * size, width, height, table: what.table(), low, high });
    which.textContent = `k = ${k}`;
    slider.value = String(chosen);
    slider.setAttribute('aria-valuetext', say('atlas.valueText', { k, place: chosen + 1, of: count() }));
    const at = cell ? [[say('atlas.at', { symbol: what.symbol, place: placeName(cell) }), figure(planes[k * size + cell.y * width + cell.x])]]
      : [[say('atlas.largest', { symbol: what.symbol }), figure(own.high)]];
    numbers.set([
      [say('atlas.place'), say('atlas.placeOf', { place: chosen + 1, of: K })],
      [say('atlas.weight'), figure(steps.weights[k])],
      [say('atlas.smallest', { symbol: what.symbol }), figure(own.low)],
      [say('atlas.mean', { symbol: what.symbol }), figure(own.mean)],
      ...at,
    ]);
    const [x, y] = [(chosen % columns) * (width + GAP), Math.floor(chosen / columns) * (height + GAP)];
    mark.style.left = `${(100 * (x - GAP)) / canvas.width}%`;
    mark.style.top = `${(100 * (y - GAP)) / canvas.height}%`;
    mark.style.width = `${(100 * (width + 2 * GAP)) / canvas.width}%`;
    mark.style.height = `${(100 * (height + 2 * GAP)) / canvas.height}%`;
  }

  function redraw() {
    if (!steps) return;
    order = orderChannels(steps, how.value);
    allText.textContent = say('atlas.all', { count: order.length });
    drawAll();
    chosen = Math.min(chosen, count() - 1);
    drawChosen();
  }

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const { height, width } = steps.layer;
    const x = Math.floor((((event.clientX - box.left) / box.width) * canvas.width) / (width + GAP));
    const y = Math.floor((((event.clientY - box.top) / box.height) * canvas.height) / (height + GAP));
    return x >= 0 && x < columns && y * columns + x < count() ? y * columns + x : -1;
  };
  onPoint(canvas, (event) => {
    const at = steps ? place(event) : -1;
    if (at < 0) return;
    chosen = at;
    drawChosen();
  });
  how.addEventListener('change', () => {
    chosen = 0;
    redraw();
  });
  all.addEventListener('change', redraw);
  slider.addEventListener('input', () => {
    chosen = Number(slider.value);
    drawChosen();
  });
  onCell(large, (cell) => steps && drawChosen(cell));
  let width = 0;
  const sizes = new ResizeObserver(() => {
    if (Math.abs(atlas.clientWidth - width) < 20) return;
    width = atlas.clientWidth;
    // Later: what is drawn changes the size of what is observed, which pages would hear of as an error.
    requestAnimationFrame(redraw);
  });
  sizes.observe(atlas);

  return {
    element,
    update(next) {
      steps = next;
      redraw();
    },
    redraw,
    stop: () => sizes.disconnect(),
  };
}
