/**
 * A model of which nothing says how its pictures are prepared: the page shows what it answers under each
 * way and asks; the choice is that model's alone, and is kept.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OnnxGraph } from '../../models/onnx/graph.js';
import { GradCam, tools } from '../../web/node.js';
import { tinyNetwork } from '../web/tiny.mjs';
import { browserAndServer, root, withoutBrowser } from './browser.mjs';

const WAIT = { timeout: 60000 };
const MODES = Object.keys(tools.MODE_WORDS);

describe('a model whose preprocessing is a guess', { skip: withoutBrowser }, () => {
  const web = browserAndServer();
  const { onnx } = tinyNetwork();
  const other = tinyNetwork({ softmax: true }).onnx;
  const fileOf = (name, bytes) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) });
  /** Node's answers in the list's words: of the network under each mode, and of the bundled model. */
  const expected = {};
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-ask-'));
    const picture = `${root}/models/pocket/samples/church.jpg`;
    const words = ({ predictions }) => predictions.map(({ name, probability }) => `${name}${(100 * probability).toFixed(1)} %`);
    const path = join(folder, 'net.onnx');
    await writeFile(path, onnx);
    const cam = await GradCam.load(path, { threads: 1 });
    expected.guess = cam.model.preprocess.mode;
    for (const mode of MODES) expected[mode] = words(await cam.explain(picture, { preprocess: mode }));
    cam.dispose();
    const pocket = await GradCam.load(`${root}/models/pocket/model.json`, { threads: 1 });
    expected.pocket = words(await pocket.explain(picture));
    pocket.dispose();
    assert.notDeepEqual(expected.tf, expected[expected.guess]);
  });
  after(() => folder && rm(folder, { recursive: true, force: true }));

  const status = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(document.getElementById('status').textContent), pattern.source, WAIT);
  const list = (page) => page.$$eval('#predictions button', (all) => all.map((one) => one.textContent));
  const asks = (page) => page.$eval('#ask', (dialog) => dialog.open);
  const openSettings = (page) => page.$$eval('details.settings', (all) => all.forEach((one) => { one.open = true; }));

  async function demo(context, hash = '#sample=church') {
    const page = await context.newPage();
    page.problems = [];
    page.on('pageerror', (error) => page.problems.push(error.message));
    await page.goto(`${web.server.origin}/web/demo/${hash}`);
    await status(page, /forward/);
    await openSettings(page);
    return page;
  }
  async function explained(page, work) {
    await page.$eval('#status', (line) => { line.textContent = ''; });
    await work();
    await status(page, /forward/);
  }
  const load = (page, name, bytes) => explained(page, () => page.setInputFiles('#onnx', fileOf(name, bytes)));
  const rows = async (page) => {
    await page.waitForFunction(() => document.getElementById('ask').open && [...document.querySelectorAll('#ask .answers')].every((one) => one.children.length), null, WAIT);
    return page.$$eval('#ask li button', (all) => all.map((one) => ({ mode: one.dataset.mode, now: Boolean(one.querySelector('.now')),
      answers: Array.from({ length: one.querySelectorAll('.percent').length }, (_, i) => one.querySelectorAll('.answers > *')[2 * i].textContent + one.querySelectorAll('.percent')[i].textContent) })));
  };

  test('it is asked with an answer for each way; the choice is kept for it, and for no other', async () => {
    const context = await web.browser.newContext();
    const page = await demo(context);
    assert.equal(await asks(page), false, 'the bundled model is known');
    await load(page, 'net.onnx', onnx);
    const shown = await rows(page);
    assert.deepEqual(shown.map(({ mode }) => mode), MODES);
    for (const { mode, now, answers } of shown) {
      assert.deepEqual(answers, expected[mode].slice(0, 3), mode);
      assert.equal(now, mode === expected.guess, mode);
    }
    assert.equal(await page.evaluate(() => document.activeElement.id), 'ask-title');
    assert.deepEqual(await list(page), expected[expected.guess], 'looking changes nothing');

    await explained(page, () => page.click('#ask [data-mode=tf]'));
    assert.equal(await asks(page), false);
    assert.deepEqual(await list(page), expected.tf);
    assert.equal(await page.inputValue('#preprocess'), 'tf');
    assert.doesNotMatch(page.url(), /preprocess/, 'whoever opens the address has another model');

    // Another file of that name knows nothing of it, nor does the bundled model.
    await load(page, 'net.onnx', other);
    await rows(page);
    assert.equal(await page.inputValue('#preprocess'), '');
    await page.keyboard.press('Escape');
    await page.waitForSelector('[data-model=pocket]');
    await explained(page, () => page.click('[data-model=pocket]'));
    assert.equal(await page.inputValue('#preprocess'), '');
    assert.deepEqual(await list(page), expected.pocket);

    // The first again, under another name; then at another visit.
    await load(page, 'renamed.onnx', onnx);
    assert.deepEqual(await list(page), expected.tf);
    assert.equal(await asks(page), false);
    const later = await demo(context);
    assert.deepEqual(await list(later), expected.pocket);
    await load(later, 'net.onnx', onnx);
    assert.deepEqual(await list(later), expected.tf);
    assert.equal(await asks(later), false);
    assert.deepEqual([...page.problems, ...later.problems], []);
    await context.close();
  });

  test('Esc keeps the guess, and the sheet can be had again; a new answer is asked for where the choice is taken back', async () => {
    const context = await web.browser.newContext();
    const page = await demo(context);
    await load(page, 'net.onnx', onnx);
    await rows(page);
    await page.keyboard.press('Escape');
    assert.equal(await asks(page), false);
    assert.deepEqual(await list(page), expected[expected.guess]);
    assert.match(await page.textContent('#status'), /guess.*Compare its answers/);
    await explained(page, () => page.selectOption('[name=score]', 'softmax'));
    assert.equal(await asks(page), false, 'it is asked once');
    await page.click('#compare-answers');
    await rows(page);
    await page.click('#ask .keep');
    assert.equal(await asks(page), false);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'compare-answers');
    await page.click('#compare-answers');
    await explained(page, () => page.click('#ask [data-mode=none]'));
    assert.deepEqual(await list(page), expected.none);
    await explained(page, () => page.selectOption('#preprocess', ''));
    assert.deepEqual(await list(page), expected[expected.guess]);
    assert.deepEqual(page.problems, []);
    await context.close();
  });

  test('a browser that keeps nothing', async () => {
    const context = await web.browser.newContext();
    await context.addInitScript(() => Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } }));
    const page = await demo(context);
    await load(page, 'net.onnx', onnx);
    await rows(page);
    await explained(page, () => page.click('#ask [data-mode=caffe]'));
    await page.waitForSelector('[data-model=pocket]');
    await explained(page, () => page.click('[data-model=pocket]'));
    await load(page, 'net.onnx', onnx);
    assert.deepEqual(await list(page), expected.caffe);
    assert.equal(await asks(page), false, 'within the visit it is known');
    assert.deepEqual(page.problems, []);
    await context.close();
  });

  test('another output of a model, for it alone; one without classes says so', async () => {
    const context = await web.browser.newContext();
    const page = await demo(context);
    assert.ok(await page.isHidden('#head'), 'the bundled model has one');
    await load(page, 'net.onnx', onnx);
    await rows(page);
    await page.keyboard.press('Escape');
    assert.deepEqual(await page.$$eval('#head option', (all) => all.map(({ value }) => value)), ['', 'logits', 'aside']);
    await page.selectOption('#head select', 'aside');
    await status(page, /"aside" holds no classes/);
    assert.deepEqual(await list(page), []);
    assert.doesNotMatch(page.url(), /head=/);
    await explained(page, () => page.selectOption('#head select', 'logits'));
    assert.deepEqual(await list(page), expected[expected.guess]);
    assert.doesNotMatch(await page.textContent('#status'), /outputs/, 'what was chosen is no guess');
    await page.waitForSelector('[data-model=pocket]');
    await explained(page, () => page.click('[data-model=pocket]'));
    assert.equal(await page.inputValue('#head select'), '');
    assert.deepEqual(await list(page), expected.pocket);
    assert.deepEqual(page.problems, []);
    await context.close();
  });

  test('a model whose only output is a picture says so, and what stood there stays', async () => {
    const context = await web.browser.newContext();
    const page = await demo(context);
    const graph = new OnnxGraph('mask');
    graph.input('picture', [1, 3, 8, 8]);
    graph.add('Sigmoid', 'mask', ['picture']);
    graph.outputs.push({ name: 'mask', dims: [1, 3, 8, 8] });
    await page.setInputFiles('#onnx', fileOf('mask.onnx', graph.encode()));
    await status(page, /"mask" holds no classes/);
    assert.deepEqual(await list(page), expected.pocket);
    await explained(page, () => page.click('[data-sample=lighthouse]'));
    assert.notDeepEqual(await list(page), expected.pocket);
    assert.deepEqual(page.problems, []);
    await context.close();
  });

  test('no picture yet: it is asked with the first', async () => {
    const context = await web.browser.newContext();
    // The sample that the page begins with does not come.
    const page = await context.newPage();
    await context.route('**/samples/golf_ball_and_flower.jpg', (route) => route.abort());
    await page.goto(`${web.server.origin}/web/demo/`);
    await page.waitForFunction(() => document.getElementById('status').hasAttribute('data-bad'));
    await page.setInputFiles('#onnx', fileOf('net.onnx', onnx));
    await status(page, /waits for a picture/);
    assert.equal(await asks(page), false);
    await explained(page, () => page.click('[data-sample=church]'));
    await rows(page);
    await context.close();
  });
});
