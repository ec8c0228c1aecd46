/**
 * Keras files and converted models in a browser: dropped, fetched, kept for the next visit; and what
 * happens where there is no room to keep them, or what was kept has gone bad.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { convert, folderSink } from '../../models/index.js';
import { GradCam } from '../../web/node.js';
import { decodedPhoto, preprocessOf, reference } from '../web/shared.mjs';
import { keras3, writeKeras } from '../models/fixtures.mjs';
import { browserAndServer, data, openPage, root, withoutBrowser, withoutData } from './browser.mjs';

const PHOTO = 'pier.jpg';
const skip = withoutBrowser || withoutData;

/** In the page: loads a Keras file as a drop gives it, and explains the photo as the golden file asks. */
async function explainThere({ origin, weights, photo, preprocess, asked }) {
  const { GradCam: Cam } = await import(`${origin}/web/index.js`);
  const blob = await (await fetch(`${origin}/data/${weights}`)).blob();
  const cam = await Cam.load(new File([blob], weights.split('/').at(-1)), { preprocess });
  const found = [];
  for (const options of asked) {
    const { predictions, maps } = await cam.explain(`${origin}/data/${photo}`, options);
    found.push({ predictions, raw: Array.from(maps[0].raw) });
  }
  const { name, threads } = cam.model;
  cam.dispose();
  return { name, threads, found };
}

describe('Keras files in Chromium', { skip }, () => {
  const web = browserAndServer();

  for (const name of ['vww_96', 'mobilenet_0.75_224']) {
    test(`${name}.h5 as a File: PyTorch's predictions and maps, and Node's`, async () => {
      const model = reference.models.find((one) => one.model === name);
      const { top5, maps } = model.photos.find(({ photo }) => photo === PHOTO);
      const asked = maps.map(({ class: id, layer, score }) => ({ classes: [id], layer, score }));
      const preprocess = preprocessOf(model.input);
      const { page, problems } = await openPage(web.browser, `${web.server.origin}/models/labels/imagenet.json`);
      const there = await page.evaluate(explainThere, { origin: web.server.origin, weights: model.weights,
        photo: 'golden/decoded/pier.png', preprocess, asked });
      await page.close();
      assert.deepEqual(problems, []);
      assert.equal(there.name, name.replace(/_224$/, ''));
      const here = await GradCam.load(data(model.weights), { preprocess });
      try {
        for (const [i, options] of asked.entries()) {
          const { predictions, raw } = there.found[i];
          predictions.forEach(({ id, probability }, k) => {
            assert.equal(id, top5[k].class);
            assert.ok(Math.abs(probability - top5[k].probability) <= 1e-4);
          });
          const { map, float32_error: noise } = maps[i];
          const max = Math.max(...map);
          const scale = options.score === 'softmax' ? max / Math.max(...raw) : 1;
          const allowed = Math.max(1e-3, 10 * noise) * max;
          map.forEach((value, at) => assert.ok(Math.abs(Math.max(0, raw[at]) * scale - value) <= allowed,
            `${options.layer}, ${options.score}, at ${at}`));
          const { maps: [own] } = await here.explain(decodedPhoto(PHOTO), options);
          own.raw.forEach((value, at) => assert.ok(Math.abs(value - raw[at]) <= 1e-3 * own.max));
        }
      } finally {
        here.dispose();
      }
    });
  }

  test('dropped onto the page, and a photo after it', async () => {
    const { page, problems } = await openPage(web.browser, `${web.server.origin}/web/demo/`);
    await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
    const drop = (path, type) => readFile(path).then((bytes) => page.evaluate(
      ({ name, base64, mime }) => {
        const content = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([content], name, { type: mime }));
        document.getElementById('frame').dispatchEvent(
          new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
      }, { name: basename(path), base64: bytes.toString('base64'), mime: type }));
    await drop(data('weights/mobilenet_0.75_224.h5'), '');
    await page.waitForFunction(() => /mobilenet_0\.75: 1000 classes/.test(
      document.getElementById('status').textContent), null, { timeout: 60000 });
    await drop(data('photos/pier.jpg'), 'image/jpeg');
    await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
    assert.equal(await page.$eval('#predictions button', (button) => button.firstChild.textContent), 'pier');
    assert.deepEqual(problems, []);
    // One cut off says so, and the page works on.
    await page.evaluate(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array([137, 72, 68, 70, 13, 10, 26, 10, 0, 0])], 'cut.h5'));
      document.getElementById('frame').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }));
    });
    await page.waitForFunction(() => /cut\.h5/.test(document.getElementById('status').textContent));
    await page.close();
  });
});

describe('models opened on the page', { skip: withoutBrowser }, () => {
  const web = browserAndServer();
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-browser-'));
    await writeKeras(keras3(), join(folder, 'keras3.keras'), { compress: true });
    await convert({ source: join(folder, 'keras3.keras'), out: await folderSink(join(folder, 'net')) });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const cases = { 'a .keras archive': () => ['keras3.keras'],
    'an .onnx file with its shards and its card': async () => (await readdir(join(folder, 'net'))).map((name) => join('net', name)) };
  for (const [what, files] of Object.entries(cases)) {
    test(what, async () => {
      const { page, problems } = await openPage(web.browser, `${web.server.origin}/web/demo/`);
      await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
      await page.setInputFiles('#onnx', (await files()).map((name) => join(folder, name)));
      await page.waitForFunction(() => /^keras3: 3 classes/.test(document.getElementById('status').textContent));
      await page.click('#ask .keep'); // a picture is on show, and how it is fed is a guess
      await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
      const here = await GradCam.load(join(folder, 'net', 'model.json'));
      const { predictions } = await here.explain(`${root}/models/pocket/samples/golf_ball_and_flower.jpg`, { top: 3 });
      here.dispose();
      assert.deepEqual(await page.$$eval('#predictions button', (all) => all.map((one) => one.textContent)),
        predictions.map(({ name, probability }) => `${name}${(100 * probability).toFixed(1)} %`));
      assert.deepEqual(problems, []);
      await page.close();
    });
  }
});

describe('a converted model, by address', { skip }, () => {
  const web = browserAndServer({ isolated: false });
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-browser-'));
    await convert({ source: data('weights/vww_96.h5'), out: await folderSink(join(folder, 'net')) });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** A page of its own storage that serves the folder at /net/, and counts what it was asked for. */
  async function visit(damage = (name, bytes) => bytes) {
    const context = await web.browser.newContext();
    const page = await context.newPage();
    const state = { asked: [], damage };
    await page.route('**/net/*', async (route) => {
      const name = basename(new URL(route.request().url()).pathname);
      state.asked.push(name);
      const bytes = await readFile(join(folder, 'net', name)).catch(() => null);
      const body = bytes && state.damage(name, bytes);
      return body ? route.fulfill({ body }) : route.fulfill({ status: 404 });
    });
    await page.goto(`${web.server.origin}/models/labels/imagenet.json`);
    return { page, context, state };
  }

  const load = (page, options = {}) => page.evaluate(async ({ origin, given }) => {
    const { GradCam: Cam } = await import(`${origin}/web/index.js`);
    try {
      const cam = await Cam.load(`${origin}/net/model.json`, given);
      const pixels = { width: 2, height: 2, data: new Uint8Array(16).fill(255) };
      const { predictions, warnings } = await cam.explain(pixels, { top: 1 });
      cam.dispose();
      return { score: predictions[0].score, warnings: warnings.map(({ name }) => name) };
    } catch ({ code, message }) {
      return { code, message };
    }
  }, { origin: web.server.origin, given: options });

  const kept = (page) => page.evaluate(async () => {
    const cache = await caches.open('gradcam-models');
    const files = await Promise.all((await cache.keys()).map(async (request) => (
      [request.url.replace(/^.*\/|\?.*$/g, ''), (await (await cache.match(request)).blob()).size])));
    return Object.fromEntries(files.sort());
  });

  test('comes from the cache the second time', async () => {
    const { page, context, state } = await visit();
    const first = await load(page);
    assert.deepEqual(first.warnings, ['preprocessing-guessed']);
    const card = JSON.parse(await readFile(join(folder, 'net', 'model.json')));
    const sizes = { [card.shards[0].file]: card.shards[0].bytes, [card.file]: card.bytes };
    assert.deepEqual(await kept(page), sizes);
    assert.deepEqual(state.asked, ['model.json', 'vww_96.onnx', 'vww_96-weights-000.bin']);
    state.asked.length = 0;
    assert.deepEqual(await load(page), first);
    assert.deepEqual(state.asked, ['model.json']);
    // Not kept where that is not wanted.
    state.asked.length = 0;
    assert.equal((await load(page, { cache: 'none' })).score, first.score);
    assert.equal(state.asked.length, 3);
    await context.close();
  });

  test('what was kept and has gone bad is fetched again', async () => {
    const { page, context, state } = await visit();
    const first = await load(page);
    await page.evaluate(async () => {
      const cache = await caches.open('gradcam-models');
      const request = (await cache.keys()).find(({ url }) => /000\.bin/.test(url));
      const bytes = new Uint8Array(await (await cache.match(request)).arrayBuffer());
      bytes[1000] ^= 1;
      await cache.put(request, new Response(bytes));
    });
    state.asked.length = 0;
    assert.deepEqual(await load(page), first);
    assert.deepEqual(state.asked, ['model.json', 'vww_96-weights-000.bin']);
    await context.close();
  });

  test('a flipped byte on the way: an error, and nothing of the file is kept', async () => {
    const { page, context, state } = await visit((name, bytes) => {
      if (name.endsWith('.bin')) bytes[77] ^= 1;
      return bytes;
    });
    const { code, message } = await load(page);
    assert.equal(code, 'model');
    assert.match(message, /vww_96-weights-000\.bin is not the file its card speaks of/);
    assert.deepEqual(Object.keys(await kept(page)), ['vww_96.onnx']);
    state.damage = (name, bytes) => bytes; // mended: it works
    assert.equal((await load(page)).code, undefined);
    await context.close();
  });

  test('no room: the model works, with a warning, and nothing half-written stays', async () => {
    const { page, context } = await visit();
    const session = await context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: web.server.origin, quotaSize: 200000 });
    const { score, warnings, message } = await load(page);
    assert.ok(Number.isFinite(score), message);
    assert.deepEqual(warnings, ['preprocessing-guessed', 'not-cached']);
    assert.ok(!Object.keys(await kept(page)).includes('vww_96-weights-000.bin'));
    await context.close();
  });

  test('many shards, each checked while the next is read: kept, and a bad one is named or fetched again', async () => {
    const card = JSON.parse(await readFile(join(folder, 'net', 'model.json')));
    const all = await readFile(join(folder, 'net', card.shards[0].file));
    const size = Math.ceil(all.length / 5);
    const parts = Array.from({ length: 5 }, (_, i) => all.subarray(i * size, (i + 1) * size));
    const shards = parts.map((part, i) => ({ file: `part-${i}.bin`, bytes: part.length,
      sha256: createHash('sha256').update(part).digest('hex') }));
    await Promise.all(parts.map((part, i) => writeFile(join(folder, 'net', `part-${i}.bin`), part)));
    const split = (name, bytes) => (name === 'model.json' ? Buffer.from(JSON.stringify({ ...card, shards })) : bytes);
    const { page, context, state } = await visit();
    const { score } = await load(page, { cache: 'none' });
    state.damage = split;
    assert.equal((await load(page)).score, score);
    assert.deepEqual(Object.keys(await kept(page)), [...shards.map(({ file }) => file), card.file]);
    await page.evaluate(async () => {
      const cache = await caches.open('gradcam-models');
      for (const request of await cache.keys()) {
        if (!/part-[14]/.test(request.url)) continue;
        const bytes = new Uint8Array(await (await cache.match(request)).arrayBuffer());
        bytes[9] ^= 1;
        await cache.put(request, new Response(bytes));
      }
    });
    state.asked.length = 0;
    assert.equal((await load(page)).score, score);
    assert.deepEqual(state.asked, ['model.json', 'part-1.bin', 'part-4.bin']);
    await context.close();
    for (const bad of [0, 2, 4]) {
      const other = await visit((name, bytes) => {
        if (name === `part-${bad}.bin`) bytes[5] ^= 1;
        return split(name, bytes);
      });
      const { code, message } = await load(other.page);
      assert.equal(code, 'model');
      assert.match(message, new RegExp(`part-${bad}\\.bin is not the file`));
      assert.ok(!(`part-${bad}.bin` in await kept(other.page)));
      await other.context.close();
    }
  });

  test('a missing shard, no network', async () => {
    const { page, context, state } = await visit((name, bytes) => (name.endsWith('.bin') ? null : bytes));
    const { code, message } = await load(page);
    assert.equal(code, 'network');
    assert.match(message, /vww_96-weights-000\.bin could not be fetched from .*answered 404/);
    state.damage = (name, bytes) => bytes;
    // The scripts are there; then the connection breaks before the model is asked for.
    await page.route('**/net/*', (route) => route.abort('internetdisconnected'));
    const lost = await load(page);
    assert.equal(lost.code, 'network');
    assert.match(lost.message, /model\.json could not be fetched from/);
    await context.close();
  });
});
