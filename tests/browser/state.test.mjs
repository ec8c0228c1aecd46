/**
 * What stands on the page belongs together: model, picture, settings, maps, names, files that are saved
 * and the address; also after failures, cancelling, reload, back and forward. In Chromium, Firefox and WebKit;
 * what one of them cannot be made to do stands in its list `cannot`, and counts as skipped.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GradCam } from '../../web/node.js';
import { kindOf } from '../../web/base/labels.js';
import { inWords, sentences } from '../../web/demo/words.js';
import { REMEDY_NAMES } from '../../models/remedies.js';
import { classesLike } from '../../web/demo/suggestions.js';
import { keras3, writeKeras } from '../models/fixtures.mjs';
import { launch, openPage, root, serve, withoutBrowser } from './browser.mjs';
import { explained, openDemo, sampleFile, saved, status, WAIT } from './demo.mjs';
import { addressOf } from './driven.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { launchWebKit, withoutWebKit } from './webkit.mjs';

/** @type {{name: string, skip: string | false, start: () => Promise<any>, cannot: Record<string, string>}[]} */
const BROWSERS = [
  { name: 'Chromium', skip: withoutBrowser, start: launch, cannot: {} },
  { name: 'Firefox', skip: withoutFirefox, start: () => launchFirefox({ 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true }), cannot: {} },
  { name: 'WebKit', skip: withoutWebKit, start: launchWebKit, cannot: { camera: 'SKIPPED: WebKit has no camera of its own; mend.test.mjs draws one' } },
];

test('sentences end once, and without words of the command line', () => {
  assert.equal(sentences(['One', 'Two.', '', 'Three?']), 'One. Two. Three?');
  assert.equal(inWords({ text: 'No threads.', remedy: 'threads' }), 'No threads. Ask for one thread: the option threads: 1.');
  assert.ok(REMEDY_NAMES.includes('preprocess'));
  for (const remedy of REMEDY_NAMES) assert.ok(!/--/.test(inWords({ text: 'What is wrong.', remedy })), remedy);
});

test('classes by a part of their name, the nearest first', () => {
  const labels = ['tench', 'tabby cat', 'catamaran', 'bobcat', 'cat', 'Egyptian_cat'];
  assert.deepEqual(classesLike('CAT', labels).map((id) => labels[id]), ['cat', 'catamaran', 'tabby cat', 'Egyptian_cat', 'bobcat']);
  assert.deepEqual(classesLike('', labels), []);
  assert.deepEqual(classesLike('7', labels), []);
});

for (const { name: browserName, skip, start, cannot } of BROWSERS) describe(`what stands on the page belongs together, in ${browserName}`, { skip }, () => {
  const web = { browser: null, server: null };
  let folder;
  let keras;
  /** Node's answers for samples. */
  const expected = {};
  let labels;
  before(async () => {
    web.browser = await start();
    web.server = await serve();
    folder = await mkdtemp(join(tmpdir(), 'gradcam-state-'));
    keras = join(folder, 'keras3.keras');
    await writeKeras(keras3(), keras, { compress: true });
    const cam = await GradCam.load(`${root}/models/pocket/model.json`, { threads: 1 });
    for (const name of ['golf_ball', 'flower', 'church']) expected[name] = await cam.explain(sampleFile(name));
    ({ labels } = cam);
    cam.dispose();
  });
  after(async () => {
    await web.browser?.close();
    await web.server?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const words = ({ predictions }) => predictions.map(({ name, group, probability }) => (
    `${kindOf(name, group) && `${kindOf(name, group)}: `}${name}${(100 * probability).toFixed(1)} %`));
  const list = (page) => page.$$eval('#predictions button', (all) => all.map((one) => one.textContent));
  const tiles = (page) => page.$$eval('#sheet button', (all) => all.map((one) => one.querySelector('.name').textContent));
  const shown = (page) => page.$eval('#predictions [aria-pressed=true]', (one) => one.dataset.id);
  const bad = (page) => page.waitForFunction(() => document.getElementById('status').hasAttribute('data-bad'), null, WAIT);

  const demo = (hash) => openDemo(web, hash);
  const sample = (page, name) => explained(page, () => page.click(`[data-sample=${name}]`));
  const slider = (page, at) => page.$eval('#depth', (depth, value) => {
    depth.value = value;
    depth.dispatchEvent(new Event('input', { bubbles: true }));
  }, at);

  /** Another class than the best five of that sample. */
  const outside = (name) => labels.findIndex((_, id) => !expected[name].predictions.some((one) => one.id === id));

  test('an unreadable file is no picture: name, tiles, address and saving stay with the one on show', async () => {
    const { page } = await demo();
    await sample(page, 'golf_ball');
    const address = await addressOf(page);
    await page.setInputFiles('#file', [{ name: 'broken one.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') }]);
    await bad(page);
    assert.match(await page.textContent('#status'), /broken one\.jpg/);
    assert.deepEqual(await list(page), words(expected.golf_ball));
    assert.equal(await page.getAttribute('[data-sample=golf_ball]', 'aria-pressed'), 'true');
    assert.equal(await addressOf(page), address);
    const { name } = await saved(page, () => page.click('[data-save=overlay]'));
    assert.match(name, /^golf-ball-/);
    // Another setting explains the picture that is there, not the file.
    await explained(page, () => page.selectOption('[name=score]', 'softmax'));
    assert.deepEqual(await list(page), words(expected.golf_ball));
    await page.close();
  });

  test('of several files the first that is a picture opens; what is none is named', async () => {
    const { page } = await demo();
    await page.setInputFiles('#file', [{ name: 'notes.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') },
      { name: 'a flower.jpg', mimeType: 'image/jpeg', buffer: await readFile(sampleFile('flower')) },
      { name: 'b.jpg', mimeType: 'image/jpeg', buffer: await readFile(sampleFile('church')) }]);
    await bad(page);
    assert.match(await page.textContent('#status'), /notes\.jpg/);
    assert.deepEqual(await list(page), words(expected.flower));
    assert.deepEqual(await page.$$eval('#gallery button', (all) => all.map(({ title }) => title)), ['a flower.jpg', 'b.jpg']);
    await page.close();
  });

  test('another model: its own classes, tiles, layers and preprocessing', async () => {
    const { page, problems } = await demo();
    await sample(page, 'golf_ball');
    await explained(page, () => page.selectOption('#preprocess', 'caffe'));
    await explained(page, () => slider(page, 3));
    await explained(page, () => page.setInputFiles('#onnx', keras));
    const [names, tileNames] = [await list(page), await tiles(page)];
    assert.deepEqual(tileNames, names, 'tiles and list are of one model');
    assert.equal(names.length, 3);
    assert.equal(await page.inputValue('#preprocess'), '', 'preprocessing is not taken over');
    assert.equal(await page.inputValue('[name=layer]'), '');
    assert.equal(await page.evaluate(() => window.gradcam.model.name), 'keras3');
    await page.waitForSelector('#ask[open]'); // nothing says how it wants its pictures
    await page.keyboard.press('Escape');
    // Back to the first: the choice was for it, and is kept.
    await page.waitForSelector('[data-model=pocket]');
    await explained(page, () => page.click('[data-model=pocket]'));
    assert.equal(await page.inputValue('#preprocess'), 'caffe');
    assert.notDeepEqual(await list(page), words(expected.golf_ball));
    await explained(page, () => page.selectOption('#preprocess', ''));
    assert.deepEqual(await list(page), words(expected.golf_ball));
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('how the picture is framed: Node\'s answer, in the link, and gone with another model', async () => {
    const cam = await GradCam.load(`${root}/models/pocket/model.json`, { threads: 1 });
    const cropped = await cam.explain(sampleFile('golf_ball_and_flower'), { fit: 'crop' });
    cam.dispose();
    const { page, problems } = await demo('#sample=golf_ball_and_flower');
    await status(page, /forward/);
    assert.notDeepEqual(await list(page), words(cropped));
    await explained(page, () => page.selectOption('#fit', 'crop'));
    assert.deepEqual(await list(page), words(cropped));
    assert.match(await addressOf(page), /fit=crop/);
    await page.reload();
    await status(page, /forward/);
    assert.deepEqual(await list(page), words(cropped));
    await explained(page, () => page.setInputFiles('#onnx', keras));
    assert.equal(await page.inputValue('#fit'), '');
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a method that was cancelled gives its name back', async () => {
    const { page } = await demo();
    await sample(page, 'flower');
    const heat = () => page.evaluate(() => document.querySelector('canvas.heat').toDataURL());
    const answered = await heat();
    await page.selectOption('[name=method]', 'rise');
    await page.waitForSelector('#cancel', { state: 'visible' });
    // An early picture of the map, and how long it goes on.
    await page.waitForFunction((before) => document.querySelector('canvas.heat').toDataURL() !== before, answered, WAIT);
    await status(page, /about \d+ (seconds|minutes) to go/);
    await page.click('#cancel');
    await page.waitForFunction(() => document.querySelector('[name=method]').value === 'gradcam');
    await page.waitForFunction((before) => document.querySelector('canvas.heat').toDataURL() === before, answered, WAIT);
    assert.match(await page.textContent('#method-name'), /^Grad-CAM$/);
    assert.ok(!/method=/.test(await addressOf(page)));
    await page.close();
  });

  test('a class that was searched for: every kind of saving works, and another picture has it too', async () => {
    const { page } = await demo();
    await sample(page, 'golf_ball');
    const id = outside('golf_ball');
    await page.fill('#class', labels[id]);
    await page.press('#class', 'Enter');
    await page.waitForFunction((wanted) => document.querySelector('#predictions [aria-pressed=true]').dataset.id === wanted, String(id), WAIT);
    for (const what of ['overlay', 'grid', 'json', 'npy', 'bundle']) {
      assert.ok((await saved(page, () => page.click(`[data-save=${what}]`))).bytes.length > 100, what);
    }
    assert.match(await addressOf(page), new RegExp(`class=${id}(&|$)`));
    await page.close();
  });

  test('the saved overlay has the boxes that are on the screen', async () => {
    const { page } = await demo();
    await sample(page, 'golf_ball');
    const save = async () => (await saved(page, () => page.click('[data-save=overlay]'))).bytes.toString('base64');
    const without = await save();
    await page.check('[name=boxes]');
    const box = await page.$eval('.boxes rect.main', (rect) => ['x', 'y', 'width', 'height'].map((name) => Number(rect.getAttribute(name))));
    const lighter = await page.evaluate(async ([pictures, [x, y, , height]]) => {
      const pixels = await Promise.all(pictures.map(async (base64) => {
        const image = Object.assign(new Image(), { src: `data:image/png;base64,${base64}` });
        await image.decode();
        const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
        const pen = canvas.getContext('2d');
        pen.drawImage(image, 0, 0);
        return pen.getImageData(Math.max(0, Math.round(x)), Math.round(y + height / 2), 1, 1).data;
      }));
      return pixels[1][0] - pixels[0][0] + pixels[1][2] - pixels[0][2];
    }, [[without, await save()], box]);
    assert.ok(lighter > 100, `the box's edge is lighter by ${lighter}`);
    await page.close();
  });

  test('a link brings everything that one sees; so do reload, back, forward, and pasting it into an open tab', async () => {
    const { page, problems } = await demo();
    await sample(page, 'golf_ball');
    await explained(page, () => page.selectOption('[name=method]', 'layercam'));
    const layer = await page.$eval('[name=layer]', (select) => select.options[select.options.length - 4].value);
    await explained(page, () => page.selectOption('[name=layer]', layer));
    await page.selectOption('[name=colormap]', 'cividis');
    const second = expected.golf_ball.predictions[1].id;
    await page.click(`#predictions [data-id="${second}"]`);
    await page.selectOption('[name=compare]', { index: 1 });
    await page.waitForSelector('#wipe', { state: 'visible' });
    await page.$eval('#wipe', (wipe) => {
      wipe.value = '0.3';
      wipe.dispatchEvent(new Event('input', { bubbles: true }));
    });
    const seen = () => page.evaluate(() => ({
      values: ['method', 'layer', 'colormap', 'compare'].map((name) => document.querySelector(`[name=${name}]`).value),
      shown: document.querySelector('#predictions [aria-pressed=true]').dataset.id, wipe: document.getElementById('wipe').value,
      chips: [...document.querySelectorAll('.chip')].map((one) => one.textContent),
      list: [...document.querySelectorAll('#predictions button')].map((one) => one.textContent),
      heat: document.getElementById('heat').toDataURL(),
    }));
    const before = await seen();
    const link = await addressOf(page);
    assert.equal(before.shown, String(second));
    assert.deepEqual(before.values.slice(0, 3), ['layercam', layer, 'cividis']);

    await page.reload();
    await status(page, /forward/);
    assert.equal(await addressOf(page), link, 'the address is not rewritten before the menus are filled');
    assert.deepEqual(await seen(), before);

    await sample(page, 'church');
    assert.notEqual(await addressOf(page), link);
    await explained(page, () => page.goBack());
    assert.deepEqual(await seen(), before);
    await explained(page, () => page.goForward());
    // The class that is compared with stands behind the best ones.
    assert.deepEqual((await seen()).list.slice(0, 5), words(expected.church));

    const { page: other } = await demo();
    await explained(other, () => other.evaluate((hash) => { location.hash = hash; }, new URL(link).hash));
    assert.equal(await other.$eval('#heat', (heat) => heat.toDataURL()), before.heat);
    await other.close();
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('back to a picture and a model that came as files', async () => {
    const { page } = await demo();
    await explained(page, () => page.setInputFiles('#file', sampleFile('flower')));
    await explained(page, () => page.setInputFiles('#file', sampleFile('church')));
    await explained(page, () => page.goBack());
    assert.deepEqual(await list(page), words(expected.flower));
    await explained(page, () => page.setInputFiles('#onnx', keras));
    await explained(page, () => page.goBack());
    assert.equal(await page.textContent('#model-name'), 'pocket');
    assert.deepEqual(await list(page), words(expected.flower));
    await explained(page, () => page.goForward());
    assert.equal(await page.textContent('#model-name'), 'keras3');
    await page.close();
  });

  test('a link with a class outside the best ones, and one with a model that is not here', async () => {
    const id = outside('flower');
    const { page } = await demo(`#sample=flower&class=${id}`);
    await status(page, /forward/);
    assert.equal(await shown(page), String(id));
    await page.close();
    const hash = '#sample=flower&model=vgg16&class=980&layer=block5_conv3&preprocess=caffe';
    const { page: other } = await demo(hash);
    await status(other, /made with vgg16/);
    assert.deepEqual(await list(other), words(expected.flower), 'the bundled model, as it is');
    assert.deepEqual([...new URLSearchParams(new URL(await addressOf(other)).hash.slice(1))].sort(), [...new URLSearchParams(hash.slice(1))].sort(), 'the wish stays in the address');
    await other.close();
  });

  /** Fields that mean nothing, each with what the page says of it; all else of the link counts. */
  const WRONG = {
    'model=nonesuch': /the model “nonesuch”, which is not known here/,
    'sample=elephant': /the sample “elephant”, which is not known here/,
    'method=magic': /the method “magic”, which pocket does not have/,
    'layer=block99': /the layer “block99”, which pocket does not have/,
    'head=second': /the output “second”, which pocket does not have/,
    'class=123456': /the class number “123456”, which pocket does not have/,
    'class=dog': /the class number “dog”, which is no number/,
    'classes=1,x': /the class numbers “1,x”, which is no number/,
    'compare=layer:block99': /the comparison with “layer:block99”, which pocket does not have/,
    'compare=all': /the comparison with “all”, which pocket does not have/,
    'colormap=rainbow': /the colours “rainbow”, which is not known here/,
    'score=best': /the score “best”, which is not known here/,
    'view=upside': /the comparison “upside”/,
    'interpolation=cubic': /the interpolation “cubic”/,
    'preprocess=zzz': /the preprocessing “zzz”/,
    'fit=none': /the framing “none”/,
    'alpha=much': /the strength “much”, which is no number from 0 to 1/,
    'wipe=2': /the border “2”, which is no number from 0 to 1/,
    'top=1e9': /the number of classes “1e9”, which is no number from 1 to 20/,
    'boxes=yes': /boxes “yes”/,
  };

  test('a link with a field that means nothing: said of each, and the rest of the link counts', async () => {
    const { page, problems } = await demo();
    for (const [field, said] of Object.entries(WRONG)) {
      const rest = field.startsWith('colormap') ? 'colormap=magma' : 'colormap=cividis';
      const pasted = (hash) => page.evaluate((to) => { location.hash = to; }, hash);
      const opened = (hash) => page.goto(`${web.server.origin}/web/demo/?${Math.random()}${hash}`);
      for (const open of /^(model|sample|head|layer)/.test(field) ? [opened, pasted] : [pasted]) {
        const hash = `#${field.startsWith('sample') ? '' : 'sample=church&'}${field.startsWith('colormap') ? 'fade=' : rest}&${field}`;
        await page.$eval('#status', (line) => { line.textContent = ''; });
        await open(hash);
        await status(page, said);
        assert.equal(await page.getAttribute('#status', 'data-bad'), '');
        if (!field.startsWith('sample')) assert.deepEqual((await list(page)).slice(0, 5), words(expected.church), field);
        assert.equal(await page.$eval('[name=colormap]', ({ value }) => value), field.startsWith('colormap') ? 'viridis' : 'cividis', field);
        assert.ok(!(await addressOf(page)).includes(field.replace(':', '%3A')), `${field} goes from the address`);
        await page.evaluate(() => { location.hash = 'sample=flower'; });
        await page.waitForFunction(() => document.querySelector('[data-sample=flower]').getAttribute('aria-pressed') === 'true', null, WAIT);
        await status(page, /^(?!The link)/);
      }
    }
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a link with a class that the model does not have, where its picture is on show already', async () => {
    const { page, problems } = await demo('#sample=church');
    await page.click('#predictions button:not([aria-pressed=true])');
    await page.evaluate(() => { location.hash = 'sample=church&class=123456'; });
    await status(page, WRONG['class=123456']);
    assert.equal(await shown(page), String(expected.church.predictions[0].id));
    assert.deepEqual(await list(page), words(expected.church));
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a link with many wrong fields, and one with a text too long', async () => {
    const { page } = await demo(`#sample=flower&layer=${'x'.repeat(5000)}&alpha=a&wipe=b&top=c&boxes=d`);
    await status(page, /2 more of its wishes/);
    assert.ok((await page.textContent('#status')).length < 1000);
    assert.deepEqual(await list(page), words(expected.flower));
    await page.close();
  });

  test('a link with the address of a picture: opened, kept through reload, pasted; one that is no picture', async () => {
    const church = `${web.server.origin}/models/pocket/samples/church.jpg`;
    const { page } = await demo(`#picture=${encodeURIComponent(church)}&colormap=cividis`);
    const best = async () => (await list(page))[0].replace(/[\d.]+ %$/, '');
    const wanted = words(expected.church)[0].replace(/[\d.]+ %$/, '');
    const all = async () => {
      assert.equal(await best(), wanted); // the browser decoded it: its pixels differ by a level here and there
      assert.equal(new URLSearchParams(new URL(await addressOf(page)).hash.slice(1)).get('picture'), church);
      assert.equal(await page.$eval('[name=colormap]', ({ value }) => value), 'cividis');
    };
    await all();
    await page.reload();
    await status(page, /forward/);
    await all();
    await sample(page, 'flower');
    await explained(page, () => page.evaluate((to) => { location.hash = to; }, `picture=${encodeURIComponent(church)}&colormap=cividis`));
    await all();
    const none = `#picture=${encodeURIComponent(`${web.server.origin}/none.jpg`)}`;
    await page.evaluate((to) => { location.hash = to; }, none);
    await bad(page);
    assert.match(await page.textContent('#status'), /none\.jpg gave no picture/);
    assert.equal(await best(), wanted, 'the picture before it stays');
    await page.close();
    const { page: other } = await openPage(web.browser, `${web.server.origin}/web/demo/${none}`);
    await bad(other);
    await status(other, /none\.jpg gave no picture/);
    assert.equal((await list(other)).length, 5, 'a sample stands there');
    await other.close();
  });

  test('“Skip to what it sees” skips, and changes nothing of what is shown', async () => {
    const { page } = await demo();
    await sample(page, 'church');
    await page.selectOption('[name=colormap]', 'cividis');
    const address = await addressOf(page);
    await page.focus('.skip');
    await page.keyboard.press('Enter');
    await page.waitForTimeout(300);
    assert.equal(await addressOf(page), address);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'panel-title');
    assert.equal(await page.$eval('[name=colormap]', ({ value }) => value), 'cividis');
    assert.deepEqual(await list(page), words(expected.church));
    await page.close();
  });

  test('a part of a name: one press on a suggestion', async () => {
    const { page } = await demo();
    await sample(page, 'flower');
    await page.fill('#class', 'golf');
    const ids = classesLike('golf', labels);
    assert.deepEqual(await page.$$eval('#suggestions button', (all) => all.map((one) => one.textContent)), ids.slice(0, 8).map((id) => labels[id]));
    await page.click('#suggestions button');
    await page.waitForFunction((id) => document.querySelector('#predictions [aria-pressed=true]').dataset.id === id, String(ids[0]), WAIT);
    await page.fill('#class', 'golf');
    await page.keyboard.press('Escape');
    assert.ok(await page.isHidden('#suggestions'));
    await page.close();
  });

  test('the card with what was fetched goes at Esc and when something else is pressed', async () => {
    const { page } = await demo();
    const open = () => page.$eval('#proof', (proof) => proof.open);
    await page.click('#proof summary');
    assert.ok(await open());
    await page.keyboard.press('Escape');
    assert.ok(!await open());
    await page.click('#proof summary');
    await page.click('h1');
    assert.ok(!await open());
    await page.close();
  });

  test('dropped: a list of names, an address, a folder\'s file, nothing of use', async () => {
    const { page } = await demo();
    await sample(page, 'flower');
    const drop = (data, files = []) => page.evaluate(([texts, contents]) => {
      const transfer = new DataTransfer();
      for (const [type, text] of Object.entries(texts)) transfer.setData(type, text);
      for (const [name, text] of contents) transfer.items.add(new File([text], name));
      document.getElementById('frame').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }, [data, files]);
    await drop({}, [['names.txt', labels.map((_, id) => `thing ${id}`).join('\n')]]);
    await status(page, /those of names\.txt now/);
    const things = ({ predictions }) => predictions.map(({ id, probability }) => `thing ${id}${(100 * probability).toFixed(1)} %`);
    assert.deepEqual(await list(page), things(expected.flower));
    await explained(page, () => drop({ 'text/uri-list': `${web.server.origin}/models/pocket/samples/church.jpg` }));
    // Decoded by the browser, whose pixels differ by a level here and there.
    const names = (all) => all.slice(0, 1).map((text) => text.replace(/[\d.]{3,5} %$/, ''));
    assert.deepEqual(names(await list(page)), names(things(expected.church)));
    await drop({ 'text/plain': 'only words' });
    await bad(page);
    assert.match(await page.textContent('#status'), /neither a file nor the address/);
    await page.close();
  });

  /** Counts what is asked of workers from now on. */
  const counting = (page) => page.evaluate(() => {
    const before = window.asked;
    window.asked = { load: 0, explain: 0 };
    if (before) return;
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function post(message, ...rest) {
      if (message.request in window.asked) window.asked[message.request] += 1;
      return postMessage.call(this, message, ...rest);
    };
  });
  const asked = (page) => page.evaluate(() => window.asked);
  const names = (count) => ({ name: 'names.txt', mimeType: 'text/plain', buffer: Buffer.from(Array.from({ length: count }, (_, id) => `thing ${id}`).join('\n')) });
  const kerasFile = async () => ({ name: 'keras3.keras', mimeType: '', buffer: await readFile(keras) });
  const pictureFile = async (name) => ({ name: `${name}.jpg`, mimeType: 'image/jpeg', buffer: await readFile(sampleFile(name)) });

  test('dropped together: a model, the names of its classes and a picture are one load and one explanation', async () => {
    const { page, problems } = await demo('#sample=flower');
    await counting(page);
    await explained(page, async () => page.setInputFiles('#onnx', [await kerasFile(), names(3)]));
    await status(page, /those of names\.txt now\. keras3:/);
    assert.match((await list(page))[0], /^thing \d/);
    assert.deepEqual(await asked(page), { load: 1, explain: 1 });
    await page.keyboard.press('Escape'); // how it wants its pictures
    // The names stay where the model is loaded anew.
    await explained(page, () => page.selectOption('#preprocess', 'tf'));
    await explained(page, () => page.selectOption('#preprocess', ''));
    assert.match((await list(page))[0], /^thing \d/);
    await explained(page, () => page.click('[data-model=pocket]'));
    await counting(page);
    await explained(page, async () => page.setInputFiles('#file', [await pictureFile('church'), await kerasFile(), names(3)]));
    await status(page, /those of names\.txt now\. keras3:/);
    assert.deepEqual(await asked(page), { load: 1, explain: 1 });
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('dropped together, and one of them is broken: the others count', async () => {
    const { page } = await demo('#sample=flower');
    const broken = (name) => ({ name, mimeType: name.endsWith('jpg') ? 'image/jpeg' : '', buffer: Buffer.from('\0\0\x01broken\0\xff') });
    // The model: the picture is shown by the one before.
    await page.setInputFiles('#file', [broken('net.onnx'), await pictureFile('church')]);
    await bad(page);
    await page.waitForFunction((wanted) => document.querySelector('#predictions button')?.textContent === wanted, words(expected.church)[0], WAIT);
    assert.match(await page.textContent('#status'), /net\.onnx/);
    // The names: the model goes by its own.
    await page.setInputFiles('#file', [await kerasFile(), { ...names(3), buffer: await readFile(sampleFile('church')) }]);
    await status(page, /names\.txt.*keras3:/);
    assert.equal((await list(page)).length, 3);
    assert.ok(!/thing/.test((await list(page)).join()));
    await page.keyboard.press('Escape');
    // The picture: the model shows the one before.
    await page.click('[data-model=pocket]');
    await page.waitForFunction((wanted) => document.querySelector('#predictions button')?.textContent === wanted, words(expected.church)[0], WAIT);
    await page.setInputFiles('#file', [await kerasFile(), broken('b.jpg')]);
    await status(page, /b\.jpg.*keras3:/);
    assert.equal((await list(page)).length, 3);
    await page.close();
  });

  test('after the camera, a file that is no picture, and a link whose picture is not there: what is on the screen has its own name', { skip: cannot.camera }, async () => {
    const { page } = await demo('#sample=flower');
    const film = async () => {
      await page.$eval('#rate', (rate) => { rate.textContent = ''; });
      await page.click('#camera');
      await page.waitForFunction(() => document.getElementById('rate').textContent, null, WAIT);
    };
    await film();
    await page.setInputFiles('#file', [{ name: 'b.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') }]);
    await bad(page);
    await status(page, /b\.jpg/);
    assert.equal(await page.getAttribute('#camera', 'aria-pressed'), 'false');
    // The camera's last picture stays, and is no sample.
    assert.equal(await page.$$eval('#samples [aria-pressed=true]', (all) => all.length), 0);
    assert.ok(!/sample/.test(await addressOf(page)));
    await saved(page, () => page.click('[data-save=overlay]'));
    await sample(page, 'church');
    await film();
    await page.evaluate(() => { location.hash = `picture=${encodeURIComponent(new URL('none.jpg', location.href).href)}`; });
    await bad(page);
    await status(page, /none\.jpg/);
    await page.waitForFunction(() => document.querySelectorAll('#samples [aria-pressed=true]').length === 0, null, WAIT);
    await saved(page, () => page.click('[data-save=overlay]'));
    await page.close();
  });

  test('a link that is pasted while another model is being loaded: the later wish counts', async () => {
    const { page } = await demo('#sample=flower');
    await page.setInputFiles('#onnx', keras);
    await page.evaluate(() => { location.hash = 'sample=church&method=layercam'; });
    await page.waitForFunction((wanted) => document.querySelector('#predictions button')?.textContent === wanted, words(expected.church)[0], WAIT);
    await page.waitForTimeout(1500);
    assert.equal(await page.textContent('#model-name'), 'pocket');
    assert.equal(await page.inputValue('[name=method]'), 'layercam');
    await page.close();
  });

  test('a slider that is dragged is one step of the history, written once it rests', async () => {
    const { page } = await demo('#sample=flower');
    const counts = await page.evaluate(async () => {
      const found = { pushState: 0, replaceState: 0 };
      for (const how of Object.keys(found)) {
        const own = history[how].bind(history);
        history[how] = (...args) => {
          found[how] += 1;
          own(...args);
        };
      }
      const alpha = document.querySelector('[name=alpha]');
      for (let i = 0; i < 60; ++i) {
        alpha.value = 0.3 + i / 100;
        alpha.dispatchEvent(new Event('input', { bubbles: true }));
        if (i % 10 === 9) await new Promise((done) => { setTimeout(done); });
      }
      return found;
    });
    assert.deepEqual(counts, { pushState: 1, replaceState: 0 });
    const value = await page.inputValue('[name=alpha]');
    await page.waitForFunction((wanted) => new URLSearchParams(location.hash.slice(1)).get('alpha') === wanted, value, WAIT);
    // What is changed next is a step of its own, and does not lose the value before it.
    await page.$eval('[name=alpha]', (alpha) => {
      for (const next of ['0.2', '0.1']) {
        alpha.value = next;
        alpha.dispatchEvent(new Event('input', { bubbles: true }));
      }
    });
    await page.selectOption('[name=colormap]', 'magma');
    await page.goBack();
    await page.waitForFunction(() => document.querySelector('[name=colormap]').value === 'viridis', null, WAIT);
    assert.equal(await page.inputValue('[name=alpha]'), '0.1');
    await page.goBack();
    await page.waitForFunction(() => document.querySelector('[name=alpha]').value === '0.6', null, WAIT);
    await page.close();
  });

  test('the camera: pressed twice it opens once; another model and preprocessing while it runs; classes compared', { skip: cannot.camera }, async () => {
    const { page, problems } = await demo();
    await page.evaluate(() => {
      window.streams = [];
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await ask(wanted);
        window.streams.push(stream);
        return stream;
      };
      const camera = document.getElementById('camera');
      camera.click();
      camera.click();
      camera.click();
    });
    await page.waitForFunction(() => document.getElementById('rate').textContent, null, WAIT);
    const live = () => page.evaluate(() => window.streams.filter((stream) => stream.getTracks().some(({ readyState }) => readyState === 'live')).length);
    assert.equal(await live(), 1);
    assert.equal(await page.getAttribute('#rate', 'role'), null, 'a rate that changes every second is not read aloud');
    await page.selectOption('[name=compare]', { index: 2 });
    await page.waitForSelector('#wipe', { state: 'visible' });
    await page.setInputFiles('#onnx', keras);
    await page.waitForFunction(() => document.querySelectorAll('#predictions button').length === 3, null, WAIT);
    assert.deepEqual((await tiles(page)).map((text) => text.replace(/[\d.]+ %$/, '')).sort(), (await list(page)).map((text) => text.replace(/[\d.]+ %$/, '')).sort());
    await page.selectOption('#preprocess', 'tf');
    await page.waitForFunction(() => document.getElementById('preprocess').value === 'tf' && window.gradcam.model.name === 'keras3');
    await page.waitForTimeout(300);
    assert.equal(await page.getAttribute('#camera', 'aria-pressed'), 'true');
    assert.equal(await page.getAttribute('#status', 'data-bad'), null);
    await explained(page, () => page.click('#camera'));
    assert.equal(await live(), 0);
    assert.deepEqual(problems, []);
    await page.close();
  });
});
