/**
 * Step: from the picture to the network's input, and from there to logits and probabilities.
 */
import { tools } from '../../index.js';
import { drawPicture, figure, make, percent, say, symbolic } from './dom.js';

const SHOWN = 5;

/** A setting as it was set: 127.5, not three figures of it. */
const exact = (value) => String(Number(value.toFixed(4)));

/** As the engine resizes: bilinear, half-pixel centres, no smoothing before shrinking. */
function shrink({ width, height, data }, outWidth, outHeight) {
  const out = new Uint8ClampedArray(4 * outWidth * outHeight);
  const axis = (i, size, count) => {
    const at = Math.max(0, ((i + 0.5) * size) / count - 0.5);
    const low = Math.min(size - 1, Math.floor(at));
    return [low, Math.min(size - 1, low + 1), at - low];
  };
  for (let y = 0; y < outHeight; ++y) {
    const [y0, y1, v] = axis(y, height, outHeight);
    for (let x = 0; x < outWidth; ++x) {
      const [x0, x1, u] = axis(x, width, outWidth);
      for (let c = 0; c < 4; ++c) {
        const at = (row, column) => data[4 * (row * width + column) + c];
        out[4 * (y * outWidth + x) + c] = (1 - v) * ((1 - u) * at(y0, x0) + u * at(y0, x1)) +
          v * ((1 - u) * at(y1, x0) + u * at(y1, x1));
      }
    }
  }
  return { width: outWidth, height: outHeight, data: out };
}

export const picture = {
  name: 'picture',
  title: say('picture.title'),
  formula: `<math display="block"><mi>x</mi><mo>=</mo><mfrac><mrow><mi>v</mi><mo>−</mo><mi>μ</mi></mrow><mi>σ</mi></mfrac>
    <mspace width="1.5em"/><mi>y</mi><mo>=</mo><mi>f</mi><mo stretchy="false">(</mo><mi>x</mi><mo stretchy="false">)</mo>
    <mspace width="1.5em"/><msub><mi>p</mi><mi>c</mi></msub><mo>=</mo>
    <mfrac><msup><mi>e</mi><msup><mi>y</mi><mi>c</mi></msup></msup><mrow><munder><mo>∑</mo><mi>j</mi></munder><msup><mi>e</mi><msup><mi>y</mi><mi>j</mi></msup></msup></mrow></mfrac></math>`,
  caption: say('picture.caption'),
  create({ cam, choose }) {
    const input = make('canvas', { class: 'plane', role: 'img' });
    const words = make('p', { class: 'small symbolic' });
    const body = make('tbody');
    const row = make('tr', {}, make('th', { scope: 'col', textContent: say('step.class') }), make('th', { scope: 'col', class: 'symbolic', textContent: say('picture.logit') }),
      make('th', { scope: 'col' }, say('picture.probability'), symbolic(' p')));
    const element = make('div', { class: 'split' },
      make('div', {}, make('table', {}, make('thead', {}, row), body)),
      make('div', {}, input, words));
    return {
      element,
      update(steps) {
        const [height, width] = cam.model.input;
        const { predictions, picture: whole } = steps.explanation;
        drawPicture(input, shrink(whole, width, height));
        input.setAttribute('aria-label', say('picture.described', { width, height }));
        const { mean, std, order } = cam.model.preprocess;
        words.textContent = say('picture.input', { width, height, order: order.toUpperCase(), mean: mean.map(exact).join(', '),
          std: std.map(exact).join(', '), w: whole.width, h: whole.height });
        const best = predictions.slice(0, SHOWN);
        if (!best.some(({ id }) => id === steps.class.id)) best.push(predictions.find(({ id }) => id === steps.class.id));
        body.replaceChildren(...best.map(({ id, name, group, score, probability }) => {
          const pick = make('button', { type: 'button', textContent: tools.withKind({ name, group }) });
          pick.addEventListener('click', () => choose(id));
          const line = make('tr', {}, make('td', {}, pick), make('td', { class: 'symbolic', textContent: figure(score) }),
            make('td', { textContent: percent(probability) }));
          if (id === steps.class.id) line.setAttribute('aria-current', 'true');
          return line;
        }));
      },
    };
  },
};
