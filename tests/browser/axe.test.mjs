/**
 * Accessibility of the pages by axe: no serious finding, dark and light, wide and narrow, with every
 * part of them open; and at least 95 of 100 rules hold.
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

  /** Serious findings in words; and of 100, how many of the rules that apply hold. */
  async function findings(page) {
    await page.evaluate(axe);
    const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
    const score = (100 * passes.length) / (passes.length + violations.length);
    assert.ok(score >= 95, `${score.toFixed(0)} of 100: ${violations.map(({ id }) => id)}`);
    return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  }

  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      test(`the page, ${colorScheme}, ${width} pixels wide`, async () => {
        const page = await web.browser.newPage({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
        await page.goto(`${web.server.origin}/web/demo/`);
        await page.waitForFunction(() => /classes/.test(document.getElementById('status').textContent));
        assert.deepEqual(await findings(page), [], 'before a picture');
        await page.click('#samples button');
        await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
        await page.$$eval('details', (all) => all.forEach((one) => {
          one.open = true;
        }));
        await page.selectOption('[name=compare]', { index: 2 });
        await page.waitForSelector('#wipe', { state: 'visible' });
        assert.deepEqual(await findings(page), [], 'with a picture');
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
