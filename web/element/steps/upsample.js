/**
 * Step: from the map's few cells to the picture's size, three ways.
 */
import { drawHeat, figures, make } from './dom.js';

const WAYS = [
  ['nearest', 'each pixel takes the value of the cell it lies in'],
  ['bilinear', 'a mean of 4 cells, the nearer the more; the default'],
  ['bicubic', 'a smooth curve through 16 cells; may pass their values'],
];

export const upsample = {
  name: 'upsample',
  title: 'Upsampling',
  formula: `<math display="block"><msup><mi>ℝ</mi><mrow><mi>h</mi><mo>×</mo><mi>w</mi></mrow></msup><mo>⟶</mo>
    <msup><mi>ℝ</mi><mrow><mi>H</mi><mo>×</mo><mi>W</mi></mrow></msup></math>`,
  caption: 'The map is as coarse as the layer. Enlarging it makes it smooth, not more precise: detail finer than a cell ' +
    'is invented.',
  create({ colormap: first }) {
    let map = null;
    let colormap = first;
    const tiles = WAYS.map(([way, words]) => {
      const canvas = make('canvas', { class: 'plane', role: 'img', 'aria-label': `The map, enlarged: ${way}` });
      return { way, canvas, figure: make('figure', { class: 'tile' }, canvas,
        make('figcaption', {}, make('strong', { textContent: way }), `: ${words}`)) };
    });
    const numbers = figures();
    const show = () => tiles.forEach(({ way, canvas }) => drawHeat(canvas, map, colormap, { interpolation: way }));
    return {
      element: make('div', {}, make('div', { class: 'trio' }, ...tiles.map((tile) => tile.figure)), numbers.element),
      update(steps) {
        ({ map } = steps);
        show();
        const { width, height } = map.picture;
        numbers.set([
          ['map, w × h', `${map.width} × ${map.height}`],
          ['picture, W × H', `${width} × ${height}`],
          ['pixels in one cell', `${(width / map.width).toFixed(1)} × ${(height / map.height).toFixed(1)}`],
        ]);
      },
      restyle(name) {
        colormap = name;
        if (map) show();
      },
    };
  },
};
