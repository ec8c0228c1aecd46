/**
 * Accessibility of the pages by axe: no finding at all, dark and light, wide and narrow, in every state of
 * the page and with every part of page and lesson open.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { browserAndServer, withoutBrowser } from './browser.mjs';

const file = new URL('node_modules/axe-core/axe.min.js', import.meta.url);
const skip = withoutBrowser || (existsSync(file) ? false : 'SKIPPED: axe-core is not installed (npm ci in tests/browser)');
const axe = skip ? '' : readFileSync(file, 'utf8');

describe('axe', { skip }, () => {
  const web = browserAndServer();

  /** What axe finds, in words. */
  async function findings(page) {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  }

  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      test(`the page, ${colorScheme}, ${width} pixels wide`, async () => {
        const page = await web.browser.newPage({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
        await page.goto(`${web.server.origin}/web/demo/`);
        await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
        assert.deepEqual(await findings(page), [], 'as it opens');
        await page.$$eval('details', (all) => all.forEach((one) => {
          one.open = true;
        }));
        await page.selectOption('[name=compare]', { index: 2 });
        await page.waitForSelector('#wipe', { state: 'visible' });
        assert.deepEqual(await findings(page), [], 'with every part open, two classes and a border');
        for (const view of ['beside', 'difference']) {
          await page.check(`[value=${view}]`);
          assert.deepEqual(await findings(page), [], `two classes, ${view}`);
        }
        await page.fill('#class', 'terrier');
        await page.press('#class', 'Enter');
        await page.waitForSelector('#suggestions button');
        assert.deepEqual(await findings(page), [], 'a choice of classes');
        await page.keyboard.press('Escape');
        await page.setInputFiles('#file', [{ name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') }]);
        await page.waitForFunction(() => document.getElementById('status').hasAttribute('data-bad'));
        assert.deepEqual(await findings(page), [], 'an error');
        const gray = Buffer.from('Qk1CAAAAAAAAADYAAAAoAAAAAgAAAAIAAAABABgAAAAAAAwAAAAAAAAAAAAAAAAAAAAAAAAAf39/f39/AAB/f39/f38AAA==', 'base64');
        await page.setInputFiles('#file', [0, 1, 2].map((i) => ({ name: `gray ${i}.bmp`, mimeType: 'image/bmp', buffer: gray })));
        await page.waitForFunction(() => /3 of 3 pictures shown/.test(document.querySelector('#wall [role=status]').textContent));
        await page.click('#wall .marks button');
        assert.ok(await page.isVisible('#doubt'));
        assert.deepEqual(await findings(page), [], 'a wall of pictures, and nothing that it knows');
        await page.click('#camera');
        await page.waitForFunction(() => document.getElementById('rate').textContent);
        assert.deepEqual(await findings(page), [], 'the camera');
        await page.click('#camera');
        await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
        await page.click('#compare-answers');
        await page.waitForFunction(() => document.querySelectorAll('#ask .answers .percent').length === 15);
        assert.deepEqual(await findings(page), [], 'the sheet that asks');
        await page.close();
      });

      test(`the lesson with every step, ${colorScheme}, ${width} pixels wide`, async () => {
        const page = await web.browser.newPage({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
        await page.goto(`${web.server.origin}/web/demo/learn/`);
        await page.$$eval('grad-cam', (all) => all.forEach((one) => one.setAttribute('loading', 'eager')));
        await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result), null, { timeout: 60000 });
        assert.deepEqual(await findings(page), [], 'with questions');
        await page.uncheck('#guess');
        await page.selectOption('#path', 'symbols');
        await page.waitForTimeout(500);
        assert.deepEqual(await findings(page), [], 'with every step open');
        await page.click('#share');
        await page.waitForFunction(() => document.getElementById('qr').width > 300);
        assert.deepEqual(await findings(page), [], 'with the link');
        await page.click('#close');
        await page.click('#present');
        assert.deepEqual(await findings(page), [], 'presented');
        await page.close();
      });
    }
  }
});
