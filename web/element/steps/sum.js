/**
 * Step: the weighted sum of the channels, growing one by one.
 */
import { button, channel, drawPlane, figure, figures, fixed, label, legend, make, onCell, placeName, planeCanvas, range, say, select, shareOf, SIGNED } from './dom.js';

const SECONDS = 8; // for all channels
const FIRST = 10; // channels added before anyone presses Play

/** How alike two planes are: Pearson's correlation; 0 where one is constant. */
export function correlation(a, b) {
  const [meanA, meanB] = [range(a).mean, range(b).mean];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; ++i) {
    const [x, y] = [a[i] - meanA, b[i] - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

export const sum = {
  name: 'sum',
  title: say('sum.title'),
  formula: `<math display="block"><msub><mi>S</mi><mi>n</mi></msub><mo>=</mo><munderover><mo>∑</mo><mrow><mi>k</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>
    <msubsup><mi>α</mi><mi>k</mi><mi>c</mi></msubsup><msup><mi>A</mi><mi>k</mi></msup></math>`,
  caption: say('sum.caption'),
  create({ fail }) {
    let steps = null;
    let order = [];
    let done = 0; // channels added
    let timer = 0;
    let total = new Float32Array(0);
    const play = button(say('sum.play'), () => (timer ? pause() : start()));
    const scrub = make('input', { type: 'range', min: '0', 'aria-label': say('sum.slider') });
    const count = make('output');
    const how = select([['strength', say('sum.byStrength')], ['index', say('step.byNumber')]], 'strength');
    const one = planeCanvas(say('sum.one'));
    const whole = planeCanvas(say('sum.whole'));
    const oneWords = make('figcaption', { class: 'symbolic' });
    const wholeWords = make('figcaption');
    const scale = legend();
    const numbers = figures();
    const claim = make('p', { class: 'small', role: 'note' });
    const ordering = label(say('sum.order'), how);
    ordering.classList.add('symbolic');
    const element = make('div', {},
      make('div', { class: 'bar' }, play, make('label', { class: 'wide' }, scrub, make('span', { class: 'symbolic' }, count)), ordering),
      make('div', { class: 'trio' },
        make('figure', { class: 'tile' }, one, oneWords),
        make('figure', { class: 'tile' }, whole, wholeWords),
        make('div', {}, numbers.element, scale.element)), claim);

    function sort() {
      const { channels: K, height, width } = steps.layer;
      const size = height * width;
      order = Array.from({ length: K }, (_, k) => k);
      if (how.value === 'index') return;
      const strength = order.map((k) => Math.abs(steps.weights[k]) * range(steps.activations, k * size, size).size);
      order.sort((a, b) => strength[b] - strength[a]);
    }

    function sumOf(n) {
      const size = steps.layer.height * steps.layer.width;
      const out = new Float32Array(size);
      for (let place = 0; place < n; ++place) {
        const k = order[place];
        const weight = steps.weights[k];
        for (let i = 0; i < size; ++i) out[i] += weight * steps.activations[k * size + i];
      }
      return out;
    }

    function show(n, cell = null) {
      done = Math.max(0, Math.min(order.length, n));
      const { height, width } = steps.layer;
      const size = height * width;
      const soFar = sumOf(done);
      const most = range(total).size || 1;
      drawPlane(whole, { values: soFar, width, height, table: SIGNED, low: -most, high: most });
      const k = order[Math.max(0, done - 1)];
      const term = steps.activations.subarray(k * size, (k + 1) * size).map((value) => (done ? value * steps.weights[k] : 0));
      const ownMost = range(steps.activations, k * size, size).high * Math.abs(steps.weights[k]) || 1;
      drawPlane(one, { values: term, width, height, table: SIGNED, low: -ownMost, high: ownMost });
      if (done) oneWords.replaceChildren(say('sum.added'), ' α ', channel(k), say('sum.addedWeight', { weight: figure(steps.weights[k]) }));
      else oneWords.textContent = say('sum.nothing');
      wholeWords.textContent = say('sum.of', { count: done });
      scale.set(SIGNED, figure(-most), figure(most));
      count.textContent = say('sum.count', { count: done, of: order.length });
      scrub.value = String(done);
      const { low, high } = range(soFar);
      const likeness = correlation(soFar, total);
      const largest = range(total).high;
      const said = { count: done, of: order.length, share: shareOf(high / largest), likeness: fixed(likeness, 2) };
      claim.textContent = !done ? '' : say(largest <= 0 ? 'sum.claimEmpty' : high <= 0 ? 'sum.claimBelow' : 'sum.claim', said);
      numbers.set([
        [say('step.smallest'), figure(low)],
        [say('step.largest'), figure(high)],
        [say('sum.likeness'), done ? fixed(likeness, 3) : '–'],
        ...(cell ? [[say('atlas.at', { symbol: 'S', place: placeName(cell) }), figure(soFar[cell.y * width + cell.x])]] : []),
      ]);
    }

    function pause() {
      cancelAnimationFrame(timer);
      timer = 0;
      play.textContent = say('sum.play');
    }

    function start() {
      if (!steps) return;
      if (done >= order.length) done = 0;
      play.textContent = say('sum.pause');
      const from = done;
      let first = null;
      const frame = (now) => {
        first ??= now;
        // Slowly at first: the first channels count most.
        const share = Math.min(1, Math.sqrt(from / order.length) + (now - first) / (1000 * SECONDS));
        try {
          show(Math.max(done, Math.floor(order.length * share * share)));
        } catch (error) {
          fail(error);
        }
        if (done < order.length) timer = requestAnimationFrame(frame);
        else pause();
      };
      timer = requestAnimationFrame(frame);
    }

    scrub.addEventListener('input', () => {
      pause();
      show(Number(scrub.value));
    });
    how.addEventListener('change', () => {
      sort();
      show(done);
    });
    onCell(whole, (cell) => steps && !timer && show(done, cell));
    return {
      element,
      update(next) {
        pause();
        steps = next;
        sort();
        total = sumOf(order.length);
        scrub.max = String(order.length);
        show(Math.min(FIRST, order.length));
      },
      stop: pause,
    };
  },
};
