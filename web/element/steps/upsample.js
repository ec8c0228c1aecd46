/**
 * Step: from the map's few cells to the picture's size, three ways.
 */
import { drawHeat, figures, make, say } from './dom.js';

const WAYS = [
  ['nearest', say('upsample.nearest')],
  ['bilinear', say('upsample.bilinear')],
  ['bicubic', say('upsample.bicubic')],
];

export const upsample = {
  name: 'upsample',
  title: say('upsample.title'),
  formula: `<math display="block"><msup><mi>ℝ</mi><mrow><mi>h</mi><mo>×</mo><mi>w</mi></mrow></msup><mo>⟶</mo>
    <msup><mi>ℝ</mi><mrow><mi>H</mi><mo>×</mo><mi>W</mi></mrow></msup></math>`,
  caption: say('upsample.caption'),
  create({ colormap: first }) {
    let map = null;
    let colormap = first;
    const tiles = WAYS.map(([way, words]) => {
      const canvas = make('canvas', { class: 'plane', role: 'img', 'aria-label': say('upsample.described', { way }) });
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
          [say('upsample.map'), `${map.width} × ${map.height}`],
          [say('upsample.picture'), `${width} × ${height}`],
          [say('upsample.each'), `${(width / map.width).toFixed(1)} × ${(height / map.height).toFixed(1)}`],
        ]);
      },
      restyle(name) {
        colormap = name;
        if (map) show();
      },
    };
  },
};
