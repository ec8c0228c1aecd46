/**
 * The drag-and-drop page, used as a person would: drop a photo, read, click, search.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { data, launch, openPage, serve, withoutBrowser, withoutData } from './browser.mjs';

describe('the page', { skip: withoutBrowser }, () => {
  let browser;
  let server;
  before(async () => {
    browser = await launch();
    server = await serve();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  async function demo() {
    const { page, problems } = await openPage(browser, `${server.origin}/web/demo/`);
    await page.waitForFunction(() => /classes/.test(document.getElementById('status').textContent));
    return { page, problems };
  }

  /** Names and percentages on show, and which is pressed. */
  const list = (page) => page.$$eval('#predictions button', (buttons) => buttons.map((button) => ({
    name: button.firstChild.textContent,
    percent: Number.parseFloat(button.lastChild.textContent),
    pressed: button.getAttribute('aria-pressed') === 'true',
  })));

  const heat = (page) => page.$eval('#heat', (canvas) => Array.from(
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.subarray(0, 4000)));

  const settled = (page) => page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));

  const openSettings = (page) => page.$$eval('details.settings', (all) => all.forEach((one) => {
    one.open = true;
  }));

  /** Waits for the next explanation that `work` brings about. */
  async function explained(page, work) {
    await page.$eval('#status', (status) => {
      status.textContent = '';
    });
    await work();
    await settled(page);
  }

  /** Drops a file on the frame, as a file manager would. */
  const drop = (page, name, bytes, type) => page.evaluate(({ name: called, base64, type: mime }) => {
    const content = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([content], called, { type: mime }));
    document.getElementById('frame').dispatchEvent(
      new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, { name, base64: bytes.toString('base64'), type });

  test('a sample: predictions, heat, another class at a click without a new forward', async () => {
    const { page, problems } = await demo();
    await page.click('#samples button >> nth=1');
    await settled(page);
    const first = await list(page);
    assert.equal(first[0].name, 'golf ball');
    assert.deepEqual(first.map(({ pressed }) => pressed), [true, false, false, false, false]);
    const before = await heat(page);
    const spent = await page.evaluate(() => {
      const start = performance.now();
      document.querySelectorAll('#predictions button')[1].click();
      return performance.now() - start;
    });
    assert.ok(spent < 150, `switching the class took ${spent.toFixed(0)} ms`);
    assert.deepEqual((await list(page)).map(({ pressed }) => pressed), [false, true, false, false, false]);
    assert.notDeepEqual(await heat(page), before);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a class by name, and one that is not there', async () => {
    const { page } = await demo();
    await page.click('#samples button >> nth=0');
    await settled(page);
    await page.fill('#class', 'Church');
    await page.press('#class', 'Enter');
    await page.waitForFunction(() => document.querySelector('[aria-pressed=true]').textContent.startsWith('church'));
    await page.fill('#class', 'chruch');
    await page.press('#class', 'Enter');
    await page.waitForFunction(() => /Did you mean/.test(document.getElementById('status').textContent));
    await page.close();
  });

  test('a dropped file that is no picture says so, and the page works on', async () => {
    const { page } = await demo();
    await page.setInputFiles('#file', { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') });
    await page.waitForFunction(() => document.getElementById('status').hasAttribute('data-bad'));
    await page.click('#samples button >> nth=2');
    await settled(page);
    assert.equal((await list(page))[0].name, 'flower');
    await page.close();
  });

  test('a dropped ImageNet network and a dropped photo: pier', { skip: withoutData }, async () => {
    const { page, problems } = await demo();
    await openSettings(page);
    await page.selectOption('#preprocess', 'torch');
    await page.setInputFiles('#onnx', data('onnx/squeezenet1_1.onnx'));
    await page.waitForFunction(() => /squeezenet1_1/.test(document.getElementById('status').textContent));
    await page.setInputFiles('#file', data('photos/pier.jpg'));
    await settled(page);
    const [best] = await list(page);
    assert.equal(best.name, 'pier');
    assert.ok(Math.abs(best.percent - 62.4) < 2, String(best.percent));
    assert.deepEqual(await page.$eval('#picture', ({ width, height }) => [width, height]), [650, 380]);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a photo dropped by mouse', { skip: withoutData }, async () => {
    const { page } = await demo();
    const bytes = await readFile(data('photos/goldfish.jpg'));
    await drop(page, 'goldfish.jpg', bytes, 'image/jpeg');
    await settled(page);
    assert.equal((await list(page)).length, 5);
    await page.close();
  });

  test('layers by slider, methods, boxes, comparing as border and as difference', async () => {
    const { page, problems } = await demo();
    await page.click('#samples button >> nth=0');
    await settled(page);
    await openSettings(page);
    const seen = [await heat(page)];
    const isNew = async (what) => {
      const now = await heat(page);
      assert.ok(!seen.some((one) => JSON.stringify(one) === JSON.stringify(now)), what);
      seen.push(now);
    };
    await explained(page, () => page.$eval('#depth', (depth) => {
      depth.value = depth.max - 4;
      depth.dispatchEvent(new Event('input', { bubbles: true }));
    }));
    assert.notEqual(await page.$eval('[name=layer]', ({ value }) => value), '');
    await isNew('another layer');
    await explained(page, () => page.selectOption('[name=method]', 'layercam'));
    await isNew('another method');
    assert.match(await page.textContent('#paper'), /\d{4}|arXiv/);
    await page.check('[name=boxes]');
    assert.ok(await page.locator('.boxes rect').count() > 0);
    await page.selectOption('[name=compare]', { index: 2 });
    await page.waitForSelector('#wipe', { state: 'visible' });
    await page.check('[value=difference]');
    await page.waitForSelector('#wipe', { state: 'hidden' });
    await isNew('the difference');
    await page.hover('#frame');
    const [best, second] = await list(page);
    assert.match(await page.textContent('.readout'), new RegExp(`${best.name} \\d\\.\\d\\d .*${second.name} \\d\\.\\d\\d`));

    // The address carries the settings into another window.
    const other = await browser.newPage();
    await other.goto(page.url());
    await other.waitForFunction(() => /classes/.test(document.getElementById('status').textContent));
    assert.equal(await other.$eval('[name=method]', ({ value }) => value), 'layercam');
    assert.ok(await other.isChecked('[name=boxes]'));
    await other.close();
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('saves overlay, grid, JSON, .npy, and everything with a manifest', async () => {
    const { page } = await demo();
    await page.click('#samples button >> nth=3');
    await settled(page);
    const save = async (what) => {
      const [saved] = await Promise.all([page.waitForEvent('download'), page.click(`[data-save=${what}]`)]);
      return { name: saved.suggestedFilename(), bytes: await readFile(await saved.path()), path: await saved.path() };
    };
    for (const what of ['overlay', 'grid']) {
      const { name, bytes } = await save(what);
      assert.match(name, /^parachute.*\.png$/);
      assert.equal(bytes.toString('latin1', 1, 4), 'PNG');
    }
    const report = JSON.parse((await save('json')).bytes);
    assert.equal(report.predictions[0].name, 'parachute');
    const { bytes } = await save('npy');
    const header = bytes.toString('latin1', 10, 10 + bytes.readUInt16LE(8));
    assert.match(header, /'descr': '<f4'.*'shape': \(10, 10,\)/);
    const first = bytes.readFloatLE(10 + bytes.readUInt16LE(8));
    assert.ok(Math.abs(Math.max(0, first) / report.maps[0].max - report.maps[0].data[0]) < 1e-5);
    const archive = await save('bundle');
    const list = execFileSync('python3', ['-c', `import json, sys, zipfile
z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None
m = json.loads(z.read('manifest.json')); print(json.dumps([z.namelist(), m['model']['name'], m['sha256']]))`, archive.path]);
    const [names, model, digests] = JSON.parse(list);
    assert.equal(model, 'pocket');
    assert.ok(names.includes('report.json') && names.includes('grid.png') && names.length === 3 + 2 * report.maps.length);
    assert.ok(Object.values(digests).every((digest) => /^[0-9a-f]{64}$/.test(digest)));
    await page.close();
  });

  test('the camera: picture after picture, without growing', async () => {
    const { page, problems } = await demo();
    await page.click('#camera');
    await page.waitForFunction(() => /pictures a second/.test(document.getElementById('status').textContent), null, { timeout: 30000 });
    const rate = Number.parseInt(await page.textContent('#status'), 10);
    console.log(`# camera: ${rate} pictures a second`);
    assert.ok(rate >= 2);
    assert.ok((await list(page)).length === 5);
    await page.click('#camera');
    assert.match(await page.textContent('#status'), /off/);
    await page.click('#samples button >> nth=1');
    await settled(page);
    assert.equal((await list(page))[0].name, 'golf ball');
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('several pictures, and one by its address', async () => {
    const { page } = await demo();
    const samples = new URL('../../models/pocket/samples/', import.meta.url);
    await page.setInputFiles('#file', ['golf_ball.jpg', 'flower.jpg', 'church.jpg'].map((name) => fileURLToPath(new URL(name, samples))));
    await settled(page);
    assert.equal((await list(page))[0].name, 'golf ball');
    assert.equal(await page.locator('#gallery button').count(), 3);
    await explained(page, () => page.click('#gallery button >> nth=1'));
    assert.equal((await list(page))[0].name, 'flower');
    await explained(page, async () => {
      await page.fill('#url', `${server.origin}/models/pocket/samples/parachute.jpg`);
      await page.press('#url', 'Enter');
    });
    assert.equal((await list(page))[0].name, 'parachute');
    await page.close();
  });

  test('works without a network, once loaded', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const start = await serve();
    await page.goto(`${start.origin}/web/demo/`);
    await page.waitForFunction(() => /classes/.test(document.getElementById('status').textContent));
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.click('#samples button >> nth=4');
    await settled(page);
    await start.close(); // the network is gone
    await page.reload();
    await page.waitForFunction(() => /classes/.test(document.getElementById('status').textContent));
    await page.setInputFiles('#file', fileURLToPath(new URL('../../models/pocket/samples/flower.jpg', import.meta.url)));
    await settled(page);
    assert.equal((await list(page))[0].name, 'flower');
    await context.close();
  });

  test('fits a phone', async () => {
    const { page } = await demo();
    await page.setViewportSize({ width: 360, height: 700 });
    await page.click('#samples button >> nth=0');
    await settled(page);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no sideways scrolling');
    await page.close();
  });
});
