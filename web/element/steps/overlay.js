/**
 * Step: the map as colours over the picture.
 */
import { drawHeat, drawPicture, figure, figures, label, legend, make, percent, say, select } from './dom.js';

export const overlay = {
  name: 'overlay',
  title: say('overlay.title'),
  formula: `<math display="block"><mi>a</mi><mo>·</mo><mi>${say('overlay.colour')}</mi><mo>(</mo><mfrac><msup><mi>L</mi><mi>c</mi></msup><mrow><mi>max</mi><msup><mi>L</mi><mi>c</mi></msup></mrow></mfrac><mo>)</mo>
    <mo>+</mo><mo stretchy="false">(</mo><mn>1</mn><mo>−</mo><mi>a</mi><mo stretchy="false">)</mo><mo>·</mo><mi>${say('overlay.picture')}</mi></math>`,
  caption: say('overlay.caption'),
  create({ cam, colormap: first }) {
    let map = null;
    const ground = make('canvas', { class: 'plane', role: 'img', 'aria-label': say('overlay.described') });
    const heat = make('canvas', { 'aria-hidden': 'true' });
    const frame = make('canvas', { 'aria-hidden': 'true' });
    const opacity = make('input', { type: 'range', min: '0', max: '1', step: '0.05', value: '0.5' });
    const colours = select(cam.colormaps().map((name) => [name, name]), first);
    const boxed = make('input', { type: 'checkbox', checked: true });
    const scale = legend();
    const numbers = figures();
    const claim = make('p', { class: 'small', role: 'note' });
    const element = make('div', {},
      make('div', { class: 'bar' }, label('a', opacity), label(say('overlay.colours'), colours), make('label', {}, boxed, say('overlay.boxed'))),
      make('div', { class: 'split' }, make('div', {}, make('div', { class: 'cover' }, ground, heat, frame), scale.element), make('div', {}, numbers.element, claim)));
    function show() {
      drawHeat(heat, map, colours.value);
      scale.set(cam.colormap(colours.value), '0', say('overlay.one'));
      const { width, height } = map.picture;
      Object.assign(frame, { width, height });
      const [box] = map.boxes({ threshold: 0.15 });
      if (box && boxed.checked) {
        const pen = frame.getContext('2d');
        const line = Math.max(2, width / 160);
        for (const [style, size] of [['#000', line * 2], ['#fff', line]]) {
          pen.strokeStyle = style;
          pen.lineWidth = size;
          pen.strokeRect(box.x + line, box.y + line, box.width - 2 * line, box.height - 2 * line);
        }
      }
      claim.textContent = map.max > 0 ? say('overlay.claim', { largest: figure(map.max), name: map.class.name }) : say('overlay.empty', { name: map.class.name });
      numbers.set([
        [say('step.class'), map.class.name],
        [say('overlay.probability'), percent(map.probability)],
        [say('overlay.place'), box ? `${box.x}, ${box.y}` : say('step.none')],
        [say('overlay.size'), box ? `${box.width}, ${box.height}` : say('step.none')],
        [say('overlay.share'), percent(box ? (box.width * box.height) / (width * height) : 0)],
      ]);
    }
    const fade = () => { heat.style.opacity = opacity.value; };
    opacity.addEventListener('input', fade);
    colours.addEventListener('change', () => map && show());
    boxed.addEventListener('change', () => map && show());
    return {
      element,
      update(steps) {
        ({ map } = steps);
        drawPicture(ground, steps.explanation.picture);
        show();
        fade();
      },
      restyle(name) {
        colours.value = name;
        if (map) show();
      },
    };
  },
};
