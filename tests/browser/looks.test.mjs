/**
 * How page and lesson look where they have looked wrong before: on a phone, side by side, presented; in three
 * browsers.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { launch, openPage, serve, withoutBrowser } from './browser.mjs';
import { explained, sampleFile, status, WAIT } from './demo.mjs';
import { narrow } from './driven.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { launchWebKit, withoutWebKit } from './webkit.mjs';

const PHONE = [360, 740];

for (const [name, skip, open] of [['Chromium', withoutBrowser, launch], ['Firefox', withoutFirefox, launchFirefox], ['WebKit', withoutWebKit, launchWebKit]]) {
  describe(`looks, ${name}`, { skip }, () => {
    let browser;
    let server;
    before(async () => {
      browser = await open();
      server = await serve();
    });
    after(async () => {
      await browser?.close();
      await server?.close();
    });

    /** A page as wide as a phone. */
    async function phone(path) {
      if (name === 'Chromium') {
        const { page } = await openPage(browser, `${server.origin}${path}`);
        await page.setViewportSize({ width: PHONE[0], height: PHONE[1] });
        return page;
      }
      const page = await browser.newPage();
      await narrow(page, server.origin, path, PHONE);
      return page;
    }

    for (const path of ['/web/demo/', '/web/demo/learn/', '/web/demo/learn/?present=1']) {
      test(`${path} on a phone: nothing is wider than the window, the bar is two lines`, { timeout: 200000 }, async () => {
        const page = await phone(path);
        if (path === '/web/demo/') await status(page, /forward/);
        else await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result), null, WAIT);
        const found = await page.evaluate(() => ({ width: innerWidth, scroll: document.documentElement.scrollWidth, room: document.documentElement.clientWidth,
          bar: (document.getElementById('presenter') && !document.getElementById('presenter').hidden) ? [...document.querySelectorAll('#presenter > *')].map((one) => {
            const { left, top, right, bottom } = one.getBoundingClientRect();
            return [left, top, right, bottom].map(Math.round);
          }) : [] }));
        assert.equal(found.width, PHONE[0]);
        assert.equal(found.scroll, found.room, 'no wider than what the window shows');
        for (const box of found.bar) assert.ok(box[0] >= 0 && box[2] <= PHONE[0] && box[3] <= PHONE[1], `${box}`);
        if (found.bar.length) {
          const tops = new Set(found.bar.map(([, top]) => top));
          assert.equal(tops.size, 2, JSON.stringify(found.bar));
          assert.ok(PHONE[1] - Math.min(...tops) < 110, 'and leaves the step its room');
        }
        await page.close();
      });
    }

    test('side by side: the two pictures fill the frame, whatever their shape', { timeout: 200000 }, async () => {
      const { page, problems } = await openPage(browser, `${server.origin}/web/demo/#sample=golf_ball_and_flower&view=beside&compare=class:985`);
      await status(page, /forward/);
      await page.waitForFunction(() => document.getElementById('frame').hasAttribute('data-beside'), null, WAIT);
      const filled = () => page.$eval('#frame', (frame) => {
        const [canvas] = frame.querySelectorAll('.picture');
        const { width, height } = frame.getBoundingClientRect();
        const scale = Math.min(width / 2 / canvas.width, height / canvas.height);
        return (2 * canvas.width * canvas.height * scale * scale) / (width * height);
      });
      // A window may be lower than what that would take.
      assert.ok(await filled() > 0.97, `${await filled()} of a photo`);
      const tall = await page.evaluate(() => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 300, height: 420 });
        canvas.getContext('2d').fillRect(50, 50, 100, 200);
        return canvas.toDataURL().split(',')[1];
      });
      await explained(page, () => page.setInputFiles('#file', [{ name: 'tall.png', mimeType: 'image/png', buffer: Buffer.from(tall, 'base64') }]));
      await page.waitForFunction(() => document.getElementById('frame').hasAttribute('data-beside') && document.getElementById('picture').height === 420, null, WAIT);
      const share = await filled();
      const most = await page.$eval('#frame', (frame) => { // where the height is the limit
        const { width, height } = frame.getBoundingClientRect();
        return height >= Number.parseFloat(getComputedStyle(frame).maxHeight) - 1 ? (2 * 300 / 420 * height) / width : 1;
      });
      assert.ok(share > 0.97 * most, `${share} of a tall picture, at most ${most}`);
      assert.deepEqual(problems, []);
      await page.close();
    });

    test('many pictures: small ones in the gallery, read one at a time', { timeout: 200000 }, async () => {
      const { page, problems } = await openPage(browser, `${server.origin}/web/demo/`);
      await status(page, /forward/);
      await page.evaluate(() => {
        const real = window.createImageBitmap;
        window.bitmaps = { now: 0, most: 0 };
        window.createImageBitmap = async (...args) => {
          if (args[1]?.resizeWidth !== 112 || args[1].resizeHeight) return real.apply(window, args);
          window.bitmaps.most = Math.max(window.bitmaps.most, ++window.bitmaps.now);
          try {
            return await real.apply(window, args);
          } finally {
            window.bitmaps.now -= 1;
          }
        };
      });
      const names = ['golf_ball', 'flower', 'church', 'parachute'];
      await page.setInputFiles('#file', await Promise.all(names.map(async (one) => ({ name: `${one}.jpg`, mimeType: 'image/jpeg', buffer: await readFile(sampleFile(one)) }))));
      await page.waitForFunction(() => [...document.querySelectorAll('#gallery canvas')].filter(({ width }) => width === 112).length === 4, null, WAIT);
      const found = await page.evaluate(() => ({ images: document.querySelectorAll('#gallery img').length, most: window.bitmaps.most,
        tiles: [...document.querySelectorAll('#gallery canvas')].map((canvas) => [canvas.getAttribute('aria-label'), canvas.height,
          canvas.getContext('2d').getImageData(56, 42, 1, 1).data[3]]) }));
      assert.deepEqual(found, { images: 0, most: 1, tiles: names.map((one) => [`${one}.jpg`, 84, 255]) });
      assert.deepEqual(problems, []);
      await page.close();
    });
  });
}
