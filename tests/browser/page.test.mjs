/**
 * The drag-and-drop page, used as a person would: drop a photo, read, click, search.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
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
    await page.evaluate(() => document.querySelector('.settings').setAttribute('open', ''));
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

  test('fits a phone', async () => {
    const { page } = await demo();
    await page.setViewportSize({ width: 360, height: 700 });
    await page.click('#samples button >> nth=0');
    await settled(page);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no sideways scrolling');
    await page.close();
  });
});
