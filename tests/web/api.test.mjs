/**
 * The public API in Node: every way to give a model and a picture, what comes back, that nothing is
 * computed twice, and that everything is freed.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { GradCam, GradCamError, PRESETS } from '../../web/node.js';
import { createHash } from 'node:crypto';
import { noisyPixels, tinyNetwork, tinyPicture } from './tiny.mjs';

const PLAIN = { preprocess: 'rgb,mean=127.5,std=127.5', threads: 1 };
const tiny = tinyNetwork();
const close = (a, b, tolerance = 1e-6) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

describe('one model', () => {
  let cam;
  before(async () => { cam = await GradCam.load(tiny.onnx, PLAIN); });
  after(() => cam.dispose());

  test('says what it is', () => {
    assert.deepEqual(cam.model.input, [8, 8]);
    assert.equal(cam.model.classes, 5);
    assert.equal(cam.model.threads, 1);
    assert.deepEqual(cam.labels, [0, 1, 2, 3, 4].map((id) => `class ${id}`));
    assert.ok(cam.layers().some(({ name, height, width, channels, default: main }) => (
      name === 'relu' && height === 8 && width === 8 && channels === 4 && main)));
    assert.equal(cam.defaultLayer, 'relu');
    assert.ok(cam.methods().some(({ name, title }) => name === 'gradcam' && title === 'Grad-CAM'));
    for (const name of ['jet', 'turbo', 'viridis', 'inferno', 'gray']) {
      assert.ok(cam.colormaps().includes(name), name);
    }
  });

  test('explains: the formula by hand', async () => {
    const picture = tinyPicture(8, 8);
    const { predictions, maps, layer, warnings } = await cam.explain(picture,
      { top: 3, classes: [0, 1, 2, 3, 4] });
    assert.equal(predictions.length, 3);
    assert.equal(layer, 'relu');
    // The forward and Grad-CAM of this network, written out: the gradient of a logit with respect to
    // a channel is its gemm weight / 64 everywhere, so alpha_k = w_k / 64.
    const noise = (i, seed) => Math.fround(Math.sin((i + 1) * 12.9898 + seed * 78.233));
    const pixel = (c, y, x) => (x < 0 || y < 0 || x > 7 || y > 7 ? 0
      : (picture.data[4 * (8 * y + x) + c] - 127.5) / 127.5);
    const relu = [0, 1, 2, 3].map((k) => Array.from({ length: 64 }, (_, i) => {
      const [y, x] = [i >> 3, i & 7];
      let sum = 0;
      for (let c = 0; c < 3; ++c) {
        for (let dy = 0; dy < 3; ++dy) {
          for (let dx = 0; dx < 3; ++dx) {
            sum += noise(((k * 3 + c) * 3 + dy) * 3 + dx, 1) * pixel(c, y + dy - 1, x + dx - 1);
          }
        }
      }
      return Math.max(0, sum);
    }));
    const average = relu.map((channel) => channel.reduce((sum, value) => sum + value) / 64);
    const logits = [0, 1, 2, 3, 4].map((j) => (
      average.reduce((sum, value, k) => sum + value * noise(j * 4 + k, 2), 0)));
    const total = logits.reduce((sum, value) => sum + Math.exp(value), 0);
    for (const { id, score, probability } of predictions) {
      close(score, logits[id], 1e-5);
      close(probability, Math.exp(logits[id]) / total, 1e-5);
    }
    assert.deepEqual(predictions.map(({ id }) => id),
      [0, 1, 2, 3, 4].sort((a, b) => logits[b] - logits[a]).slice(0, 3));
    let without = 0;
    maps.forEach((map, j) => {
      const expected = Array.from({ length: 64 }, (_, i) => (
        relu.reduce((sum, channel, k) => sum + (noise(j * 4 + k, 2) / 64) * channel[i], 0)));
      const max = Math.max(0, ...expected);
      expected.forEach((value, i) => close(map.raw[i], value));
      close(map.max, max);
      map.normalized.forEach((value, i) => close(value, max ? Math.max(0, expected[i]) / max : 0, 1e-5));
      if (max === 0) without += 1;
    });
    assert.ok(without > 0 && without < 5, 'the example has maps with and without evidence');
    assert.deepEqual(warnings.map(({ name }) => name), ['head', ...Array(without).fill('no-evidence')]);
  });

  test('never runs the forward again for the same picture', async () => {
    const picture = tinyPicture(40, 30);
    const first = await cam.explain(picture);
    assert.ok(first.timings.forward > 0);
    for (const options of [{ classes: [4] }, { score: 'softmax' }, { layer: 'conv' }, { top: 2 }]) {
      const again = await cam.explain({ ...picture, data: picture.data.slice() }, options);
      assert.equal(again.timings.forward, 0);
    }
    const other = tinyPicture(40, 30);
    other.data[0] ^= 1;
    assert.ok((await cam.explain(other)).timings.forward > 0, 'one changed value is another picture');
    const otherInput = await cam.explain(other, { resize: 'nearest' });
    assert.ok(otherInput.timings.forward > 0, 'another preprocessing is another input');
  });

  test('takes more classes than the engine makes maps for at once', async () => {
    const classes = Array.from({ length: 130 }, (_, i) => i % 5);
    const { maps } = await cam.explain(tinyPicture(), { classes });
    assert.equal(maps.length, 130);
    assert.deepEqual(maps.map((map) => map.class.id), classes);
    assert.deepEqual(maps[129].raw, maps[4].raw);
  });

  test('paints: canvas pixels and PNG agree, with every preset and interpolation', async () => {
    const { maps } = await cam.explain(tinyPicture(50, 37), { classes: [0, 1, 2, 3, 4] });
    const map = maps.find(({ max }) => max > 0);
    for (const preset of Object.keys(PRESETS)) {
      for (const interpolation of ['nearest', 'bilinear', 'bicubic']) {
        const options = { preset, interpolation, colormap: 'viridis', alpha: 0.6 };
        const painted = map.toImageData(options);
        assert.deepEqual([painted.width, painted.height], [50, 37]);
        const { picture } = await cam.explain(await map.toPNG(options), { classes: [] });
        const worst = painted.data.reduce((most, value, i) => (
          Math.max(most, Math.abs(value - picture.data[i]))), 0);
        // A value that falls between two of the 256 colours may take either.
        assert.ok(worst <= 3, `${preset}, ${interpolation}: differs by ${worst} levels`);
      }
    }
    const veil = map.toImageData({ picture: false, alpha: 0.4, width: 20, height: 10 });
    assert.deepEqual([veil.width, veil.height, veil.data[3]], [20, 10, 102]);
  });

  test('heat that fades out: none at 0, all of it from 1/fade of the maximum on, in PNGs as well', async () => {
    const { maps } = await cam.explain(tinyPicture(50, 37), { classes: [0, 1, 2, 3, 4] });
    const map = maps.find(({ max }) => max > 0);
    const { data } = map.toImageData({ picture: false, alpha: 0.8, fade: 2, interpolation: 'nearest', width: map.width, height: map.height });
    map.normalized.forEach((value, i) => assert.ok(Math.abs(data[4 * i + 3] - 204 * Math.min(1, 2 * value)) <= 2, `${value}`));
    assert.ok(map.normalized.some((value) => value === 0) && map.normalized.some((value) => value > 0.5));
    const painted = map.toImageData({ alpha: 0.8, fade: 2, colormap: 'viridis' });
    const { picture } = await cam.explain(await map.toPNG({ alpha: 0.8, fade: 2, colormap: 'viridis' }), { classes: [] });
    assert.ok(painted.data.every((value, i) => Math.abs(value - picture.data[i]) <= 1));
    assert.throws(() => map.toImageData({ fade: -1 }), { code: 'argument' });
  });

  test('makes a grid', async () => {
    const { maps } = await cam.explain(tinyPicture(60, 40));
    const png = await cam.grid(maps, { columns: 2, tileWidth: 240 });
    const { picture } = await cam.explain(png, { classes: [] });
    assert.ok(picture.width > 480 && picture.height > 3 * 160, `${picture.width}x${picture.height}`);
  });

  test('boxes the evidence', async () => {
    const { maps } = await cam.explain(tinyPicture(80, 60), { classes: [0, 1, 2, 3, 4] });
    const map = maps.find(({ max }) => max > 0);
    const boxes = map.boxes({ threshold: 0.15 });
    assert.ok(boxes.length >= 1);
    for (const { x, y, width, height, area, peak } of boxes) {
      assert.ok(x >= 0 && y >= 0 && x + width <= 80 && y + height <= 60);
      assert.ok(area <= width * height && peak > 0.15 && peak <= 1.0001);
    }
    assert.ok(boxes.every(({ area }, i) => i === 0 || area <= boxes[i - 1].area), 'largest first');
    assert.throws(() => map.boxes({ threshold: 2 }), { code: 'argument' });
  });

  test('names the argument that makes no sense', async () => {
    const picture = tinyPicture();
    const cases = [[{ top: 0 }, /top/], [{ score: 'sigmoid' }, /score/], [{ preset: 'mine' }, /preset/],
      [{ classes: [5] }, /no class 5/], [{ classes: ['pier'] }, /no class named "pier"/],
      [{ layer: 'reluu' }, /reluu/], [{ method: 'mine' }, /mine/], [{ method: 'gradcamp' }, /Did you mean "gradcam/],
      [{ clases: [1] }, /explain\(\) has no option "clases". Did you mean "classes"/], [{ top: '3' }, /top is "3"/],
      [{ onProgress: 5 }, /onProgress must be a function/], [{ signal: 5 }, /AbortSignal/], [{ resize: 'box' }, /box/],
      [{ preprocess: 'grey,mean=1' }, /grey/], [{ preprocess: 'rgb,mean=1/2' }, /mean has 2/],
      [{ colormap: 'jet' }, /no option "colormap"\. There are: top, classes, /]];
    for (const [options, message] of cases) {
      await assert.rejects(cam.explain(picture, options), (error) => (
        error instanceof GradCamError && error.code === 'argument' && message.test(error.message)),
      JSON.stringify(options));
    }
    const { maps: [map] } = await cam.explain(picture);
    assert.throws(() => map.toImageData({ colormap: 'rainbow' }), { code: 'argument' });
    assert.throws(() => map.toImageData({ alpha: 2 }), { code: 'argument' });
    assert.throws(() => map.toImageData({ interpolate: 'nearest' }), /Did you mean "interpolation"/);
    await assert.rejects(cam.grid([map], { column: 2 }), /grid\(\) has no option "column"/);
    await assert.rejects(cam.steps(picture, { classes: 1 }), /Did you mean "class"/);
    assert.throws(() => map.toCanvas(), { code: 'unsupported' });
    await assert.rejects(cam.explain({ width: 3, height: 3, data: new Uint8Array(5) }), { code: 'image' });
    await assert.rejects(cam.explain(42), { code: 'argument' });
  });

  test('report() has the shape of --json', async () => {
    const result = await cam.explain(tinyPicture(), { classes: [1] });
    const report = result.report({ file: 'x.png' });
    assert.deepEqual(Object.keys(report), ['image', 'model', 'preprocess', 'method', 'layer', 'score', 'predictions',
      'maps', 'timings', 'warnings']);
    assert.deepEqual(Object.keys(report.maps[0]), ['class', 'width', 'height', 'max', 'data']);
    assert.deepEqual(Object.keys(report.timings), ['decode', 'forward', 'backward']);
    assert.ok(report.maps[0].data.every((value) => value >= 0 && value <= 1));
    const raw = result.report({ raw: true }).maps[0].data;
    raw.forEach((value, i) => close(value, result.maps[0].raw[i], 1e-6));
  });
});

describe('labels', () => {
  test('classes by name, in any case; ambiguous and mistyped ones say what to do', async () => {
    const cam = await GradCam.load(tiny.onnx,
      { ...PLAIN, labels: ['pier', 'great white shark', 'crane', 'crane', 'dock'] });
    try {
      assert.equal(cam.findClass('Pier'), 0);
      assert.equal(cam.findClass('great_white_shark'), 1);
      assert.equal(cam.findClass('4'), 4);
      assert.throws(() => cam.findClass('crane'), /2 and 3/);
      assert.throws(() => cam.findClass('peir'), /Did you mean "pier"/);
      const { maps } = await cam.explain(tinyPicture(), { classes: ['dock', 1] });
      assert.deepEqual(maps.map((map) => map.class),
        [{ id: 4, name: 'dock' }, { id: 1, name: 'great white shark' }]);
    } finally {
      cam.dispose();
    }
  });
});

describe('sources', () => {
  let folder;
  let server;
  let origin;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-api-'));
    const split = tinyNetwork({ external: true });
    const sha = (bytes) => createHash('sha256').update(bytes).digest('hex');
    await writeFile(join(folder, 'tiny.onnx'), tiny.onnx);
    await writeFile(join(folder, 'split.onnx'), split.onnx);
    await writeFile(join(folder, 'weights.bin'), split.weights);
    await writeFile(join(folder, 'a.bin'), split.weights.subarray(0, 101));
    await writeFile(join(folder, 'b.bin'), split.weights.subarray(101));
    await writeFile(join(folder, 'model.json'), JSON.stringify({
      name: 'sharded', file: 'sharded.onnx', sha256: sha(split.onnx), labels: ['a', 'b', 'c', 'd', 'e'],
      layer: 'conv', input: { order: 'rgb', mean: [1, 2, 3], std: [4, 5, 6], resize: 'nearest' },
      external: 'weights.bin',
      shards: [{ file: 'a.bin', sha256: sha(split.weights.subarray(0, 101)) }, { file: 'b.bin' }],
    }));
    await writeFile(join(folder, 'sharded.onnx'), split.onnx);
    server = createServer(async (request, response) => {
      const bytes = await readFile(join(folder, request.url.slice(1))).catch(() => null);
      response.writeHead(bytes ? 200 : 404).end(bytes);
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    origin = `http://127.0.0.1:${server.address().port}`;
  });
  after(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  async function mapOf(source, options = PLAIN) {
    const cam = await GradCam.load(source, options);
    try {
      const { maps: [map] } = await cam.explain(tinyPicture(), { classes: [0], layer: 'relu' });
      return { raw: map.raw, cam };
    } finally {
      cam.dispose();
    }
  }

  test('bytes, path, URL, Blob, external data beside or given: one result', async () => {
    const { raw } = await mapOf(tiny.onnx);
    const split = tinyNetwork({ external: true });
    const sources = {
      buffer: tiny.onnx.buffer.slice(tiny.onnx.byteOffset, tiny.onnx.byteOffset + tiny.onnx.length),
      path: join(folder, 'tiny.onnx'),
      fileUrl: pathToFileURL(join(folder, 'tiny.onnx')),
      url: `${origin}/tiny.onnx`,
      blob: new Blob([tiny.onnx]),
      beside: join(folder, 'split.onnx'),
      besideUrl: `${origin}/split.onnx`,
      given: { onnx: split.onnx, weights: [join(folder, 'weights.bin')] },
      bytes: { onnx: split.onnx, weights: [{ name: 'weights.bin', bytes: split.weights }] },
      // Converted models: shards that together are the file the model asks for.
      card: join(folder, 'model.json'),
      folder,
      cardUrl: `${origin}/model.json`,
    };
    for (const [kind, source] of Object.entries(sources)) {
      const found = await mapOf(source);
      assert.deepEqual(found.raw, raw, kind);
    }
  });

  test('a card brings labels, layer, preprocessing', async () => {
    const cam = await GradCam.load(join(folder, 'model.json'), { threads: 1 });
    assert.equal(cam.model.name, 'sharded');
    assert.deepEqual(cam.labels, ['a', 'b', 'c', 'd', 'e']);
    assert.equal(cam.defaultLayer, 'conv');
    assert.deepEqual(cam.model.preprocess,
      { mode: 'rgb,mean=1/2/3,std=4/5/6', from: 'card', order: 'rgb', resize: 'nearest', mean: [1, 2, 3], std: [4, 5, 6],
        fit: 'stretch', axes: 'NCHW' });
    cam.dispose();
  });

  /** The tiny network's answer to a picture, with these fields on its card. */
  async function withCard(fields, options = {}, ask = {}) {
    const cam = await GradCam.load({ onnx: tiny.onnx, card: { layer: 'relu', ...fields } }, { ...PLAIN, ...options });
    try {
      const { predictions, warnings } = await cam.explain(tinyPicture(), { top: 5, ...ask });
      const { scores } = await cam.scores(tinyPicture());
      const standing = Math.max(...scores) - scores.reduce((sum, value) => sum + value, 0) / scores.length;
      return { predictions, standing, names: warnings.map(({ name }) => name) };
    } finally {
      cam.dispose();
    }
  }
  const SCORE = 'highest logit less the mean of all';

  test('a card says below which score a picture is nothing that the network knows', async () => {
    const { standing, names } = await withCard({});
    assert.ok(!names.includes('unfamiliar'));
    const told = async (below, ...more) => (await withCard({ unfamiliar: { score: SCORE, below } }, ...more)).names.includes('unfamiliar');
    assert.equal(await told(standing - 1e-3), false);
    assert.equal(await told(standing + 1e-3), true);
    assert.equal(await told(standing + 1e-3, {}, { score: 'softmax', mapInput: 'raw' }), true);
    assert.equal(await told(standing + 1e-3, { head: 'logits' }), false); // the card may speak of another output
    for (const unfamiliar of [5, 'x', [], {}, { below: 5 }, { score: 'energy', below: 5 }, { score: SCORE, below: '5' }, { score: SCORE }]) {
      await assert.rejects(withCard({ unfamiliar }), ({ code, message }) => (
        code === 'model' && /card.*"unfamiliar(\.\w+)?" (must be|is .*must be|is missing)/.test(message) && message.length <= 300), JSON.stringify(unfamiliar));
    }
  });

  test('a network with random weights knows nothing that a picture could be unfamiliar to', async () => {
    const cam = await GradCam.load({ onnx: tiny.onnx, card: { layer: 'relu', unfamiliar: { score: SCORE, below: 1e6 } } }, PLAIN);
    const names = async () => (await cam.explain(tinyPicture())).warnings.map(({ name }) => name);
    assert.ok((await names()).includes('unfamiliar'));
    await cam.randomise(1);
    assert.ok(!(await names()).includes('unfamiliar'));
    cam.dispose();
  });

  test('a card says what kind of thing a class is', async () => {
    const groups = { dog: [0, 3], 'big cat': [1] };
    const byId = ({ predictions }) => predictions.sort((a, b) => a.id - b.id).map(({ group }) => group);
    assert.deepEqual(byId(await withCard({ groups })), ['dog', 'big cat', undefined, 'dog', undefined]);
    assert.ok((await withCard({ groups }, { labels: ['a', 'b', 'c', 'd', 'e'] })).predictions.every((one) => !('group' in one)));
    for (const bad of [{ dog: [5] }, { dog: [-1] }, { dog: [0.5] }, { dog: 1 }, ['dog'], 'dog', 5, { ['d'.repeat(900)]: null }]) {
      await assert.rejects(withCard({ groups: bad }), ({ code, message }) => (
        code === 'model' && /card.*"groups.*" (must be .*0 to 4|is .*must be)/.test(message) && message.length <= 300), JSON.stringify(bad).slice(0, 40));
    }
  });

  test('the bundled network: noise is unfamiliar, a sample is not', async () => {
    const cam = await GradCam.load('pocket', { threads: 1 });
    const sample = await cam.explain(new URL('../../models/pocket/samples/flower.jpg', import.meta.url), { top: 1 });
    assert.deepEqual(sample.warnings, []);
    assert.deepEqual([sample.predictions[0].name, sample.predictions[0].group], ['daisy', 'plant or mushroom']);
    const { warnings } = await cam.explain({ data: noisyPixels(64, 48), width: 64, height: 48 }, { top: 1 });
    assert.deepEqual(warnings.map(({ name }) => name), ['unfamiliar']);
    cam.dispose();
  });

  test('pictures: path, URL, Blob, bytes, data: address', async () => {
    const cam = await GradCam.load(tiny.onnx, PLAIN);
    const { maps: [map] } = await cam.explain(tinyPicture(), { classes: [0] });
    const png = await map.toPNG();
    await writeFile(join(folder, 'p.png'), png);
    const want = (await cam.explain(png, { classes: [1] })).maps[0].raw;
    for (const image of [join(folder, 'p.png'), `${origin}/p.png`, new Blob([png]), Buffer.from(png),
      png.buffer, `data:image/png;base64,${Buffer.from(png).toString('base64')}`]) {
      const { maps: [found], picture } = await cam.explain(image, { classes: [1] });
      assert.deepEqual(found.raw, want);
      assert.deepEqual([picture.width, picture.height], [16, 12]);
    }
    cam.dispose();
  });

  test('an unknown preprocessing is guessed, and said', async () => {
    const cam = await GradCam.load(tiny.onnx, { threads: 1 });
    const { warnings } = await cam.explain(tinyPicture(), { classes: [] });
    assert.deepEqual(warnings.map(({ name }) => name), ['preprocessing-guessed', 'head']);
    cam.dispose();
  });

  test('what is not there is a clear error', async () => {
    const failing = [
      ['no-such-model', 'argument', /no model named "no-such-model"/],
      ['vgg16', 'file', /npx gradcam-wasm fetch vgg16/],
      [join(folder, 'absent.onnx'), 'file', /absent\.onnx: there is no such file/],
      [`${origin}/absent.onnx`, 'network', /404/],
      ['http://127.0.0.1:1/x.onnx', 'network', /x\.onnx could not be fetched/],
      [tinyNetwork({ external: true }).onnx, 'file', /weights\.bin/],
      [new Uint8Array(0), 'model', /./],
      [join(folder, 'x.h5'), 'file', /x\.h5: there is no such file/],
      [{}, 'argument', /A model is/],
    ];
    for (const [source, code, message] of failing) {
      await assert.rejects(GradCam.load(source, PLAIN), (error) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        return error instanceof GradCamError;
      });
    }
    await assert.rejects(GradCam.load(tiny.onnx, { threads: 0 }), { code: 'argument' });
    await assert.rejects(GradCam.load(tiny.onnx, { variant: 'mmx' }), { code: 'argument' });
    await assert.rejects(GradCam.load(tiny.onnx, { thread: 2 }), { code: 'argument', message: /Did you mean "threads"/ });
    assert.throws(() => new GradCam(), { code: 'argument', message: /GradCam\.load/ });
  });

  test('a server that answers with its start page in place of the engine', async () => {
    await writeFile(join(folder, 'gradcam.wasm'), '<!doctype html>');
    for (const variant of ['auto', 'simd']) {
      await assert.rejects(GradCam.load(tiny.onnx, { ...PLAIN, wasmUrl: origin, variant }),
        { code: 'network', message: /gradcam\.wasm\) is not a WebAssembly file.*wasmUrl/ });
    }
  });

  test('a wrong digest is refused', async () => {
    const card = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8'));
    await writeFile(join(folder, 'wrong.json'), JSON.stringify({ ...card, sha256: 'f'.repeat(64) }));
    await assert.rejects(GradCam.load(join(folder, 'wrong.json')), /SHA-256/);
    card.shards[0].sha256 = 'f'.repeat(64);
    await writeFile(join(folder, 'wrong.json'), JSON.stringify(card));
    await assert.rejects(GradCam.load(join(folder, 'wrong.json')), /a\.bin.*SHA-256/);
  });

  test('progress counts every byte, of every file', async () => {
    const seen = new Map();
    const cam = await GradCam.load(join(folder, 'model.json'),
      { ...PLAIN, onProgress: ({ file, loaded, total }) => seen.set(file, [loaded, total]) });
    cam.dispose();
    assert.deepEqual([...seen.keys()], ['sharded.onnx', 'a.bin', 'b.bin']);
    for (const [loaded, total] of seen.values()) assert.equal(loaded, total);
  });

  test('can be cancelled: before, while a download hangs, and after', async () => {
    await assert.rejects(GradCam.load(tiny.onnx, { ...PLAIN, signal: AbortSignal.abort() }),
      { code: 'cancelled' });
    const hanging = createServer((_, response) => response.writeHead(200).write('x'));
    await new Promise((done) => hanging.listen(0, '127.0.0.1', done));
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    await assert.rejects(GradCam.load(`http://127.0.0.1:${hanging.address().port}/a.onnx`,
      { ...PLAIN, signal: controller.signal }), { code: 'cancelled' });
    hanging.closeAllConnections();
    hanging.close();

    const cam = await GradCam.load(tiny.onnx, PLAIN);
    await assert.rejects(cam.explain(tinyPicture(), { signal: AbortSignal.abort() }), { code: 'cancelled' });
    const late = new AbortController();
    const running = cam.explain(tinyPicture(), { signal: late.signal });
    late.abort();
    await assert.rejects(running, { code: 'cancelled' });
    assert.equal((await cam.explain(tinyPicture())).maps.length, 5, 'and it works on');
    cam.dispose();
    await assert.rejects(cam.explain(tinyPicture()), { code: 'state' });
  });
});
