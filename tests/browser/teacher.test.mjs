/**
 * A lesson given and taken with the keyboard alone, in Chromium and Firefox: present, guess, paint, turn, go on by a
 * clicker, share a link, leave; and the five steps for the youngest, in which no symbol is seen.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, serve, withoutBrowser } from './browser.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';

const WAIT = { timeout: 120000 };

for (const [name, skip, open] of [['Chromium', withoutBrowser, async () => ({ browser: await launch() })],
  ['Firefox', withoutFirefox, async () => ({ browser: await launchFirefox() })]]) {
  describe(`a teacher with a keyboard, ${name}`, { skip }, () => {
    let browser;
    let server;
    before(async () => {
      ({ browser } = await open());
      server = await serve();
    });
    after(async () => {
      await browser?.close();
      await server?.close();
    });

    async function lesson(query = '') {
      const page = await browser.newPage();
      const problems = [];
      page.on('pageerror', (error) => problems.push(error.message));
      await page.goto(`${server.origin}/web/demo/learn/${query}`);
      await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result) &&
        [...document.querySelectorAll('main > section:has(grad-cam[steps]):not(#bugs)')].every((one) => one.querySelector('.choice')), null, WAIT);
      const press = async (key, times = 1) => { for (let i = 0; i < times; ++i) await page.keyboard.press(key); };
      /** What has the focus, in words; inside of an element too. */
      const focus = () => page.evaluate(() => {
        let at = document.activeElement;
        while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        return at ? `${at.localName}${at.id ? `#${at.id}` : ''}${at.classList.length ? `.${[...at.classList].join('.')}` : ''}${at.type === 'range' ? '[range]' : ''}` : '';
      });
      /** Tab until that has the focus. */
      const tabTo = async (pattern, most = 40) => {
        for (let i = 0; i < most; ++i) {
          await press('Tab');
          if (pattern.test(await focus())) return i + 1;
        }
        return assert.fail(`${pattern} is not within ${most} tabs, but ${await focus()}`);
      };
      const stage = () => page.evaluate(() => [...document.querySelectorAll('main > section')].filter((one) => one.checkVisibility()).map(({ id }) => id).join(' '));
      return { page, problems, press, focus, tabTo, stage };
    }

    test('present, guess, paint, slide, go on, share, leave', async () => {
      const { page, problems, press, focus, tabTo, stage } = await lesson();
      await tabTo(/#present\b/);
      await press('Enter');
      assert.equal(await stage(), 'answer');
      assert.ok(parseFloat(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize)) >= 18, 'large type');

      // Painted: its arrows move the brush, not the steps; what it says has the focus then.
      assert.ok(await tabTo(/canvas\.photo$/) <= 8, 'Tab goes into the step');
      await press('ArrowRight', 3);
      for (let i = 0; i < 4; ++i) {
        await press('Space');
        await press('ArrowUp');
      }
      assert.equal(await stage(), 'answer');
      await press('Tab');
      assert.match(await focus(), /button\.choice$/);
      await press('Enter');
      await page.waitForFunction(() => /hottest cell/.test(document.querySelector('.painting .verdict').textContent), null, WAIT);
      assert.match(await focus(), /\.verdict$/);
      await press('ArrowRight');
      assert.equal(await stage(), 'picture');

      // Guessed: the first Tab is at the first choice, the truth has the focus, the step is there.
      await press('Tab');
      assert.match(await focus(), /button\.choice$/);
      await press('Enter');
      await page.waitForFunction(() => /More than 1 %/.test(document.querySelector('#picture .verdict').textContent), null, WAIT);
      assert.match(await focus(), /\.verdict$/);
      assert.equal(await page.evaluate(() => document.querySelector('#picture grad-cam').checkVisibility()), true);

      // A clicker sends PageDown, wherever the focus is; a slider keeps its arrows.
      for (const id of ['trace', 'activations', 'gradients', 'knob', 'alpha', 'sum']) {
        await press('PageDown');
        assert.equal(await stage(), id);
      }
      await press('Tab');
      await press('Enter');
      await page.waitForFunction(() => /reach/.test(document.querySelector('#sum .verdict').textContent), null, WAIT);
      await tabTo(/\[range\]$/, 8);
      const count = () => page.evaluate(() => document.querySelector('grad-cam[steps=sum]').shadowRoot.querySelector('[type=range]').value);
      await press('ArrowRight', 2);
      assert.equal(await count(), '12');
      assert.equal(await stage(), 'sum');
      await press('PageDown');
      assert.equal(await stage(), 'relu');
      await press('PageUp');
      assert.equal(await stage(), 'sum');
      await press('End');
      assert.equal(await stage(), 'score');
      assert.match(await page.evaluate(() => document.getElementById('score-words').textContent), /^\d of 3 right\.$/);
      await press('Home');
      assert.equal(await stage(), 'answer');
      await press('ArrowRight');

      // The link: its own Escape closes it alone.
      await page.evaluate(() => document.getElementById('present').focus());
      await tabTo(/#share\b/, 3);
      await press('Enter');
      await page.waitForFunction(() => document.getElementById('link').open && document.getElementById('qr').width > 400, null, WAIT);
      assert.match(await page.evaluate(() => document.getElementById('link-text').textContent), /sample=golf_ball_and_flower.*#picture$/);
      await press('Escape');
      await page.waitForFunction(() => !document.getElementById('link').open, null, WAIT);
      assert.equal(await stage(), 'picture');
      assert.match(await focus(), /#share\b/);

      // Next, again and again, keeps the focus; Escape leaves, back where it began.
      await page.evaluate(() => document.getElementById('next').focus());
      await press('Enter', 3);
      assert.equal(await stage(), 'gradients');
      assert.match(await focus(), /#next\b/);
      await press('Escape');
      if (/^gradients$/.test(await stage())) await press('Escape'); // the first one left the full screen
      assert.ok((await stage()).split(' ').length > 10);
      assert.match(await focus(), /#present\b/);
      assert.deepEqual(problems, []);
    });

    test('the youngest see no symbol on their five steps', async () => {
      const { page, problems, press, tabTo, stage } = await lesson('?path=short');
      const seen = () => page.evaluate(() => [...document.querySelectorAll('main > section')].filter((one) => one.checkVisibility()).map((section) => [section.id, section.innerText +
        [...section.querySelectorAll('grad-cam')].map((one) => (one.checkVisibility() ? one.shadowRoot.querySelector('.all').innerText : '')).join(' ')]));
      const check = async () => {
        const all = await seen();
        assert.deepEqual(all.map(([id]) => id), ['answer', 'picture', 'activations', 'knob', 'sum', 'occlude', 'score']);
        for (const [id, text] of all) {
          assert.ok(text.length > 40, id);
          assert.doesNotMatch(text, /[αδΔρμσ∂∑≈]|\b[kpns] =|A\d|\blogit\b|\bp now\b|gradient|In symbols|ReLU|softmax/, `${id}: ${text}`);
        }
      };
      await check();
      assert.match(await stage(), /^answer picture activations knob sum occlude score$/);
      // By keyboard: every question shown without a guess, then the steps themselves; the knob turned.
      for (const id of ['picture', 'activations', 'knob', 'sum', 'occlude']) {
        await page.evaluate((which) => document.querySelector(`#${which} .choice`).focus(), id);
        await press('Enter');
        await page.waitForFunction((which) => document.querySelector(`#${which} .verdict`).textContent, id, WAIT);
      }
      await page.evaluate(() => document.querySelector('#knob .verdict').focus());
      for (let i = 0; i < 2; ++i) await tabTo(/\[range\]$/, 6);
      await tabTo(/\.turn\[range\]$/, 6).catch(() => {});
      await page.evaluate(() => {
        const turn = document.querySelector('grad-cam[steps=knob]').shadowRoot.querySelector('.turn');
        turn.value = '0.8';
        turn.dispatchEvent(new Event('input', { bubbles: true }));
      });
      await page.waitForFunction(() => /If this detector had found more there, “golf ball” would have .* %; it has .* %\./.test(document.querySelector('grad-cam[steps=knob]').shadowRoot.querySelector('p.plainly[role=status]').innerText), null, WAIT);
      await check();
      assert.deepEqual(problems, []);
    });
  });
}
