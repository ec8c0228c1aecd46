/**
 * Step: turn an activation and see the logit follow. What comes after the layer runs again for each position
 * of the knob, so the logit is measured, not foretold; the gradient is the slope of its curve.
 *
 * delta: what the knob adds to A^k, at one position or at all of them. Slope: dy/dA^k at that position, or
 * the sum over all of them, Z alpha_k.
 */
import { button, channel, chooseCell, drawFrame, drawHeatTo, drawPicture, figure, figures, fixed, label, make, oneAtATime, placeName, plot, range, say, signed, symbolic } from './dom.js';

const POINTS = 7; // of the curve
/** Parts of the knob's reach, from the middle outward. */
const CURVE = Array.from({ length: POINTS }, (_, i) => (2 * i) / (POINTS - 1) - 1).sort((a, b) => Math.abs(a) - Math.abs(b));
const TILES = 6; // channels shown by contribution
const STRAIGHT = 0.01; // a curve that leaves its chord by less than this part of its height
const NOISE = 2e-6; // of the logit: what 32-bit numbers round away behind the layer
const [FEWEST_PLACES, MOST_PLACES] = [2, 5]; // of logits that are compared

const covered = (text) => {
  const ground = make('canvas', { class: 'plane', role: 'img', 'aria-label': text });
  const heat = make('canvas', { 'aria-hidden': 'true' });
  return { ground, heat, box: make('div', { class: 'cover' }, ground, heat) };
};

export const knob = {
  name: 'knob',
  title: say('knob.title'),
  formula: `<math display="block"><mi>y</mi><mo stretchy="false">(</mo><msubsup><mi>A</mi><mrow><mi>i</mi><mi>j</mi></mrow><mi>k</mi></msubsup><mo>+</mo><mi>δ</mi><mo stretchy="false">)</mo><mo>≈</mo><mi>y</mi><mo>+</mo><mi>δ</mi><mo>·</mo>
    <mfrac><mrow><mo>∂</mo><mi>y</mi></mrow><mrow><mo>∂</mo><msubsup><mi>A</mi><mrow><mi>i</mi><mi>j</mi></mrow><mi>k</mi></msubsup></mrow></mfrac></math>`,
  caption: say('knob.caption'),
  create({ cam, colormap: first, samples, fail }) {
    let colormap = first;
    let steps = null;
    let order = [];
    let k = 0;
    let cell = { x: 0, y: 0 };
    let turned = null; // Steps at the knob's position
    let curve = []; // {delta, score}
    let wanted = false; // the knob has moved
    let seen = false; // it is in the window
    let found = null; // {layer, list}: each sample's strongest place for every channel

    const photo = covered(say('knob.photo'));
    photo.ground.setAttribute('role', 'application');
    const mark = make('canvas', { 'aria-hidden': 'true' });
    photo.box.append(mark);
    for (const over of [photo.heat, mark]) over.style.pointerEvents = 'none';
    const map = covered(say('knob.map'));
    const which = make('input', { type: 'range', min: '0', value: '0', 'aria-label': say('knob.which') });
    const whichText = make('output');
    const everywhere = make('input', { type: 'checkbox' });
    const turn = make('input', { type: 'range', min: '-1', max: '1', step: 'any', value: '0', class: 'turn', 'aria-label': say('knob.turn') });
    const turnText = make('output');
    const reset = button(say('knob.reset'), () => {
      turn.value = '0';
      ask();
    });
    const bar = make('i');
    const meter = make('div', { class: 'meter mark', 'aria-hidden': 'true' }, bar);
    const numbers = figures();
    const words = make('p', { class: 'small symbolic', role: 'status' });
    const plain = make('p', { class: 'small plainly', role: 'status' });
    const photoText = make('figcaption', { class: 'symbolic' });
    const mapText = make('figcaption', { class: 'symbolic' });
    const tiles = make('div', { class: 'ends' });
    const gallery = make('div', { class: 'ends' });
    const galleryText = make('p', { class: 'small', role: 'status' });
    const search = button(say('knob.search'), () => lookThrough());
    const excites = make('div', {}, make('h3', { textContent: say('knob.excites') }), make('div', { class: 'bar' }, search), gallery, galleryText);
    const chart = plot(say('knob.plot'), drawCurve);

    const element = make('div', {},
      make('div', { class: 'bar' }, make('label', { class: 'wide' }, make('span', { textContent: say('knob.channel') }), which, make('span', { class: 'symbolic' }, whichText)),
        make('label', {}, everywhere, say('knob.everywhere'))),
      make('div', { class: 'pair wide-pair' },
        make('figure', { class: 'tile' }, photo.box, photoText), make('figure', { class: 'tile' }, map.box, mapText)),
      make('div', { class: 'bar knob' }, make('label', { class: 'wide' }, make('span', { textContent: say('knob.add') }), turn, make('span', { class: 'symbolic' }, turnText)), reset),
      make('div', { class: 'split' }, make('div', {}, make('p', { class: 'small symbolic', textContent: say('knob.logit') }), make('p', { class: 'small plainly', textContent: say('knob.score') }),
        meter, make('div', { class: 'symbolic' }, chart.canvas)),
        make('div', {}, numbers.element, words, plain)),
      make('h3', {}, say('knob.contributions'), symbolic(say('knob.contribution'))), tiles,
      ...(samples.length ? [excites] : []));

    const size = () => steps.layer.height * steps.layer.width;
    const plane = (of, channelAt = k) => of.activations.subarray(channelAt * size(), (channelAt + 1) * size());
    const at = () => cell.y * steps.layer.width + cell.x;
    /** As far as the channel goes by itself; one that is silent here, as far as an ordinary one. */
    const reach = () => range(plane(steps)).size || usual;
    const delta = () => Number(turn.value) * reach();
    const slopeOf = ({ gradients }) => (everywhere.checked
      ? gradients.subarray(k * size(), (k + 1) * size()).reduce((sum, value) => sum + value, 0) : gradients[k * size() + at()]);
    const changeBy = (add) => ({ channel: k, add, ...(everywhere.checked ? {} : { at: [cell.y, cell.x] }) });
    const table = () => cam.colormap(colormap);
    let usual = 1; // strength of the layer's channels, on average
    let shares = new Float32Array(0); // of each channel: its gradient times its activation, added up
    const product = (channelAt, i) => steps.gradients[channelAt * size() + i] * steps.activations[channelAt * size() + i];

    function ask() {
      wanted = true;
      if (!steps) return;
      showWords();
      work();
    }

    /** The knob first, then the curve's points that are missing, while somebody sees it. */
    const work = oneAtATime(async () => {
      if (!steps || !(wanted || (seen && curve.length < POINTS))) return;
      await measure();
      work(); // what is left
    }, fail);

    async function measure() {
      const asked = steps;
      const question = JSON.stringify(changeBy(0));
      const mine = wanted;
      wanted = false;
      const add = mine ? delta() : CURVE[curve.length] * reach();
      const answer = add === 0 ? asked : await cam.steps(asked.explanation.picture, {
        class: asked.class.id, layer: asked.layer.name, change: changeBy(add) });
      if (asked !== steps || question !== JSON.stringify(changeBy(0))) return; // about another channel or picture
      if (mine) turned = { add, steps: answer };
      else curve.push({ delta: add, score: answer.map.score });
      show();
    }

    function drawCurve(pen, { width, height }, ink) {
      if (!steps || !turned) return;
      const [left, right, top, bottom] = [64, 10, 12, 30];
      const points = [...curve, { delta: 0, score: steps.map.score }].sort((a, b) => a.delta - b.delta);
      const scores = [...points.map(({ score }) => score), turned.steps.map.score];
      const middle = steps.map.score;
      const tall = Math.max(...scores.map((score) => Math.abs(score - middle)), Math.abs(slopeOf(steps)) * reach(), 1e-6) * 1.1;
      const x = (value) => left + ((value / reach() + 1) / 2) * (width - left - right);
      const y = (score) => top + ((middle + tall - score) / (2 * tall)) * (height - top - bottom);
      pen.textBaseline = 'middle';
      pen.textAlign = 'right';
      pen.fillStyle = ink.muted;
      for (const score of [middle - tall / 1.1, middle, middle + tall / 1.1]) {
        pen.strokeStyle = ink.line;
        pen.beginPath();
        pen.moveTo(left, y(score));
        pen.lineTo(width - right, y(score));
        pen.stroke();
        pen.fillText(score === middle ? figure(middle) : signed(score - middle), left - 6, y(score));
      }
      pen.textAlign = 'center';
      pen.fillText(say('knob.axis'), (left + width) / 2, height - 8);
      pen.save();
      pen.beginPath();
      pen.rect(left, 0, width - left - right, height - bottom);
      pen.clip();
      // The slope where the knob stands: the gradient of the network as it is now.
      const slope = slopeOf(turned.steps);
      pen.strokeStyle = ink.plus;
      pen.lineWidth = 1.5;
      pen.setLineDash([6, 4]);
      pen.beginPath();
      for (const [i, end] of [-reach(), reach()].entries()) pen[i ? 'lineTo' : 'moveTo'](x(end), y(turned.steps.map.score + slope * (end - turned.add)));
      pen.stroke();
      pen.setLineDash([]);
      pen.strokeStyle = ink.accent;
      pen.lineWidth = 2.5;
      pen.beginPath();
      points.forEach(({ delta: value, score }, i) => pen[i ? 'lineTo' : 'moveTo'](x(value), y(score)));
      pen.stroke();
      pen.restore();
      pen.fillStyle = ink.plus;
      pen.beginPath();
      pen.arc(x(turned.add), y(turned.steps.map.score), 5, 0, 7);
      pen.fill();
    }

    /** What the knob would do is said at once, what it did as soon as the network has answered. */
    function showWords() {
      turnText.textContent = `δ = ${signed(delta())}`;
      turn.setAttribute('aria-valuetext', say('knob.turned', { delta: signed(delta()) }));
    }

    /** What the measured curve is, in words; none as long as points are missing. */
    function shapeOfCurve() {
      if (curve.length < POINTS) return '';
      const points = [...curve].sort((a, b) => a.delta - b.delta);
      const [{ score: from }, { score: to }] = [points[0], points.at(-1)];
      const noise = Math.max(NOISE * Math.abs(steps.map.score), 1e-6);
      if (points.every(({ score }) => Math.abs(score - steps.map.score) < noise)) return say('knob.flat');
      return points.every(({ score }, i) => Math.abs(score - (from + ((to - from) * i) / (POINTS - 1))) < Math.max(STRAIGHT * Math.abs(to - from), noise))
        ? say('knob.straight') : say('knob.bends');
    }

    /** The logits and their difference with as many places as show the change. */
    function compared(before, after) {
      const change = Math.abs(after - before);
      const places = Math.max(FEWEST_PLACES, Math.min(MOST_PLACES, change ? 2 - Math.floor(Math.log10(change)) : FEWEST_PLACES));
      const [from, to] = [before, after].map((value) => Number(value.toFixed(places)));
      const plus = (value) => `${value > 0 ? '+' : ''}${fixed(value, places)}`;
      return { before: fixed(from, places), after: fixed(to, places), change: plus(to - from), plus };
    }

    function show() {
      if (!turned) return;
      const { add, steps: now } = turned;
      const { height, width } = steps.layer;
      const { picture, view } = steps.explanation;
      const [before, after] = [steps.map.score, now.map.score];
      const slope = slopeOf(now);
      drawHeatTo(photo.heat, { values: plane(now), width, height, picture, view }, table(), 1.5 * reach());
      const most = Math.max(steps.map.max, 1e-9);
      drawHeatTo(map.heat, { values: now.map.raw, width, height, picture, view }, table(), most);
      Object.assign(mark, { width: picture.width, height: picture.height });
      const part = view ?? { x: 0, y: 0, width: picture.width, height: picture.height };
      if (!everywhere.checked) {
        drawFrame(mark, { x: part.x + (cell.x * part.width) / width, y: part.y + (cell.y * part.height) / height,
          width: part.width / width, height: part.height / height });
      }
      const heights = [...curve.map(({ score }) => score), before, after];
      const [low, high] = [Math.min(0, ...heights), Math.max(0, ...heights)];
      bar.style.width = `${(100 * (after - low)) / (high - low || 1)}%`;
      meter.style.setProperty('--mark', `${(100 * (before - low)) / (high - low || 1)}%`);
      photoText.replaceChildren(channel(k), ` ${say('knob.over', { value: figure(plane(now)[at()]), place: everywhere.checked ? say('knob.all', { place: placeName(cell) }) : placeName(cell) })}`);
      mapText.textContent = say('knob.mapNow', { name: steps.class.name, most: figure(now.map.max), before: figure(steps.map.max) });
      const said = compared(before, after);
      numbers.set([
        [say('knob.before'), said.before],
        [say('knob.now'), said.after],
        [say('knob.slope'), signed(slope)],
        [say('knob.probability'), say('percent', { share: now.map.probability })],
      ]);
      const told = slopeOf(steps) * add;
      words.textContent = [
        add === 0 ? say('knob.rest', { slope: signed(slope) })
          : say('knob.did', { delta: signed(add), change: said.change, told: said.plus(told), slope: signed(slopeOf(steps)) }),
        shapeOfCurve(),
      ].join(' ').trim();
      const [had, has] = [steps.map.probability, now.map.probability].map((share) => say('share', { share }));
      plain.textContent = add === 0 ? say('knob.plainRest') : say(add > 0 ? 'knob.plainMore' : 'knob.plainLess', { name: steps.class.name, had, has });
      showWords();
      chart.redraw();
    }

    function choose(next, where = null) {
      k = next;
      // Where turning it says most: the largest product of gradient and activation.
      let peak = 0;
      for (let i = 0; i < size(); ++i) if (Math.abs(product(k, i)) > Math.abs(product(k, peak))) peak = i;
      cell = where ?? { x: peak % steps.layer.width, y: Math.floor(peak / steps.layer.width) };
      which.value = String(order.indexOf(k));
      whichText.textContent = say('knob.rank', { k, rank: order.indexOf(k) + 1, of: order.length });
      which.setAttribute('aria-valuetext', whichText.textContent);
      for (const tile of tiles.children) tile.setAttribute('aria-pressed', String(Number(tile.dataset.k) === k));
      restart();
      drawGallery();
    }

    /** Another channel or place: the knob is back at 0, the curve is another. */
    function restart() {
      turn.value = '0';
      curve = [];
      turned = { add: 0, steps };
      show();
      ask();
    }

    function drawTiles() {
      const { height, width } = steps.layer;
      const { picture, view } = steps.explanation;
      tiles.replaceChildren(...Array.from(order.slice(0, TILES), (one) => {
        const tile = covered(say('knob.tile', { k: one }));
        drawPicture(tile.ground, picture);
        drawHeatTo(tile.heat, { values: plane(steps, one), width, height, picture, view }, table(), range(plane(steps, one)).high);
        const pick = make('button', { type: 'button', class: 'pick' }, tile.box, make('span', { class: 'symbolic' }, channel(one), ` ${signed(shares[one])}`));
        pick.dataset.k = String(one);
        pick.setAttribute('aria-pressed', String(one === k));
        pick.addEventListener('click', () => choose(one));
        return pick;
      }));
    }

    /** Every sample through the network once: where each channel of the layer is strongest, and how strong. */
    async function lookThrough() {
      const { layer } = steps;
      search.disabled = true;
      try {
        const list = [];
        for (const address of samples) {
          galleryText.textContent = say('knob.searching', { done: list.length, of: samples.length });
          const { activations, explanation: { picture, view } } = await cam.steps(address, { layer: layer.name });
          const count = layer.height * layer.width;
          const peaks = Array.from({ length: layer.channels }, (_, one) => {
            const own = activations.subarray(one * count, (one + 1) * count);
            const { high } = range(own);
            return { value: high, at: own.indexOf(high) };
          });
          list.push({ name: decodeURI(address).replace(/^.*\/|\.\w+$/g, '').replaceAll('_', ' '), picture, view, peaks });
        }
        found = { layer: layer.name, list };
        drawGallery();
      } catch (error) {
        fail(error);
      } finally {
        search.disabled = false;
      }
    }

    function drawGallery() {
      excites.classList.toggle('unasked', !steps || found?.layer !== steps.layer.name);
      if (!steps || found?.layer !== steps.layer.name) {
        gallery.replaceChildren();
        galleryText.textContent = samples.length ? say('knob.unsearched', { count: samples.length }) : '';
        return;
      }
      const { height, width } = steps.layer;
      const best = found.list.map((sample) => ({ ...sample, ...sample.peaks[k] })).filter(({ value }) => value > 0)
        .sort((a, b) => b.value - a.value).slice(0, TILES);
      gallery.replaceChildren(...best.map(({ name, picture, view, value, at: peak }) => {
        const part = view ?? { x: 0, y: 0, width: picture.width, height: picture.height };
        const [across, down] = [part.width / width, part.height / height];
        // The cell and as much again around it.
        const [x, y] = [part.x + ((peak % width) - 1.5) * across, part.y + (Math.floor(peak / width) - 1.5) * down];
        const whole = make('canvas');
        drawPicture(whole, picture);
        const patch = make('canvas', { class: 'plane', role: 'img', width: 96, height: 96, 'aria-label': say('knob.patch', { name, value: figure(value) }) });
        patch.getContext('2d').drawImage(whole, x, y, 4 * across, 4 * down, 0, 0, 96, 96);
        return make('figure', { class: 'tile' }, patch, make('figcaption', { textContent: `${name}: ${figure(value)}` }));
      }));
      galleryText.textContent = best.length ? say('knob.strongest', { k, count: found.list.length, name: best[0].name, value: figure(best[0].value) })
        : say('knob.silent', { k, count: found.list.length });
    }

    which.addEventListener('input', () => steps && choose(order[Number(which.value)]));
    turn.addEventListener('input', ask);
    everywhere.addEventListener('change', () => steps && restart());
    chooseCell(photo.ground, () => steps && { columns: steps.layer.width, rows: steps.layer.height, at: cell }, (next) => {
      cell = next;
      restart();
    }, 'pointerdown');

    const watcher = new IntersectionObserver((entries) => {
      seen = entries.at(-1).isIntersecting;
      if (seen && steps) work();
    });
    watcher.observe(element);

    return {
      element,
      update(next) {
        element.hidden = !next.gradients;
        if (!next.gradients) return; // the file holds no logits: nothing to be the slope of
        const same = steps?.layer.name === next.layer.name && steps.explanation.picture === next.explanation.picture;
        const kept = same ? k : null;
        steps = next;
        usual = Array.from({ length: steps.layer.channels }, (_, one) => range(plane(steps, one)).size).reduce((sum, size1) => sum + size1, 0) / steps.layer.channels || 1;
        shares = Float32Array.from({ length: steps.layer.channels }, (_, one) => {
          let sum = 0;
          for (let i = 0; i < size(); ++i) sum += product(one, i);
          return sum;
        });
        order = Array.from(shares.keys()).sort((a, b) => shares[b] - shares[a]);
        which.max = String(order.length - 1);
        for (const { ground } of [photo, map]) drawPicture(ground, steps.explanation.picture);
        drawTiles();
        choose(kept ?? order[0]);
      },
      restyle(name) {
        colormap = name;
        if (!steps) return;
        drawTiles();
        show();
      },
      stop() {
        steps = null;
        watcher.disconnect();
        chart.stop();
      },
    };
  },
};
