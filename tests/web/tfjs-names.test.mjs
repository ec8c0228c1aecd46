/**
 * MobileNet v1 by name, published as TensorFlow.js: the files that a server of this machine has are made here of an ONNX
 * file with the same weights (0.75), and the answers of the two compared.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { topology } from '../../models/mobilenet/topology.js';
import { readFields } from '../../models/onnx/protobuf.js';
import { data, withoutData } from './shared.mjs';

const NAME = 'mobilenet_v1_0.75';
const WIDTHS = ['0.25', '0.50', '0.75', '1.0'];
const ENGINE = { variant: 'simd', threads: 1 };

/** The weights of an ONNX file: name -> dims and floats. */
function initializers(bytes) {
  const found = new Map();
  for (const { field, value } of readFields(bytes)) {
    if (field !== 7) continue;
    for (const inner of readFields(value)) {
      if (inner.field !== 5) continue;
      const parts = [...readFields(inner.value)];
      const dims = parts.filter((part) => part.field === 1).flatMap((part) => (part.wire === 2 ? [...part.value] : [Number(part.value)]));
      const name = new TextDecoder().decode(parts.find((part) => part.field === 8).value);
      found.set(name, { dims, data: new Float32Array(parts.find((part) => part.field === 9).value.slice().buffer) });
    }
  }
  return found;
}

/** O, I, H, W -> H, W, I, O; or of depthwise kernels C, 1, H, W -> H, W, C, 1. */
function turned({ dims: [O, I, H, W], data: values }, depthwise) {
  const out = new Float32Array(values.length);
  for (let o = 0; o < O; o++) for (let i = 0; i < I; i++) for (let h = 0; h < H; h++) for (let w = 0; w < W; w++) {
    out[((h * W + w) * (depthwise ? O : I) + (depthwise ? o : i)) * (depthwise ? I : O) + (depthwise ? i : o)] = values[((o * I + i) * H + h) * W + w];
  }
  return { shape: depthwise ? [H, W, O, I] : [H, W, I, O], data: out };
}

/** As tfjs's converter writes the network: model.json and shards of 4 MB. */
async function published() {
  const weights = initializers(new Uint8Array(await readFile(data('onnx/mobilenet_0.75_224.onnx'))));
  const list = [];
  const put = (name, shape, values) => list.push({ name, shape, dtype: 'float32', values });
  for (const [name, tensor] of weights) {
    const [layer, kind] = name.split('.');
    const depthwise = /_dw_/.test(layer);
    if (kind === 'weight') {
      const { shape, data: values } = turned(tensor, depthwise);
      put(`${layer}/${depthwise ? 'depthwise_kernel' : 'kernel'}`, shape, values);
    } else if (layer === 'conv_preds') put('conv_preds/bias', tensor.dims, tensor.data);
    else {
      // The file's biases are the shift of normalisations that have gone into the kernels.
      const all = (value) => new Float32Array(tensor.data.length).fill(value);
      put(`${layer}_bn/gamma`, tensor.dims, all(1));
      put(`${layer}_bn/beta`, tensor.dims, tensor.data);
      put(`${layer}_bn/moving_mean`, tensor.dims, all(0));
      put(`${layer}_bn/moving_variance`, tensor.dims, all(1 - 1e-3));
    }
  }
  const bytes = Buffer.concat(list.map(({ values }) => Buffer.from(values.buffer)));
  const shards = Array.from({ length: Math.ceil(bytes.length / 2 ** 22) }, (_, i) => bytes.subarray(i * 2 ** 22, (i + 1) * 2 ** 22));
  const paths = shards.map((_, i) => `group1-shard${i + 1}of${shards.length}`);
  const json = { modelTopology: { keras_version: '2.1.4', backend: 'tensorflow', model_config: topology({ alpha: 0.75 }) },
    weightsManifest: [{ paths, weights: list.map(({ values, ...weight }) => weight) }] };
  return Object.fromEntries([['model.json', Buffer.from(JSON.stringify(json))], ...paths.map((path, i) => [path, shards[i]])]);
}

test('the four widths are known by tfjs\'s own address', async () => {
  for (const width of WIDTHS) {
    const card = JSON.parse(await readFile(new URL(`../../models/mobilenet_v1_${width}/model.json`, import.meta.url)));
    assert.equal(card.name, `mobilenet_v1_${width}`);
    assert.equal(card.download.url, `https://storage.googleapis.com/tfjs-models/tfjs/mobilenet_v1_${width}_224/model.json`);
    assert.deepEqual([card.labels, card.input.mean, card.input.std], ['imagenet', [127.5, 127.5, 127.5], [127.5, 127.5, 127.5]]);
  }
});

describe('MobileNet v1 0.75 from a server', { skip: withoutData }, () => {
  let files;
  let server;
  let folder;
  let GradCam;
  const asked = [];
  before(async () => {
    files = await published();
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      const bytes = files[request.url.slice(1)];
      response.writeHead(bytes ? 200 : 404, bytes ? { etag: `"${bytes.length}"`, 'content-length': bytes.length } : {});
      response.end(request.method === 'HEAD' ? undefined : bytes);
    });
    await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
    folder = await mkdtemp(join(tmpdir(), 'gradcam-tfjs-'));
    process.env.GRADCAM_MODELS = folder;
    const card = JSON.parse(await readFile(new URL(`../../models/${NAME}/model.json`, import.meta.url)));
    await mkdir(join(folder, NAME));
    await writeFile(join(folder, NAME, 'model.json'), JSON.stringify({ ...card, download: { url: `http://127.0.0.1:${server.address().port}/model.json` } }));
    ({ GradCam } = await import('../../web/node.js'));
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const answers = async (source, options = {}) => {
    const cam = await GradCam.load(source, { ...ENGINE, ...options });
    const { predictions, maps } = await cam.explain(data('photos/pier.jpg'), { top: 5, layer: options.layer });
    const { layer } = maps[0];
    cam.dispose();
    return { predictions, map: maps[0].raw, layer };
  };

  test('by name: the answers and the map of the ONNX file; shards are kept', async () => {
    const named = await answers(NAME);
    assert.equal(named.predictions[0].name, 'pier');
    const onnx = await answers(data('onnx/mobilenet_0.75_224.onnx'), { preprocess: 'tf', resize: 'bilinear', labels: 'imagenet' });
    assert.deepEqual(named.predictions.map(({ id }) => id), onnx.predictions.map(({ id }) => id));
    named.predictions.forEach(({ probability }, i) => assert.ok(Math.abs(probability - onnx.predictions[i].probability) < 1e-4));
    const most = Math.max(...onnx.map);
    assert.ok(named.map.every((value, i) => Math.abs(value - onnx.map[i]) < 1e-3 * most), 'the same map');
    const before_ = asked.length;
    await answers(NAME);
    const again = asked.slice(before_).filter((line) => /group1|model\.json/.test(line));
    assert.ok(again.length > 1 && again.every((line) => line.startsWith('HEAD')), again.join(', '));
  });

  test('gradcam fetch converts it into a folder', async () => {
    const { fetchModel } = await import('../../models/fetch.js');
    const cacheDir = await mkdtemp(join(tmpdir(), 'gradcam-fetch-'));
    try {
      const { card } = await fetchModel(NAME, { cacheDir, mirror: `http://127.0.0.1:${server.address().port}`, weights: 'f16' });
      assert.deepEqual([card.name, card.weights, card.labels, card.layer], [NAME, 'f16', 'imagenet', 'conv_pw_13_relu']);
      assert.ok(card.sha256 && !card.download);
      const { predictions } = await answers(join(cacheDir, NAME));
      assert.equal(predictions[0].name, 'pier');
      assert.equal((await fetchModel(NAME, { cacheDir, weights: 'f16' })).cached, true);
      await assert.rejects(fetchModel(NAME, { cacheDir, mirror: folder, force: true }), /holds no model\.json/);
    } finally {
      await rm(cacheDir, { recursive: true, force: true });
    }
  });
});
