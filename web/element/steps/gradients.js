/**
 * Step: the gradient of the class's logit with respect to every activation.
 */
import { createAtlas } from './atlas.js';
import { make, say, shareOf, SIGNED } from './dom.js';

/** Whether every plane has the same value everywhere, as below global average pooling. */
function isFlat({ gradients, layer: { height, width, channels } }) {
  const size = height * width;
  for (let k = 0; k < channels; ++k) {
    for (let i = 1; i < size; ++i) {
      if (Math.abs(gradients[k * size + i] - gradients[k * size]) > 1e-5 * Math.abs(gradients[k * size])) return false;
    }
  }
  return true;
}

export const gradients = {
  name: 'gradients',
  title: say('gradients.title'),
  formula: `<math display="block"><mfrac><mrow><mo>∂</mo><msup><mi>y</mi><mi>c</mi></msup></mrow>
    <mrow><mo>∂</mo><msubsup><mi>A</mi><mrow><mi>i</mi><mi>j</mi></mrow><mi>k</mi></msubsup></mrow></mfrac></math>`,
  caption: say('gradients.caption'),
  create() {
    const atlas = createAtlas({
      name: say('gradients.title'),
      symbol: say('gradients.symbol'),
      planes: (steps) => steps.gradients,
      scale: (low, high) => ({ low: -Math.max(-low, high) / 2, high: Math.max(-low, high) / 2 }),
      table: () => SIGNED,
    });
    const words = make('p', { class: 'caption', role: 'note' });
    return {
      element: make('div', {}, atlas.element, words),
      update(steps) {
        atlas.element.hidden = !steps.gradients;
        if (!steps.gradients) {
          words.textContent = say('gradients.noLogits');
          return;
        }
        atlas.update(steps);
        const { name } = steps.layer;
        const lower = steps.gradients.reduce((count, value) => count + Number(value < 0), 0);
        words.textContent = isFlat(steps) ? say('gradients.flat', { name })
          : say(lower ? 'gradients.vary' : 'gradients.vary.none', { name, share: shareOf(lower / steps.gradients.length) });
      },
      stop: atlas.stop,
    };
  },
};
