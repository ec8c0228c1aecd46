/**
 * What page, lesson and element must do in every browser: one list, run by chromium.test.mjs,
 * firefox.test.mjs and webkit.test.mjs. Expected numbers are Node's.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { zipSync } from 'fflate';
import { GradCam } from '../../web/node.js';
import { serve } from '../../emscripten/serve.mjs';
import { keras3, writeKeras } from '../models/fixtures.mjs';
import { tflite, tfjs } from '../models/forms.mjs';
import { data, root, withoutData } from '../web/shared.mjs';

const SAMPLE = '/models/pocket/samples/golf_ball_and_flower.jpg';

/** How long anything may take on a busy machine, in ms; less than the drivers' own limit. */
const PATIENCE = 90000;

/** Waits in the page until `condition` holds, which is written as an expression. */
const until = (condition) => `for (const end = performance.now() + ${PATIENCE}; !(${condition});) {
  if (performance.now() > end) throw new Error(${JSON.stringify(`not within ${PATIENCE / 1000} s: ${condition}; `)} +
    (document.getElementById('status')?.textContent ?? ''));
  await new Promise((next) => setTimeout(next, 50));
}`;

/** Files dropped on the page at once, as a person drops them: args[0], [name, base64] of each. */
const DROP = `const transfer = new DataTransfer();
  for (const [name, base64] of args[0]) transfer.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name));
  document.getElementById('frame').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));`;

/** Models of other formats, as they are dropped: name, files. Those of the shared data where it is there. */
async function formats() {
  const whole = async (...paths) => Promise.all(paths.map(async (path) => [basename(path), new Uint8Array(await readFile(data(path)))]));
  const keras = join(await mkdtemp(join(tmpdir(), 'gradcam-formats-')), 'net.keras');
  await writeKeras(keras3(), keras, { compress: true });
  const found = [['TensorFlow.js, zipped', [['net.zip', zipSync(tfjs())]]],
    ['TensorFlow.js, loose files', Object.entries(tfjs({ shards: 2, form: 'uint8' }))],
    ['TensorFlow Lite', [['net.tflite', tflite()]]],
    ['TensorFlow Lite and labels, zipped', [['lite.zip', zipSync({ 'model.tflite': tflite({ weights: 'int8' }), 'labels.txt': new TextEncoder().encode('0 a\n1 b\n2 c\n3 d\n4 e\n') })]]],
    ['Keras', [['net.keras', new Uint8Array(await readFile(keras))]]]];
  await rm(join(keras, '..'), { recursive: true });
  if (withoutData) return found;
  return [...found, ['Teachable Machine', await whole('wild/teachable/google/image-model.zip')],
    ['Teachable Machine, grey', await whole('wild/teachable/google/tiny-image-model.zip')],
    ['a graph model', await whole('wild/tfjs/emotion/emotion.json', 'wild/tfjs/emotion/emotion.bin')],
    ['bytes of TensorFlow Lite', await whole('wild/tflite/mobilenet_v1_0.25_128_quant.tflite', 'wild/tflite/imagenet_labels.txt')]];
}

/** Something here takes the place of a person: what stands in the page's status line. */
const STATUS = "const status = document.getElementById('status');";

const words = ({ predictions }) => predictions.map(({ name, probability }) => `${name}${(100 * probability).toFixed(1)} %`);

/**
 * @param {string} name     of the browser
 * @param {string | false} skip
 * @param {() => Promise<{goto: (url: string) => Promise<any>, run: (body: string, ...args: any[]) => Promise<any>,
 *   close: () => Promise<void>}>} launch
 */
export function testEverywhere(name, skip, launch) {
  describe(name, { skip }, () => {
    let browser;
    let folder;
    let expected;
    let kerasExpected;
    const servers = {};
    before(async () => {
      browser = await launch();
      for (const isolated of [true, false]) servers[isolated] = await serve({ isolated });
      const cam = await GradCam.load(`${root}/models/pocket/model.json`, { threads: 1 });
      expected = await cam.explain(`${root}${SAMPLE}`);
      cam.dispose();
      folder = await mkdtemp(join(tmpdir(), 'gradcam-everywhere-'));
      await writeKeras(keras3(), join(folder, 'keras3.keras'), { compress: true });
      const keras = await GradCam.load(join(folder, 'keras3.keras'), { threads: 1 });
      kerasExpected = await keras.explain(`${root}${SAMPLE}`, { top: 3 });
      keras.dispose();
    });
    after(async () => {
      await browser?.close();
      for (const server of Object.values(servers)) await server.close();
      if (folder) await rm(folder, { recursive: true, force: true });
    });

    test('nothing can be sent elsewhere: not by the page, not by a worker of it', async () => {
      const asked = [];
      const other = createServer((request, response) => {
        asked.push(request.url);
        response.writeHead(200, { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' }).end('x');
      });
      await new Promise((done) => { other.listen(0, '127.0.0.1', done); });
      const elsewhere = `http://127.0.0.1:${/** @type {any} */ (other.address()).port}`;
      try {
        for (const path of ['', 'learn/']) {
          await browser.goto(`${servers[true].origin}/web/demo/${path}`);
          const found = await browser.run(`
            const [to] = args;
            const asFetch = () => fetch(to + '/fetch', { method: 'POST', mode: 'no-cors', body: 'x' }).then(() => 'sent', () => 'refused');
            const asImage = () => new Promise((done) => {
              const image = new Image();
              image.onload = () => done('sent');
              image.onerror = () => done('refused');
              image.src = to + '/image?x';
            });
            const inWorker = (address, options) => new Promise((done) => {
              try {
                const worker = new Worker(address, options);
                worker.onmessage = ({ data }) => done(data);
                worker.onerror = (event) => { event.preventDefault(); done('refused'); };
                setTimeout(() => done('silent'), 8000);
              } catch {
                done('refused');
              }
            });
            const script = (text) => URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
            const sends = "fetch('" + to + "/worker', { method: 'POST', mode: 'no-cors', body: 'x' }).then(() => 'sent', () => 'refused').then((word) => postMessage(word));";
            const imports = "import('" + to + "/script.js').then(() => 'sent', () => 'refused').then((word) => postMessage(word));";
            navigator.sendBeacon?.(to + '/beacon', 'x');
            return { fetch: await asFetch(), image: await asImage(), worker: await inWorker(script(sends)), module: await inWorker(script(sends), { type: 'module' }),
              script: await inWorker(script(imports), { type: 'module' }) };`, elsewhere);
          assert.deepEqual(found, { fetch: 'refused', image: 'refused', worker: 'refused', module: 'refused', script: 'refused' });
        }
        assert.deepEqual(asked, []);
      } finally {
        other.closeAllConnections();
        other.close();
      }
    });

    test('models of other formats, dropped without a network', async (t) => {
      const own = await serve({ isolated: true });
      let closed = false;
      try {
        await browser.goto(`${own.origin}/web/demo/`);
        const keeps = await browser.run(`${STATUS}
          ${until("/classes/.test(status.textContent)")}
          if (!navigator.serviceWorker) return false;
          const { active } = await navigator.serviceWorker.ready;
          ${until("active.state === 'activated'")}
          return true;`);
        if (keeps) {
          await own.close();
          closed = true;
          await browser.goto(`${own.origin}/web/demo/`);
        }
        t.diagnostic(`${name}: ${keeps ? 'the server is gone' : 'no service worker, the server stays'}`);
        const base64 = (files) => files.map(([file, bytes]) => [file, Buffer.from(bytes).toString('base64')]);
        await browser.run(`${STATUS} ${until("/classes/.test(status.textContent)")} ${DROP} ${until("/forward/.test(status.textContent)")}`,
          base64([['flower.jpg', await readFile(`${root}${SAMPLE}`)]]));
        for (const [what, files] of await formats()) {
          const cam = await GradCam.load(files.map(([file, bytes]) => new File([bytes], file)), { threads: 1 });
          const answer = await cam.explain(`${root}${SAMPLE}`);
          const found = await browser.run(`${STATUS}
            status.textContent = '';
            const start = performance.now();
            ${DROP}
            ${until(`document.getElementById('model-name').textContent.startsWith(${JSON.stringify(cam.model.name.slice(0, 12))}) && /forward/.test(status.textContent)`)}
            return { ms: performance.now() - start, list: [...document.querySelectorAll('#predictions button')].map((one) => one.textContent) };`, base64(files));
          cam.dispose();
          t.diagnostic(`${what}: ${found.ms.toFixed(0)} ms from drop to heatmap`);
          assert.deepEqual(found.list, words(answer), what);
          // On a machine that does something else besides a time says nothing.
          if (loadavg()[0] < 1.5) assert.ok(found.ms <= 2000, `${what}: ${found.ms.toFixed(0)} ms`);
        }
      } finally {
        if (!closed) await own.close();
      }
    });

    for (const isolated of [true, false]) {
      const how = isolated ? 'isolated' : 'not isolated';

      test(`the page, ${how}: a sample, another class, another layer, a Keras file dropped`, async () => {
        await browser.goto(`${servers[isolated].origin}/web/demo/`);
        const found = await browser.run(`${STATUS}
          ${until("/forward/.test(status.textContent)")}
          document.querySelector('#samples button').click();
          ${until("/forward/.test(status.textContent)")}
          const list = () => [...document.querySelectorAll('#predictions button')].map((one) => one.textContent);
          const first = list();
          const tiles = document.querySelectorAll('#sheet canvas').length;
          document.querySelectorAll('#predictions button')[1].click();
          const pressed = document.querySelector('#predictions [aria-pressed=true]').textContent;
          const depth = document.getElementById('depth');
          status.textContent = '';
          depth.value = 20;
          depth.dispatchEvent(new Event('input', { bubbles: true }));
          ${until("/forward/.test(status.textContent)")}
          return { first, pressed, tiles, threads: gradcam.model.threads, engine: gradcam.model.engine,
            isolated: globalThis.crossOriginIsolated, shared: typeof SharedArrayBuffer };`);
        assert.deepEqual(found.first, words(expected));
        assert.equal(found.pressed, words(expected)[1]);
        assert.equal(found.tiles, 5);
        assert.equal(found.isolated, isolated);
        console.log(`# ${name}, ${how}: ${found.engine}, ${found.threads} threads, SharedArrayBuffer ${found.shared}`);

        const base64 = (await readFile(join(folder, 'keras3.keras'))).toString('base64');
        const keras = await browser.run(`${STATUS}
          const content = Uint8Array.from(atob(args[0]), (letter) => letter.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([content], 'keras3.keras'));
          document.getElementById('frame').dispatchEvent(
            new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
          ${until("document.getElementById('model-name').textContent === 'keras3' && /forward/.test(status.textContent)")}
          return [...document.querySelectorAll('#predictions button')].map((one) => one.textContent);`, base64);
        assert.deepEqual(keras, words(kerasExpected));
      });

      test(`the lesson and its elements, ${how}: every step, Node's numbers`, async () => {
        await browser.goto(`${servers[isolated].origin}/web/demo/learn/`);
        const found = await browser.run(`
          const all = [...document.querySelectorAll('grad-cam')];
          all.forEach((one) => one.setAttribute('loading', 'eager'));
          ${until('all.every((one) => one.result)')}
          const [{ cam, result: { predictions: [best], maps: [map] } }] = all;
          return { bad: all.map((one) => one.shadowRoot.querySelector('[data-bad]')?.textContent).filter(Boolean),
            best: best.id, raw: [...map.raw], threads: (await cam).model.threads };`);
        assert.deepEqual(found.bad, []);
        assert.ok(isolated || found.threads === 1);
        assert.equal(found.best, expected.predictions[0].id);
        const { raw, max } = expected.maps[0];
        assert.ok(found.raw.every((value, i) => Math.abs(value - raw[i]) <= 1e-3 * max));

        // A question before its step, an activation turned, a sum by hand, one step on the whole window.
        const more = await browser.run(`
          const section = (id) => document.getElementById(id);
          const seen = (id) => section(id).querySelector('grad-cam').checkVisibility();
          const hidden = !seen('relu');
          ${until("section('relu').querySelectorAll('.choice').length === 3")}
          section('relu').querySelector('.choice').click();
          ${until("seen('relu') && /^You were right/.test(section('relu').querySelector('.verdict').textContent)")}
          document.getElementById('guess').click();
          const shadow = (step) => document.querySelector('grad-cam[steps=' + step + ']').shadowRoot;
          section('knob').scrollIntoView({ behavior: 'instant' });
          const figure = (name) => [...shadow('knob').querySelectorAll('dt')].find((dt) => dt.textContent === name)?.nextElementSibling.textContent;
          ${until("figure('slope here = gradient')")}
          const before = figure('logit now');
          const turn = shadow('knob').querySelector('.turn');
          turn.value = -1;
          turn.dispatchEvent(new Event('input', { bubbles: true }));
          ${until("/^Adding −/.test(shadow('knob').querySelector('[role=status]').textContent)")}
          const turned = shadow('knob').querySelector('[role=status]').textContent;
          ${until("/the activation is/.test(shadow('trace').textContent)")}
          document.getElementById('present').click();
          document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true, composed: true }));
          const stage = [...document.querySelectorAll('main > section')].filter((one) => one.checkVisibility()).map(({ id }) => id);
          document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, composed: true }));
          document.getElementById('share').click();
          ${until("document.getElementById('qr').width > 300")}
          document.getElementById('close').click();
          return { hidden, turned, stage, colour: getComputedStyle(shadow('alpha').querySelector('canvas.plot')).color };`);
        assert.equal(more.hidden, true);
        assert.match(more.turned, /^Adding −[\d.]+ changed the logit by [−+]?[\d.e−]+\. The gradient at 0, [+−]/);
        assert.equal(more.stage.length, 1);
      });
    }
  });
}
