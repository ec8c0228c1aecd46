/**
 * Step: cover a part of the picture and see what that does to the probability and to the map.
 */
import { button, drawHeatTo, figure, figures, fixed, label, make, oneAtATime, percent, say, shape, shareOf } from './dom.js';

const STEP = 1 / 24; // of the width: how far an arrow key moves the brush
const NOTHING = 0.005; // a change of p that says nothing
const LITTLE = 0.02; // a p that cannot fall far enough to say anything

/** The mean colour of a picture: a cover that says little by itself. */
export function meanColour({ data }) {
  const sum = [0, 0, 0];
  for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; ++c) sum[c] += data[i + c];
  return sum.map((value) => Math.round((4 * value) / data.length));
}

export const occlude = {
  name: 'occlude',
  title: say('occlude.title'),
  formula: `<math display="block"><mi>Δ</mi><mo>=</mo><msub><mi>p</mi><mi>c</mi></msub><mo stretchy="false">(</mo><mi>${say('occlude.covered')}</mi><mo stretchy="false">)</mo><mo>−</mo><msub><mi>p</mi><mi>c</mi></msub><mo stretchy="false">(</mo><mi>${say('overlay.picture')}</mi><mo stretchy="false">)</mo></math>`,
  caption: say('occlude.caption'),
  create({ cam, colormap: first, fail }) {
    let colormap = first;
    let steps = null;
    let stroke = null; // the last point of a stroke
    let strokes = 0;
    let at = { x: 0.5, y: 0.5 };
    let grey = '#888';
    const ground = make('canvas', { class: 'plane brush', tabIndex: 0, role: 'application',
      'aria-label': say('occlude.photo') });
    const heat = make('canvas', { 'aria-hidden': 'true' });
    const cursor = make('canvas', { 'aria-hidden': 'true' });
    for (const one of [heat, cursor]) one.style.pointerEvents = 'none';
    heat.style.opacity = '0.45';
    const size = make('input', { type: 'range', min: '0.03', max: '0.25', step: '0.01', value: '0.09' });
    const hot = make('input', { type: 'checkbox', checked: true });
    const numbers = figures();
    const fill = make('i');
    const words = make('p', { class: 'small', role: 'status' });
    const reset = button(say('occlude.uncover'), () => {
      restore();
      ask();
    });
    const element = make('div', {},
      make('div', { class: 'bar' }, label(say('occlude.brush'), size), make('label', {}, hot, say('occlude.heatmap')), reset),
      make('div', { class: 'split' }, make('div', { class: 'cover' }, ground, heat, cursor),
        make('div', {}, make('div', { class: 'meter' }, fill), numbers.element, words)));
    const pen = () => ground.getContext('2d', { willReadFrequently: true });
    const radius = () => Number(size.value) * ground.width;

    function restore() {
      const { width, height, data } = steps.explanation.picture;
      shape(ground, width, height);
      Object.assign(cursor, { width, height });
      pen().putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
      strokes = 0;
      reset.disabled = true;
    }

    function cover(from, to) {
      const context = pen();
      context.strokeStyle = grey;
      context.lineCap = 'round';
      context.lineWidth = 2 * radius();
      context.beginPath();
      context.moveTo(from.x * ground.width, from.y * ground.height);
      context.lineTo(to.x * ground.width + 0.01, to.y * ground.height);
      context.stroke();
      strokes += 1;
      reset.disabled = false;
      ask();
    }

    function drawCursor(visible) {
      const context = cursor.getContext('2d');
      context.clearRect(0, 0, cursor.width, cursor.height);
      if (!visible) return;
      for (const [style, width] of [['#000', 4], ['#fff', 2]]) {
        context.strokeStyle = style;
        context.lineWidth = (width * cursor.width) / 480;
        context.beginPath();
        context.arc(at.x * cursor.width, at.y * cursor.height, radius(), 0, 7);
        context.stroke();
      }
    }

    /** Strokes that come meanwhile are asked about together. */
    const ask = oneAtATime(async () => {
      if (!steps) return;
      const asked = steps;
      const { width, height } = ground;
      const covered = strokes;
      const { maps: [map] } = await cam.explain(pen().getImageData(0, 0, width, height),
        { classes: [asked.class.id], top: 1, layer: asked.layer.name, picture: false });
      if (asked === steps) show(map, covered);
    }, fail);

    let shown = null;
    function show(map, covered = 0) {
      shown = { map, covered };
      const before = steps.map.probability;
      heat.hidden = !hot.checked;
      // On the scale of the whole picture's map: a map that was stretched to its own maximum would glow as before.
      const { picture, view } = steps.explanation;
      drawHeatTo(heat, { values: map.raw, width: map.width, height: map.height, picture, view }, cam.colormap(colormap), steps.map.max);
      fill.style.width = percent(map.probability).replace(' ', '');
      const change = map.probability - before;
      numbers.set([
        [say('step.class'), steps.class.name],
        [say('occlude.before'), percent(before)],
        [say('step.now'), percent(map.probability)],
        [say('occlude.hottest'), say('occlude.of', { now: figure(map.max), before: figure(steps.map.max) })],
        ['Δ', say('occlude.points', { change: `${change >= 0.0005 ? '+' : ''}${fixed(100 * change, 1)}` })],
      ]);
      const said = { name: steps.class.name, now: shareOf(map.probability), before: shareOf(before) };
      words.textContent = !covered ? say('occlude.nothing')
        : Math.abs(change) < NOTHING ? say(before < LITTLE ? 'occlude.little' : 'occlude.same', said)
        : change < 0 ? say('occlude.fell', said) : say('occlude.rose', said);
    }

    const point = ({ clientX, clientY }) => {
      const box = ground.getBoundingClientRect();
      return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height };
    };
    ground.addEventListener('pointerdown', (event) => {
      if (!steps) return;
      ground.setPointerCapture(event.pointerId);
      stroke = point(event);
      cover(stroke, stroke);
    });
    ground.addEventListener('pointermove', (event) => {
      at = point(event);
      drawCursor(true);
      if (!stroke) return;
      cover(stroke, at);
      stroke = at;
    });
    for (const end of ['pointerup', 'pointercancel']) ground.addEventListener(end, () => { stroke = null; });
    ground.addEventListener('pointerleave', () => drawCursor(false));
    ground.addEventListener('focus', () => drawCursor(true));
    ground.addEventListener('blur', () => drawCursor(false));
    ground.addEventListener('keydown', (event) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.key === ' ') cover(at, at);
      else if (moves[event.key]) {
        const [x, y] = moves[event.key];
        at = { x: Math.max(0, Math.min(1, at.x + x * STEP)), y: Math.max(0, Math.min(1, at.y + y * STEP)) };
        drawCursor(true);
      } else return;
      event.preventDefault();
    });
    hot.addEventListener('change', () => shown && show(shown.map, shown.covered));
    return {
      element,
      update(next) {
        const same = steps && steps.explanation.picture === next.explanation.picture;
        steps = next;
        grey = `rgb(${meanColour(next.explanation.picture).join(',')})`;
        if (!same) restore();
        if (strokes) ask();
        else show(next.map);
      },
      restyle(name) {
        colormap = name;
        if (shown) show(shown.map, shown.covered);
      },
      stop() {
        steps = null;
      },
    };
  },
};
