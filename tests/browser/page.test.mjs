/**
 * The drag-and-drop page, used as a person would: drop a photo, read, click, search.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { posix } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GradCam } from '../../web/node.js';
import { browserAndServer, data, openPage, root, serve, withoutBrowser, withoutData } from './browser.mjs';

test('every module that the page imports is asked for at once, and no other', async () => {
  const found = new Set();
  const follow = async (file) => {
    if (found.has(file)) return;
    found.add(file);
    const source = await readFile(`${root}/web/demo/${file}`, 'utf8');
    for (const [, name] of source.matchAll(/^(?:import|export)[^'(]*?from '(\.[^']+)';/gm)) {
      await follow(posix.join(posix.dirname(file), name));
    }
  };
  await follow('app.js');
  const html = await readFile(`${root}/web/demo/index.html`, 'utf8');
  const named = [...html.matchAll(/rel="modulepreload" href="([^"]+)"/g)].map(([, name]) => name);
  assert.deepEqual(['app.js', ...named].sort(), [...found].sort());
});

describe('the page', { skip: withoutBrowser }, () => {
  const web = browserAndServer();
  let church; // what pocket takes that sample for; it may be trained again
  before(async () => {
    const cam = await GradCam.load(`${root}/models/pocket/model.json`, { threads: 1 });
    church = (await cam.explain(`${root}/models/pocket/samples/church.jpg`)).predictions[0].name;
    cam.dispose();
  });

  async function demo() {
    const { page, problems } = await openPage(web.browser, `${web.server.origin}/web/demo/`);
    await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
    return { page, problems };
  }

  /** Names and percentages on show, and which is pressed. */
  const list = (page) => page.$$eval('#predictions button', (buttons) => buttons.map((button) => ({
    name: button.firstChild.lastChild.textContent, // after its kind
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
    await page.waitForFunction(() => document.querySelector('#predictions [aria-pressed=true]').textContent.startsWith('church'));
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
    assert.equal((await list(page))[0].name, 'daisy');
    await page.close();
  });

  test('a dropped ImageNet network and a dropped photo: pier', { skip: withoutData }, async () => {
    const { page, problems } = await demo();
    await openSettings(page);
    await page.setInputFiles('#onnx', data('onnx/squeezenet1_1.onnx'));
    const loaded = () => page.waitForFunction(() => /squeezenet1_1: 1000 classes/.test(document.getElementById('status').textContent));
    await loaded();
    await page.$eval('#status', (status) => { status.textContent = ''; });
    await page.selectOption('#preprocess', 'torch');
    await loaded();
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
    const other = await web.browser.newPage();
    await other.goto(page.url());
    await settled(other);
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
    assert.match(header, /'descr': '<f4'.*'shape': \(14, 14\)/);
    const at = 10 + bytes.readUInt16LE(8);
    assert.ok(report.maps[0].data.every((value, i) => Math.abs(value - bytes.readFloatLE(at + 4 * i)) <= 1e-6 * report.maps[0].max),
      'JSON and .npy hold the same numbers');
    assert.ok(report.maps.some(({ data: raw }) => raw.some((value) => value < 0)), 'before ReLU');
    assert.match(report.values, /before ReLU/);
    const archive = await save('bundle');
    const list = execFileSync('python3', ['-c', `import json, sys, zipfile
z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None
m = json.loads(z.read('manifest.json')); print(json.dumps([z.namelist(), m['model'], m['sha256'], m['settings']]))`, archive.path]);
    const [names, model, digests, given] = JSON.parse(list);
    assert.equal(model.name, 'pocket');
    assert.match(model.engine, /^\d+\.\d+\.\d+ /);
    const card = JSON.parse(await readFile(`${root}/models/pocket/model.json`, 'utf8'));
    assert.deepEqual(model.files, [{ file: card.file, bytes: card.bytes, sha256: card.sha256 }]);
    assert.equal(given.colormap, 'viridis');
    assert.ok(names.includes('report.json') && names.includes('grid.png') && names.length === 3 + 2 * report.maps.length);
    assert.ok(Object.values(digests).every((digest) => /^[0-9a-f]{64}$/.test(digest)));
    await page.close();
  });

  test('the camera: picture after picture; its last one stays', async () => {
    const { page, problems } = await demo();
    await page.click('#camera');
    await page.waitForFunction(() => /pictures a second/.test(document.getElementById('rate').textContent), null, { timeout: 30000 });
    // The best five, and the class on show where it is no longer one of them.
    const fiveOrSix = (count) => assert.ok(count === 5 || count === 6, `${count}`);
    fiveOrSix((await list(page)).length);
    fiveOrSix(await page.locator('#sheet button').count());
    // Classes are switched while it runs.
    await page.evaluate(() => document.getElementById('predictions').addEventListener('click', ({ target }) => { window.chosen = target.closest('button'); }));
    await page.click('#predictions button >> nth=1', { delay: 200 }); // a finger's time
    assert.ok(await page.evaluate(() => window.chosen === document.querySelectorAll('#predictions button')[1]), 'the row that was pressed is still there');
    await page.waitForFunction(() => document.querySelector('#sheet [aria-pressed=true]'));
    await explained(page, () => page.click('#camera'));
    assert.equal(await page.getAttribute('#camera', 'aria-pressed'), 'false');
    fiveOrSix((await list(page)).length);
    const [saved] = await Promise.all([page.waitForEvent('download'), page.click('[data-save=overlay]')]);
    assert.match(saved.suggestedFilename(), /^camera-\d+\.png$/);
    await explained(page, () => page.click('#samples button >> nth=1'));
    assert.equal((await list(page))[0].name, 'golf ball');
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a camera that is not allowed, or not there', async () => {
    const { page } = await demo();
    for (const [name, words] of [['NotAllowedError', /not allowed/], ['NotFoundError', /no camera/]]) {
      await page.evaluate((error) => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', error));
      }, name);
      await page.click('#camera');
      await page.waitForFunction(() => document.getElementById('status').hasAttribute('data-bad'));
      assert.match(await page.textContent('#status'), words);
      assert.equal(await page.getAttribute('#camera', 'aria-pressed'), 'false');
    }
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
    assert.equal((await list(page))[0].name, 'daisy');
    await explained(page, async () => {
      await page.fill('#url', `${web.server.origin}/models/pocket/samples/parachute.jpg`);
      await page.press('#url', 'Enter');
    });
    assert.equal((await list(page))[0].name, 'parachute');
    await page.close();
  });

  test('works without a network, once loaded', async () => {
    const context = await web.browser.newContext();
    const page = await context.newPage();
    const start = await serve();
    await page.goto(`${start.origin}/web/demo/`);
    await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.click('#samples button >> nth=4');
    await settled(page);
    await page.evaluate(async () => { // until everything has been kept
      const cache = await caches.open((await caches.keys()).find((name) => name.startsWith('gradcam-page-')));
      while (!(await cache.keys()).some(({ url }) => url.endsWith('learn/learn.js'))) await new Promise((next) => setTimeout(next, 50));
    });
    await start.close(); // the network is gone
    await page.reload(); // the sample stands in the address
    await settled(page);
    assert.equal((await list(page))[0].name, church);
    await explained(page, () => page.setInputFiles('#file', fileURLToPath(new URL('../../models/pocket/samples/flower.jpg', import.meta.url))));
    assert.equal((await list(page))[0].name, 'daisy');
    // The lesson too, which nobody had opened.
    await page.goto(`${start.origin}/web/demo/learn/`);
    await page.waitForFunction(() => document.querySelector('grad-cam').result);
    await context.close();
  });

  for (const width of [360, 390]) {
    test(`fits a phone ${width} pixels wide; the picture stays in sight, nothing moves`, async () => {
      const { page } = await demo();
      await page.setViewportSize({ width, height: 700 });
      await page.reload();
      await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
      const top = () => page.$eval('.panel', (panel) => panel.getBoundingClientRect().top + scrollY);
      const before = await top();
      await page.click('#samples button >> nth=0');
      await settled(page);
      assert.ok(Math.abs(await top() - before) < 40, 'the panel stays where it was, but for the line with the scale');
      await page.$$eval('details', (all) => all.forEach((one) => { one.open = true; }));
      await page.selectOption('[name=compare]', { index: 2 });
      await page.waitForSelector('#wipe', { state: 'visible' });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no sideways scrolling');
      await page.evaluate(() => scrollTo(0, 1500));
      const { y } = await page.locator('#frame').boundingBox();
      assert.ok(y >= 0 && y < 20, `the picture is at ${y}`);
      await page.close();
    });
  }

  test('no layout shift between the empty page and the heatmap', async () => {
    const page = await web.browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.addInitScript(() => {
      window.shifts = 0;
      new PerformanceObserver((entries) => entries.getEntries().forEach((entry) => { window.shifts += entry.value; }))
        .observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto(`${web.server.origin}/web/demo/#sample=church`); // without a click, which would excuse shifts
    await settled(page);
    await page.waitForTimeout(300);
    const shifts = await page.evaluate(() => window.shifts);
    assert.ok(shifts < 0.02, `layout shift ${shifts}`);
    await page.close();
  });

  test('the list of models: names and sizes beside each other, on a desk and on a phone', async () => {
    const { page } = await demo();
    await page.click('#model summary');
    await page.waitForSelector('#models button');
    for (const width of [1280, 960, 320]) {
      await page.setViewportSize({ width, height: 720 });
      const over = await page.$$eval('#models button', (all) => all.filter((button) => {
        const [name, words] = [button.firstElementChild, button.lastElementChild].map((one) => {
          const range = document.createRange();
          range.selectNodeContents(one);
          return range.getBoundingClientRect();
        });
        return name.right > words.left + 0.5 && name.bottom > words.top + 0.5 && words.bottom > name.top + 0.5;
      }).map(({ textContent }) => textContent));
      assert.deepEqual(over, [], `${width} pixels wide`);
    }
    await page.close();
  });

  test('the sheet of all heatmaps, and the border between two by mouse', async () => {
    const { page, problems } = await demo();
    await page.click('#samples button >> nth=0');
    await settled(page);
    // They are painted one after the other.
    await page.waitForFunction(() => new Set([...document.querySelectorAll('#sheet canvas')].map((canvas) => canvas.toDataURL())).size === 5);
    assert.equal(await page.locator('#sheet canvas').count(), 5);
    const names = (await list(page)).map(({ name }) => name);
    await page.click('#sheet button >> nth=2');
    assert.deepEqual((await list(page)).map(({ pressed }) => pressed), [false, false, true, false, false]);
    assert.equal(await page.$eval('#sheet [aria-pressed=true]', (button) => button.title), names[2]);
    await page.selectOption('[name=compare]', { label: `the class ${names[0]}` });
    assert.deepEqual(await page.$$eval('.chip', (chips) => chips.map((chip) => chip.textContent)), [names[2], names[0]]);
    await page.evaluate(() => scrollTo(0, 0));
    const { x, y, width, height } = await page.locator('#frame').boundingBox();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width / 4, y + height / 2);
    await page.mouse.up();
    assert.ok(Math.abs(Number(await page.inputValue('#wipe')) - 0.25) < 0.02);
    assert.match(await page.$eval('#frame', (frame) => frame.style.getPropertyValue('--wipe')), /^2[45]/);
    // Two layers of one class.
    await page.selectOption('[name=compare]', { label: 'the layer block8_pw_relu, 14×14×384' });
    await page.waitForFunction(() => document.querySelector('.chip.second').textContent === 'block8_pw_relu');
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('what is saved looks as what is shown', async () => {
    const { page } = await demo();
    await page.click('#samples button >> nth=0');
    await settled(page);
    const [saved] = await Promise.all([page.waitForEvent('download'), page.click('[data-save=overlay]')]);
    const png = (await readFile(await saved.path())).toString('base64');
    const [worst, withoutHeat] = await page.evaluate(async (base64) => {
      const image = Object.assign(new Image(), { src: `data:image/png;base64,${base64}` });
      await image.decode();
      const [picture, heat] = ['picture', 'heat'].map((id) => document.getElementById(id));
      const paint = (...layers) => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 480, height: 360 });
        const pen = canvas.getContext('2d');
        for (const [layer, alpha] of layers) {
          pen.globalAlpha = alpha;
          pen.drawImage(layer, 0, 0);
        }
        return [...pen.getImageData(0, 0, 480, 360).data];
      };
      const shown = paint([picture, 1], [heat, Number(heat.style.opacity)]);
      const inFile = paint([image, 1]);
      const apart = (one, other) => one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i])), 0);
      return [apart(shown, inFile), apart(paint([picture, 1]), inFile)];
    }, png);
    assert.ok(worst <= 6, `${worst} levels apart`);
    assert.ok(withoutHeat > 60, 'there is heat in the file');
    await page.close();
  });

  test('a link with a sample and a model: the sample opens, the model waits to be asked for', async () => {
    const { page, problems } = await openPage(web.browser, `${web.server.origin}/web/demo/#sample=parachute&model=vgg16&colormap=cividis`);
    await page.waitForFunction(() => /made with vgg16/.test(document.getElementById('status').textContent));
    assert.equal((await list(page))[0].name, 'parachute');
    assert.equal(await page.inputValue('[name=colormap]'), 'cividis');
    await page.waitForSelector('[data-model=vgg16]', { state: 'visible' });
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('it says what it may speak to and what it has fetched', async () => {
    const { page } = await demo();
    assert.match(await page.textContent('#proof summary'), /0 bytes of your pictures sent/);
    await page.click('#proof summary');
    const { host } = new URL(web.server.origin);
    await page.waitForFunction((own) => document.getElementById('fetched').textContent.includes(own), host);
    const hosts = await page.$$eval('#hosts li', (items) => items.map((item) => item.textContent));
    assert.equal(hosts[0], `${host} (this page)`);
    // The policy holds: a script that wants to send elsewhere cannot.
    const sent = await page.evaluate(() => fetch('https://example.org/', { method: 'POST', body: 'x' }).then(() => 'sent', () => 'refused'));
    assert.equal(sent, 'refused');
    await page.close();
  });

  test('a pasted picture', async () => {
    const { page, problems } = await demo();
    const bytes = await readFile(new URL('../../models/pocket/samples/flower.jpg', import.meta.url));
    await page.evaluate((base64) => {
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], 'image.png', { type: 'image/png' }));
      document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    }, bytes.toString('base64'));
    await settled(page);
    assert.equal((await list(page))[0].name, 'daisy');
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('on a host that does not isolate pages: one thread, the same answers', async () => {
    const plain = await serve({ isolated: false });
    const { page, problems } = await openPage(web.browser, `${plain.origin}/web/demo/#sample=church`);
    await settled(page);
    assert.equal(await page.evaluate(() => window.gradcam.model.threads), 1);
    assert.equal((await list(page))[0].name, church);
    assert.deepEqual(problems, []);
    await page.close();
    await plain.close();
  });

  test('an address that gives no picture', async () => {
    const { page } = await demo();
    await page.fill('#url', `${web.server.origin}/models/absent.jpg`);
    await page.press('#url', 'Enter');
    await page.waitForFunction(() => document.getElementById('status').hasAttribute('data-bad'));
    assert.match(await page.textContent('#status'), /absent\.jpg gave no picture/);
    await page.close();
  });

  test('200 pictures in a row: memory stays flat', async () => {
    const { page, problems } = await demo();
    const bytes = await readFile(new URL('../../models/pocket/samples/golf_ball_and_flower.jpg', import.meta.url));
    await page.setViewportSize({ width: 360, height: 480 }); // less to draw
    // Pictures that differ, so that nothing is remembered: the sample with another brightness each.
    await page.evaluate(async (base64) => {
      const image = Object.assign(new Image(), { src: `data:image/jpeg;base64,${base64}` });
      await image.decode();
      const canvas = Object.assign(document.createElement('canvas'), { width: 200, height: 150 });
      const pen = canvas.getContext('2d');
      window.nextPicture = async (i) => {
        pen.filter = `brightness(${0.6 + i / 400})`;
        pen.drawImage(image, 0, 0, 200, 150);
        const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg'));
        const transfer = new DataTransfer();
        transfer.items.add(new File([blob], `picture ${i}.jpg`, { type: 'image/jpeg' }));
        document.getElementById('frame').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }));
      };
    }, bytes.toString('base64'));
    const session = await page.context().newCDPSession(page);
    const used = async () => {
      await session.send('HeapProfiler.collectGarbage');
      const { usedSize } = await session.send('Runtime.getHeapUsage');
      const { engine } = await page.evaluate(async () => ({ engine: (await window.gradcam.memory()).heap }));
      return { script: usedSize, engine };
    };
    const run = (from, to) => page.evaluate(async ([first, end]) => {
      const status = document.getElementById('status');
      for (let i = first; i < end; ++i) {
        status.textContent = '';
        await window.nextPicture(i);
        while (!/forward/.test(status.textContent)) await new Promise((done) => setTimeout(done, 4));
      }
    }, [from, to]);
    await run(0, 20);
    const early = await used();
    await run(20, 200);
    const late = await used();
    console.log(`# 200 pictures: script ${(early.script / 1e6).toFixed(1)} -> ${(late.script / 1e6).toFixed(1)} MB, ` +
      `engine ${(early.engine / 1e6).toFixed(1)} -> ${(late.engine / 1e6).toFixed(1)} MB`);
    assert.equal(late.engine, early.engine, 'the engine takes no more memory');
    // A thumbnail and its button for each stay, nothing of the pictures.
    assert.ok(late.script - early.script < 3e6, `the page grew by ${late.script - early.script} bytes`);
    assert.equal(await page.locator('#gallery button').count(), 200);
    assert.deepEqual(problems, []);
    await page.close();
  });
});
