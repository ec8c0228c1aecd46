/**
 * Models of other formats, given to GradCam.load and to `gradcam convert` as people have them: Teachable
 * Machine's archives, folders and loose files, TensorFlow.js, TensorFlow Lite.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { OnnxGraph } from '../../models/onnx/graph.js';
import { GradCam } from '../../web/node.js';
import { run } from '../../web/cli/commands.js';
import { tflite } from '../models/forms.mjs';
import { data, withoutData } from './shared.mjs';

const ENGINE = { variant: 'simd', threads: 1 };
const wild = (path) => data(`wild/${path}`);

describe('Teachable Machine', { skip: withoutData }, () => {
  let pictures;
  let parts;
  before(async () => {
    pictures = unzipSync(await readFile(wild('teachable/google/image-model-data.zip')));
    parts = unzipSync(await readFile(wild('teachable/google/image-model.zip')));
  });

  test('Google\'s archive recognises the 22 pictures that it was trained with', async () => {
    const cam = await GradCam.load(wild('teachable/google/image-model.zip'), ENGINE);
    const { preprocess } = cam.model;
    assert.deepEqual([preprocess.mean, preprocess.std, preprocess.fit], [[127, 127, 127], [127, 127, 127], 'crop']);
    let seen = 0;
    for (const [name, png] of Object.entries(pictures)) {
      if (!/\.png$/i.test(name) || /__MACOSX/.test(name)) continue;
      const wanted = /class[ _-]?1/i.test(name) ? 'Class 1' : 'Class 2';
      const { predictions, warnings } = await cam.explain(png, { top: 1 });
      assert.equal(predictions[0].name, wanted, `${name}: ${predictions[0].probability}`);
      assert.deepEqual(warnings, []);
      seen += 1;
    }
    assert.equal(seen, 22);
    cam.dispose();
  });

  test('the archive, its bytes, its files dropped together, its folder and its address give the same', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gradcam-formats-'));
    for (const [name, bytes] of Object.entries(parts)) await writeFile(join(folder, name), bytes);
    const server = createServer(async (request, response) => {
      const bytes = request.url === '/whole.zip' ? whole : await readFile(join(folder, basename(request.url))).catch(() => null);
      response.writeHead(bytes ? 200 : 404).end(bytes);
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const address = `http://127.0.0.1:${server.address().port}/`;
    const [picture] = Object.entries(pictures).filter(([name]) => /\.png$/.test(name)).map(([, png]) => png);
    const whole = await readFile(wild('teachable/google/image-model.zip'));
    const files = Object.entries(parts).map(([name, bytes]) => new File([bytes], name));
    try {
      const found = [];
      for (const source of [wild('teachable/google/image-model.zip'), new File([whole], 'x.zip'), new Uint8Array(whole), files, folder,
        join(folder, 'model.json'), `${address}model.json`, `${address}whole.zip`]) {
        const cam = await GradCam.load(source, ENGINE);
        const { predictions } = await cam.explain(picture, { top: 2 });
        found.push(JSON.stringify([cam.model.preprocess.mean, cam.model.preprocess.fit,
          predictions.map(({ name, probability }) => [name, probability])]));
        cam.dispose();
      }
      assert.deepEqual(new Set(found).size, 1, found.join('\n'));
    } finally {
      server.close();
      await rm(folder, { recursive: true });
    }
  });

  test('the grey 96 x 96 variant', async () => {
    const cam = await GradCam.load(wild('teachable/google/tiny-image-model.zip'), ENGINE);
    assert.deepEqual([cam.model.input, cam.model.channels, cam.model.preprocess.order, cam.model.preprocess.mean], [[96, 96], 1, 'grey', [127]]);
    const { predictions } = await cam.explain(data('photos/pier.jpg'), { top: 2 });
    assert.ok(Math.abs(predictions[0].probability + predictions[1].probability - 1) < 1e-5);
    cam.dispose();
  });

  test('the Keras archive is its h5 file with its labels, cropped', async () => {
    const h5 = await readFile(wild('teachable/water/keras_model.h5'));
    const labels = await readFile(wild('teachable/water/labels.txt'));
    const zip = zipSync({ 'keras_model.h5': h5, 'labels.txt': labels });
    const seen = [];
    for (const source of [new File([zip], 'converted_keras.zip'), wild('teachable/water')]) {
      const cam = await GradCam.load(source, ENGINE);
      const { preprocess } = cam.model;
      assert.deepEqual([preprocess.mean, preprocess.fit], [[127.5, 127.5, 127.5], 'crop']);
      seen.push((await cam.explain(data('photos/dock.jpg'), { top: 2 })).predictions.map(({ name, score }) => [name, score]));
      cam.dispose();
    }
    assert.deepEqual(seen[0], seen[1]);
    assert.deepEqual(seen[0].map(([name]) => name).sort(), ['5 Galoon', '500ML']);
  });
});

describe('TensorFlow Lite', { skip: withoutData }, () => {
  const PHOTOS = ['pier', 'goldfish', 'zebra'];
  for (const name of ['mobilenet_v1_0.75_192_quant', 'tf2_mobilenet_v2_1.0_224_ptq']) {
    // Its first class is no class of ImageNet's: the plain list counts from the second.
    for (const labels of [wild('tflite/imagenet_labels.txt'), 'imagenet', undefined]) test(`${name} names ${PHOTOS.join(', ')}, labels ${labels && basename(labels)}`, async () => {
      const cam = await GradCam.load(wild(`tflite/${name}.tflite`), { ...ENGINE, labels });
      for (const photo of PHOTOS) {
        const { predictions, warnings } = await cam.explain(data(`photos/${photo}.jpg`), { top: 1 });
        assert.match(predictions[0].name, new RegExp(`^${photo}`), `${photo}: ${predictions[0].name}`);
        assert.deepEqual(warnings, []);
      }
      cam.dispose();
    });
  }

  test('the birds model names the parrot, and its heatmap lies on it', async () => {
    const cam = await GradCam.load(wild('tflite/mobilenet_v2_1.0_224_inat_bird_quant.tflite'), { ...ENGINE, labels: wild('tflite/inat_bird_labels.txt') });
    const { predictions, maps } = await cam.explain(wild('tflite/parrot.jpg'), { top: 1 });
    assert.match(predictions[0].name, /Macaw/);
    const { raw, width, height } = maps[0];
    const [top] = [...raw].map((value, i) => [value, i % width, Math.floor(i / width)]).sort((a, b) => b[0] - a[0]);
    assert.ok(top[1] > 0 && top[1] < width - 1 && top[2] < height - 1, `the maximum is at ${top}`);
    cam.dispose();
  });

  test('a person, or none', async () => {
    const cam = await GradCam.load(wild('tflite/person_detect.tflite'), { ...ENGINE, labels: ['no person', 'person'] });
    assert.equal(cam.model.preprocess.order, 'grey');
    assert.equal((await cam.explain(data('photos/pier.jpg'), { top: 1 })).predictions[0].name, 'no person');
    cam.dispose();
  });
});

describe('gradcam convert', { skip: withoutData }, () => {
  let folder;
  before(async () => { folder = await mkdtemp(join(tmpdir(), 'gradcam-formats-')); });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const file of ['teachable/google/image-model.zip', 'tfjs/tiny-vgg', 'tflite/mobilenet_v1_0.25_128_quant.tflite']) {
    test(`${file} becomes ONNX, which gives the same as the file itself`, async () => {
      const out = join(folder, basename(file));
      await run(['convert', wild(file), '-o', out, '--quiet']);
      const onnx = (await readdir(out)).find((name) => name.endsWith('.onnx'));
      const seen = [];
      for (const source of [wild(file), join(out, onnx)]) {
        const cam = await GradCam.load(source, ENGINE);
        seen.push((await cam.explain(data('photos/zebra.jpg'), { top: 3 })).predictions.map(({ name, score }) => [name, score]));
        cam.dispose();
      }
      assert.deepEqual(seen[0], seen[1]);
    });
  }
});

test('Teachable Machine\'s TensorFlow Lite archive: its labels, 127.5, the centred square', async () => {
  const labels = strToU8('0 ant\n1 bee\n2 cat\n3 dog\n4 emu\n');
  for (const [file, bytes] of [['model_unquant.tflite', tflite()], ['model.tflite', tflite({ weights: 'int8' })]]) {
    const cam = await GradCam.load(new File([zipSync({ [file]: bytes, 'labels.txt': labels })], 'converted_tflite.zip'), ENGINE);
    const { mean, std, fit, from } = cam.model.preprocess;
    assert.deepEqual([mean, std, fit, from], [[127.5, 127.5, 127.5], [127.5, 127.5, 127.5], 'crop', 'network'], file);
    const picture = { width: 20, height: 10, data: Uint8ClampedArray.from({ length: 800 }, (_, i) => (i * 37) % 256) };
    assert.ok((await cam.explain(picture, { top: 5 })).predictions.some(({ name }) => name === 'emu'));
    cam.dispose();
  }
});

test('what belongs to no picture, or lacks a part, is told in a sentence', async () => {
  const network = { modelTopology: { class_name: 'Sequential', config: [{ class_name: 'Dense',
    config: { name: 'd', units: 2, batch_input_shape: [null, 4], use_bias: false } }] },
  weightsManifest: [{ paths: ['weights.bin'], weights: [{ name: 'd/kernel', shape: [4, 2], dtype: 'float32' }] }] };
  const file = (name, content) => new File([typeof content === 'string' ? strToU8(content) : content], name);
  const json = file('model.json', JSON.stringify(network));
  const cases = [
    [[json], /model\.json keeps weights in weights\.bin, which is missing/],
    [[json, file('weights.bin', new Uint8Array(31))], /weights\.bin holds 31 bytes where model\.json lists 32/],
    [[json, file('weights.bin', new Uint8Array(32)), file('metadata.json', '{"packageName": "@teachablemachine/pose", "labels": ["a", "b"]}')],
      /Teachable Machine model of poses/],
    [[json, file('weights.bin', new Uint8Array(32)), file('metadata.json', '{"wordLabels": ["a"], "labels": ["a"]}')], /model of sounds/],
  ];
  for (const [files, words] of cases) {
    const source = files.length === 1 ? files[0] : files;
    await assert.rejects(GradCam.load(source, ENGINE), (error) => {
      assert.match(error.message, words);
      assert.ok(error.message.length <= 300);
      return true;
    });
  }
});

test('no reader of another format is loaded before the first such file is', async () => {
  const root = new URL('../../', import.meta.url);
  const seen = new Set();
  const visit = async (url) => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const text = await readFile(url, 'utf8');
    for (const [, file] of text.matchAll(/^(?:import|export)\s[^;]*?from\s+'(\.[^']+)';/gm)) await visit(new URL(file, url));
  };
  for (const start of ['web/index.js', 'web/node.js', 'web/worker/start.js', 'web/worker.js', 'web/demo/app.js']) {
    await visit(new URL(start, root)).catch((error) => { if (error.code !== 'ENOENT') throw error; });
  }
  assert.ok(seen.size > 20, 'the imports were followed');
  const readers = [...seen].map((href) => href.slice(root.href.length))
    .filter((path) => /^models\/(tfjs|tflite|tensorflow|teachable|keras|convert|bundle|packages)/.test(path));
  assert.deepEqual(readers, []);
});

describe('the layout of the Hugging Face hub', () => {
  let folder;
  before(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'gradcam-formats-')), 'tiny-net');
    await mkdir(join(folder, 'onnx'), { recursive: true });
    const graph = new OnnxGraph('net');
    graph.input('pixel_values', [1, 3, 8, 8]);
    graph.constant('w', 'float32', [2, 3, 1, 1], [1, 0, 0, 0, 0, 1]);
    const conv = graph.add('Conv', 'conv', ['pixel_values', 'w'], { kernel_shape: [1, 1], group: 1 });
    const pooled = graph.add('GlobalAveragePool', 'pooled', [conv]);
    graph.outputs.push({ name: graph.add('Reshape', 'logits', [pooled, graph.ints('shape', [1, 2])]), dims: [1, 2] });
    await writeFile(join(folder, 'onnx', 'model.onnx'), graph.encode());
    await writeFile(join(folder, 'config.json'), JSON.stringify({ architectures: ['Net'], id2label: { 0: 'reddish', 1: 'bluish' }, label2id: {} }));
    await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify({ do_normalize: true, do_rescale: true, do_resize: true, do_center_crop: true,
      crop_size: { height: 8, width: 8 }, size: { shortest_edge: 10 }, image_mean: [0.5, 0.25, 0.5], image_std: [0.5, 0.5, 0.25], resample: 3, rescale_factor: 1 / 255 }));
  });
  after(() => rm(join(folder, '..'), { recursive: true, force: true }));

  test('a folder and an address: labels, size, mean, deviation, crop', async () => {
    const asked = [];
    const server = createServer(async (request, response) => {
      asked.push(request.url);
      const bytes = await readFile(join(folder, request.url.replace('/org/tiny-net/resolve/main/', ''))).catch(() => null);
      response.writeHead(bytes ? 200 : 404).end(bytes);
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    try {
      for (const source of [folder, `http://127.0.0.1:${server.address().port}/org/tiny-net/resolve/main/`]) {
        const cam = await GradCam.load(source, ENGINE);
        const { mean, std, fit, ratio, resize } = cam.model.preprocess;
        assert.deepEqual([cam.model.name, mean, std, fit, ratio, resize],
          ['tiny-net', [127.5, 63.75, 127.5], [127.5, 127.5, 63.75], 'crop', 0.8, 'bicubic']);
        const blue = { width: 4, height: 4, data: Uint8ClampedArray.from({ length: 64 }, (_, i) => [0, 0, 255, 255][i % 4]) };
        const { predictions, warnings } = await cam.explain(blue, { top: 2 });
        assert.equal(predictions[0].name, 'bluish');
        // (255 - 127.5) / 63.75 against (0 - 127.5) / 127.5
        assert.deepEqual(predictions.map(({ score }) => score), [2, -1]);
        assert.deepEqual(warnings.filter(({ name }) => name !== 'no-evidence'), []);
        cam.dispose();
      }
      assert.ok(asked.includes('/org/tiny-net/resolve/main/onnx/model.onnx'));
    } finally {
      server.close();
    }
  });

  test('a name of the hub without its organisation is an error', () =>
    assert.rejects(GradCam.load('hf:net', ENGINE), /say hf:ORGANISATION\/NAME/));
});
