/**
 * The package in a real browser: the numbers of Node, isolated and not, with both kinds of WebAssembly SIMD,
 * from every kind of picture, from another origin, under a strict policy.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { before, describe, test } from 'node:test';
import { GradCam } from '../../web/node.js';
import { browserAndServer, data, openPage, serve, withoutBrowser, withoutData } from './browser.mjs';

const MODEL = 'onnx/squeezenet1_1.onnx';
const CLASSES = [718, 460];
const skip = withoutBrowser || withoutData;

/** In the page: loads, explains, and gives plain data back. */
async function explainThere({ origin, model, image, options, classes }) {
  const { GradCam: Cam } = await import(`${origin}/web/index.js`);
  const cam = await Cam.load(model, { preprocess: 'torch', ...options });
  const { predictions, maps, picture } = await cam.explain(image, { classes });
  const canvas = maps[0].toCanvas();
  const again = await cam.explain(image, { classes: [0] });
  const result = {
    isolated: globalThis.crossOriginIsolated,
    engine: cam.model.engine,
    threads: cam.model.threads,
    predictions,
    maps: maps.map(({ raw }) => Array.from(raw)),
    size: [picture.width, picture.height],
    canvas: [canvas.width, canvas.height],
    png: (await maps[0].toPNG()).length,
    secondForward: again.timings.forward,
  };
  cam.dispose();
  return result;
}

describe('the engine in Chromium', { skip }, () => {
  const web = browserAndServer({ isolated: false });
  let expected;
  before(async () => {
    const cam = await GradCam.load(data(MODEL), { preprocess: 'torch', variant: 'simd', threads: 1 });
    expected = await cam.explain(data('photos/pier.jpg'), { classes: CLASSES });
    cam.dispose();
  });

  function isAsInNode(found, tolerance = 1e-4) {
    assert.deepEqual(found.predictions.map(({ id, name }) => [id, name]),
      expected.predictions.map(({ id, name }) => [id, name]));
    found.predictions.forEach(({ probability }, i) => (
      assert.ok(Math.abs(probability - expected.predictions[i].probability) < tolerance)));
    found.maps.forEach((map, i) => {
      const { raw, max } = expected.maps[i];
      assert.ok(map.every((value, at) => Math.abs(value - raw[at]) <= tolerance * 10 * max), `map ${i}`);
    });
  }

  for (const isolated of [true, false]) {
    for (const variant of ['simd', 'relaxed']) {
      test(`${isolated ? 'isolated, 2 threads' : 'not isolated, 1 thread'}, ${variant}`, async () => {
        const server = await serve({ isolated });
        const { page, problems } = await openPage(web.browser, `${server.origin}/models/labels/imagenet.json`);
        try {
          const found = await page.evaluate(explainThere, {
            origin: server.origin,
            model: `${server.origin}/data/${MODEL}`,
            image: `${server.origin}/data/photos/pier.jpg`,
            classes: CLASSES,
            options: { variant, ...(isolated ? { threads: 2 } : {}) },
          });
          assert.equal(found.isolated, isolated);
          assert.equal(found.threads, isolated ? 2 : 1);
          assert.ok(found.engine.endsWith(variant === 'simd' ? ' simd' : ' relaxed-simd'));
          isAsInNode(found);
          assert.deepEqual([found.size, found.canvas], [[650, 380], [650, 380]]);
          assert.ok(found.png > 10000);
          assert.equal(found.secondForward, 0);
          assert.deepEqual(problems, []);
        } finally {
          await page.close();
          await server.close();
        }
      });
    }
  }

  test('every kind of picture', async () => {
    const { server } = web;
    const { page } = await openPage(web.browser, `${server.origin}/models/labels/imagenet.json`);
    try {
      const found = await page.evaluate(async ({ origin, model }) => {
        const { GradCam: Cam } = await import(`${origin}/web/index.js`);
        const onnx = await (await fetch(model)).blob();
        const cam = await Cam.load(new File([onnx], 'net.onnx'), { preprocess: 'torch' });
        const url = `${origin}/data/golden/decoded/pier.png`;
        const blob = await (await fetch(url)).blob();
        const image = Object.assign(new Image(), { src: url });
        await image.decode();
        const bitmap = await createImageBitmap(blob);
        const canvas = Object.assign(document.createElement('canvas'), { width: 650, height: 380 });
        canvas.getContext('2d').drawImage(bitmap, 0, 0);
        const pixels = canvas.getContext('2d').getImageData(0, 0, 650, 380);
        const offscreen = new OffscreenCanvas(650, 380);
        offscreen.getContext('2d').drawImage(bitmap, 0, 0);
        const webp = await new Promise((done) => canvas.toBlob(done, 'image/webp', 1));
        const kinds = {
          url,
          'relative address': '/data/golden/decoded/pier.png',
          URL: new URL(url),
          blob,
          File: new File([blob], 'pier.png'),
          bytes: new Uint8Array(await blob.arrayBuffer()),
          ArrayBuffer: await blob.arrayBuffer(),
          img: image,
          ImageBitmap: bitmap,
          canvas,
          OffscreenCanvas: offscreen,
          ImageData: pixels,
          VideoFrame: new VideoFrame(bitmap, { timestamp: 0 }),
          WebP: webp,
        };
        const results = {};
        for (const [kind, picture] of Object.entries(kinds)) {
          const { predictions: [{ id, probability }], picture: seen } = await cam.explain(picture, { top: 1 });
          results[kind] = [id, probability, seen.width, seen.height];
        }
        // A tainted canvas, a broken file: errors with a code.
        const codes = [];
        for (const bad of [new Blob(['nothing']), 42, document.createElement('canvas'), '/data/absent.jpg']) {
          if (bad.getContext) bad.width = 0;
          codes.push(await cam.explain(bad).then(() => 'none', ({ code }) => code));
        }
        cam.dispose();
        return { results, codes };
      }, { origin: server.origin, model: `${server.origin}/data/${MODEL}` });
      const [, reference] = found.results.url;
      for (const [kind, [id, probability, width, height]] of Object.entries(found.results)) {
        assert.deepEqual([id, width, height], [718, 650, 380], kind);
        const tolerance = kind === 'WebP' ? 0.02 : kind === 'VideoFrame' ? 1e-3 : 1e-6;
        assert.ok(Math.abs(probability - reference) <= tolerance, `${kind}: ${probability}, ${reference}`);
      }
      assert.deepEqual(found.codes, ['image', 'argument', 'image', 'network']);
    } finally {
      await page.close();
    }
  });

  for (const isolated of [true, false]) {
    test(`the package from another origin, ${isolated ? 'isolated' : 'not isolated'}`, async () => {
      const page0 = await serve({ isolated });
      const cdn = await serve({ isolated: false, headers: {
        'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' } });
      const { page, problems } = await openPage(web.browser, `${page0.origin}/models/labels/imagenet.json`);
      try {
        const found = await page.evaluate(explainThere, {
          origin: cdn.origin,
          model: `${page0.origin}/data/${MODEL}`,
          image: `${page0.origin}/data/photos/pier.jpg`,
          classes: CLASSES,
          options: isolated ? { threads: 2 } : {},
        });
        assert.equal(found.threads, isolated ? 2 : 1);
        isAsInNode(found);
        assert.deepEqual(problems, []);
      } finally {
        await page.close();
        await page0.close();
        await cdn.close();
      }
    });
  }

  /** Loads pocket where one of the package's files is another. */
  async function loadWith(name, change, options) {
    const server = await serve({ isolated: true });
    // Not page.route(): a worker's imports do not go through it.
    const front = createServer(async ({ url }, response) => {
      const found = await fetch(server.origin + url);
      const body = Buffer.from(await found.arrayBuffer());
      const headers = [...found.headers].filter(([key]) => !/^(content-(length|encoding)|connection|keep-alive|transfer-encoding|etag)$/.test(key));
      response.writeHead(found.status, Object.fromEntries(headers)).end(url.endsWith(name) ? change(body) : body);
    });
    await new Promise((done) => front.listen(0, '127.0.0.1', done));
    const origin = `http://127.0.0.1:${front.address().port}`;
    const page = await web.browser.newPage();
    try {
      await page.goto(`${origin}/models/labels/imagenet.json`);
      return await page.evaluate(async (given) => {
        const { GradCam: Cam } = await import(`${location.origin}/web/index.js`);
        try {
          const cam = await Cam.load('pocket', given);
          const { warnings } = await cam.explain('/models/pocket/samples/flower.jpg', { top: 1 });
          const { threads } = cam.model;
          cam.dispose();
          return { isolated: crossOriginIsolated, threads, warnings: warnings.map(({ name: key }) => key) };
        } catch ({ code, message }) {
          return { code, message };
        }
      }, options);
    } finally {
      await page.close();
      front.closeAllConnections();
      await new Promise((done) => front.close(done));
      await server.close();
    }
  }

  test('a damaged engine: an error that says so, and soon', { timeout: 60000 }, async () => {
    for (const variant of ['simd', 'relaxed']) {
      const { code, message } = await loadWith('gradcam.wasm', (file) => file.subarray(0, 100000), { variant, threads: 1 });
      assert.equal(code, 'network', message);
      assert.match(message, /gradcam\.wasm.*is not a WebAssembly file/);
    }
  });

  test('threads that fail at their start: one thread and a warning; an error, where they were asked for', { timeout: 60000,
    skip: availableParallelism() < 2 && 'SKIPPED: one processor, hence no threads' }, async () => {
    const broken = (file) => `if (globalThis.name.startsWith('em-pthread')) throw new Error('no room for a thread');\n${file}`;
    assert.deepEqual(await loadWith('gradcam.js', broken, { threads: 'auto' }),
      { isolated: true, threads: 1, warnings: ['one-thread'] });
    const { code, message } = await loadWith('gradcam.js', broken, { threads: 2 });
    assert.equal(code, 'unsupported', message);
    assert.match(message, /threads cannot be started.*no room for a thread.*threads: 1/);
  });

  test('a strict Content-Security-Policy', async () => {
    const server = await serve({ isolated: true, headers: { 'Content-Security-Policy':
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self'" } });
    const { page, problems } = await openPage(web.browser, `${server.origin}/models/labels/imagenet.json`);
    try {
      const found = await page.evaluate(explainThere, {
        origin: server.origin,
        model: `${server.origin}/data/${MODEL}`,
        image: `${server.origin}/data/photos/pier.jpg`,
        classes: CLASSES,
        options: { threads: 2 },
      });
      isAsInNode(found);
      assert.deepEqual(problems, []);
    } finally {
      await page.close();
      await server.close();
    }
  });
});
