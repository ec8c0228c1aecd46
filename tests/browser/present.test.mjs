/**
 * The presenter's view on the screen of a projector, step by step before and after its question: nothing is cut
 * off and the page never scrolls. Two steps are longer than any screen; what matters of them is seen at once.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, openPage, serve, withoutBrowser } from './browser.mjs';
import { WAIT } from './demo.mjs';
import { fit } from './driven.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { launchWebKit, withoutWebKit } from './webkit.mjs';

/** What scrolls beside its words, and what of it is seen without. */
const LONG = { knob: ['input[type=range]', '.wide-pair canvas', '.turn', 'canvas.plot', '.figures'], bugs: ['.pair button'] };

/** In the page: where everything of the step on show lies. */
function look(long) {
  const stage = /** @type {HTMLElement} */ (document.querySelector('.on-stage'));
  const box = (element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return [left, top, right, bottom].map(Math.round);
  };
  const bar = document.getElementById('presenter');
  const room = [0, box(document.querySelector('.controls'))[3], innerWidth, box(bar)[1]];
  const outside = ([left, top, right, bottom]) => left < room[0] - 1 || top < room[1] - 1 || right > room[2] + 1 || bottom > room[3] + 1;
  const shown = (root) => [...root.children].filter((one) => one.checkVisibility());
  const parts = shown(stage).flatMap((one) => (one.matches('.show') ? [one, ...shown(one)] : [one]));
  const name = (one) => `${one.localName}${one.className ? `.${one.className}` : ''}`;
  const wrong = [stage, ...parts].filter((one) => outside(box(one))).map((one) => `${name(one)} at ${box(one)}, room ${room}`);
  for (const [i, a] of parts.entries()) {
    for (const b of parts.slice(i + 1)) {
      const [p, q] = [box(a), box(b)];
      if (a.contains(b) || p[2] <= q[0] + 1 || q[2] <= p[0] + 1 || p[3] <= q[1] + 1 || q[3] <= p[1] + 1) continue;
      wrong.push(`${name(a)} at ${p} lies over ${name(b)} at ${q}`);
    }
  }
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) wrong.push(`the page has ${root.scrollWidth} x ${root.scrollHeight}`);
  if (box(bar)[3] > innerHeight) wrong.push('the bar is below the window');
  const scrolling = [stage, ...stage.querySelectorAll('grad-cam, .predict, .painting, .score')].filter((one) => one.checkVisibility());
  for (const one of scrolling) {
    if (one.scrollWidth > one.clientWidth + 1) wrong.push(`${name(one)} is ${one.scrollWidth - one.clientWidth} wider than its place`);
    if (one.scrollHeight > one.clientHeight + 1 && !long[stage.id]) wrong.push(`${name(one)} is ${one.scrollHeight - one.clientHeight} taller than its place`);
  }
  // Planes that lie over others lie where these do; nothing is drawn outside of its element.
  const element = stage.querySelector('grad-cam');
  if (element?.checkVisibility()) {
    const shadow = element.shadowRoot;
    for (const selector of long[stage.id] ?? []) {
      const first = shadow.querySelector(selector);
      if (!first || (first.checkVisibility() && outside(box(first)))) wrong.push(`${selector} is not seen: ${first && box(first)}`);
    }
    for (const cover of shadow.querySelectorAll('.cover')) {
      if (!cover.checkVisibility()) continue;
      const [ground, ...over] = [...cover.querySelectorAll('canvas')].map(box);
      for (const one of over) if (one.some((value, i) => Math.abs(value - ground[i]) > 1)) wrong.push(`a plane at ${one} over ${ground}`);
      if (ground[2] - ground[0] < 60) wrong.push(`a picture of ${ground[2] - ground[0]} pixels`);
    }
  }
  return { id: stage.id, asking: stage.classList.contains('asking'), wrong };
}

async function walk(page) {
  await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result) &&
    [...document.querySelectorAll('main > section:has(grad-cam[steps]):not(#bugs)')].every((one) => one.querySelector('.choice')), null, WAIT);
  const count = await page.$$eval('main > section', (all) => all.filter((one) => !one.hidden).length);
  const seen = [];
  const wrong = [];
  const note = async () => {
    const found = await page.evaluate(look, LONG);
    wrong.push(...found.wrong.map((words) => `${found.id}${found.asking ? ', asked' : ''}: ${words}`));
    return found;
  };
  for (let i = 0; i < count; ++i) {
    const { id, asking } = await note();
    seen.push(id);
    if (asking) {
      await page.$eval('.on-stage .choice', (choice) => choice.click());
      await page.waitForFunction(() => !document.querySelector('.on-stage').classList.contains('asking'), null, WAIT);
      await page.waitForTimeout(150);
      await note();
    }
    if (LONG[id]) {
      for (let more = 0; more < 7; ++more) await page.keyboard.press('ArrowDown');
      await page.waitForFunction(() => {
        const { scrollTop, clientHeight, scrollHeight } = document.querySelector('.on-stage grad-cam');
        return scrollTop + clientHeight > scrollHeight - 2;
      }, null, WAIT);
      assert.equal(await page.$eval('.on-stage', (stage) => stage.querySelector('h2').getBoundingClientRect().top > 0), true, 'its words stay');
      assert.equal(await page.$eval('.on-stage', (stage) => stage.id), id);
    }
    await page.keyboard.press('PageDown');
  }
  return { seen, wrong };
}

for (const [name, skip, open] of [['Chromium', withoutBrowser, launch], ['Firefox', withoutFirefox, launchFirefox], ['WebKit', withoutWebKit, launchWebKit]]) {
  describe(`the presenter's view, ${name}`, { skip }, () => {
    const web = { browser: null, server: null };
    before(async () => {
      web.browser = await open();
      web.server = await serve();
    });
    after(async () => {
      await web.browser?.close();
      await web.server?.close();
    });

    for (const [size, query] of name === 'Chromium' ? [[[1280, 720], ''], [[1920, 1080], ''], [[1024, 768], '&path=short'], [[1280, 720], '&sample=golf_ball&guess=0']] : [[[1280, 720], '']]) {
      test(`${size.join(' x ')}${query}: every step fits`, { timeout: 400000 }, async (t) => {
        const { page, problems } = await openPage(web.browser, `${web.server.origin}/web/demo/learn/?present=1${query}`);
        if (name === 'Chromium') await page.setViewportSize({ width: size[0], height: size[1] });
        else await fit(web.browser, page, size);
        const shown = await page.evaluate(() => [innerWidth, innerHeight]);
        if (shown.join() !== size.join()) t.diagnostic(`on ${shown.join(' x ')}`);
        const { seen, wrong } = await walk(page);
        assert.deepEqual(wrong, []);
        assert.equal(new Set(seen).size, /short/.test(query) ? 7 : 17);
        assert.deepEqual(problems, []);
        await page.close();
      });
    }
  });
}
