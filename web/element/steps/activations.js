/**
 * Step: the activations A^k of the layer, every channel a small plane.
 */
import { createAtlas } from './atlas.js';
import { say } from './dom.js';

export const activations = {
  name: 'activations',
  title: say('activations.title'),
  formula: `<math display="block"><msup><mi>A</mi><mi>k</mi></msup><mo>∈</mo><msup><mi>ℝ</mi><mrow><mi>h</mi><mo>×</mo><mi>w</mi></mrow></msup>
    <mo>,</mo><mspace width="0.6em"/><mi>k</mi><mo>=</mo><mn>1</mn><mo>…</mo><mi>K</mi></math>`,
  caption: say('activations.caption'),
  create(context) {
    let { colormap } = context;
    const atlas = createAtlas({
      name: say('activations.title'),
      symbol: 'A',
      planes: (steps) => steps.activations,
      // A few strong values would leave all others dark.
      scale: (low, high) => ({ low: Math.min(0, low), high: high / 2 }),
      table: () => context.cam.colormap(colormap),
    });
    return {
      element: atlas.element,
      update: atlas.update,
      restyle(name) {
        colormap = name;
        atlas.redraw();
      },
      stop: atlas.stop,
    };
  },
};
