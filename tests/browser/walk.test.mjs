/** The whole lesson with photos of one's own: what it says is so, picture by picture. In Firefox once, too. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { data, launchChromium, serve, withoutBrowser, withoutData } from './browser.mjs';
import { bring, checkClaims, madeOf } from './claims.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';

/** Very different ones: two animals, a street, a thing, food. */
const PHOTOS = ['cat_dog.jpg', 'newyork.jpg', 'camera.jpg', 'hot_dog.jpg'];
const MADE = [['tiny.jpg', 'golf_ball', 7, 5], ['huge.jpg', 'church', 6000, 4500], ['panorama.jpg', 'lighthouse', 2000, 400, 'grayscale(1)'], ['one pixel.jpg', 'balloons', 1, 1]];

for (const [name, skip, launch] of [['Chromium', withoutBrowser, launchChromium], ['Firefox', withoutFirefox, launchFirefox]]) {
  describe(`a walk through the lesson, ${name}`, { skip }, () => {
    let browser;
    let server;
    before(async () => {
      browser = await launch();
      server = await serve();
      await browser.goto(`${server.origin}/web/demo/learn/?guess=0`);
      await browser.run(`for (const end = Date.now() + 90000; [...document.querySelectorAll('grad-cam')].some((one) => !one.result);) {
        if (Date.now() > end) throw new Error('no answer');
        await new Promise((done) => { setTimeout(done, 100); });
      }`);
    });
    after(async () => {
      await browser?.close();
      await server?.close();
    });

    if (name === 'Chromium') {
      for (const [file, ...how] of MADE) {
        test(`${file}, made of a sample`, async () => {
          const said = await bring(browser.run, file, madeOf(...how));
          assert.equal(/Your photo has 6000 × 4500 pixels; the lesson works on it at 1024 × 768\.$/.test(said), file === 'huge.jpg', said);
          await checkClaims(browser.run);
        });
      }
    } else {
      test('a grey panorama, made of a sample', async () => {
        await bring(browser.run, 'panorama.jpg', madeOf('flower', 1500, 300, 'grayscale(1)'));
        await checkClaims(browser.run, { slow: true });
      });
    }
    for (const [i, file] of (name === 'Chromium' ? PHOTOS : PHOTOS.slice(0, 1)).entries()) {
      test(file, { skip: withoutData }, async () => {
        await bring(browser.run, file, await readFile(data(`photos/${file}`)));
        await checkClaims(browser.run, { slow: i === 1 });
      });
    }
  });
}
