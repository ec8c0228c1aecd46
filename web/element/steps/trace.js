/**
 * Step: follow one pixel. At the first convolution its sum is done by hand: patch, weights, products. Further in,
 * the receptive field of a cell: what of the picture it can see, measured as where its gradient is not 0.
 */
import { chooseCell, drawFrame, figures, fixed, label, make, oneAtATime, placeName, roundTogether, say, select, shape, SIGNED } from './dom.js';

/** Numbers that are added up have as many places: with three figures each, −2.46 + 1.23 + 1.38 would be 0.139. */
const PLACES = 3;
const thousandths = (value) => fixed(value, PLACES);

const MOST_BY_HAND = 5; // rows and columns of a patch whose numbers are shown

/** The first layer, the last one of each size, and the model's own. @param {import('../../index.js').GradCam} cam */
function depths(cam) {
  const all = cam.layers();
  const own = all.findIndex((layer) => layer.default);
  return all.filter((layer, i) => i === 0 || i === own ||
    (i < own && (layer.height !== all[i + 1].height || layer.width !== all[i + 1].width)));
}

export const trace = {
  name: 'trace',
  title: say('trace.title'),
  formula: `<math display="block"><msubsup><mi>A</mi><mrow><mi>i</mi><mi>j</mi></mrow><mi>k</mi></msubsup><mo>=</mo><msup><mi>b</mi><mi>k</mi></msup><mo>+</mo>
    <munder><mo>∑</mo><mi>c</mi></munder><munder><mo>∑</mo><mi>u</mi></munder><munder><mo>∑</mo><mi>v</mi></munder>
    <msubsup><mi>w</mi><mrow><mi>c</mi><mi>u</mi><mi>v</mi></mrow><mi>k</mi></msubsup><mo>·</mo><msub><mi>x</mi><mrow><mi>c</mi><mo>,</mo><mi>s</mi><mi>i</mi><mo>+</mo><mi>u</mi><mo>,</mo><mi>s</mi><mi>j</mi><mo>+</mo><mi>v</mi></mrow></msub></math>`,
  caption: say('trace.caption'),
  create({ cam, fail }) {
    const layers = depths(cam);
    let steps = null;
    let cell = { x: 0, y: 0 };
    const where = select(layers.map(({ name, height, width }) => [name, say('trace.layer', { name, width, height })]), layers[0]?.name);
    const which = make('input', { type: 'range', min: '0', value: '0', 'aria-label': say('trace.which') });
    const whichText = make('output');
    const ground = make('canvas', { class: 'plane pixels', role: 'application', 'aria-label': say('trace.photo') });
    const frame = make('canvas', { 'aria-hidden': 'true' });
    frame.style.pointerEvents = 'none';
    const close = make('canvas', { class: 'plane pixels close-up', role: 'img', 'aria-label': say('trace.close') });
    const sums = make('div', { class: 'hand' });
    const numbers = figures();
    const words = make('p', { class: 'small', role: 'status' });
    const element = make('div', {},
      make('div', { class: 'bar' }, label(say('trace.where'), where), make('label', { class: 'wide' }, make('span', { textContent: say('knob.channel') }), which, whichText)),
      make('div', { class: 'split' }, make('div', { class: 'cover' }, ground, frame),
        make('div', {}, close, numbers.element)),
      words, sums);
    const layer = () => layers.find(({ name }) => name === where.value);
    const isFirst = () => layer() === layers[0] && layer().op === 'Conv';

    const ask = oneAtATime(async () => {
      if (!steps) return;
      const asked = steps;
      const answer = await cam.trace(asked.explanation.picture, { layer: where.value, at: [cell.y, cell.x],
        ...(isFirst() ? { channel: Number(which.value) } : {}) });
      if (asked === steps && answer.layer.name === where.value) show(answer);
    }, fail);

    /** Where the gradient is not 0, in the input's pixels; null: nowhere. */
    function fieldOf({ gradient, width, height }) {
      let [left, top, right, bottom] = [width, height, -1, -1];
      gradient.forEach((value, i) => {
        if (value === 0) return;
        const [x, y] = [i % width, Math.floor(i / width) % height];
        left = Math.min(left, x);
        right = Math.max(right, x);
        top = Math.min(top, y);
        bottom = Math.max(bottom, y);
      });
      return right < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
    }

    const inputPlane = (of, c) => of.input.subarray(c * of.width * of.height, (c + 1) * of.width * of.height);

    /** The network's input as a picture: what it was fed, brought back to 0..255. */
    function drawInput(of) {
      const { mean, std, order } = cam.model.preprocess;
      const pixels = new ImageData(of.width, of.height);
      for (let c = 0; c < 3; ++c) {
        const from = Math.min(c, of.channels - 1);
        const plane = inputPlane(of, order === 'bgr' ? of.channels - 1 - from : from);
        const at = order === 'bgr' ? of.channels - 1 - from : from;
        for (let i = 0; i < plane.length; ++i) pixels.data[4 * i + c] = plane[i] * (std[at] ?? std[0]) + (mean[at] ?? mean[0]);
      }
      for (let i = 3; i < pixels.data.length; i += 4) pixels.data[i] = 255;
      shape(ground, of.width, of.height);
      ground.getContext('2d').putImageData(pixels, 0, 0);
      return pixels;
    }

    function show(of) {
      drawInput(of);
      const field = fieldOf(of);
      Object.assign(frame, { width: 3 * of.width, height: 3 * of.height });
      const { layer: here } = of;
      if (field) {
        drawFrame(frame, { x: 3 * field.x, y: 3 * field.y, width: 3 * field.width, height: 3 * field.height }, 2);
        shape(close, field.width, field.height);
        close.getContext('2d').drawImage(ground, field.x, field.y, field.width, field.height, 0, 0, field.width, field.height);
      }
      which.disabled = !isFirst();
      which.max = String(here.channels - 1);
      whichText.textContent = isFirst() ? `k = ${which.value}` : say('trace.all', { count: here.channels });
      const pixels = field ? field.width * field.height : 0;
      numbers.set([
        [say('trace.cell'), placeName(cell)],
        [say('trace.of'), `${here.width} × ${here.height}`],
        [say('trace.sees'), field ? say('trace.size', { width: field.width, height: field.height }) : say('trace.nothing')],
        [say('trace.share'), say('trace.pixels', { pixels: pixels.toLocaleString('en'), all: (of.width * of.height).toLocaleString('en') })],
      ]);
      const byHand = isFirst() && field && Math.max(field.width, field.height) <= MOST_BY_HAND;
      sums.hidden = !byHand;
      if (byHand) showSum(of, field);
      else words.textContent = field ? say('trace.far', { name: here.name, width: field.width, height: field.height, columns: of.width, rows: of.height }) : say('trace.dead');
    }

    function showSum(of, field) {
      const { order } = cam.model.preprocess;
      const names = of.channels === 1 ? [say('trace.grey')] : [...order.toUpperCase()];
      const totals = [];
      let most = 0;
      const terms = Array.from({ length: of.channels }, (_, c) => {
        const plane = inputPlane(of, c);
        const weights = of.gradient.subarray(c * plane.length, (c + 1) * plane.length);
        const rows = Array.from({ length: field.height }, (_r, y) => Array.from({ length: field.width }, (_c, x) => {
          const i = (field.y + y) * of.width + field.x + x;
          most = Math.max(most, Math.abs(plane[i] * weights[i]));
          return { x: plane[i], w: weights[i] };
        }));
        totals.push(rows.flat().reduce((sum, { x, w }) => sum + x * w, 0));
        return rows;
      });
      const products = totals.reduce((sum, value) => sum + value, 0);
      const printed = roundTogether([...totals, of.value - products], PLACES);
      const bias = printed.pop();
      const whole = printed.reduce((sum, value) => sum + value, 0);
      sums.replaceChildren(...terms.map((rows, c) => make('table', { class: 'patch' },
        make('caption', { textContent: say('trace.table', { name: names[c], sum: `${printed[c] > 0 ? '+' : ''}${thousandths(printed[c])}` }) }),
        make('tbody', {}, ...rows.map((row) => make('tr', {}, ...row.map(({ x, w }) => {
          const box = make('td', {}, make('span', { textContent: fixed(x, 2) }), make('span', { textContent: `× ${fixed(w, 2)}` }));
          const level = Math.round(255 * (0.5 + (0.24 * x * w) / (most || 1)));
          box.style.background = `rgb(${SIGNED.subarray(3 * level, 3 * level + 3).join(' ')})`;
          return box;
        })))))));
      words.textContent = say('trace.sum', { count: of.channels * field.width * field.height, parts: printed.map(thousandths).join(' + ').replaceAll('+ −', '− '),
        products: thousandths(whole), bias: thousandths(bias), value: thousandths(whole + bias) });
    }

    where.addEventListener('change', () => {
      const { width, height } = layer();
      cell = { x: Math.floor(width / 2), y: Math.floor(height / 2) };
      which.value = '0';
      ask();
    });
    which.addEventListener('input', ask);
    chooseCell(ground, () => steps && layer() && { columns: layer().width, rows: layer().height, at: cell }, (next) => {
      if (next.x === cell.x && next.y === cell.y) return;
      cell = next;
      ask();
    }, 'pointermove');
    return {
      element,
      update(next) {
        const firstTime = !steps;
        steps = next;
        if (firstTime && layer()) cell = { x: Math.floor(layer().width / 2), y: Math.floor(layer().height / 2) };
        ask();
      },
      stop() {
        steps = null;
      },
    };
  },
};
