/**
 * `<grad-cam>` in a real browser: what it paints, says and fires; that elements share one worker and one
 * model; that it waits until it is seen, moves nothing, works in a frame of a page without isolation,
 * by keyboard, and lets go of everything.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, test } from 'node:test';
import { GradCam } from '../../web/node.js';
import { manifest } from '../../web/element/manifest.mjs';
import { STEPS } from '../../web/element/steps/index.js';
import { browserAndServer, root, serve, withoutBrowser } from './browser.mjs';

const SAMPLE = '/models/pocket/samples/golf_ball_and_flower.jpg';
const WAIT = { timeout: 60000 };

/** A page with this body and the element; `served`: addresses that were asked for. */
async function openBody({ browser, server }, body, { isolated = false, size, head = '' } = {}) {
  const page = await browser.newPage({ viewport: size ?? { width: 900, height: 700 } });
  const problems = [];
  const served = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => served.push(new URL(request.url()).pathname));
  const headers = isolated ? { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } : {};
  await page.route('**/web/test.html', (route) => route.fulfill({ contentType: 'text/html', headers,
    body: `<!doctype html><html lang="en"><title>test</title><meta name="viewport" content="width=device-width">${head}
      <script>window.seen = {}; for (const type of ['result', 'progress', 'error', 'change']) addEventListener(type, (event) => {
        const id = event.target?.id; if (id) (seen[id] ??= []).push([type, event.detail?.message ?? event.detail?.name ?? '']); }, true);
        let shifts = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) => { shifts += entry.value; }))
          .observe({ type: 'layout-shift', buffered: true });</script>
      <script type="module" src="/web/element/define.js"></script>${body}` }));
  await page.goto(`${server.origin}/web/test.html`);
  return { page, problems, served };
}

const ready = (page, id) => page.waitForFunction((name) => document.getElementById(name)?.result, id, WAIT);

/** What an element shows: class buttons, status, and the heat's pixels as [mean opacity, hottest place]. */
const look = (page, id) => page.evaluate((name) => {
  const element = document.getElementById(name);
  const inside = element.shadowRoot;
  const heat = inside.querySelector('.heat');
  const { data } = heat.getContext('2d').getImageData(0, 0, heat.width, heat.height);
  let [sum, x, y, weight] = [0, 0, 0, 0];
  for (let i = 3, at = 0; i < data.length; i += 4, ++at) {
    sum += data[i];
    if (data[i] < 250) continue;
    x += at % heat.width;
    y += Math.floor(at / heat.width);
    weight += 1;
  }
  return {
    buttons: [...inside.querySelectorAll('.classes button')].map((one) => [one.textContent, one.getAttribute('aria-pressed')]),
    status: inside.querySelector('[role=status]').textContent,
    opacity: sum / (data.length / 4) / 255,
    hot: [x / weight / heat.width, y / weight / heat.height],
    shown: element.shown,
    forward: element.result.timings?.forward,
    size: [element.offsetWidth, element.offsetHeight],
  };
}, id);

describe('<grad-cam>', { skip: withoutBrowser }, () => {
  const web = browserAndServer({ isolated: false });
  let expected; // what Node says about the sample; the network may be trained again
  let best;
  let second;
  let church;
  before(async () => {
    const cam = await GradCam.load(`${root}/models/pocket/model.json`, { threads: 1 });
    expected = await cam.explain(`${root}${SAMPLE}`, { top: 3 });
    [best, second] = expected.predictions.map(({ name }) => name);
    church = (await cam.explain(`${root}/models/pocket/samples/church.jpg`)).predictions[0].name;
    cam.dispose();
  });

  test('fit: the picture is cut or framed as asked, and again when the attribute changes', async () => {
    const { page } = await openBody(web, `<grad-cam id="a" src="${SAMPLE}" fit="crop"></grad-cam>`);
    const cam = await GradCam.load(`${root}/models/pocket/model.json`, { threads: 1 });
    for (const fit of ['crop', 'pad']) {
      await page.evaluate((value) => { document.getElementById('a').setAttribute('fit', value); }, fit);
      await page.waitForFunction((value) => document.getElementById('a').result?.report().preprocess.fit === value, fit, WAIT);
      const { predictions: [{ score }] } = await page.evaluate(() => document.getElementById('a').result.report());
      const { predictions: [wanted] } = await cam.explain(`${root}${SAMPLE}`, { fit });
      assert.ok(Math.abs(score - wanted.score) < 1e-3 * Math.abs(wanted.score), `${fit}: ${score} is not ${wanted.score}`);
    }
    cam.dispose();
    await page.close();
  });

  for (const isolated of [true, false]) {
    test(`a picture, its classes, its heat; ${isolated ? 'isolated' : 'not isolated'}`, async () => {
      const own = isolated ? await serve({ isolated: true }) : web.server;
      const { page, problems } = await openBody({ ...web, server: own }, `<grad-cam id="a" src="${SAMPLE}" top="2" target="golf ball"></grad-cam>`, { isolated });
      try {
        await ready(page, 'a');
        assert.equal(await page.evaluate(() => crossOriginIsolated), isolated);
        const first = await look(page, 'a');
        assert.deepEqual(first.buttons.map(([words]) => words), expected.predictions.slice(0, 2).map(
          ({ name, probability }) => `${name}${(100 * probability).toFixed(1)} %`));
        const pressed = ({ buttons }) => buttons.filter(([, on]) => on === 'true').map(([words]) => words.replace(/[\d.]+ %$/, ''));
        assert.deepEqual(pressed(first), ['golf ball']);
        assert.ok(first.opacity > 0.05 && first.opacity < 0.8, `opacity ${first.opacity}`);
        assert.ok(first.hot[0] < 0.5, 'the golf ball lies left');
        assert.match(first.status, /^golf ball, \d+\.\d %: evidence mostly at the \w+ left/);

        // Another class by keyboard: the map moves, nothing runs forward, the focus stays.
        await page.locator('#a').getByRole('button', { name: /daisy/ }).focus();
        await page.keyboard.press('Enter');
        const after = await look(page, 'a');
        assert.deepEqual(pressed(after), ['daisy']);
        assert.ok(after.hot[0] > 0.5, 'the daisy stands right');
        assert.match(after.status, /^daisy/);
        assert.match(await page.evaluate(() => document.getElementById('a').shadowRoot.activeElement.textContent), /daisy/);
        const events = await page.evaluate(() => seen.a.map(([type, what]) => (type === 'change' ? `${type} ${what}` : type)));
        assert.ok(events.includes('progress'));
        assert.deepEqual(events.filter((type) => type !== 'progress'), ['result', 'change daisy']);
        assert.deepEqual(problems, []);
      } finally {
        await page.close();
        if (isolated) await own.close();
      }
    });
  }

  test('two elements: one worker, one model; the last one ends it', async () => {
    const { page, served } = await openBody(web,
      `<grad-cam id="a" src="${SAMPLE}"></grad-cam><grad-cam id="b" src="/models/pocket/samples/church.jpg" loading="eager"></grad-cam>
       <grad-cam id="c" src="${SAMPLE}" steps="relu" loading="eager"></grad-cam>`);
    try {
      for (const id of ['a', 'b', 'c']) await ready(page, id);
      assert.equal(page.workers().length, 1);
      assert.equal(served.filter((path) => path.endsWith('pocket.onnx')).length, 1);
      assert.equal((await look(page, 'b')).buttons[0][0].replace(/[\d.]+ %$/, ''), church);
      await page.evaluate(() => document.getElementById('a').remove());
      await page.evaluate(() => document.body.append(document.getElementById('b'))); // moved, not removed
      await page.waitForTimeout(2500);
      assert.equal(page.workers().length, 1);
      const gone = page.workers()[0].waitForEvent('close', { timeout: 10000 });
      await page.evaluate(() => document.querySelectorAll('grad-cam').forEach((one) => one.remove()));
      await gone;
      assert.equal(page.workers().length, 0);
    } finally {
      await page.close();
    }
  });

  test('waits until it is seen', async () => {
    const { page, served } = await openBody(web,
      `<div style="height: 4000px"></div><grad-cam id="a" src="${SAMPLE}"></grad-cam>`);
    try {
      await page.waitForTimeout(800);
      assert.deepEqual(served.filter((path) => /index\.js|\.onnx|\.wasm|worker/.test(path)), []);
      await page.evaluate(() => scrollTo(0, 4000));
      await ready(page, 'a');
    } finally {
      await page.close();
    }
  });

  test('the picture between the tags stays, and nothing moves', async () => {
    const { page } = await openBody(web,
      `<style>grad-cam { display: block } #b { width: 400px }</style>
       <grad-cam id="a"><img src="${SAMPLE}" alt="A golf ball before a daisy" width="480" height="360"></grad-cam>
       <grad-cam id="b" src="${SAMPLE}" top="3"></grad-cam><p id="below">below</p>`, { size: { width: 600, height: 1600 } });
    try {
      // After the element is defined: before that, a page reserves space as it does for any element.
      await page.waitForFunction(() => document.getElementById('b').shadowRoot);
      const place = () => page.evaluate(() => [...document.querySelectorAll('#b, #below')].map((one) => Math.round(one.getBoundingClientRect().top)));
      const early = await place();
      await ready(page, 'a');
      await ready(page, 'b');
      await page.waitForTimeout(200);
      assert.deepEqual(await place(), early);
      const fit = await page.evaluate(() => {
        const [img, heat] = [document.querySelector('#a img'), document.getElementById('a').shadowRoot.querySelector('.heat')]
          .map((one) => one.getBoundingClientRect());
        return [img.left - heat.left, img.top - heat.top, img.width - heat.width, img.height - heat.height, img.width];
      });
      assert.deepEqual(fit, [0, 0, 0, 0, 480]);
      assert.equal(await page.locator('#a').getByRole('img', { name: 'A golf ball before a daisy' }).count(), 1);
    } finally {
      await page.close();
    }
  });

  test('attributes: target, layer, top, opacity, colormap', async () => {
    const { page, problems } = await openBody(web, `<grad-cam id="a" src="${SAMPLE}" target="${second}" top="1" opacity="0.3"></grad-cam>`);
    try {
      await ready(page, 'a');
      const first = await look(page, 'a');
      assert.deepEqual(first.buttons.map(([words]) => words.replace(/[\d. %]+$/, '')), [best, second]);
      assert.ok(first.status.startsWith(second));
      const heat = page.locator('#a').locator('canvas.heat');
      assert.equal(await heat.evaluate((canvas) => canvas.style.opacity), '0.3');
      // The hottest pixel: its colour, and how much of it covers the picture.
      const pixel = () => heat.evaluate((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let most = 3;
        for (let i = 3; i < data.length; i += 4) if (data[i] > data[most]) most = i;
        return [...data.slice(most - 3, most + 1)];
      });
      const before = await pixel();
      await page.evaluate(() => document.getElementById('a').setAttribute('colormap', 'jet'));
      const jet = await pixel();
      assert.notDeepEqual(jet.slice(0, 3), before.slice(0, 3));
      assert.equal(jet[3], before[3]);
      const results = () => page.evaluate(() => seen.a.filter(([type]) => type === 'result').length);
      assert.equal(await results(), 1, 'colours are not computed again');
      await page.evaluate(() => document.getElementById('a').setAttribute('layer', 'block11_dw_relu'));
      await page.waitForFunction(() => document.getElementById('a').result.layer === 'block11_dw_relu', null, WAIT);
      assert.equal(await results(), 2);
      assert.deepEqual(problems, []);
    } finally {
      await page.close();
    }
  });

  test('failures are said and fired, and can be got over', async () => {
    const { page } = await openBody(web,
      `<grad-cam id="a" src="${SAMPLE}" target="unicorn"></grad-cam><grad-cam id="b" src="/web/absent.jpg" loading="eager"></grad-cam>
       <grad-cam id="c" src="${SAMPLE}" model="nosuch" loading="eager"></grad-cam><grad-cam id="d" src="${SAMPLE}" steps="alpah" loading="eager"></grad-cam>`);
    try {
      await page.waitForFunction(() => ['a', 'b', 'c', 'd'].every((id) => seen[id]?.some(([type]) => type === 'error')), null, WAIT);
      const messages = await page.evaluate(() => Object.fromEntries(Object.entries(seen).map(([id, list]) => [id, list.find(([type]) => type === 'error')[1]])));
      assert.match(messages.a, /unicorn/);
      assert.match(messages.b, /absent\.jpg/);
      assert.match(messages.c, /nosuch/);
      assert.match(messages.d, /"alpah".*alpha/);
      assert.match(await page.evaluate(() => document.getElementById('c').shadowRoot.querySelector('[data-bad]').textContent), /nosuch/);
      await page.evaluate(() => document.getElementById('c').setAttribute('model', 'pocket'));
      await ready(page, 'c');
      assert.equal(await page.evaluate(() => document.getElementById('c').shadowRoot.querySelector('[data-bad]')), null);
    } finally {
      await page.close();
    }
  });

  test('every step alone, and all together', async () => {
    const names = STEPS.map(({ name }) => name);
    const { page, problems } = await openBody(web, `<grad-cam id="all" src="${SAMPLE}" steps loading="eager"></grad-cam>
      ${names.map((name) => `<grad-cam id="${name}" src="${SAMPLE}" steps="${name}" loading="eager"></grad-cam>`).join('')}`, { size: { width: 360, height: 740 } });
    try {
      for (const id of ['all', ...names]) await ready(page, id);
      // the answer can be there before the module that draws the steps
      await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.shadowRoot.querySelector('.step')), null, WAIT);
      const found = await page.evaluate(() => [...document.querySelectorAll('grad-cam')].map((one) => ({
        id: one.id,
        steps: [...one.shadowRoot.querySelectorAll('.step')].map((step) => step.getAttribute('part')),
        formula: one.shadowRoot.querySelectorAll('.step math').length,
        figure: !one.shadowRoot.querySelector('figure').hidden,
        wide: one.scrollWidth > one.clientWidth,
        bad: one.shadowRoot.querySelector('[data-bad]')?.textContent,
      })));
      const [all, ...single] = found;
      assert.deepEqual(all.steps, ['picture', 'activations', 'gradients', 'alpha', 'sum', 'relu', 'upsample', 'overlay'].map((name) => `step step-${name}`));
      assert.equal(all.figure, true);
      single.forEach((one, i) => assert.deepEqual(one, { id: names[i], steps: [`step step-${names[i]}`],
        formula: names[i] === 'bugs' ? 0 : 1, figure: false, wide: false, bad: undefined }));
      assert.equal(page.workers().length, 1);
      assert.deepEqual(problems, []);
    } finally {
      await page.close();
    }
  });

  test('in a frame of another site without isolation', async () => {
    const outer = await serve({ isolated: false });
    const page = await web.browser.newPage();
    try {
      await page.route('**/web/inner.html', (route) => route.fulfill({ contentType: 'text/html',
        body: `<!doctype html><script type="module" src="/web/element/define.js"></script><grad-cam id="a" src="${SAMPLE}" top="1"></grad-cam>` }));
      await page.route('**/web/outer.html', (route) => route.fulfill({ contentType: 'text/html',
        body: `<!doctype html><iframe width="500" height="500" src="${web.server.origin}/web/inner.html"></iframe>` }));
      await page.goto(`${outer.origin}/web/outer.html`);
      const [, frame] = page.frames();
      await frame.waitForFunction(() => document.getElementById('a')?.result, null, WAIT);
      assert.equal(await frame.evaluate(() => document.getElementById('a').result.predictions[0].name), best);
    } finally {
      await page.close();
      await outer.close();
    }
  });

  /** Solid canvases and the samples tell pictures apart. */
  const top1 = (page, id) => page.evaluate((name) => document.getElementById(name).result?.predictions[0].name, id);
  const busy = (page, id) => page.waitForFunction((name) => !document.getElementById(name).result, id, WAIT);
  const heatIn = (page, id) => page.locator(`#${id}`).locator('canvas.heat').evaluate((canvas) => (
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0)));

  test("the author's class attribute is CSS's; target and classes are the network's", async () => {
    const { page, problems } = await openBody(web, `<grad-cam id="a" class="card wide" src="${SAMPLE}" top="1" target="${second}" classes="${church}|golf ball"></grad-cam>
      <grad-cam id="b" class="card" src="${SAMPLE}" steps="picture" loading="eager"></grad-cam>`);
    try {
      await ready(page, 'a');
      const { buttons, status } = await look(page, 'a');
      assert.ok(status.startsWith(second));
      for (const name of [second, church]) assert.ok(buttons.some(([words]) => words.startsWith(name)), name);
      await ready(page, 'b');
      await page.locator('#b').locator('td button').nth(1).click();
      await page.waitForFunction(() => document.getElementById('b').hasAttribute('target'));
      assert.deepEqual(await page.$$eval('grad-cam', (all) => all.map((one) => one.className)), ['card wide', 'card']);
      // Its maps can be saved, also those that were asked for beside the best ones.
      assert.ok(await page.evaluate(async () => (await Promise.all(document.getElementById('a').result.maps.map((map) => map.toPNG()))).every((png) => png.length > 100)));
      assert.deepEqual(problems, []);
    } finally {
      await page.close();
    }
  });

  test('no old map over a new picture, also where that one fails; none without a picture', async () => {
    const { page } = await openBody(web, `<grad-cam id="a" src="${SAMPLE}" top="1"></grad-cam><grad-cam id="none" loading="eager"></grad-cam>`);
    try {
      await ready(page, 'a');
      assert.ok(await heatIn(page, 'a'));
      await page.evaluate(() => document.getElementById('a').setAttribute('src', '/web/absent.jpg'));
      await page.waitForFunction(() => document.getElementById('a').shadowRoot.querySelector('[data-bad]'), null, WAIT);
      assert.equal(await heatIn(page, 'a'), false);
      assert.deepEqual((await page.locator('#a').getByRole('button').all()).length, 0);
      await page.evaluate(() => document.getElementById('a').setAttribute('src', '/models/pocket/samples/church.jpg'));
      await ready(page, 'a');
      assert.equal(await top1(page, 'a'), church);
      await page.evaluate(() => document.getElementById('a').removeAttribute('src'));
      await busy(page, 'a');
      assert.equal(await heatIn(page, 'a'), false);
      for (const id of ['a', 'none']) {
        await page.waitForFunction((name) => /no picture yet/.test(document.getElementById(name).shadowRoot.querySelector('[role=status]').textContent), id);
        assert.equal(await page.locator(`#${id}`).locator('.empty').count(), 0);
      }
    } finally {
      await page.close();
    }
  });

  test('the picture between the tags: its width stays the page\'s; another address is another picture', async () => {
    const { page } = await openBody(web, `<style>grad-cam { width: 600px } #a img { width: 100% } #b img { width: 200px; margin-left: 50px }</style>
      <grad-cam id="a" top="1"><img src="${SAMPLE}" alt="A"></grad-cam><grad-cam id="b" top="1"><img src="${SAMPLE}" alt="B"></grad-cam>`);
    try {
      for (const id of ['a', 'b']) await ready(page, id);
      const places = () => page.$$eval('grad-cam', (all) => all.map((one) => [one.querySelector('img'), one.shadowRoot.querySelector('.heat')]
        .map((part) => { const { left, top, width, height } = part.getBoundingClientRect(); return [left, top, width, height].map(Math.round); })));
      await page.waitForTimeout(200);
      const [a, b] = await places();
      assert.equal(a[0][2], 600);
      assert.equal(b[0][2], 200);
      for (const [img, heat] of [a, b]) assert.deepEqual(heat, img);
      await page.evaluate(() => { document.querySelector('#a img').src = '/models/pocket/samples/church.jpg'; });
      await page.waitForFunction((name) => document.getElementById('a').result?.predictions[0].name === name, church, WAIT);
      await page.evaluate((src) => document.querySelector('#a img').replaceWith(Object.assign(new Image(), { src, alt: 'again' })), SAMPLE);
      await page.waitForFunction((name) => document.getElementById('a').result?.predictions[0].name === name, best, WAIT);
    } finally {
      await page.close();
    }
  });

  test('a canvas that was drawn anew, for the heatmap and for a step', async () => {
    const { page } = await openBody(web, '<grad-cam id="a" top="1"></grad-cam><grad-cam id="b" steps="picture" loading="eager"></grad-cam>');
    try {
      const draw = (src) => page.evaluate(async (address) => {
        window.canvas ??= Object.assign(document.createElement('canvas'), { width: 480, height: 360 });
        const image = Object.assign(new Image(), { src: address });
        await image.decode();
        window.canvas.getContext('2d').drawImage(image, 0, 0, 480, 360);
        for (const id of ['a', 'b']) document.getElementById(id).image = window.canvas;
      }, src);
      const says = (names) => page.waitForFunction((wanted) => {
        const [a, b] = ['a', 'b'].map((id) => document.getElementById(id).result);
        return a?.predictions[0].name === wanted && b?.explanation.predictions[0].name === wanted;
      }, names, WAIT);
      await draw(SAMPLE);
      await says(best);
      await draw('/models/pocket/samples/church.jpg');
      await says(church);
    } finally {
      await page.close();
    }
  });

  test("light or dark as the page's own text is, whatever the system prefers", async () => {
    const { page } = await openBody(web, `<style>.dark { background: #111; color: #eee } .light { background: #fff; color: #222 }</style>
      <div class="dark"><grad-cam id="a" src="${SAMPLE}" top="1"></grad-cam></div><div class="light"><grad-cam id="b" src="${SAMPLE}" top="1"></grad-cam></div>`);
    try {
      for (const scheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme: scheme });
        for (const id of ['a', 'b']) await ready(page, id);
        const inks = await page.$$eval('grad-cam', (all) => all.map((one) => getComputedStyle(one.shadowRoot.querySelector('.classes button')).color));
        assert.deepEqual(inks, ['rgb(233, 235, 238)', 'rgb(29, 34, 41)'], scheme);
      }
    } finally {
      await page.close();
    }
  });

  test('in a frame with an opaque origin, from a host that lets others read its files', async () => {
    const own = await serve({ isolated: false, headers: { 'Access-Control-Allow-Origin': '*' } });
    const page = await web.browser.newPage();
    try {
      await page.route('**/web/outer.html', (route) => route.fulfill({ contentType: 'text/html', body: `<!doctype html>
        <iframe sandbox="allow-scripts" width="500" height="500" srcdoc='<script type="module" src="${own.origin}/web/element/define.js"></script><grad-cam id="a" src="${own.origin}${SAMPLE}" top="1" loading="eager"></grad-cam>'></iframe>` }));
      await page.goto(`${own.origin}/web/outer.html`);
      const [, frame] = page.frames();
      await frame.waitForFunction(() => document.getElementById('a')?.result || document.getElementById('a')?.shadowRoot?.querySelector('[data-bad]'), null, WAIT);
      assert.equal(await frame.evaluate(() => self.origin), 'null');
      assert.equal(await frame.evaluate(() => document.getElementById('a').shadowRoot.querySelector('[data-bad]')?.textContent), undefined);
      assert.equal(await frame.evaluate(() => document.getElementById('a').result.predictions[0].name), best);
    } finally {
      await page.close();
      await own.close();
    }
  });

  test('a picture given as a property, at its own size', async () => {
    const { page } = await openBody(web, '<grad-cam id="a" top="1"></grad-cam>');
    try {
      await page.evaluate(async (url) => {
        const bitmap = await createImageBitmap(await (await fetch(url)).blob());
        document.getElementById('a').image = bitmap;
      }, SAMPLE);
      await ready(page, 'a');
      assert.deepEqual(await page.locator('#a').locator('canvas.own').evaluate((canvas) => [canvas.width, canvas.height, canvas.hidden]), [480, 360, false]);
      assert.ok((await look(page, 'a')).buttons[0][0].startsWith(best));
    } finally {
      await page.close();
    }
  });
});

describe('custom-elements.json', () => {
  test('lists every attribute, part and property that there is', async () => {
    const source = await readFile(`${root}/web/element/grad-cam.js`, 'utf8');
    const styles = await readFile(`${root}/web/element/style.js`, 'utf8');
    const [{ declarations: [element] }] = manifest(source).modules;
    const { GradCamElement } = await import('../../web/element/grad-cam.js'); // importable where there is no page
    assert.deepEqual(element.attributes.map(({ name }) => name).sort(), [...GradCamElement.observedAttributes].sort());
    const parts = new Set([...source.matchAll(/part="([\w-]+)"/g), ...source.matchAll(/part\.add\('([\w-]+)'/g)].map(([, name]) => name));
    assert.deepEqual(element.cssParts.map(({ name }) => name).sort(), [...parts].sort());
    const properties = new Set([...styles.matchAll(/var\((--grad-cam-[\w-]+)/g)].map(([, name]) => name));
    assert.deepEqual(element.cssProperties.map(({ name }) => name).sort(), [...properties].sort());
    assert.deepEqual(element.events.map(({ name }) => name).sort(), ['change', 'error', 'progress', 'result']);
    for (const list of [element.attributes, element.cssParts, element.cssProperties, element.events]) {
      for (const { name, description } of list) assert.ok(description.length > 3, name);
    }
  });
});
