/**
 * Pictures larger than any canvas that iOS gives (16,777,216 pixels): there such a canvas is empty and says
 * nothing. Here none may be asked for, in the page or in its worker.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { browserAndServer, openPage, withoutBrowser } from './browser.mjs';

const [WIDTH, HEIGHT] = [4200, 4000];

/** Put before a script: a canvas beyond the limit has no pen, and leaves a trace. */
const LIMIT = `for (const kind of [globalThis.HTMLCanvasElement, globalThis.OffscreenCanvas]) {
  if (!kind) continue;
  const { getContext } = kind.prototype;
  kind.prototype.getContext = function(...args) {
    globalThis.largest = Math.max(globalThis.largest ?? 0, this.width * this.height);
    if (this.width * this.height > 4096 * 4096) throw new Error('a canvas of ' + this.width + ' by ' + this.height);
    return getContext.apply(this, args);
  };
}
`;

describe('a picture beyond the limit of canvases', { skip: withoutBrowser }, () => {
  const web = browserAndServer();

  /** The picture, encoded where there is no limit: red above, blue below. */
  async function picture(type, size = [WIDTH, HEIGHT]) {
    const page = await web.browser.newPage();
    const base64 = await page.evaluate(async ([width, height, mime]) => {
      const canvas = Object.assign(document.createElement('canvas'), { width, height });
      const pen = canvas.getContext('2d');
      pen.fillStyle = '#f00';
      pen.fillRect(0, 0, width, height / 2);
      pen.fillStyle = '#00f';
      pen.fillRect(0, height / 2, width, height / 2);
      const blob = await new Promise((done) => { canvas.toBlob(done, mime, 0.8); });
      const reader = new FileReader();
      await new Promise((done) => { reader.onload = done; reader.readAsDataURL(blob); });
      return reader.result.split(',')[1];
    }, [...size, type]);
    await page.close();
    return Buffer.from(base64, 'base64');
  }

  /** The page under the limit, and its worker too. */
  async function limited(path) {
    const context = await web.browser.newContext({ serviceWorkers: 'block' });
    await context.addInitScript({ content: LIMIT });
    await context.route('**/web/worker.js', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${LIMIT}${await response.text()}` });
    });
    const { page, problems } = await openPage(context, `${web.server.origin}${path}`);
    return { page, problems, close: () => context.close() };
  }

  for (const type of ['image/jpeg', 'image/webp']) {
    test(`dropped on the page, ${type}: shown, saved with its boxes, and painted on a canvas`, { timeout: 180000 }, async () => {
      const { page, problems, close } = await limited('/web/demo/');
      await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
      await page.setInputFiles('#file', { name: 'large', mimeType: type, buffer: await picture(type) });
      await page.waitForFunction(() => /forward|canvas|memory/.test(document.getElementById('status').textContent), null, { timeout: 90000 });
      assert.match(await page.textContent('#status'), /forward/);
      const shown = await page.$eval('#picture', (canvas) => [canvas.width, canvas.height,
        ...canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height - 9, 1, 1).data]);
      assert.deepEqual(shown.slice(0, 2), [WIDTH / 2, HEIGHT / 2]);
      assert.ok(shown[4] > 240 && shown[2] < 15, `blue below: ${shown}`);
      await page.$$eval('details.settings', (all) => all.forEach((one) => { one.open = true; }));
      await page.check('[name=boxes]');
      const download = page.waitForEvent('download');
      await page.click('[data-save=overlay]');
      await download;
      const painted = await page.evaluate(async () => {
        const data = new Uint8ClampedArray(4 * 4200 * 4000).fill(255);
        const { maps: [map] } = await window.gradcam.explain({ width: 4200, height: 4000, data }, { top: 1 });
        const canvas = map.toCanvas({ alpha: 0 });
        await canvas.painted;
        return [canvas.width, canvas.height, ...canvas.getContext('2d').getImageData(9, canvas.height - 1, 1, 1).data];
      });
      assert.deepEqual(painted, [WIDTH / 2, HEIGHT / 2, 255, 255, 255, 255]);
      assert.deepEqual(problems, []);
      await close();
    });
  }

  test('24 megapixels of a phone: no canvas of page, wall or worker comes near the limit', { timeout: 240000 }, async (t) => {
    const { page, problems, close } = await limited('/web/demo/');
    const said = (pattern) => page.waitForFunction((source) => new RegExp(source).test(document.getElementById('status').textContent), pattern.source, { timeout: 120000 });
    await said(/forward/);
    const buffer = await picture('image/jpeg', [6000, 4000]);
    await page.$eval('#status', (line) => { line.textContent = ''; });
    await page.setInputFiles('#file', ['a.jpg', 'b.jpg'].map((name) => ({ name, mimeType: 'image/jpeg', buffer })));
    await page.waitForFunction(() => /2 of 2 pictures shown/.test(document.querySelector('#wall [role=status]').textContent), null, { timeout: 120000 });
    await said(/forward/);
    await page.waitForFunction(() => document.querySelectorAll('#gallery canvas[width="112"]').length === 2);
    await page.$$eval('details.settings', (all) => all.forEach((one) => { one.open = true; }));
    await page.check('[name=boxes]');
    await page.selectOption('[name=compare]', { index: 2 });
    await page.check('[value=beside]');
    for (const button of ['[data-save=overlay]', '[data-save=grid]', '#wall .contact']) {
      const download = page.waitForEvent('download');
      await page.click(button);
      await download;
    }
    // The engine's threads sleep in the engine and answer nobody; they have no canvas.
    const ofWorkers = await Promise.all(page.workers().map((worker) => Promise.race([worker.evaluate(() => globalThis.largest ?? 0), new Promise((done) => { setTimeout(done, 5000, null); })])));
    const answered = ofWorkers.filter((area) => area !== null);
    assert.ok(answered.length >= 1);
    const largest = { page: await page.evaluate(() => window.largest), worker: Math.max(...answered) };
    t.diagnostic(`largest canvases, in pixels: ${JSON.stringify(largest)}`);
    assert.ok(largest.page > 1e6, 'and they were counted');
    for (const [where, area] of Object.entries(largest)) assert.ok(area <= 4096 * 4096, `${where}: ${area}`);
    assert.deepEqual(problems, []);
    await close();
  });

  test('an <img>: read in pieces, each row at its place', { timeout: 180000 }, async () => {
    const { page, close } = await limited('/web/demo/');
    await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
    const buffer = await picture('image/webp');
    const read = await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const image = Object.assign(new Image(), { src: URL.createObjectURL(new Blob([bytes])) });
      await image.decode();
      const { picture: { width, height, data } } = await window.gradcam.explain(image, { top: 1 });
      const pixel = (y) => [...data.subarray(4 * (y * width + 7), 4 * (y * width + 7) + 3)];
      return { width, height, top: pixel(0), above: pixel(height / 2 - 20), below: pixel(height / 2 + 20), bottom: pixel(height - 1) };
    }, buffer.toString('base64'));
    const near = (pixel, wanted) => pixel.every((value, c) => Math.abs(value - wanted[c]) < 16);
    assert.deepEqual([read.width, read.height], [WIDTH, HEIGHT]);
    for (const [place, wanted] of Object.entries({ top: [255, 0, 0], above: [255, 0, 0], below: [0, 0, 255], bottom: [0, 0, 255] })) {
      assert.ok(near(read[place], wanted), `${place}: ${read[place]}`);
    }
    await close();
  });

  test('a PNG, a grid, an <img>: the picture goes to the worker without being copied in one task', { timeout: 180000 }, async () => {
    const { page, close } = await limited('/web/demo/');
    await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
    const found = await page.evaluate(async () => {
      const copied = [];
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function post(message, transfer = []) {
        const { request, args: { picture: { data } = {} } = {} } = message;
        if (data) copied.push([request, transfer.includes(data.buffer) ? 0 : data.length]);
        return postMessage.call(this, message, transfer);
      };
      const canvas = Object.assign(document.createElement('canvas'), { width: 1200, height: 900 });
      canvas.getContext('2d').fillRect(100, 100, 500, 500);
      const image = Object.assign(new Image(), { src: canvas.toDataURL() });
      const { picture, maps: [map] } = await window.gradcam.explain(image, { top: 1 });
      const pngs = [await map.toPNG(), await map.toPNG()];
      await window.gradcam.grid([map]);
      const small = { width: 4, height: 4, data: new Uint8ClampedArray(64).fill(9) };
      await window.gradcam.explain(small, { top: 1 });
      return { copied, kept: picture.data.length, same: pngs[0].length > 1000 && pngs[0].every((byte, i) => byte === pngs[1][i]), small: small.data.length };
    });
    assert.deepEqual(found.copied, [['explain', 0], ['png', 0], ['png', 0], ['grid', 0], ['explain', 64]]);
    assert.deepEqual([found.kept, found.same, found.small], [4 * 1200 * 900, true, 64]);
    await close();
  });

  test('the element', { timeout: 180000 }, async () => {
    const { page, close } = await limited('/web/demo/learn/');
    const buffer = await picture('image/jpeg');
    const size = await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const element = document.createElement('grad-cam');
      element.setAttribute('loading', 'eager');
      element.image = new Blob([bytes], { type: 'image/jpeg' });
      const done = new Promise((ready, fail) => {
        element.addEventListener('result', ready);
        element.addEventListener('error', ({ detail }) => fail(detail));
      });
      document.body.prepend(element);
      await done;
      const canvas = element.shadowRoot.querySelector('canvas.own');
      return [canvas.width, canvas.height];
    }, buffer.toString('base64'));
    assert.deepEqual(size, [WIDTH / 2, HEIGHT / 2]);
    await close();
  });
});

test('rows read in pieces are those read at once, and reduced pictures are means', async () => {
  const { inPieces, reduced, reducedSize, whole } = await import('../../web/paint/pieces.js');
  const [width, height] = [7, 5];
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => (31 * i) % 256);
  const small = whole(reduced({ width, height, data }, 8));
  assert.deepEqual([small.width, small.height], [2, 1]);
  const mean = (x, y, c) => {
    let sum = 0;
    for (let j = 0; j < 3; ++j) for (let i = 0; i < 3; ++i) sum += data[4 * ((3 * y + j) * width + 3 * x + i) + c];
    return Math.round(sum / 9);
  };
  assert.deepEqual([...small.data], [0, 1].flatMap((x) => [0, 1, 2, 3].map((c) => mean(x, 0, c))));
  assert.deepEqual(await inPieces(reduced({ width, height, data }, 8)), small);
  assert.equal(whole(reduced({ width, height, data }, 35)).data, data);
  assert.deepEqual(reducedSize({ width: 100000, height: 1 }, 100), { step: 1, width: 100000, height: 1 });
});
