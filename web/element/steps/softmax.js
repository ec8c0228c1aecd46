/**
 * Step: the gradient of the softmax probability against that of the logit, as the network grows surer.
 *
 * With the logits times s, p = softmax(s y), and dp_c/dA = s sum over j of p_c (delta_cj - p_j) dy_j/dA.
 * Grad-CAM's map is linear in the gradient, so the map of p_c is the same sum of the logits' maps L^j
 * before ReLU: nothing needs to be computed again when s changes.
 */
import { button, drawPlane, figure, figures, make, planeCanvas, say, shareOf } from './dom.js';

const MOST_CLASSES = 32; // of many classes, so many have maps: the likeliest
const LITTLE = 0.005; // p of all without a map that needs no words
const f32 = Math.fround;

/** Softmax of s*y with every number rounded to 32 bits, as networks compute. */
function softmax32(logits, s) {
  const most = Math.max(...logits);
  const powers = logits.map((y) => f32(Math.exp(f32(s * f32(y - most)))));
  const total = powers.reduce((sum, value) => f32(sum + value), 0);
  return powers.map((value) => f32(value / total));
}

/** Factors of the L^j in the map of p_c, in 32 bits, as backpropagation through softmax gives them. */
export function plainFactors(logits, c, s) {
  const p = softmax32(logits, s);
  return p.map((share, j) => f32(f32(s * p[c]) * f32((j === c ? 1 : 0) - share)));
}

/** The same direction without the factor s p_c (1 - p_c): L^c - sum of q_j L^j, q: softmax of the others. */
export function exactFactors(logits, c, s) {
  const others = logits.map((y, j) => (j === c ? -Infinity : y));
  const most = Math.max(...others);
  const powers = others.map((y) => Math.exp(s * (y - most)));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value, j) => (j === c ? 1 : -value / total));
}

const mix = (maps, factors) => maps[0].raw.map((_, i) => maps.reduce((sum, map, j) => sum + factors[j] * map.raw[i], 0));

export const softmax = {
  name: 'softmax',
  title: say('softmax.title'),
  formula: `<math display="block"><mfrac><mrow><mo>∂</mo><msub><mi>p</mi><mi>c</mi></msub></mrow><mrow><mo>∂</mo><mi>A</mi></mrow></mfrac><mo>=</mo>
    <munder><mo>∑</mo><mi>j</mi></munder><msub><mi>p</mi><mi>c</mi></msub><mo stretchy="false">(</mo><msub><mi>δ</mi><mrow><mi>c</mi><mi>j</mi></mrow></msub><mo>−</mo><msub><mi>p</mi><mi>j</mi></msub><mo stretchy="false">)</mo>
    <mfrac><mrow><mo>∂</mo><msup><mi>y</mi><mi>j</mi></msup></mrow><mrow><mo>∂</mo><mi>A</mi></mrow></mfrac></math>`,
  caption: say('softmax.caption'),
  create({ cam, colormap: first, fail }) {
    let colormap = first;
    let steps = null;
    let all = null; // {maps, logits, c}; logits are those of every class, first of those with maps
    let controller = null;
    const slider = make('input', { type: 'range', min: '0', max: '8', step: '0.05', value: '0', 'aria-label': say('softmax.slider') });
    const value = make('output');
    const tiles = [['logit', say('softmax.ofLogit')], ['plain', say('softmax.ofPlain')], ['exact', say('softmax.ofExact')]].map(
      ([name, words]) => {
        const canvas = planeCanvas(words);
        const more = make('span', { class: 'small' });
        return { name, canvas, more, figure: make('figure', { class: 'tile' }, canvas,
          make('figcaption', {}, make('strong', { textContent: words }), make('br'), more)) };
      });
    const numbers = figures();
    const saturate = button(say('softmax.saturate'), () => {
      if (!all) return;
      const { logits, c } = all;
      // The first s at which the class's own factor is 0; the end of the scale where there is none.
      slider.value = slider.max;
      for (let at = 0; at <= Number(slider.max); at += 0.05) {
        if (plainFactors(logits, c, 2 ** at)[c] !== 0) continue;
        slider.value = String(at);
        break;
      }
      show();
    });
    const verdict = make('p', { class: 'caption', role: 'status' });
    const element = make('div', {},
      make('div', { class: 'bar' }, make('label', { class: 'wide' }, 's', slider, value), saturate),
      make('div', { class: 'trio' }, ...tiles.map((tile) => tile.figure)), numbers.element, verdict);

    function show() {
      const s = 2 ** Number(slider.value);
      const { maps, logits, c } = all;
      const p = softmax32(logits, s);
      const plain = plainFactors(logits, c, s);
      const data = { logit: maps[c].raw, plain: mix(maps, plain), exact: mix(maps, exactFactors(logits, c, s)) };
      const { width, height } = maps[c];
      const left = p.slice(maps.length).reduce((sum, share) => sum + share, 0);
      for (const { name, canvas, more } of tiles) {
        const values = data[name].map((one) => Math.max(0, one));
        const high = values.reduce((most, one) => Math.max(most, one), 0);
        drawPlane(canvas, { values, width, height, table: cam.colormap(colormap), low: 0, high });
        more.textContent = high > 0 ? say('softmax.largest', { most: figure(high) }) : say('softmax.none');
      }
      value.textContent = `× ${figure(s)}`;
      numbers.set([
        [say('step.classC'), maps[c].class.name],
        [say('softmax.p'), p[c] === 1 ? say('softmax.exactly') : String(p[c].toPrecision(7))],
        ['1 − p', figure(f32(1 - p[c]))],
        ...(p.length > maps.length ? [[say('softmax.left'), figure(left)]] : []),
        [say('softmax.factor'), figure(plain[c])],
        [say('softmax.other'), figure(-Math.max(...plain.filter((_, j) => j !== c).map(Math.abs)))],
      ]);
      const first = plainFactors(logits, c, 1)[c];
      const said = plain[c] !== 0 ? (s === 1 ? say('softmax.start', { first: figure(first) })
        : say('softmax.holds', { factor: figure(plain[c]), first: figure(first), s: figure(s) }))
        : plain.some((one) => one !== 0) ? say('softmax.saturated')
          : p[c] === 0 ? say('softmax.lost', { name: maps[c].class.name }) : say('softmax.empty');
      verdict.textContent = left < LITTLE ? said : `${said} ${say('softmax.rest', { count: p.length - maps.length, share: shareOf(left) })}`;
    }

    async function load() {
      controller?.abort();
      controller = new AbortController();
      const { signal } = controller;
      const { predictions, picture } = steps.explanation;
      const some = predictions.slice(0, MOST_CLASSES);
      if (!some.some(({ id }) => id === steps.class.id)) some.push(predictions.find(({ id }) => id === steps.class.id));
      try {
        const result = await cam.explain(picture, { classes: some.map(({ id }) => id), top: 1,
          layer: steps.layer.name, picture: false, signal });
        const others = predictions.filter((one) => !some.includes(one));
        all = { maps: result.maps, logits: [...result.maps, ...others].map(({ score }) => score), c: some.findIndex(({ id }) => id === steps.class.id) };
        show();
      } catch (error) {
        fail(error);
      }
    }
    slider.addEventListener('input', () => all && show());
    return {
      element,
      update(next) {
        steps = next;
        load();
      },
      restyle(name) {
        colormap = name;
        if (all) show();
      },
      stop: () => controller?.abort(),
    };
  },
};
