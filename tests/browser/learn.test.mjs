/**
 * The lesson in a real browser, under its own Content-Security-Policy: that its numbers are the engine's,
 * that every control does what it says, and that a reader's own picture, the keyboard and a phone work.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { GradCam } from '../../web/node.js';
import { exactFactors, plainFactors } from '../../web/element/steps/softmax.js';
import { browserAndServer, root, withoutBrowser } from './browser.mjs';

const WAIT = { timeout: 150000 };
const samples = `${root}/models/pocket/samples`;

async function openLesson(web, { query = '', size, scheme = 'light', guess = false } = {}) {
  const context = await web.browser.newContext({ viewport: size ?? { width: 1200, height: 800 }, colorScheme: scheme });
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(`${web.server.origin}/web/demo/learn/${query}${guess ? '' : `${query ? '&' : '?'}guess=0`}`);
  const step = (name) => page.locator(`grad-cam[steps="${name}"]`);
  /** Scrolls to a step and waits until it shows the class; gives its locator. */
  const reach = async (name) => {
    await step(name).scrollIntoViewIfNeeded();
    await page.waitForFunction((wanted) => document.querySelector(`grad-cam[steps="${wanted}"]`).result, name, WAIT);
    return step(name);
  };
  /** The figures of a step: name to text. */
  const figures = (name) => step(name).evaluate((element) => Object.fromEntries(
    [...element.shadowRoot.querySelectorAll('dl dt')].map((dt) => [dt.textContent, dt.nextElementSibling.textContent])));
  const pixels = (name, selector = '.step canvas', index = 0) => step(name).evaluate((element, [wanted, at]) => {
    const canvas = element.shadowRoot.querySelectorAll(wanted)[at];
    return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
  }, [selector, index]);
  return { page, problems, step, reach, figures, pixels, close: () => context.close() };
}

const number = (text) => Number(text.replace('−', '-').replace('e−', 'e-').replace(/[ %].*$/, ''));
const set = (locator, value) => locator.evaluate((input, to) => {
  input.value = String(to);
  input.dispatchEvent(new Event('input', { bubbles: true }));
}, value);
const like = (found, wanted, what) => assert.ok(Math.abs(found - wanted) <= 0.006 * Math.abs(wanted) + 1e-9, `${what}: ${found}, ${wanted}`);

describe('the lesson', { skip: withoutBrowser }, () => {
  const web = browserAndServer();
  let cam;
  let steps; // of the default sample and its best class, computed here
  before(async () => {
    cam = await GradCam.load(`${root}/models/pocket/model.json`, { threads: 1 });
    steps = await cam.steps(`${samples}/golf_ball_and_flower.jpg`);
  });
  after(() => cam?.dispose());

  test('from picture to overlay: the numbers are those of the engine', async () => {
    const { page, problems, reach, figures, close } = await openLesson(web);
    try {
      const picture = await reach('picture');
      const rows = await picture.locator('tbody tr').allTextContents();
      steps.explanation.predictions.slice(0, 5).forEach(({ name, probability }, i) => {
        assert.ok(rows[i].startsWith(name) && rows[i].endsWith(`${(100 * probability).toFixed(1)} %`), rows[i]);
      });

      const { height, width, channels: K } = steps.layer;
      const size = height * width;
      const order = Array.from(steps.weights.keys()).sort((a, b) => steps.weights[b] - steps.weights[a]);
      const best = steps.activations.subarray(order[0] * size, (order[0] + 1) * size);
      await reach('activations');
      const a = await figures('activations');
      like(number(a['weight α']), steps.weights[order[0]], 'alpha');
      like(number(a['largest A']), Math.max(...best), 'largest A');
      like(number(a['mean of A']), best.reduce((sum, value) => sum + value, 0) / size, 'mean A');

      // Gradients begin at an earlier layer, where they vary over positions.
      await reach('gradients');
      const earlier = await cam.steps(`${samples}/golf_ball_and_flower.jpg`, { layer: 'block12_pw_relu' });
      like(number((await figures('gradients'))['mean of gradient']), Math.max(...earlier.weights), 'mean gradient');

      await reach('alpha');
      const alpha = await figures('alpha');
      like(number(alpha['smallest α']), steps.weights[order.at(-1)], 'smallest alpha');
      assert.equal(alpha['for the class (α > 0)'], `${steps.weights.filter((value) => value > 0).length} channels`);

      const sum = await reach('sum');
      await set(sum.locator('input[type=range]'), K);
      const whole = await figures('sum');
      like(number(whole['largest value']), Math.max(...steps.map.raw), 'largest of the sum');
      like(number(whole['smallest value']), Math.min(...steps.map.raw), 'smallest of the sum');
      assert.equal(whole['likeness to the whole'], '1.000');
      await set(sum.locator('input[type=range]'), 0);
      assert.equal((await figures('sum'))['largest value'], '0');

      await reach('overlay');
      const [box] = steps.map.boxes({ threshold: 0.15 });
      assert.equal((await figures('overlay'))['box: left, top'], `${box.x}, ${box.y}`);
      // One engine for all steps: its worker, and its threads beside it.
      const threads = await page.evaluate(async () => (await document.querySelector('grad-cam').cam).model.threads);
      assert.equal(page.workers().length, threads);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('sum plays, pauses; atlas is sorted and chosen from; ReLU; upsampling', async () => {
    const { page, problems, reach, figures, pixels, close } = await openLesson(web, { query: '?class=daisy' });
    try {
      // the golf ball's map is nowhere below 0
      const daisy = await cam.steps(`${samples}/golf_ball_and_flower.jpg`, { class: 'daisy' });
      const sum = await reach('sum');
      const done = async () => number((await sum.locator('output').textContent()).replace('n = ', ''));
      const before = await done();
      await sum.getByRole('button', { name: 'Play' }).click();
      await page.waitForFunction((from) => Number(/\d+/.exec(document.querySelector('grad-cam[steps=sum]').shadowRoot
        .querySelector('output').textContent)[0]) > from + 20, before, WAIT);
      await sum.getByRole('button', { name: 'Pause' }).click();
      const paused = await done();
      await page.waitForTimeout(300);
      assert.equal(await done(), paused);

      const atlas = await reach('activations');
      const sorted = await pixels('activations', '.atlas canvas');
      await atlas.locator('select').selectOption('index');
      assert.notDeepEqual(await pixels('activations', '.atlas canvas'), sorted);
      assert.match(await atlas.locator('output').textContent(), /k = 0$/);
      await atlas.locator('input[type=range]').focus();
      await page.keyboard.press('ArrowRight');
      assert.match(await atlas.locator('output').textContent(), /k = 1$/);
      await atlas.getByLabel('all 768 channels').check();
      assert.equal(await atlas.locator('input[type=range]').getAttribute('max'), '767');

      const relu = await reach('relu');
      assert.equal((await figures('relu'))['smallest value'], '0');
      const cut = await pixels('relu');
      await relu.getByRole('switch').uncheck();
      like(number((await figures('relu'))['smallest value']), Math.min(...daisy.map.raw), 'before ReLU');
      assert.notDeepEqual(await pixels('relu'), cut);

      await reach('upsample');
      const ways = [];
      for (const i of [0, 1, 2]) ways.push(await pixels('upsample', '.step canvas', i));
      assert.equal(new Set(ways.map(String)).size, 3);
      // Nearest: the enlarged map has as many colours as cells, bilinear many more.
      const colours = ways.map((data) => new Set(Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 3).join())).size);
      assert.ok(colours[0] <= 196 && colours[1] > colours[0], `${colours}`);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('another class, layer and picture reach every step and the address', async () => {
    const { page, problems, reach, figures, close } = await openLesson(web);
    try {
      const picture = await reach('picture');
      await reach('relu');
      const { name: second } = steps.explanation.predictions[1];
      const shows = (name) => page.waitForFunction((wanted) => document.querySelector('grad-cam[steps=relu]').result?.class.name === wanted, name, WAIT);
      await picture.getByRole('button', { name: second }).click();
      const other = await cam.steps(`${samples}/golf_ball_and_flower.jpg`, { class: second });
      await shows(second);
      like(number((await figures('relu'))['largest value']), other.map.max, 'another class');
      assert.match(page.url(), /class=\d+/);

      await page.locator('#layer').selectOption('block11_dw_relu');
      await page.waitForFunction(() => document.querySelector('grad-cam[steps=relu]').result?.layer.name === 'block11_dw_relu', null, WAIT);
      const earlier = await cam.steps(`${samples}/golf_ball_and_flower.jpg`, { class: second, layer: 'block11_dw_relu' });
      like(number((await figures('relu'))['largest value']), earlier.map.max, 'earlier layer');

      await page.locator('#colormap').selectOption('inferno');
      await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.getAttribute('colormap') === 'inferno'), null, WAIT);
      assert.match(page.url(), /colormap=inferno/);

      await page.setInputFiles('#file', `${samples}/church.jpg`);
      await shows((await cam.explain(`${samples}/church.jpg`)).predictions[0].name);
      assert.deepEqual(await page.evaluate(() => document.querySelector('grad-cam[steps=relu]').result.explanation.picture.width), 480);
      assert.doesNotMatch(page.url(), /sample=|class=/);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
    const again = await openLesson(web, { query: '?sample=flower&class=daisy&layer=block11_dw_relu' });
    try {
      await again.reach('relu');
      const found = await again.page.evaluate(() => {
        const { result } = document.querySelector('grad-cam[steps=relu]');
        return [result.class.name, result.layer.name];
      });
      assert.deepEqual(found, ['daisy', 'block11_dw_relu']);
    } finally {
      await again.close();
    }
  });

  test('a name that few know has its kind before it', async () => {
    const { problems, page, reach, close } = await openLesson(web, { query: '?sample=clutter&class=208' });
    try {
      const picture = await reach('picture');
      await picture.getByRole('button', { name: 'dog: Labrador retriever' }).waitFor(WAIT);
      await picture.getByRole('button', { name: /^golf ball$/ }).waitFor(WAIT);
      assert.match(await page.locator('#class option:checked').textContent(), /^dog: Labrador retriever, \d/);
      await page.locator('.hero').getByRole('button', { name: /^dog: Labrador retriever/ }).waitFor(WAIT);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('softmax saturates, the logit does not', async () => {
    const { problems, reach, figures, pixels, close } = await openLesson(web, { query: '?sample=golf_ball' });
    try {
      const softmax = await reach('softmax');
      await softmax.locator('dl dt').first().waitFor(WAIT);
      const logit = await pixels('softmax');
      assert.ok(number((await figures('softmax'))['factor of its own map']) > 0);
      await softmax.getByRole('button', { name: 'Saturate' }).click();
      const saturated = await figures('softmax');
      assert.equal(saturated['p of it, in 32 bits'], '1 exactly');
      assert.equal(saturated['factor of its own map'], '0');
      assert.deepEqual(await pixels('softmax'), logit);
      assert.ok(new Set(await pixels('softmax', '.step canvas', 2)).size > 20, 'the factored map is not empty');
      await set(softmax.locator('input[type=range]'), 8);
      assert.match(await softmax.locator('.step figcaption').nth(1).textContent(), /0\/0/);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('covering the ball takes its probability away, and the keyboard can do it', async () => {
    const { page, problems, reach, figures, close } = await openLesson(web, { query: '?class=golf+ball' });
    try {
      const occlude = await reach('occlude');
      const before = number((await figures('occlude'))['p now']);
      const canvas = occlude.getByRole('application');
      await canvas.scrollIntoViewIfNeeded();
      const box = await canvas.boundingBox();
      await set(occlude.locator('input[type=range]'), 0.17);
      await page.mouse.move(box.x + 0.2 * box.width, box.y + 0.6 * box.height);
      await page.mouse.down();
      await page.mouse.move(box.x + 0.33 * box.width, box.y + 0.6 * box.height, { steps: 4 });
      await page.mouse.up();
      const status = occlude.locator('.step [role=status]');
      await status.filter({ hasText: 'covered, “golf ball” has' }).waitFor(WAIT);
      await page.waitForTimeout(1500);
      const covered = number((await figures('occlude'))['p now']);
      assert.ok(covered < before / 2, `${before} -> ${covered}`);

      await occlude.getByRole('button', { name: 'Uncover' }).click();
      await status.filter({ hasText: 'Nothing is covered' }).waitFor(WAIT);
      assert.equal(number((await figures('occlude'))['p now']), before);
      await canvas.focus();
      // The brush is where the pointer was; to the corner, then onto the ball.
      for (const [key, times] of [['ArrowLeft', 24], ['ArrowUp', 24], ['ArrowRight', 6], ['ArrowDown', 14]]) {
        for (let i = 0; i < times; ++i) await page.keyboard.press(key);
      }
      await page.keyboard.press('Space');
      await status.filter({ hasText: 'covered, “golf ball” has' }).waitFor(WAIT);
      assert.ok(number((await figures('occlude'))['p now']) < before);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('deletion and insertion against random, and stopping', async () => {
    const { problems, reach, figures, close } = await openLesson(web, { query: '?sample=golf_ball' });
    try {
      const deletion = await reach('deletion');
      await deletion.getByRole('button', { name: 'Measure' }).click();
      await deletion.getByRole('button', { name: 'Stop' }).click();
      await deletion.getByText('Stopped.').waitFor(WAIT);
      assert.equal((await figures('deletion'))['deletion AUC'], '–');
      await deletion.getByRole('button', { name: 'Measure' }).click();
      await deletion.getByText('asked about 136 pictures').waitFor(WAIT);
      const found = Object.values(await figures('deletion')).map(Number);
      assert.ok(found.every((value) => value > 0 && value < 1), `${found}`);
      const [deleted, deletedRandom, inserted, insertedRandom] = found;
      assert.ok(deleted < deletedRandom && inserted > insertedRandom, `${found}`);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('the map falls apart with the network; the three bugs are told apart', async () => {
    const { problems, step, reach, figures, close } = await openLesson(web, { query: '?class=golf+ball' });
    try {
      const sanity = await reach('sanity');
      await sanity.locator('.step [role=status]').waitFor({ state: 'attached' });
      assert.equal((await figures('sanity'))['ρ'], '1.00');
      await set(sanity.locator('input[type=range]'), 3);
      await sanity.getByText('With 3 layers randomised').waitFor(WAIT);
      assert.ok(number((await figures('sanity'))['ρ']) < 0.5);
      // Adebayo et al.: guided backpropagation hardly changes.
      await sanity.locator('select').selectOption('guided');
      await sanity.getByText(/correlate by 0\.[5-9]/).waitFor(WAIT);

      await reach('bugs');
      for (const i of [0, 1, 2]) {
        const quiz = step('bugs').locator('.quiz').nth(i);
        const [first, second] = await quiz.locator('canvas').evaluateAll((all) => all.map((canvas) => canvas.toDataURL()));
        assert.ok(first !== second && first.length > 10000 && second.length > 10000);
        await quiz.getByRole('button').first().click();
        await quiz.getByText(/^(Yes\.|No, the other one\.)/).waitFor();
        assert.equal(await quiz.locator('[data-right]').count(), 1);
        assert.equal(await quiz.locator('[data-wrong]').count(), 1);
      }
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('the gradient is the slope: turning an activation moves the logit by it', async () => {
    const { page, problems, reach, figures, close } = await openLesson(web);
    try {
      const knob = await reach('knob');
      const at = await cam.steps(`${samples}/golf_ball_and_flower.jpg`, { layer: 'block12_pw_relu' });
      const size = at.layer.height * at.layer.width;
      const product = (i) => at.gradients[i] * at.activations[i];
      const shares = Array.from({ length: at.layer.channels }, (_, k) => Array.from({ length: size }, (_one, i) => product(k * size + i)).reduce((a, b) => a + b));
      const k = shares.indexOf(Math.max(...shares));
      const cells = Array.from({ length: size }, (_, i) => Math.abs(product(k * size + i)));
      const cell = cells.indexOf(Math.max(...cells));
      const place = [Math.floor(cell / at.layer.width), cell % at.layer.width];
      like(number((await figures('knob'))['slope here = gradient'].replace('+', '')), at.gradients[k * size + cell], 'slope');
      await knob.getByText(`row ${place[0] + 1}, column ${place[1] + 1}`).waitFor(WAIT);

      const add = 0.5 * Math.max(...at.activations.subarray(k * size, (k + 1) * size));
      await set(knob.getByLabel('Knob: what is added to the activation'), 0.5);
      await knob.getByText(/^Adding \+/).waitFor(WAIT);
      const turned = await cam.steps(`${samples}/golf_ball_and_flower.jpg`, { layer: 'block12_pw_relu', class: at.class.id, change: { channel: k, add, at: place } });
      like(number((await figures('knob'))['logit now']), turned.map.score, 'logit now');
      const [, changed] = /changed the logit by ([+−][\d.e−]+)\./.exec(await knob.getByText(/^Adding \+/).textContent());
      like(number(changed.replace('+', '')), turned.map.score - at.map.score, 'change of the logit');
      await knob.getByText(/The curve (is|bends)/).waitFor(WAIT);

      // Behind the last layer everything is linear: a straight line, and everywhere Z alpha.
      await page.locator('#layer').selectOption({ index: (await page.locator('#layer option').count()) - 2 });
      await page.locator('#layer').selectOption('');
      await page.evaluate(() => document.querySelector('grad-cam[steps=knob]').setAttribute('layer', 'smooth'));
      await page.waitForFunction(() => document.querySelector('grad-cam[steps=knob]').result?.layer.name === 'smooth', null, WAIT);
      await knob.getByText('The curve is a straight line').waitFor(WAIT);
      await knob.getByLabel('at all places').check();
      const last = await cam.steps(`${samples}/golf_ball_and_flower.jpg`);
      const best = Array.from(last.weights, (weight, one) => weight * last.activations.subarray(one * 196, one * 196 + 196).reduce((a, b) => a + b, 0));
      like(number((await figures('knob'))['slope here = gradient'].replace('+', '')), 196 * last.weights[best.indexOf(Math.max(...best))], 'Z alpha');

      // A place by the keyboard; other channels; what excites one in all samples.
      const photo = knob.getByRole('application');
      await knob.getByLabel('at all places').uncheck();
      await photo.focus();
      const before = await knob.locator('.step figcaption').first().textContent();
      await page.keyboard.press('ArrowDown');
      assert.notEqual(await knob.locator('.step figcaption').first().textContent(), before);
      await knob.locator('.pick').nth(2).click();
      assert.equal(await knob.locator('.pick').nth(2).getAttribute('aria-pressed'), 'true');
      await knob.getByRole('button', { name: 'Look through all samples' }).click();
      await knob.getByText(/in 10 samples/).waitFor(WAIT);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('a convolution by hand, and what a cell sees', async () => {
    const { page, problems, reach, figures, close } = await openLesson(web);
    try {
      const trace = await reach('trace');
      const sum = trace.getByText(/^The sum of \d+ products/);
      await sum.waitFor(WAIT);
      const { activations } = await cam.steps(`${samples}/golf_ball_and_flower.jpg`, { layer: 'stem' });
      const value = async () => number(/the activation is ([−\d.e]+)\. /.exec(await sum.textContent())[1]);
      like(await value(), activations[56 * 112 + 56], 'activation by hand');
      await trace.getByRole('application').focus();
      await page.keyboard.press('ArrowUp');
      await page.waitForFunction(() => /row 56, column 57/.test(document.querySelector('grad-cam[steps=trace]').shadowRoot.textContent), null, WAIT);
      like(await value(), activations[55 * 112 + 56], 'and of the cell above');
      // The numbers of the table, multiplied and added, are what stands above them.
      const [text] = await trace.locator('table.patch').first().evaluateAll((all) => all.map((table) => ({
        total: table.caption.textContent, cells: [...table.querySelectorAll('td')].map((td) => [...td.children].map((one) => one.textContent)) })));
      const total = text.cells.reduce((all, [x, w]) => all + number(x) * number(w.replace('× ', '')), 0);
      assert.ok(Math.abs(total - number(text.total.replace(/.*: \+?/, ''))) < 0.05, `${total}, ${text.total}`);

      // Who adds up the sentence finds what it says.
      const [, parts, products, bias, whole] = /products: (.*) = ([−\d.]+)\. The bias adds ([−\d.]+): the activation is ([−\d.]+)\. /.exec(await sum.textContent());
      const added = parts.replaceAll('− ', '+ −').split('+').reduce((all, one) => all + number(one.trim()), 0);
      assert.ok(Math.abs(added - number(products)) < 1e-9 && Math.abs(number(products) + number(bias) - number(whole)) < 1e-9, await sum.textContent());

      await trace.locator('select').selectOption('smooth');
      await trace.getByText(/^A cell of smooth sees/).waitFor(WAIT);
      const found = await cam.trace(`${samples}/golf_ball_and_flower.jpg`, { at: [7, 7] });
      const columns = [...new Set([...found.gradient.keys()].filter((i) => found.gradient[i] !== 0).map((i) => i % 224))];
      const [width] = (await figures('trace')).sees.split(' ');
      assert.equal(Number(width), Math.max(...columns) - Math.min(...columns) + 1);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('what the steps claim is so, on several pictures', async () => {
    const { page, problems, reach, figures, pixels, close } = await openLesson(web);
    try {
      for (const sample of ['golf_ball_and_flower', 'clutter', 'church']) {
        await page.locator(`[data-sample=${sample}]`).click();
        const told = await cam.steps(`${samples}/${sample}.jpg`);
        await page.waitForFunction((wanted) => [...document.querySelectorAll('grad-cam')].every((one) => one.result &&
          Math.abs((one.result.map?.score ?? wanted) - wanted) < 1e-3), told.map.score, WAIT);
        const { raw } = told.map;
        const below = raw.filter((value) => value < 0).length;
        const relu = await reach('relu');
        await relu.getByText(below ? `${below} of 196 places were below 0` : 'None of the 196 places is below 0').waitFor(WAIT);
        const sum = await reach('sum');
        const said = await sum.locator('[role=note]').textContent();
        const [, share, like2] = /^The first 10 of 768 channels give ([\d.]+) % of the whole map’s maximum, likeness ([\d.]+)\.$/.exec(said);
        const largest = number((await figures('sum'))['largest value']);
        assert.ok(Math.abs(Number(share) - (100 * largest) / told.map.max) < 0.4, said);
        assert.equal(Number(like2).toFixed(2), Number((await figures('sum'))['likeness to the whole']).toFixed(2));
        const overlay = await reach('overlay');
        await overlay.getByText(`The warmest colour here means ${told.map.max.toPrecision(3)}`).waitFor(WAIT);
      }
      const picture = await reach('picture');
      await picture.getByText('μ = 127.5, 127.5, 127.5; σ = 127.5, 127.5, 127.5').waitFor(WAIT);

      // Covered: the colours stay on the scale of the whole picture's map.
      await page.goto(`${page.url().split('?')[0]}?sample=golf_ball&guess=0`);
      const occlude = await reach('occlude');
      const strongest = async () => Math.max(...(await pixels('occlude', '.step canvas', 1)).filter((_, i) => i % 4 === 3));
      assert.equal(await strongest(), 255);
      await set(occlude.locator('input[type=range]'), 0.25);
      const box = await occlude.getByRole('application').boundingBox();
      await page.mouse.move(box.x + 0.35 * box.width, box.y + 0.5 * box.height);
      await page.mouse.down();
      for (const [x, y] of [[0.65, 0.5], [0.65, 0.7], [0.35, 0.7], [0.35, 0.35], [0.65, 0.35]]) await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 2 });
      await page.mouse.up();
      await page.waitForTimeout(2500);
      const [now, before] = (await figures('occlude'))['largest value of the map'].split(', was ').map(number);
      assert.ok(now < 0.35 * before, `${now} of ${before}`);
      assert.ok(await strongest() < 255);

      // The far end of the slider: everything is random, and said so.
      const sanity = await reach('sanity');
      await set(sanity.locator('input[type=range]'), 28);
      await sanity.getByText(/^All 28 layers are random now: .*guessing among all classes would give 0\.1 %/).waitFor(WAIT);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('predict, then reveal: each step asks, by choosing and by painting, and the end counts', async () => {
    const { page, problems, step, close } = await openLesson(web, { guess: true });
    try {
      const section = (id) => page.locator(`#${id}`);
      await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result), null, WAIT);
      for (const id of ['picture', 'trace', 'activations', 'gradients', 'knob', 'alpha', 'sum', 'relu', 'upsample', 'overlay', 'softmax', 'occlude', 'deletion', 'sanity']) {
        assert.equal(await step(id).isVisible(), false, id);
        assert.ok(await section(id).locator('.choice').count() >= 2, id);
      }
      // Golf ball 96 %, daisy 4 %: two classes above 1 %.
      await section('picture').getByRole('button', { name: '2 or fewer' }).click();
      await section('picture').getByText('You were right. More than 1 %: 2 classes. The best is “golf ball” with 96.2 %.').waitFor(WAIT);
      assert.ok(await step('picture').isVisible());
      await section('relu').getByRole('button', { name: 'half or more' }).click();
      await section('relu').getByText('You said “half or more”. At 0 of 196.').waitFor(WAIT);
      await section('trace').getByRole('button').first().click();
      await section('trace').getByText('It depends on').waitFor(WAIT);
      await section('knob').getByRole('button', { name: 'Show without guessing' }).click();
      assert.ok(await step('knob').isVisible());

      // The daisy is at the right.
      const photo = page.locator('.photo');
      await photo.scrollIntoViewIfNeeded();
      const box = await photo.boundingBox();
      await page.mouse.move(box.x + 0.55 * box.width, box.y + 0.25 * box.height);
      await page.mouse.down();
      for (let row = 0; row < 5; ++row) {
        await page.mouse.move(box.x + (row % 2 ? 0.55 : 0.85) * box.width, box.y + (0.25 + row * 0.07) * box.height, { steps: 8 });
        await page.mouse.move(box.x + (row % 2 ? 0.55 : 0.85) * box.width, box.y + (0.25 + (row + 1) * 0.07) * box.height, { steps: 2 });
      }
      await page.mouse.up();
      await page.getByRole('button', { name: 'Show the map' }).click();
      await page.getByText(/A hit: the hottest cell for “daisy”/).waitFor(WAIT);

      await step('bugs').scrollIntoViewIfNeeded();
      await step('bugs').locator('.quiz button').first().click();
      await page.locator('#score-words').filter({ hasText: / of 5 right/ }).waitFor(WAIT);
      assert.equal(await page.locator('#score-list li').count(), 5);
      await page.getByRole('button', { name: 'Ask me again' }).click();
      assert.equal(await step('picture').isVisible(), false);
      assert.match(await page.locator('#score-words').textContent(), /not guessed yet/);
      // Who wants no questions has none, and that is in the link.
      await page.getByLabel('guess first').uncheck();
      assert.ok(await step('picture').isVisible());
      assert.match(page.url(), /guess=0/);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('five steps without a formula; all of them with the formulas open', async () => {
    const { page, problems, close } = await openLesson(web);
    try {
      await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result), null, WAIT);
      const math = () => page.evaluate(() => [...document.querySelectorAll('grad-cam')].flatMap((one) => [...one.shadowRoot.querySelectorAll('math')])
        .filter((one) => one.checkVisibility()).length);
      assert.equal(await math(), 0);
      await page.locator('#path').selectOption('symbols');
      assert.ok(await math() >= 12);
      await page.locator('#path').selectOption('short');
      assert.equal(await math(), 0);
      const numbers = await page.locator('.number').evaluateAll((all) => all.filter((one) => one.checkVisibility()).map((one) => one.textContent));
      assert.deepEqual(numbers, ['1', '2', '3', '4', '5']);
      assert.equal(await page.locator('grad-cam').evaluateAll((all) => all.flatMap((one) => [...one.shadowRoot.querySelectorAll('details.symbols')]).filter((one) => one.checkVisibility()).length), 0);
      assert.match(page.url(), /path=short/);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('a class: presenter by keys, link and QR code, handout', async () => {
    const { page, problems, reach, close } = await openLesson(web, { size: { width: 1280, height: 720 } });
    try {
      await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result), null, WAIT);
      await page.getByRole('button', { name: 'Present' }).click();
      const shown = () => page.locator('main > section').evaluateAll((all) => all.filter((one) => one.checkVisibility()).map(({ id }) => id));
      assert.deepEqual(await shown(), ['answer']);
      await page.keyboard.press('ArrowRight');
      assert.deepEqual(await shown(), ['picture']);
      assert.match(page.url(), /#picture$/);
      await page.keyboard.press('PageDown');
      await page.keyboard.press('ArrowRight');
      assert.deepEqual(await shown(), ['activations']);
      // A slider keeps its arrows.
      const atlas = await reach('activations');
      await atlas.locator('input[type=range]').focus();
      await page.keyboard.press('ArrowRight');
      assert.deepEqual(await shown(), ['activations']);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
      await page.getByRole('button', { name: 'Leave' }).click();
      assert.ok((await shown()).length > 10);

      await page.locator('#class').selectOption({ label: 'daisy, 3.7 %' });
      await page.waitForFunction(() => document.querySelector('grad-cam[steps=picture]').result.class.name === 'daisy', null, WAIT);
      await page.evaluate(() => document.getElementById('relu').scrollIntoView({ behavior: 'instant' }));
      await page.waitForFunction(() => document.querySelector('.toc [aria-current]')?.hash === '#relu', null, WAIT);
      await page.getByRole('button', { name: 'Link' }).click();
      const address = new URL(await page.locator('#link-text').textContent());
      assert.deepEqual([address.searchParams.get('sample'), cam.labels[Number(address.searchParams.get('class'))], address.hash], ['golf_ball_and_flower', 'daisy', '#relu']);
      // A finder pattern in the corner: 7 dark, a ring of light, 3 x 3 dark.
      await page.waitForFunction(() => document.getElementById('qr').width > 400, null, WAIT);
      const finder = await page.locator('#qr').evaluate((canvas) => {
        const pen = canvas.getContext('2d');
        let first = 0;
        while (pen.getImageData(first, first, 1, 1).data[0]) first += 1;
        const module = first / 4;
        return [0, 1, 2, 3, 4, 5, 6, 7].map((i) => pen.getImageData(first + (i + 0.5) * module, first + 3.5 * module, 1, 1).data[0] === 0);
      });
      assert.deepEqual(finder, [true, false, true, true, true, false, true, false]);
      await page.getByRole('button', { name: 'Close' }).click();

      await page.emulateMedia({ media: 'print' });
      await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
      assert.match(await page.locator('#handout').textContent(), /^Picture: golf ball and flower\. Class: daisy, 3\.7 %\. Layer: smooth\.$/);
      assert.ok(await page.locator('#handout').isVisible());
      assert.equal(await page.locator('.controls').isVisible(), false);
      // The way back to it, to be typed and to be scanned.
      assert.match(await page.locator('#handout-link').textContent(), /^To go on from here: http.*sample=golf_ball_and_flower.*class=\d+/);
      await page.waitForFunction(() => {
        dispatchEvent(new Event('beforeprint'));
        return !document.getElementById('handout-code').hidden;
      }, null, WAIT);
      // What nobody asked for has no place on paper, nor a heading.
      assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('grad-cam')].flatMap((one) => [...one.shadowRoot.querySelectorAll('.unasked')]).map((one) => one.checkVisibility())), [false, false]);
      assert.equal(await page.locator('#score').isVisible(), false);
      const pages = (await page.pdf({ format: 'A4' })).toString('latin1').match(/\/Type\s*\/Page\b/g).length;
      assert.ok(pages >= 5 && pages <= 11, `${pages} pages: half of them were empty`);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  test('on paper plots have the ink of a light page, also those of a dark one', async () => {
    const { page, problems, close } = await openLesson(web, { scheme: 'dark' });
    try {
      await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result), null, WAIT);
      /** The plots' colours, each with how many pixels have it; the least light one of those that are seen. */
      const darkest = () => page.evaluate(() => ['alpha', 'knob', 'deletion'].map((step) => {
        const canvas = document.querySelector(`grad-cam[steps=${step}]`).shadowRoot.querySelector('canvas.plot');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let least = 255;
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 250) least = Math.min(least, Math.max(data[i], data[i + 1], data[i + 2]));
        return least;
      }));
      const onScreen = await darkest();
      await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
      const onPaper = await darkest();
      // #5a636e is the muted ink of words on paper, #a0a9b4 that of a dark screen.
      assert.ok(onPaper.every((value) => value <= 0x6e), `${onPaper}`);
      await page.evaluate(() => dispatchEvent(new Event('afterprint')));
      assert.deepEqual(await darkest(), onScreen);
      assert.notDeepEqual(onScreen, onPaper);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

  for (const size of [{ width: 360, height: 740 }, { width: 1920, height: 1080 }]) {
    test(`nothing is wider than ${size.width} pixels, in the dark as well`, async () => {
      const { page, reach, problems, close } = await openLesson(web, { size, scheme: 'dark' });
      try {
        // Made without being scrolled to.
        await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result), null, WAIT);
        await page.waitForTimeout(500);
        for (const name of ['activations', 'sum', 'softmax', 'bugs']) await reach(name);
        // Google's bound for "good" is 0.1.
        const moved = await page.evaluate(() => new Promise((resolve) => {
          new PerformanceObserver((list) => resolve(list.getEntries().filter((entry) => !entry.hadRecentInput)
            .reduce((sum, entry) => sum + entry.value, 0))).observe({ type: 'layout-shift', buffered: true });
          setTimeout(() => resolve(0), 500);
        }));
        assert.ok(moved < 0.02, `layout shift ${moved}`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
        const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(background, 'rgb(20, 23, 27)');
        assert.deepEqual(problems, []);
      } finally {
        await close();
      }
    });
  }
});

describe('what the steps compute', () => {
  test('softmax factors: the definition in 32 bits, and its direction where that underflows', () => {
    const logits = [3, 1, -2, 0.5];
    const p = logits.map((y) => Math.exp(2 * y)).map((value, _, all) => value / all.reduce((sum, one) => sum + one, 0));
    plainFactors(logits, 0, 2).forEach((factor, j) => like(factor, 2 * p[0] * ((j === 0) - p[j]), `factor ${j}`));
    // p_c (1 - p_c) times the exact direction is the same thing.
    exactFactors(logits, 0, 2).forEach((factor, j) => like(2 * p[0] * (1 - p[0]) * factor, 2 * p[0] * ((j === 0) - p[j]), `exact ${j}`));
    assert.deepEqual(plainFactors([300, 1, 0], 0, 1).map(Math.abs), [0, 0, 0]);
    const far = exactFactors([300, 1, 0], 0, 1);
    assert.equal(far[0], 1);
    assert.ok(Math.abs(far[1] + far[2] + 1) < 1e-12);
  });
});
