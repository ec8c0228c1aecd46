/**
 * Firefox: the page explains a sample, the lesson shows its steps, with several threads and, on a page
 * without isolation, with one; the numbers are Node's.
 */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { GradCam } from '../../web/node.js';
import { serve } from '../../emscripten/serve.mjs';
import { root } from '../web/shared.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';

const SAMPLE = '/models/pocket/samples/golf_ball_and_flower.jpg';

/** Waits in the page until `condition` holds, which is written as an expression. */
const until = (condition) => `while (!(${condition})) await new Promise((next) => setTimeout(next, 50));`;

describe('Firefox', { skip: withoutFirefox }, () => {
  let firefox;
  let server;
  let expected;
  before(async () => {
    firefox = await launchFirefox();
    server = await serve();
    const cam = await GradCam.load(`${root}/models/pocket/model.json`, { threads: 1 });
    expected = await cam.explain(`${root}${SAMPLE}`);
    cam.dispose();
  });
  after(async () => {
    await firefox?.close();
    await server?.close();
  });

  test('the page: a sample, another class, another layer', async () => {
    await firefox.goto(`${server.origin}/web/demo/`);
    const found = await firefox.run(`
      const status = document.getElementById('status');
      ${until("/classes/.test(status.textContent)")}
      document.querySelector('#samples button').click();
      ${until("/forward/.test(status.textContent)")}
      const list = () => [...document.querySelectorAll('#predictions button')].map((one) => one.textContent);
      const first = list();
      document.querySelectorAll('#predictions button')[1].click();
      const pressed = document.querySelector('#predictions [aria-pressed=true]').textContent;
      const depth = document.getElementById('depth');
      status.textContent = '';
      depth.value = 20;
      depth.dispatchEvent(new Event('input', { bubbles: true }));
      ${until("/forward/.test(status.textContent)")}
      return { first, pressed, threads: gradcam.model.threads, engine: gradcam.model.engine, isolated: crossOriginIsolated,
        tiles: document.querySelectorAll('#sheet canvas').length };`);
    const words = expected.predictions.map(({ name, probability }) => `${name}${(100 * probability).toFixed(1)} %`);
    assert.deepEqual(found.first, words);
    assert.equal(found.pressed, words[1]);
    assert.equal(found.tiles, 5);
    assert.ok(found.isolated);
    console.log(`# Firefox: ${found.engine}, ${found.threads} threads`);
  });

  for (const isolated of [true, false]) {
    test(`the lesson's elements, ${isolated ? 'isolated' : 'not isolated'}: every step, Node's numbers`, async () => {
      const own = isolated ? server : await serve({ isolated });
      try {
        await firefox.goto(`${own.origin}/web/demo/learn/`);
        const found = await firefox.run(`
          const all = [...document.querySelectorAll('grad-cam')];
          all.forEach((one) => one.setAttribute('loading', 'eager'));
          ${until('all.every((one) => one.result)')}
          const [{ cam, result: { predictions: [best], maps: [map] } }] = all;
          return { bad: all.map((one) => one.shadowRoot.querySelector('[data-bad]')?.textContent).filter(Boolean),
            best: best.id, raw: [...map.raw], threads: (await cam).model.threads };`);
        assert.deepEqual(found.bad, []);
        assert.equal(found.threads > 1, isolated && availableParallelism() > 1);
        assert.equal(found.best, expected.predictions[0].id);
        const { raw, max } = expected.maps[0];
        assert.ok(found.raw.every((value, i) => Math.abs(value - raw[i]) <= 1e-3 * max));
      } finally {
        if (!isolated) await own.close();
      }
    });
  }
});
