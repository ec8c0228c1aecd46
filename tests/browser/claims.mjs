/**
 * A walk through all steps of the lesson, in whatever browser: every sentence that a step says is worked out anew
 * from the numbers that the step has, and what is printed as a sum adds up as printed.
 */
import assert from 'node:assert/strict';

/** Of a page's script: what the walk's questions are made of. */
const HELP = `
  const element = (step) => document.querySelector('grad-cam[steps=' + step + ']');
  const inside = (step, selector) => element(step).shadowRoot.querySelector(selector);
  const all = (step, selector) => [...element(step).shadowRoot.querySelectorAll(selector)];
  const figures = (step) => Object.fromEntries(all(step, 'dl dt').map((dt) => [dt.textContent, dt.nextElementSibling.textContent]));
  const words = (step) => all(step, '.step :is(p.small, [role=note], [role=status])').map((one) => one.textContent).filter(Boolean);
  const until = async (holds, what) => {
    for (const end = Date.now() + 90000; !holds();) {
      if (Date.now() > end) throw new Error('waited for ' + (what ?? holds) + '; bad: ' + [...document.querySelectorAll('grad-cam')].map((one) => one.shadowRoot.querySelector('[data-bad]')?.textContent));
      await new Promise((done) => { setTimeout(done, 30); });
    }
  };
  const slide = (input, value) => { input.value = String(value); input.dispatchEvent(new Event('input', { bubbles: true })); };
  const tick = (input, on) => { if (input.checked !== on) input.click(); };`;

const number = (text) => Number(text.replace(/^\+/, '').replaceAll('−', '-').replace(/[ %].*$/, ''));
const near = (found, wanted, within, what) => assert.ok(Math.abs(found - wanted) <= within, `${what}: ${found}, ${wanted}`);
/** As figure() prints: three figures that matter, two behind an exponent. */
const like = (found, wanted, what) => near(found, wanted, 0.0051 * Math.abs(wanted) + (Math.abs(wanted) < 1e-3 ? 0.05 * Math.abs(wanted) : 0), what);
const sharePrinted = (share) => (share > 0 && share < 0.0005 ? 'less than 0.1 %' : share < 1 && share >= 0.9995 ? 'more than 99.9 %' : `${(100 * share).toFixed(1)} %`);
const counted = (values, holds) => values.reduce((sum, value) => sum + Number(holds(value)), 0);
/** Whole units of the last place: sums of printed numbers are compared without a computer's rounding. */
const units = (text) => Math.round(1e5 * number(text));

function correlation(a, b) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => { ab += (value - meanA) * (b[i] - meanB); aa += (value - meanA) ** 2; bb += (b[i] - meanB) ** 2; });
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

/** What a step has, in plain arrays. */
const stateOf = async (run, step) => JSON.parse(await run(`${HELP}
  const { class: { id, name }, layer, map, weights, activations, gradients, explanation } = element(args[0]).result;
  const box = map.boxes({ threshold: 0.15 })[0];
  // As text: drivers pass long lists number by number.
  return JSON.stringify({ id, name, layer: { ...layer }, raw: [...map.raw], max: map.max, score: map.score, p: map.probability, box, picture: { width: explanation.picture.width, height: explanation.picture.height },
    weights: [...weights], activations: [...activations], gradients: [...gradients],
    predictions: explanation.predictions.map(({ id, name, score, probability }) => ({ id, name, score, probability })) });`, step));

/** Sentences have no holes, no wrong plural, no bare zero where there is something; a heading has something below it. */
async function checkForm(run) {
  const found = await run(`${HELP}
    return [...document.querySelectorAll('grad-cam')].map((one) => ({
      step: one.getAttribute('steps') ?? 'answer',
      bad: one.shadowRoot.querySelector('[data-bad]')?.textContent ?? '',
      sentences: [...one.shadowRoot.querySelectorAll('.step :is(p, figcaption), .all > [role=status]')].map((part) => part.textContent).filter(Boolean),
      texts: [...one.shadowRoot.querySelectorAll('.step :is(dt, dd, output, option, label, h3, td, th, caption)')].map((part) => part.textContent),
      headings: [...one.shadowRoot.querySelectorAll('h3')].filter((heading) => heading.checkVisibility() && !heading.nextElementSibling?.innerText.trim()
        && !heading.nextElementSibling?.querySelector('canvas, button')).map((heading) => heading.textContent),
    }));`);
  for (const { step, bad, sentences, texts, headings } of found) {
    assert.equal(bad, '', step);
    assert.deepEqual(headings, [], `${step}: headings with nothing below`);
    for (const text of [...sentences, ...texts]) {
      assert.doesNotMatch(text, /undefined|NaN|Infinity|\bnull\b|[{}]|\.\.(?!\.)| {2}|\s[.,](?!\d)/, `${step}: ${text}`);
      assert.doesNotMatch(text, /(^|[^\d.,])1 (channels|layers|places|samples|classes|pictures)\b/, `${step}: ${text}`);
      assert.doesNotMatch(text, /[-−]0(\.0+)?(?![.\d])/, `${step}: ${text}`);
      assert.doesNotMatch(text, /(^|[\s×(])-\d/, `${step}: a hyphen as minus: ${text}`);
    }
    for (const sentence of sentences) assert.doesNotMatch(sentence, /(has|had|gives?|say|is|are) (0\.0|100\.0) %(?! of the whole)/, `${step}: ${sentence}`);
  }
}

/**
 * @param {(body: string, ...args: any[]) => Promise<any>} run  in the lesson, all of whose steps have answered
 * @param {{slow?: boolean}} [options]  slow: also what asks the network hundreds of times
 */
export async function checkClaims(run, { slow = false } = {}) {
  await checkForm(run);

  // 1. The picture, its size here, and the classes.
  const state = await stateOf(run, 'picture');
  const { picture, predictions } = state;
  const first = await run(`${HELP} return { words: words('picture')[0], rows: all('picture', 'tbody tr').map((row) => [...row.cells].map((cell) => cell.textContent)) };`);
  assert.ok(first.words.endsWith(`The picture has ${picture.width} × ${picture.height} here.`), first.words);
  predictions.slice(0, 5).forEach(({ name, score, probability }, i) => {
    assert.ok(first.rows[i][0].endsWith(name), first.rows[i][0]);
    like(number(first.rows[i][1]), score, 'logit');
    assert.equal(first.rows[i][2], `${(100 * probability).toFixed(1)} %`);
  });

  // 2. A sum by hand: in the middle, and in a corner, where the patch is cut off.
  for (const [row, column] of [[56, 56], [0, 0], [111, 40]]) {
    const hand = await run(`${HELP}
      const [row, column] = args;
      const ground = inside('trace', '[role=application]');
      ground.scrollIntoView({ block: 'center', behavior: 'instant' });
      const box = ground.getBoundingClientRect();
      // A step aside first, so that this is another cell.
      for (const x of [(column + 5) % 112, column]) ground.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + (x + 0.5) * box.width / 112, clientY: box.top + (row + 0.5) * box.height / 112 }));
      const cam = await element('trace').cam;
      const { value, gradient, input, width, height, channels } = await cam.trace(element('trace').result.explanation.picture, { layer: inside('trace', 'select').value, at: [row, column], channel: 0 });
      // The step asks by itself, and may still show the cell, or the picture, before this one.
      await until(() => figures('trace').cell === 'row ' + (row + 1) + ', column ' + (column + 1) &&
        Math.abs(Number(/activation is ([^ ]+)\\./.exec(words('trace')[0])?.[1].replace('−', '-')) - value) < 0.001, 'activation ' + value + ', ' + words('trace')[0]);
      const products = Array.from({ length: channels }, (_, c) => gradient.subarray(c * width * height, (c + 1) * width * height).reduce((sum, w, i) => sum + w * input[c * width * height + i], 0));
      return { words: words('trace')[0], value, products, count: gradient.reduce((sum, w) => sum + Number(w !== 0), 0),
        tables: all('trace', '.patch').map((table) => [table.caption.textContent, table.querySelectorAll('td').length]) };`, row, column);
    const said = /^The sum of (\d+) products: (.*) = ([−\d.]+)\. The bias adds ([−\d.]+): the activation is ([−\d.]+)\. \(The numbers in the tables are rounded\.\)$/.exec(hand.words);
    assert.ok(said, hand.words);
    const [, count, list, products, bias, value] = said;
    const parts = list.replaceAll('− ', '+ −').split(' + ').map((one) => one.trim());
    assert.equal(Number(count), hand.tables.reduce((sum, [, cells]) => sum + cells, 0), hand.words);
    assert.ok(hand.count <= Number(count));
    assert.equal(parts.reduce((sum, one) => sum + units(one), 0), units(products), hand.words);
    assert.equal(units(products) + units(bias), units(value), hand.words);
    near(number(value), hand.value, 0.00051, 'activation');
    hand.products.forEach((product, c) => near(number(parts[c]), product, 0.00151, 'products of a channel'));
    hand.tables.forEach(([caption], c) => assert.equal(number(caption.replace(/.*: /, '')), number(parts[c]), caption));
  }

  // 4. Gradients: how many speak against.
  const early = await stateOf(run, 'gradients');
  const lower = counted(early.gradients, (value) => value < 0) / early.gradients.length;
  const [told] = await run(`${HELP} return words('gradients');`);
  assert.ok(told.includes(lower ? `${sharePrinted(lower)} of them are negative` : 'None of them is negative'), told);

  // 5. The knob: its slope is the gradient, what it did is what the network says, straight is straight. The channel that
  // contributes most, the one that does least, and one that is silent here.
  const { layer, activations, gradients } = await stateOf(run, 'knob');
  const size = layer.width * layer.height;
  const strengths = Array.from({ length: layer.channels }, (_, k) => Math.max(...activations.slice(k * size, (k + 1) * size).map(Math.abs)));
  const turns = [['most', false], ['silent', false], ...(slow ? [['most', true], ['least', false]] : [])];
  for (const [what, everywhere] of turns) {
    const seen = await run(`${HELP}
      const [what, everywhere, strengths] = args;
      const slider = inside('knob', '[aria-label^=Channel]');
      inside('knob', 'canvas.plot').scrollIntoView({ block: 'center', behavior: 'instant' });
      let place = what === 'most' ? 0 : Number(slider.max);
      if (what === 'silent') {
        const { activations, gradients, layer } = element('knob').result;
        const size = layer.width * layer.height;
        const shares = strengths.map((_, k) => { let sum = 0; for (let i = k * size; i < (k + 1) * size; ++i) sum += gradients[i] * activations[i]; return Math.fround(sum); });
        const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
        place = order.findIndex((k) => strengths[k] === 0);
        if (place < 0) return null;
      }
      slide(slider, place);
      tick(inside('knob', '[type=checkbox]'), everywhere);
      slide(inside('knob', '.turn'), 0.5);
      await until(() => /^Adding .*The curve /.test(words('knob').at(-1)) || words('knob').some((one) => /^Adding .*The curve /.test(one)), 'the curve');
      const k = Number(/k = (\\d+)/.exec(slider.nextElementSibling.textContent)[1]);
      const caption = all('knob', '.step figcaption')[0].textContent;
      const [, row, column] = (/row (\\d+), column (\\d+)/.exec(caption) ?? []).map(Number);
      if (!row) throw new Error('no place in: ' + caption);
      const steps = element('knob').result;
      const cam = await element('knob').cam;
      const size = steps.layer.width * steps.layer.height;
      const own = Math.max(...steps.activations.subarray(k * size, (k + 1) * size).map(Math.abs));
      const reach = own || strengths.reduce((sum, one) => sum + one, 0) / strengths.length;
      const turn = (add) => cam.steps(steps.explanation.picture, { class: steps.class.id, layer: steps.layer.name,
        change: { channel: k, add, ...(everywhere ? {} : { at: [row - 1, column - 1] }) } });
      const scores = [];
      for (let i = 0; i < 7; ++i) scores.push((await turn((i / 3 - 1) * reach)).map.score);
      const now = await turn(reach / 2);
      const cell = (row - 1) * steps.layer.width + column - 1;
      const slope = (of) => everywhere ? of.gradients.subarray(k * size, (k + 1) * size).reduce((sum, value) => sum + value, 0) : of.gradients[k * size + cell];
      const mapWords = all('knob', '.step figcaption')[1].textContent;
      return { k, caption, mapWords, reach, scores, now: now.map.score, nowMax: now.map.max, max: steps.map.max, name: steps.class.name, value: now.activations[k * size + cell], slope: slope(steps), nowSlope: slope(now), before: steps.map.score,
        nowP: now.map.probability, words: words('knob').find((one) => /^Adding/.test(one)), figures: figures('knob') };`, what, everywhere, strengths);
    if (!seen) continue;
    const about = `${what}${everywhere ? ' everywhere' : ''}: ${seen.words}`;
    const [, delta, change, slope, foretold, rest] = /^Adding ([+−][\d.e−]+) changed the logit by ([+−]?[\d.]+)\. The gradient at 0, ([+−]?[\d.e−]+), had foretold ([+−]?[\d.]+)\. (.*)$/.exec(seen.words) ?? assert.fail(about);
    like(number(delta), seen.reach / 2, about);
    like(number(slope), seen.slope, about);
    like(number(seen.figures['slope here = gradient']), seen.nowSlope, about);
    const unit = 10 ** -(change.split('.')[1].length);
    near(number(change), seen.now - seen.before, 1.01 * unit, about);
    near(number(foretold), seen.slope * (seen.reach / 2), 0.51 * unit + 1e-6, about);
    assert.equal(units(seen.figures['logit before']) + units(change), units(seen.figures['logit now']), `${about} ${JSON.stringify(seen.figures)}`);
    assert.equal(seen.figures['probability now'], `${(100 * seen.nowP).toFixed(1)} %`);
    like(number(/ is ([−\d.e]+)/.exec(seen.caption)[1]), seen.value, seen.caption);
    const [, most, was] = /^Map of “.*”, largest value ([\d.e−]+), was ([\d.e−]+)$/.exec(seen.mapWords);
    like(number(most), seen.nowMax, seen.mapWords);
    like(number(was), seen.max, seen.mapWords);
    const [from, to] = [seen.scores[0], seen.scores.at(-1)];
    const off = Math.max(...seen.scores.map((score, i) => Math.abs(score - from - ((to - from) * i) / 6)));
    const moved = Math.max(...seen.scores.map((score) => Math.abs(score - seen.before)));
    const noise = Math.max(2e-6 * Math.abs(seen.before), 1e-6);
    if (/is flat/.test(rest)) assert.ok(moved < 2 * noise, `${about} ${seen.scores}`);
    else if (/is a straight line/.test(rest)) assert.ok(off <= Math.max(0.0101 * Math.abs(to - from), 2 * noise), `${about} ${seen.scores}`);
    else assert.ok(/bends/.test(rest) && off > Math.max(0.0099 * Math.abs(to - from), noise / 2), `${about} ${seen.scores}`);
  }
  near(gradients.length, activations.length, 0, 'one gradient for each activation');

  // 6. Weights: those for, against and neither are all.
  const alpha = await run(`${HELP} return figures('alpha');`);
  const end = await stateOf(run, 'sum');
  const [positive, negative] = [counted(end.weights, (value) => value > 0), counted(end.weights, (value) => value < 0)];
  const channels = (text) => Number(/^(\d+) channels?$/.exec(text ?? '0 channels')[1]);
  assert.deepEqual([channels(alpha['for the class (α > 0)']), channels(alpha['against it (α < 0)']), channels(alpha['neither (α = 0)'])],
    [positive, negative, end.weights.length - positive - negative]);

  // 7. The sum: of one channel, of ten, of nearly all, of all.
  const cells = end.layer.width * end.layer.height;
  const strength = end.weights.map((weight, k) => Math.abs(weight) * Math.max(...end.activations.slice(k * cells, (k + 1) * cells).map(Math.abs)));
  const order = [...strength.keys()].sort((a, b) => strength[b] - strength[a]);
  const sumOf = (n) => order.slice(0, n).reduce((sum, k) => sum.map((value, i) => value + end.weights[k] * end.activations[k * cells + i]), new Array(cells).fill(0));
  for (const n of [1, 10, 300, order.length]) {
    const { claim, shown } = await run(`${HELP} slide(inside('sum', '[type=range]'), args[0]); return { claim: words('sum')[0], shown: figures('sum') };`, n);
    const part = sumOf(n);
    const high = Math.max(...part);
    near(number(shown['likeness to the whole']), correlation(part, end.raw), 0.0011, claim);
    if (end.max <= 0) assert.match(claim, /^The whole map is nowhere above 0/);
    else if (high <= 0) assert.match(claim, /nowhere above 0/);
    else {
      const [, who, verb, share, likeness] = /^The (sum of all \d+|first \d+ of \d+) channels (gives?) (.*) of the whole map’s maximum, likeness ([−\d.]+)\.$/.exec(claim) ?? assert.fail(claim);
      assert.equal(who, n === order.length ? `sum of all ${n}` : `first ${n} of ${order.length}`);
      assert.equal(verb, n === 1 || n === order.length ? 'gives' : 'give');
      if (/^[\d.]+ %$/.test(share)) near(number(share), (100 * high) / end.max, 0.11, claim);
      else assert.equal(share, sharePrinted(high / end.max));
      near(number(likeness), correlation(part, end.raw), 0.0051, claim);
    }
  }

  // 8. ReLU, on and off.
  const below = counted(end.raw, (value) => value < 0);
  const were = await run(`${HELP} return words('relu')[0];`);
  assert.equal(were, below === 0 ? `None of the ${end.raw.length} places is below 0: for this class and picture ReLU changes nothing.`
    : `${below} of ${end.raw.length} places ${below === 1 ? 'was below 0 and is 0 now. Switch ReLU off to see it, in blue.' : 'were below 0 and are 0 now. Switch ReLU off to see them, in blue.'}`);

  // 9, 10. One cell's pixels; the box, and what the warmest colour means.
  const { upsample, overlay, says } = await run(`${HELP} return { upsample: figures('upsample'), overlay: figures('overlay'), says: words('overlay')[0] };`);
  assert.equal(upsample['pixels in one cell'], `${(picture.width / end.layer.width).toFixed(1)} × ${(picture.height / end.layer.height).toFixed(1)}`);
  if (end.max > 0) {
    const [, largest, name] = /^The warmest colour here means ([\d.e−]+), the largest value of the map of “(.*)”\. Another/.exec(says) ?? assert.fail(says);
    like(number(largest), Math.max(...end.raw), says);
    assert.equal(name, end.name);
    const [wide, high] = overlay['box: width, height'].split(', ').map(Number);
    near(number(overlay['box: share of the picture']), (100 * wide * high) / (picture.width * picture.height), 0.06, 'box');
  } else assert.match(says, /nowhere above 0/);

  // 11. Softmax: at s = 1 p is the network's own; the factor is s p (1 - p); the words at both ends.
  const softmax = await run(`${HELP}
    const slider = inside('softmax', '[type=range]');
    await until(() => figures('softmax')['1 − p'], 'softmax');
    const at = (value) => { slide(slider, value); return { figures: figures('softmax'), verdict: words('softmax').at(-1) ?? inside('softmax', '[role=status]').textContent }; };
    const [one, four, most] = [at(0), at(2), at(8)];
    at(0);
    return { one, four, most, verdict: inside('softmax', 'p.caption[role=status]').textContent };`);
  near(number(softmax.one.figures['p of it, in 32 bits'].replace('1 exactly', '1')), end.p, 2e-5, 'p at s = 1');
  like(number(softmax.one.figures['factor of its own map']), end.p * (1 - end.p), 'factor');
  const total = (s) => predictions.reduce((sum, { score }) => sum + Math.exp(s * (score - predictions[0].score)), 0);
  const p4 = Math.exp(4 * (end.score - predictions[0].score)) / total(4);
  if (p4 < 0.999) like(number(softmax.four.figures['factor of its own map']), 4 * p4 * (1 - p4), 'factor at s = 4');
  const left = predictions.slice(32).reduce((sum, { id, probability }) => sum + (id === end.id ? 0 : probability), 0);
  assert.equal(/Left out of the maps/.test(softmax.one.verdict), left >= 0.005, softmax.one.verdict);
  if (left >= 0.005) assert.ok(softmax.one.verdict.includes(`together they have ${sharePrinted(left)}`), `${softmax.one.verdict} ${left}`);

  // 12. Covered: the words follow the numbers, and the colours keep the scale of the uncovered picture.
  const covered = await run(`${HELP}
    const canvas = inside('occlude', '[role=application]');
    canvas.scrollIntoView({ block: 'center', behavior: 'instant' });
    slide(inside('occlude', '[type=range]'), 0.25);
    const box = canvas.getBoundingClientRect();
    const { raw, width, height } = element('occlude').result.map;
    const hot = raw.indexOf(Math.max(...raw));
    const at = { clientX: box.left + ((hot % width) + 0.5) * box.width / width, clientY: box.top + (Math.floor(hot / width) + 0.5) * box.height / height, pointerId: 1, bubbles: true };
    canvas.setPointerCapture = () => {};
    canvas.dispatchEvent(new PointerEvent('pointerdown', at));
    canvas.dispatchEvent(new PointerEvent('pointerup', at));
    await until(() => /covered,/.test(words('occlude')[0]), 'the cover');
    const cam = await element('occlude').cam;
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const { maps: [map] } = await cam.explain(pixels, { classes: [element('occlude').result.class.id], top: 1, layer: element('occlude').result.layer.name });
    const heat = all('occlude', '.cover canvas')[1];
    const { data } = heat.getContext('2d').getImageData(0, 0, heat.width, heat.height);
    let full = 0;
    for (let i = 3; i < data.length; i += 4) full = Math.max(full, data[i]);
    const told = { words: words('occlude')[0], figures: figures('occlude'), p: map.probability, max: map.max, full };
    all('occlude', 'button.action')[0].click();
    await until(() => /Nothing is covered/.test(words('occlude')[0]), 'the picture again');
    return { ...told, back: figures('occlude')['p now'] };`);
  const [, now, before, verdict] = /^With a part covered, “.*” has (.*?); it had (.*?)[.,] (.*)$/.exec(covered.words) ?? assert.fail(covered.words);
  assert.equal(before.replace(/\.$/, ''), sharePrinted(end.p), covered.words);
  assert.equal(now, sharePrinted(covered.p), covered.words);
  assert.equal(covered.figures['p now'], `${(100 * covered.p).toFixed(1)} %`);
  assert.match(verdict, Math.abs(covered.p - end.p) < 0.005 ? (end.p < 0.02 ? /too little to tell/ : /did not need/) : covered.p < end.p ? /used what is hidden/ : /spoke against/);
  const [hottest, was] = covered.figures['largest value of the map'].split(', was ').map(number);
  like(hottest, covered.max, 'largest value when covered');
  like(was, end.max, 'largest value before');
  if (end.max > 0) near(covered.full, Math.min(255, 255 * 2.5 * (covered.max / end.max)), 255, 'heat'); // no NaN, and below:
  if (covered.max < 0.3 * end.max) assert.ok(covered.full < 255, 'a covered picture does not glow as before');
  assert.equal(covered.back, `${(100 * end.p).toFixed(1)} %`);

  if (!slow) return checkForm(run);

  // 13. Deletion and insertion: better is what the areas say.
  const areas = await run(`${HELP}
    inside('deletion', 'button.action').click();
    await until(() => /was asked about/.test(words('deletion')[0] ?? ''), 'deletion');
    return { words: words('deletion')[0], figures: figures('deletion') };`);
  assert.match(areas.words, /^The network was asked about 136 pictures\. For “/);
  const area = (name) => number(areas.figures[name]);
  const better = area('deletion AUC') < area('deletion AUC, random') && area('insertion AUC') > area('insertion AUC, random');
  assert.match(areas.words, better ? /is better than the mean of 3 random orders in both measures\.$/ : /is not better than the mean of 3 random orders in at least one measure\.$/);

  // 14. Sanity, to the far end of the slider.
  for (const count of [1, 5, 28]) {
    const { said, shown } = await run(`${HELP}
      const slider = inside('sanity', '[type=range]');
      slide(slider, args[0]);
      await until(() => words('sanity').some((one) => one.startsWith(args[1])), args[1]);
      return { said: words('sanity').find((one) => one.startsWith(args[1])), shown: figures('sanity') };`, count,
    count === 28 ? 'All 28 layers are random now: this network has learned nothing.' : `With ${count} ${count === 1 ? 'layer' : 'layers'} randomised, `);
    const rho = number(shown['ρ']);
    assert.ok(said.includes(`correlate by ${shown['ρ']}: `), said);
    assert.equal(shown['layers randomised'], `${count} of 28`);
    assert.match(said, rho <= -0.3 ? /turned around/ : rho < 0.3 ? /hardly resembles/ : rho < 0.7 ? /keeps a part/ : /hardly noticed/);
    const [, p] = /Now “.*” has (.*) \(guessing among all classes would give 0\.1 %\)\.$/.exec(said) ?? assert.fail(said);
    if (/^[\d.]+ %$/.test(p)) assert.equal(p, shown['p now']);
    else assert.ok(['0.0 %', '100.0 %'].includes(shown['p now']), said);
  }

  // 15. The bugs: each right answer is right, and said so.
  const quizzes = await run(`${HELP}
    return all('bugs', '.quiz').map((quiz) => {
      quiz.querySelector('button').click();
      const right = [...quiz.querySelectorAll('button')].findIndex((one) => one.hasAttribute('data-right'));
      return { right, words: quiz.querySelector('p').textContent };
    });`);
  for (const { right, words } of quizzes) assert.ok(words.startsWith(right === 0 ? 'Yes. ' : 'No, the other one. '), words);
  assert.match(quizzes[0].words, /Fed so, this network takes the picture for “.+”, [\d.]+ %\.$|(less|more) than/);
  await checkForm(run);
}

/** Another picture for the whole lesson, as a reader brings it. @param {any} run @param {string} name @param {Buffer | string} content  bytes; or a script that gives a Blob */
export const bring = (run, name, content) => run(`
  const [name, given, made] = args;
  const blob = made ? await (${typeof content === 'string' ? content : 'null'}) : new Blob([Uint8Array.from(atob(given), (letter) => letter.charCodeAt(0))]);
  const transfer = new DataTransfer();
  transfer.items.add(new File([blob], name, { type: blob.type }));
  const all = [...document.querySelectorAll('grad-cam')];
  const answered = Promise.all(all.map((one) => new Promise((done, fail) => {
    one.addEventListener('result', done, { once: true });
    one.addEventListener('error', ({ detail }) => fail(detail), { once: true });
  })));
  const input = document.getElementById('file');
  input.files = transfer.files;
  input.dispatchEvent(new Event('change', { bubbles: true }));
  await answered;
  return document.getElementById('status').textContent;`, name, typeof content === 'string' ? '' : content.toString('base64'), typeof content === 'string');

/** A picture of another size, or without colours, made of a sample. */
export const madeOf = (sample, width, height, filter = 'none') => `(async () => {
  const image = new Image();
  image.src = '/models/pocket/samples/${sample}.jpg';
  await image.decode();
  const canvas = Object.assign(document.createElement('canvas'), { width: ${width}, height: ${height} });
  const pen = canvas.getContext('2d');
  pen.filter = '${filter}';
  pen.drawImage(image, 0, 0, ${width}, ${height});
  return new Promise((done) => { canvas.toBlob(done, 'image/jpeg', 0.8); });
})()`;
