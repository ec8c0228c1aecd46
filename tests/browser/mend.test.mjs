/**
 * The page where the world is not as usual: colours that the reader forces, folders, cameras that turn and
 * several of them, files among many that are no pictures, links with a model from a file. In Chromium, Firefox
 * and WebKit; what one of them cannot be made to do stands in its list `cannot`, and counts as skipped.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ModelError } from '../../models/errors.js';
import { completeLabels } from '../../web/base/labels.js';
import { GradCamError } from '../../web/base/errors.js';
import { keras3, writeKeras } from '../models/fixtures.mjs';
import { launch, serve, withoutBrowser } from './browser.mjs';
import { explained, openDemo, sampleFile, status, WAIT } from './demo.mjs';
import { addressOf } from './driven.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { launchWebKit, withoutWebKit } from './webkit.mjs';

/** Firefox where its reader has chosen the colours of all pages. */
const chosenColours = (colorScheme) => ({ 'browser.display.document_color_use': 2, 'browser.display.use_system_colors': false,
  'browser.display.foreground_color': colorScheme === 'dark' ? '#FFFFFF' : '#000000',
  'browser.display.background_color': colorScheme === 'dark' ? '#000000' : '#FFFFFF' });

/**
 * @type {{name: string, skip: string | false, launch: () => Promise<any>, cannot: Record<string, string>,
 *   forced?: (colorScheme: 'light' | 'dark') => Promise<any>, twoCameras?: () => Promise<any>}[]}  forced: a browser
 *   with forced colours; twoCameras: one with two of its own
 */
const BROWSERS = [
  { name: 'Chromium', skip: withoutBrowser, launch, cannot: {}, twoCameras: () => launch({ cameras: 2 }), async forced(colorScheme) {
    const browser = await launch();
    const context = await browser.newContext({ forcedColors: 'active', colorScheme });
    return { newPage: () => context.newPage(), close: () => browser.close() };
  } },
  { name: 'Firefox', skip: withoutFirefox, launch: launchFirefox, cannot: {}, forced: (colorScheme) => launchFirefox(chosenColours(colorScheme)) },
  { name: 'WebKit', skip: withoutWebKit, launch: launchWebKit, cannot: {
    'forced colours': 'SKIPPED: WebKit lets nobody force colours upon a page' } },
];

test('a sentence with another program\'s words in it ends once', () => {
  for (const Kind of [GradCamError, ModelError]) {
    assert.equal(new Kind('network', 'x could not be fetched: NetworkError when attempting to fetch resource.. Say where.').message,
      'x could not be fetched: NetworkError when attempting to fetch resource. Say where.');
    assert.equal(new Kind('file', 'It failed: really?. So.').message, 'It failed: really? So.');
    assert.equal(new Kind('file', '../a..b is not in ../x... It ends.').message, '../a..b is not in ../x... It ends.');
  }
});

test('a class without a name goes by its number', () => {
  assert.deepEqual(completeLabels(['a_b', '', '  ', 'c'], 5), ['a b', 'class 1', 'class 2', 'c', 'class 4']);
});

for (const { name: browserName, skip, launch: start, cannot, forced, twoCameras } of BROWSERS) describe(`the page, mended, in ${browserName}`, { skip }, () => {
  const web = { browser: null, server: null };
  let folder;
  let keras;
  before(async () => {
    web.browser = await start();
    web.server = await serve();
    folder = await mkdtemp(join(tmpdir(), 'gradcam-mend-'));
    keras = join(folder, 'keras3.keras');
    await writeKeras(keras3(), keras, { compress: true });
  });
  after(async () => {
    await web.browser?.close();
    await web.server?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const demo = (hash = '#sample=flower', browser = web.browser) => openDemo({ ...web, browser }, hash);

  /** The share of a button's width in which its lowest pixels differ from those at its right end. */
  async function barOf(page, selector) {
    const base64 = (await (await page.$(selector)).screenshot()).toString('base64');
    return page.evaluate(async (text) => {
      const image = Object.assign(new Image(), { src: `data:image/png;base64,${text}` });
      await image.decode();
      const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
      const pen = canvas.getContext('2d');
      pen.drawImage(image, 0, 0);
      const y = image.height - 5; // above the border
      const { data } = pen.getImageData(0, y, image.width, 1);
      const pixel = (x) => data.slice(4 * x, 4 * x + 3).join();
      const ground = pixel(image.width - 14);
      let wide = 0;
      for (let x = 4; x < image.width - 4; ++x) if (pixel(x) !== ground) wide += 1;
      return wide / (image.width - 8);
    }, base64);
  }

  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    test(`forced colours, ${colorScheme}: the bars are as long as the probabilities, on the page and in the element`, { skip: cannot['forced colours'] }, async () => {
      const browser = await forced(colorScheme);
      try {
        const { page } = await demo('#sample=balloons', browser);
        assert.ok(await page.evaluate(() => matchMedia('(forced-colors: active)').matches));
        const share = await page.$eval('#predictions button', (button) => Number(button.style.getPropertyValue('--share')));
        assert.ok(share > 0.3 && share < 0.9);
        const bar = await barOf(page, '#predictions li:first-child button');
        assert.ok(Math.abs(bar - share) < 0.06, `the bar has ${bar.toFixed(2)}, the class ${share.toFixed(2)}`);
        await page.goto(`${web.server.origin}/web/demo/learn/?sample=balloons`);
        await page.waitForFunction(() => document.querySelector('grad-cam').result, null, WAIT);
        const inside = await page.$('grad-cam >> .classes li:first-child button');
        await inside.scrollIntoViewIfNeeded();
        const found = await barOf(page, 'grad-cam >> .classes li:first-child button');
        assert.ok(Math.abs(found - share) < 0.08, `the element's bar has ${found.toFixed(2)}, the class ${share.toFixed(2)}`);
      } finally {
        await browser.close();
      }
    });
  }

  /** A folder as a drop gives it: its entries come in two batches. */
  const dropFolder = (page, name, files) => page.evaluate(([called, contents]) => {
    const file = ([path, base64, type]) => ({ name: path, isFile: true, isDirectory: false,
      file: (done) => done(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], path, { type })) });
    const directory = (title, entries) => ({ name: title, isFile: false, isDirectory: true, createReader() {
      const batches = [entries.slice(0, 1), entries.slice(1), []];
      return { readEntries: (done) => done(batches.shift()) };
    } });
    const inner = directory('inner', contents.slice(1).map(file));
    const outer = directory(called, [...contents.slice(0, 1).map(file), inner, file(['.hidden', '', ''])]);
    const drop = new Event('drop', { bubbles: true, cancelable: true });
    drop.dataTransfer = { files: [new File([], called)], items: [{ webkitGetAsEntry: () => outer }], getData: () => '' };
    document.getElementById('frame').dispatchEvent(drop);
  }, [name, files]);

  const base64 = async (name) => (await readFile(sampleFile(name))).toString('base64');

  test('a dropped folder with one in it; an empty one', async () => {
    const { page } = await demo();
    await explained(page, async () => dropFolder(page, 'holiday', [['10.jpg', await base64('church'), 'image/jpeg'],
      ['9.jpg', await base64('golf_ball'), 'image/jpeg'], ['2.jpg', await base64('flower'), 'image/jpeg']]));
    assert.deepEqual(await page.$$eval('#gallery button', (all) => all.map(({ title }) => title)), ['2.jpg', '9.jpg', '10.jpg']);
    await page.evaluate(() => {
      const drop = new Event('drop', { bubbles: true, cancelable: true });
      const empty = { name: 'empty', isDirectory: true, createReader: () => ({ readEntries: (done) => done([]) }) };
      drop.dataTransfer = { files: [new File([], 'empty')], items: [{ webkitGetAsEntry: () => empty }], getData: () => '' };
      document.getElementById('frame').dispatchEvent(drop);
    });
    await status(page, /folder is empty/);
    await page.close();
  });

  test('a picture dragged out of another page', async () => {
    const { page } = await demo();
    await explained(page, () => page.evaluate((address) => {
      const transfer = new DataTransfer();
      transfer.setData('text/html', `<a href="https://example.org/"><img alt="" src="${address}"></a>`);
      transfer.setData('text/uri-list', 'https://example.org/');
      document.getElementById('frame').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }, `${web.server.origin}/models/pocket/samples/parachute.jpg`));
    assert.match(await page.$eval('#predictions button', (one) => one.textContent), /parachute/);
    await page.close();
  });

  test('of many files, those that fail are named, also where one asks for too much memory', async () => {
    const { page } = await demo();
    const huge = Buffer.from(await readFile(sampleFile('flower')));
    // The JPEG's own size, in its frame header: 65,500 by 65,500.
    const at = huge.findIndex((byte, i) => byte === 0xff && (huge[i + 1] === 0xc0 || huge[i + 1] === 0xc2) && i > 2);
    huge.writeUInt16BE(65500, at + 5);
    huge.writeUInt16BE(65500, at + 7);
    await page.setInputFiles('#file', [{ name: 'huge one.jpg', mimeType: 'image/jpeg', buffer: huge },
      { name: 'notes.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') },
      { name: 'church.jpg', mimeType: 'image/jpeg', buffer: await readFile(sampleFile('church')) }]);
    await page.waitForFunction(() => document.getElementById('status').hasAttribute('data-bad'), null, WAIT);
    const words = await page.textContent('#status');
    assert.match(words, /huge one\.jpg/);
    assert.match(words, /notes\.jpg/);
    assert.match(await page.$eval('#predictions button', (one) => one.textContent), /church/);
    await page.close();
  });

  test('a link with a model from a file: said, nothing of it taken for another model, and true again with the file', async () => {
    const { page, problems } = await demo();
    /** Opens the file; what it asks about its pixels stays as it is. */
    const open = async (times) => {
      await explained(page, () => page.setInputFiles('#onnx', keras));
      if (times > 1) return;
      await page.waitForSelector('#ask[open]');
      await page.keyboard.press('Escape');
    };
    await open(1);
    await page.click('#predictions li:nth-child(3) button');
    const layer = await page.$eval('[name=layer]', (select) => [...select.options].find((one) => one.value && !one.selected && one.index > 1).value);
    await explained(page, () => page.selectOption('[name=layer]', layer));
    const link = await addressOf(page);
    const shown = await page.$eval('#predictions [aria-pressed=true]', (one) => one.dataset.id);
    await page.reload();
    await status(page, /made with keras3\.keras/);
    assert.equal(await page.getAttribute('#status', 'data-bad'), null);
    assert.equal(await page.textContent('#model-name'), 'pocket');
    assert.equal(await page.$eval('[name=layer]', ({ value }) => value), '', 'no layer of another model');
    assert.equal(await page.$eval('#predictions li:first-child button', (one) => one.getAttribute('aria-pressed')), 'true', 'no class of another model');
    assert.equal(await addressOf(page), link, 'the wish stays in the address');
    await open(2);
    assert.equal(await page.$eval('[name=layer]', ({ value }) => value), layer);
    assert.equal(await page.$eval('#predictions [aria-pressed=true]', (one) => one.dataset.id), shown);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('a part of a name that several classes have, and one that is misspelled: a choice to press', async () => {
    const { page } = await demo();
    await page.fill('#class', 'terrier');
    await page.press('#class', 'Enter');
    await status(page, /\d+ classes have “terrier” in their name/);
    assert.equal(await page.locator('#suggestions button').count(), 8);
    await page.fill('#class', 'chruch');
    await page.press('#class', 'Enter');
    await status(page, /Did you mean/);
    const offered = await page.$$eval('#suggestions button', (all) => all.map((one) => one.textContent));
    await page.click(`#suggestions button:nth-child(${offered.indexOf('church') + 1})`);
    await page.waitForFunction(() => /church/.test(document.querySelector('#predictions [aria-pressed=true]').textContent), null, WAIT);
    await page.fill('#class', 'zzzzqqqq');
    await page.press('#class', 'Enter');
    await status(page, /no class named/);
    await page.close();
  });

  test('a camera that is turned: the frame follows, and so does the map', async () => {
    const { page, problems } = await demo('#sample=flower');
    await page.evaluate(() => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
      const pen = canvas.getContext('2d');
      window.turn = () => { Object.assign(canvas, { width: 480, height: 640 }); };
      setInterval(() => {
        pen.fillStyle = `hsl(${performance.now() % 360} 80% 50%)`;
        pen.fillRect(0, 0, canvas.width, canvas.height);
      }, 40);
      MediaDevices.prototype.getUserMedia = async () => canvas.captureStream(25);
    });
    await page.click('#camera');
    const size = (wide) => page.waitForFunction((expected) => {
      const { width, height } = document.getElementById('picture');
      return width === 320 && (width > height) === expected && height === (expected ? 240 : 427);
    }, wide, WAIT);
    await size(true);
    await page.evaluate(() => window.turn());
    await size(false);
    const box = await page.$eval('#heat', ({ width, height }) => width / height);
    assert.ok(Math.abs(box - 320 / 427) < 0.02, `${box}`);
    await explained(page, () => page.click('#camera'));
    assert.deepEqual(problems, []);
    await page.close();
  });

  // Names of the errors that browsers give: WebKit without a camera says that it is asked for too much.
  for (const [error, words] of Object.entries({ NotFoundError: /There is no camera/, OverconstrainedError: /There is no camera/,
    NotAllowedError: /was not allowed/, NotReadableError: /in use elsewhere/ })) {
    test(`a camera that does not open, ${error}: said, and the picture stays`, async () => {
      const { page, problems } = await demo('#sample=flower');
      await page.evaluate((name) => {
        MediaDevices.prototype.getUserMedia = async () => {
          throw new DOMException('of no use to a reader', name);
        };
      }, error);
      await page.click('#camera');
      await status(page, words);
      assert.equal(await page.getAttribute('#camera', 'aria-pressed'), 'false');
      assert.equal(await page.getAttribute('[data-sample=flower]', 'aria-pressed'), 'true');
      assert.deepEqual(problems, []);
      await page.close();
    });
  }

  test(`two cameras, ${twoCameras ? 'of the browser' : 'drawn by the test'}: a chooser, the other one opens, the first is given back`, async () => {
    const browser = twoCameras ? await twoCameras() : web.browser;
    try {
      const { page } = await demo('#sample=flower', browser);
      await page.evaluate((own) => {
        const devices = MediaDevices.prototype;
        if (!own) { // two of canvases, as far as the page can tell
          const drawn = new Map(['one', 'two'].map((name) => {
            const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
            const pen = canvas.getContext('2d');
            setInterval(() => {
              pen.fillStyle = `hsl(${performance.now() % 360} 80% 50%)`;
              pen.fillRect(0, 0, 640, 480);
            }, 40);
            return [name, canvas];
          }));
          devices.enumerateDevices = async () => [...drawn.keys()].map((deviceId) => ({ kind: 'videoinput', deviceId, label: `camera ${deviceId}` }));
          devices.getUserMedia = async ({ video }) => {
            const deviceId = video.deviceId?.exact ?? 'one';
            const stream = drawn.get(deviceId).captureStream(25);
            const [track] = stream.getVideoTracks();
            track.getSettings = () => ({ deviceId });
            (window.tracks ??= []).push(track); // else WebKit makes another object of it, with its own settings
            return stream;
          };
        }
        window.streams = [];
        const ask = devices.getUserMedia;
        devices.getUserMedia = async function getUserMedia(wanted) {
          const stream = await ask.call(this, wanted);
          window.streams.push(stream);
          return stream;
        };
      }, Boolean(twoCameras));
      assert.ok(await page.isHidden('#cameras'));
      await page.click('#camera');
      await page.waitForSelector('#cameras', { state: 'visible' });
      const options = await page.$$eval('#cameras option', (all) => all.map(({ value, text }) => ({ value, text })));
      assert.equal(options.length, 2);
      const chosen = await page.$eval('#cameras', ({ value }) => value);
      const other = options.find(({ value }) => value !== chosen).value;
      await page.selectOption('#cameras', other);
      await page.waitForFunction(() => window.streams.length === 2, null, WAIT);
      const states = () => page.evaluate(() => window.streams.map((stream) => {
        const [track] = stream.getVideoTracks();
        return [track.readyState, track.getSettings().deviceId];
      }));
      await page.waitForFunction(() => window.streams[0].getVideoTracks()[0].readyState === 'ended', null, WAIT);
      assert.deepEqual(await states(), [['ended', chosen], ['live', other]]);
      // A camera that does not open is said, and the one before it runs on.
      await page.evaluate(() => {
        const { getUserMedia } = MediaDevices.prototype;
        MediaDevices.prototype.getUserMedia = async (wanted) => {
          MediaDevices.prototype.getUserMedia = getUserMedia;
          throw new DOMException('', wanted ? 'OverconstrainedError' : '');
        };
      });
      await page.selectOption('#cameras', chosen);
      await status(page, /That camera gives no picture/);
      await page.waitForFunction((value) => document.getElementById('cameras').value === value, other, WAIT);
      assert.equal((await states())[1][0], 'live');
      await explained(page, () => page.click('#camera'));
      assert.ok(await page.isHidden('#cameras'));
      await page.close();
    } finally {
      if (browser !== web.browser) await browser.close();
    }
  });
});
