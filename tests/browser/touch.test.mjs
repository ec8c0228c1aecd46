/**
 * Page and lesson by fingers alone: what is turned, painted, dragged and tapped does what it should and leaves the
 * page where it is; and a finger that goes up or down over a picture scrolls the page and changes nothing.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, serve, withoutBrowser } from './browser.mjs';
import { WAIT } from './demo.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { launchWebKit, withoutWebKit } from './webkit.mjs';

const FIND = '(selector) => selector.split(" >> ").reduce((found, one) => (found?.shadowRoot ?? found)?.querySelector(one), document)';

/** Chromium with a finger, by its own protocol: touches as a screen gives them. */
async function openChromium() {
  const browser = await launch();
  return {
    close: () => browser.close(),
    async newPage() {
      const context = await browser.newContext({ hasTouch: true, viewport: { width: 390, height: 760 } });
      const page = await context.newPage();
      const protocol = await context.newCDPSession(page);
      page.touch = async (path) => {
        const send = (type, points) => protocol.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y]) => ({ x, y, id: 1 })) });
        await send('touchStart', [path[0]]);
        for (const point of path.slice(1)) await send('touchMove', [point]);
        await send('touchEnd', []);
      };
      return page;
    },
  };
}

async function openDriven(launched) {
  const browser = await launched;
  return {
    close: () => browser.close(),
    async newPage() {
      const page = await browser.newPage();
      await browser.resize(520, 860);
      page.touch = page.deeds.touch;
      return page;
    },
  };
}

for (const [name, skip, open] of [['Chromium', withoutBrowser, openChromium],
  ['Firefox', withoutFirefox, () => openDriven(launchFirefox({ 'dom.w3c_touch_events.enabled': 1, 'apz.allow_zooming': false }))],
  ['WebKit', withoutWebKit, () => openDriven(launchWebKit())]]) {
  describe(`by fingers, ${name}`, { skip }, () => {
    let browser;
    let server;
    let page;
    let none = '';
    let scrolls = false;
    before(async () => {
      browser = await open();
      server = await serve();
      page = await browser.newPage();
      await page.goto(`${server.origin}/web/demo/icon.svg`);
      await page.evaluate(() => addEventListener('pointerdown', ({ pointerType }) => { window.touched = pointerType; }));
      await page.touch([[50, 50]]).catch(({ message }) => { none = message; });
      none ||= await page.evaluate(() => (window.touched === 'touch' ? '' : `a finger arrives as ${window.touched}`));
      if (none) return;
      await page.goto(`${server.origin}/web/demo/learn/`);
      await page.waitForFunction(() => document.querySelector('grad-cam').result, null, WAIT);
      scrolls = await along('.lead', [0.5, 0.95], [0.5, 0.05], 12, 'start') !== 0;
    });
    after(async () => {
      await browser?.close();
      await server?.close();
    });
    /** Without fingers there is nothing to try: said, and counted as skipped. */
    const canTouch = (t) => {
      if (none) t.skip(`SKIPPED: this driver has no fingers (${none})`);
      return !none;
    };

    /** Where an element is, once it is in the middle of the window. */
    const place = (selector, block = 'center') => page.evaluate(`(${name === 'Chromium' ? '' : '() => '}(() => {
      const element = (${FIND})(${JSON.stringify(selector)});
      element.scrollIntoView({ block: '${block}', behavior: 'instant' });
      const { left, top, width, height } = element.getBoundingClientRect();
      return { left, top, width, height };
    })()${name === 'Chromium' ? ')' : ')'}`);
    const at = ({ left, top, width, height }, x, y) => [left + x * width, top + y * height];
    /** A finger over an element, between places that are parts of its sides. */
    const along = async (selector, from, to, steps = 8, block) => {
      const box = await place(selector, block);
      await settled();
      const before = await page.evaluate(() => scrollY);
      await page.touch(Array.from({ length: steps + 1 }, (_, i) => at(box, from[0] + ((to[0] - from[0]) * i) / (steps || 1), from[1] + ((to[1] - from[1]) * i) / (steps || 1))));
      await settled();
      return (await page.evaluate(() => scrollY)) - before;
    };
    const tap = async (selector, x, y) => along(selector, [x, y], [x, y], 0);
    const settled = () => page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60))); }));
    const get = (selector, property) => page.evaluate(`(${name === 'Chromium' ? '' : '() => '}(${FIND})(${JSON.stringify(selector)})${property})`);
    const until = async (what, holds) => {
      for (const end = Date.now() + 60000; ;) {
        const value = await what();
        if (holds(value)) return value;
        assert.ok(Date.now() < end, `still ${value}`);
        await page.waitForTimeout(50);
      }
    };

    test('the page: a slider, the border between two maps, a value', { timeout: 200000 }, async (t) => {
      if (!canTouch(t)) return;
      await page.goto(`${server.origin}/web/demo/#sample=golf_ball_and_flower&compare=class:985&boxes=1`);
      await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent), null, WAIT);
      await page.$$eval('details.settings', (all) => all.forEach((one) => { one.open = true; }));
      const wipe = () => get('#frame', '.style.getPropertyValue("--wipe")');
      const scrolled = await along('#frame', [0.3, 0.5], [0.8, 0.5]);
      assert.ok(Math.abs(Number.parseFloat(await wipe()) - 80) < 3, await wipe());
      assert.equal(scrolled, 0, 'across: the border moves, the page does not');
      const opacity = () => get('[name=alpha]', '.value');
      const before = Number(await opacity());
      assert.equal(await along('[name=alpha]', [before > 0.5 ? 0.2 : 0.8, 0.5], [before > 0.5 ? 0.4 : 0.6, 0.5]), 0);
      assert.notEqual(Number(await opacity()), before);
      await page.selectOption('[name=compare]', { index: 0 });
      await page.waitForFunction(() => !document.getElementById('frame').hasAttribute('data-wipe'), null, WAIT);
      await tap('#frame', 0.3, 0.7);
      assert.equal(await get('.readout', '.hidden'), false, 'a tap asks for the value there');
      assert.match(await get('.readout', '.textContent'), /golf ball/);
    });

    test('the page: a finger that goes up over the picture scrolls', { timeout: 200000 }, async (t) => {
      if (!canTouch(t)) return;
      if (!scrolls) {
        t.skip('SKIPPED: this driver\'s fingers never scroll');
        return;
      }
      await page.$eval('[value=wipe]', (choice) => choice.click());
      await page.selectOption('[name=compare]', { index: 2 });
      await page.waitForFunction(() => document.getElementById('frame').hasAttribute('data-wipe'), null, WAIT);
      assert.ok(await along('#frame', [0.4, 0.9], [0.4, 0.2], 12) > 40);
    });

    test('the lesson: cells are painted, a part is covered, the page stays', { timeout: 300000 }, async (t) => {
      if (!canTouch(t)) return;
      await page.goto(`${server.origin}/web/demo/learn/?guess=1`);
      await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result), null, WAIT);
      const photo = () => page.$eval('.photo', (canvas) => {
        const { width, height } = canvas;
        const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
        // The frames of painted cells are of one colour.
        let count = 0;
        for (let i = 0; i < data.length; i += 4) if (data[i] === 255 && data[i + 1] === 210 && data[i + 2] === 0) count += 1;
        return count;
      });
      assert.equal(await photo(), 0);
      await tap('.photo', 0.5, 0.5);
      const one = await photo();
      assert.ok(one > 0, 'a tap paints a cell');
      assert.equal(await along('.photo', [0.2, 0.2], [0.2, 0.8], 12), 0, 'a stroke downward does not scroll');
      assert.ok(await photo() > 4 * one, 'and paints all along');

      await page.$eval('#guess', (box) => box.click());
      const occlude = 'grad-cam[steps=occlude]';
      const words = () => get(`${occlude} >> [role=status]`, '.textContent');
      const before = await words();
      assert.equal(await along(`${occlude} >> .brush`, [0.3, 0.4], [0.3, 0.9], 10), 0);
      await until(words, (now) => now !== before && /covered/.test(now));
    });

    test('the lesson: the knob, a cell of the photo, a channel, a value', { timeout: 300000 }, async (t) => {
      if (!canTouch(t)) return;
      const knob = 'grad-cam[steps=knob]';
      const status = () => get(`${knob} >> [role=status]`, '.textContent');
      await until(() => get(knob, '.shadowRoot.querySelector(".figures dd")?.textContent ?? ""'), Boolean);
      assert.equal(await along(`${knob} >> .turn`, [0.5, 0.5], [0.9, 0.5]), 0);
      // The knob is answered on the way too: what it says at the end is what counts.
      const delta = (await get(`${knob} >> .knob output`, '.textContent')).replace('δ = ', '');
      await until(status, (now) => now.startsWith(`Adding ${delta} `));
      const value = await get(`${knob} >> .turn`, '.value');
      assert.ok(Number(value) > 0.3, value);
      // Scrolling over the photo asks for nothing: the knob stays as it was turned.
      const caption = () => get(`${knob} >> .tile figcaption`, '.textContent');
      const where = await caption();
      if (scrolls) {
        const moved = await along(`${knob} >> .cover canvas`, [0.5, 0.95], [0.5, 0.1], 12);
        assert.ok(moved > 20, `the page scrolls, by ${moved}`);
        assert.equal(await caption(), where);
        assert.equal(await get(`${knob} >> .turn`, '.value'), value);
      }
      await tap(`${knob} >> .cover canvas`, 0.04, 0.04);
      assert.match(await until(caption, (now) => now !== where), /row 1, column 1/);

      const trace = 'grad-cam[steps=trace]';
      const cell = () => get(`${trace} >> .figures dd`, '?.textContent ?? ""');
      await until(cell, Boolean);
      await tap(`${trace} >> .cover canvas`, 0.02, 0.02);
      await until(cell, (now) => /row [1-4], column [1-4]$/.test(now));
      assert.equal(await along(`${trace} >> .cover canvas`, [0.2, 0.5], [0.9, 0.5], 10), 0, 'across, a finger goes over the cells');
      await until(cell, (now) => /column (9\d|10\d)$/.test(now));

      const atlas = 'grad-cam[steps=activations]';
      const chosen = () => get(`${atlas} >> .split`, '.querySelector("output").textContent');
      const first = await chosen();
      await tap(`${atlas} >> .atlas canvas`, 0.5, 0.3);
      await until(chosen, (now) => now !== first);
      const last = () => get(`${atlas} >> .figures`, '.lastElementChild.previousElementSibling.textContent');
      await tap(`${atlas} >> canvas.plane`, 0.5, 0.5);
      await until(last, (now) => /row \d+, column \d+/.test(now));

      const alpha = 'grad-cam[steps=alpha]';
      await tap(`${alpha} >> canvas.plot`, 0.9, 0.5);
      assert.ok(Number(await get(`${alpha} >> [type=range]`, '.value')) > 500);
    });
  });
}
