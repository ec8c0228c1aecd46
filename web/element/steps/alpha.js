/**
 * Step: alpha_k, the mean of a channel's gradient: what the channel counts for the class.
 */
import { orderChannels } from './atlas.js';
import { channel, drawPlane, figure, figures, make, onMove, onPoint, plot, range, say } from './dom.js';

const ENDS = 3; // channels shown at both ends

export const alpha = {
  name: 'alpha',
  title: say('alpha.title'),
  formula: `<math display="block"><msubsup><mi>α</mi><mi>k</mi><mi>c</mi></msubsup><mo>=</mo><mfrac><mn>1</mn><mi>Z</mi></mfrac>
    <munder><mo>∑</mo><mi>i</mi></munder><munder><mo>∑</mo><mi>j</mi></munder>
    <mfrac><mrow><mo>∂</mo><msup><mi>y</mi><mi>c</mi></msup></mrow><mrow><mo>∂</mo><msubsup><mi>A</mi><mrow><mi>i</mi><mi>j</mi></mrow><mi>k</mi></msubsup></mrow></mfrac></math>`,
  caption: say('alpha.caption'),
  create(context) {
    let steps = null;
    let order = new Uint32Array(0);
    let pointed = 0; // place in the order
    let { colormap } = context;
    const numbers = figures();
    const chart = plot(say('alpha.plot'), (ink, { width, height }, colours) => {
      if (!steps) return;
      const { size } = range(steps.weights);
      const middle = (height - 4) / 2;
      const each = width / order.length;
      for (let place = 0; place < order.length; ++place) {
        const value = steps.weights[order[place]];
        const length = size ? (Math.abs(value) / size) * (middle - 16) : 0;
        ink.fillStyle = value >= 0 ? colours.plus : colours.minus;
        ink.globalAlpha = place === pointed ? 1 : 0.7;
        ink.fillRect(place * each, value >= 0 ? middle - length : middle, Math.max(each * 0.85, 0.6), length);
      }
      ink.globalAlpha = 1;
      ink.fillStyle = colours.line;
      ink.fillRect(0, middle - 0.5, width, 1);
      ink.fillStyle = colours.accent;
      ink.fillRect(pointed * each + each / 2 - 1, 0, 2, height);
      ink.fillStyle = colours.muted;
      ink.textAlign = 'right';
      ink.fillText(`+${figure(size)}`, width - 4, 12);
      ink.fillText(`−${figure(size)}`, width - 4, height - 6);
    });
    chart.canvas.style.cursor = 'crosshair';
    const slider = make('input', { type: 'range', min: '0', value: '0', 'aria-label': say('alpha.slider') });
    const ends = make('div', { class: 'ends' });
    const element = make('div', {},
      make('div', { class: 'split' }, make('div', {}, chart.canvas, make('div', { class: 'bar' }, make('label', { class: 'wide' }, slider))),
        numbers.element),
      ends);

    function point(place) {
      pointed = Math.max(0, Math.min(order.length - 1, place));
      const k = order[pointed];
      slider.value = String(pointed);
      slider.setAttribute('aria-valuetext', say('alpha.valueText', { k, weight: figure(steps.weights[k]) }));
      const positive = steps.weights.filter((value) => value > 0).length;
      const negative = steps.weights.filter((value) => value < 0).length;
      numbers.set([
        [say('step.classC'), steps.class.name],
        [say('alpha.channel'), `${k}`],
        [say('alpha.own'), figure(steps.weights[k])],
        [say('alpha.for'), say('alpha.channels', { count: positive })],
        [say('alpha.against'), say('alpha.channels', { count: negative })],
        ...(positive + negative < order.length ? [[say('alpha.neither'), say('alpha.channels', { count: order.length - positive - negative })]] : []),
        [say('alpha.largest'), figure(range(steps.weights).high)],
        [say('alpha.smallest'), figure(range(steps.weights).low)],
      ]);
      chart.redraw();
    }

    function drawEnds() {
      const { height, width } = steps.layer;
      const size = height * width;
      const high = range(steps.activations).high / 2;
      const tile = (k) => {
        const canvas = make('canvas', { class: 'plane pixels', role: 'img', 'aria-label': say('alpha.tile', { k }) });
        drawPlane(canvas, { values: steps.activations, from: k * size, width, height, table: context.cam.colormap(colormap), low: 0, high });
        return make('figure', { class: 'tile' }, canvas,
          make('figcaption', {}, channel(k), make('br'), `α = ${figure(steps.weights[k])}`));
      };
      const shown = order.length > 2 * ENDS ? [...order.slice(0, ENDS), ...order.slice(-ENDS)] : [...order];
      ends.replaceChildren(...shown.map(tile));
    }

    for (const listen of [onPoint, onMove]) {
      listen(chart.canvas, ({ clientX }) => {
        const box = chart.canvas.getBoundingClientRect();
        if (steps) point(Math.floor(((clientX - box.left) / box.width) * order.length));
      });
    }
    slider.addEventListener('input', () => point(Number(slider.value)));
    return {
      element,
      update(next) {
        steps = next;
        order = orderChannels(steps, 'weight');
        slider.max = String(order.length - 1);
        drawEnds();
        point(0);
      },
      restyle(name) {
        colormap = name;
        if (steps) drawEnds();
      },
      stop: chart.stop,
    };
  },
};
