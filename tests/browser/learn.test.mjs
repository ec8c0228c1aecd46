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

async function openLesson(web, { query = '', size, scheme = 'light' } = {}) {
  const context = await web.browser.newContext({ viewport: size ?? { width: 1200, height: 800 }, colorScheme: scheme });
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(`${web.server.origin}/web/demo/learn/${query}`);
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

      await reach('gradients');
      like(number((await figures('gradients'))['mean of gradient']), steps.weights[order[0]], 'mean gradient');

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
      await status.filter({ hasText: 'covered, golf ball has' }).waitFor(WAIT);
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
      await status.filter({ hasText: 'covered, golf ball has' }).waitFor(WAIT);
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
      await deletion.getByText('136 pictures asked').waitFor(WAIT);
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
