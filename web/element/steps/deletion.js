/**
 * Step: is the map faithful? Deletion and insertion (RISE, arXiv:1806.07421, section 4.2): cells of the map are
 * covered, or uncovered, hottest first; the class's probability is read at every step. Random order of
 * the same cells is the measure: the mean of several.
 */
import { tools } from '../../index.js';
import { button, figures, make, plot, say, shareOf } from './dom.js';
import { meanColour } from './occlude.js';
import { random, shuffled } from './random.js';

const POINTS = 16; // of a curve
const RANDOM = 3; // random orders

/** At the size of the network's input: the same answer, much sooner. */
function smaller({ width, height, data }, [inHeight, inWidth]) {
  const from = make('canvas', { width, height });
  from.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  const to = make('canvas', { width: inWidth, height: inHeight }).getContext('2d');
  to.imageSmoothingQuality = 'high';
  to.drawImage(from, 0, 0, inWidth, inHeight);
  return to.getImageData(0, 0, inWidth, inHeight);
}

export const deletion = {
  name: 'deletion',
  title: say('deletion.title'),
  formula: `<math display="block"><mi>AUC</mi><mo>=</mo><msubsup><mo>∫</mo><mn>0</mn><mn>1</mn></msubsup><msub><mi>p</mi><mi>c</mi></msub><mo stretchy="false">(</mo><mi>t</mi><mo stretchy="false">)</mo><mi>d</mi><mi>t</mi></math>`,
  caption: say('deletion.caption'),
  create({ cam, fail }) {
    let steps = null;
    let curves = null;
    let running = null;
    const go = button(say('deletion.measure'), () => (running ? running.abort() : measure()), { class: 'action primary' });
    const progress = make('progress', { max: 1, value: 0, hidden: true, 'aria-label': say('deletion.measuring') });
    const numbers = figures();
    const words = make('p', { class: 'small', role: 'status' });
    const KEYS = [['deletion', 'accent', []], ['deletionRandom', 'accent', [5, 4]], ['insertion', 'plus', []], ['insertionRandom', 'plus', [5, 4]]];
    const NAMES = { deletion: say('deletion.hottest'), deletionRandom: say('deletion.random'), insertion: say('insertion.hottest'), insertionRandom: say('insertion.random') };
    const chart = plot(say('deletion.plot'), (pen, { width, height }, ink) => {
      const [left, bottom, top, right] = [44, 34, 8, 8];
      const x = (t) => left + t * (width - left - right);
      const y = (p) => height - bottom - p * (height - bottom - top);
      pen.lineWidth = 1;
      pen.textBaseline = 'middle';
      for (const p of [0, 0.5, 1]) {
        pen.strokeStyle = ink.line;
        pen.beginPath();
        pen.moveTo(left, y(p));
        pen.lineTo(width - right, y(p));
        pen.stroke();
        pen.fillStyle = ink.muted;
        pen.textAlign = 'right';
        pen.fillText(`${100 * p} %`, left - 6, y(p));
      }
      pen.textAlign = 'center';
      pen.fillText(say('deletion.axis'), (left + width) / 2, height - 10);
      if (!curves) return;
      for (const [key, colour, dash] of KEYS) {
        const curve = curves[key];
        if (!curve?.length) continue;
        pen.strokeStyle = ink[colour];
        pen.lineWidth = dash.length ? 1.5 : 2.5;
        pen.setLineDash(dash);
        pen.beginPath();
        curve.forEach((p, i) => pen[i ? 'lineTo' : 'moveTo'](x(i / POINTS), y(p)));
        pen.stroke();
      }
      pen.setLineDash([]);
    });
    const key = make('ul', { class: 'small' }, ...KEYS.map(([name, colour, dash]) => {
      const sample = make('span', { 'aria-hidden': 'true', textContent: dash.length ? '┅┅ ' : '━━ ' });
      sample.style.color = `var(--${colour})`;
      return make('li', {}, sample, NAMES[name]);
    }));
    key.style.cssText = 'list-style: none; padding: 0; margin: 0.6rem 0 0';
    const element = make('div', {}, make('div', { class: 'bar' }, go, progress),
      make('div', { class: 'split' }, chart.canvas, make('div', {}, numbers.element, key)), words);

    function report() {
      const value = (name) => (curves?.[name]?.length === POINTS + 1 ? tools.area(curves[name]).toFixed(3) : '–');
      numbers.set([
        [say('deletion.auc'), value('deletion')], [say('deletion.aucRandom'), value('deletionRandom')],
        [say('insertion.auc'), value('insertion')], [say('insertion.aucRandom'), value('insertionRandom')],
      ]);
      element.classList.toggle('unasked', !curves);
      chart.redraw();
    }

    async function measure() {
      running = new AbortController();
      const { signal } = running;
      go.textContent = say('deletion.stop');
      progress.hidden = false;
      curves = { deletion: [], deletionRandom: [], insertion: [], insertionRandom: [] };
      words.textContent = '';
      const asked = steps;
      const { width: w, height: h, raw } = asked.map;
      const picture = smaller(asked.explanation.picture, cam.model.input);
      const grey = tools.plain(picture, meanColour(picture));
      const next = random(1);
      const orders = [tools.orderOf(raw), ...Array.from({ length: RANDOM }, () => shuffled(w * h, next))];
      let done = 0;
      const whole = 2 * orders.length * (POINTS + 1);
      const probability = async (image) => {
        const { probabilities } = await cam.scores(image, { signal });
        progress.value = ++done / whole;
        return probabilities[asked.class.id];
      };
      try {
        for (const [which, order] of orders.entries()) {
          for (const [kind, from, to] of [['deletion', picture, grey], ['insertion', grey, picture]]) {
            const name = `${kind}${which ? 'Random' : ''}`;
            const before = which > 1 ? curves[name].slice() : null;
            let point = 0;
            await tools.curve(from, to, order, async (image) => {
              const p = await probability(image);
              // The mean of the random orders so far.
              curves[name][point] = before ? before[point] + (p - before[point]) / which : p;
              point += 1;
              report();
              return p;
            }, POINTS, { width: w, height: h });
          }
        }
        const better = tools.area(curves.deletion) < tools.area(curves.deletionRandom) && tools.area(curves.insertion) > tools.area(curves.insertionRandom);
        words.textContent = say('deletion.claim', { done, name: asked.class.name, better, orders: RANDOM });
      } catch (error) {
        if (error.code === 'cancelled') words.textContent = say('deletion.stopped');
        else fail(error);
      } finally {
        running = null;
        go.textContent = say('deletion.measure');
        progress.hidden = true;
      }
    }

    return {
      element,
      update(next) {
        running?.abort();
        steps = next;
        curves = null;
        words.textContent = say('deletion.plan', { count: 2 * (1 + RANDOM) * (POINTS + 1), name: next.class.name, p: shareOf(next.map.probability) });
        report();
      },
      stop() {
        running?.abort();
        chart.stop();
      },
    };
  },
};
