/**
 * Step: ReLU keeps what speaks for the class.
 */
import { drawPlane, figure, figures, legend, make, onCell, percent, placeName, planeCanvas, range, say, SIGNED } from './dom.js';

export const relu = {
  name: 'relu',
  title: say('relu.title'),
  formula: `<math display="block"><msup><mi>L</mi><mi>c</mi></msup><mo>=</mo><mi>ReLU</mi><mo stretchy="false">(</mo><munder><mo>∑</mo><mi>k</mi></munder>
    <msubsup><mi>α</mi><mi>k</mi><mi>c</mi></msubsup><msup><mi>A</mi><mi>k</mi></msup><mo stretchy="false">)</mo><mo>,</mo><mspace width="0.6em"/>
    <mi>ReLU</mi><mo stretchy="false">(</mo><mi>s</mi><mo stretchy="false">)</mo><mo>=</mo><mi>max</mi><mo stretchy="false">(</mo><mn>0</mn><mo>,</mo><mi>s</mi><mo stretchy="false">)</mo></math>`,
  caption: say('relu.caption'),
  create() {
    let steps = null;
    const on = make('input', { type: 'checkbox', checked: true, role: 'switch' });
    const canvas = planeCanvas(say('relu.map'));
    const scale = legend();
    const numbers = figures();
    const claim = make('p', { class: 'small', role: 'note' });
    const element = make('div', {},
      make('div', { class: 'bar' }, make('label', {}, on, make('span', { textContent: say('relu.title') }))),
      make('div', { class: 'split' }, make('div', { class: 'modest' }, canvas, scale.element), make('div', {}, numbers.element, claim)));
    function show(cell = null) {
      const { width, height, raw } = steps.map;
      const values = on.checked ? raw.map((value) => Math.max(0, value)) : raw;
      const most = range(raw).size || 1;
      drawPlane(canvas, { values, width, height, table: SIGNED, low: -most, high: most });
      scale.set(SIGNED, figure(-most), figure(most));
      const { low, high } = range(values);
      const positive = raw.filter((value) => value > 0).length / raw.length;
      const below = raw.filter((value) => value < 0).length;
      claim.textContent = !below ? say('relu.nothing', { of: raw.length })
        : on.checked ? say('relu.cut', { below, of: raw.length }) : say('relu.shown', { below, of: raw.length });
      numbers.set([
        [say('relu.size'), `${width} × ${height}`],
        [say('step.smallest'), figure(low)],
        [say('step.largest'), figure(high)],
        [say('relu.above'), percent(positive)],
        ...(cell ? [[placeName(cell), figure(values[cell.y * width + cell.x])]] : []),
      ]);
      canvas.setAttribute('aria-label', on.checked ? say('relu.after', { low: figure(low), high: figure(high) }) : say('relu.before', { low: figure(low), high: figure(high) }));
    }
    on.addEventListener('change', () => steps && show());
    onCell(canvas, (cell) => steps && show(cell));
    return {
      element,
      update(next) {
        steps = next;
        show();
      },
    };
  },
};
