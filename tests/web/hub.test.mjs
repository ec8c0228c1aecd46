/**
 * Models by their name on the Hugging Face hub, from a server of this machine that answers as the hub does: what is
 * fetched, kept, taken up again, and fetched anew; int8 networks among them.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { OnnxGraph } from '../../models/onnx/graph.js';

const MB = 2 ** 20;
const ENGINE = { variant: 'simd', threads: 1 };
const cache = await mkdtemp(join(tmpdir(), 'gradcam-hub-'));
process.env.GRADCAM_MODELS = cache;

/** A convolution, and a wide product behind it, so that the file has several pieces; scores: the channels' means. */
function network({ swap = false, units = 12000 } = {}) {
  const graph = new OnnxGraph('net');
  graph.input('pixel_values', [1, 3, 8, 8]);
  graph.constant('w', 'float32', [2, 3, 1, 1], swap ? [0, 0, 1, 1, 0, 0] : [1, 0, 0, 0, 0, 1]);
  const conv = graph.add('Conv', 'conv', ['pixel_values', 'w'], { kernel_shape: [1, 1], group: 1 });
  const pooled = graph.add('Reshape', 'pooled', [graph.add('GlobalAveragePool', 'average', [conv]), graph.ints('shape', [1, 2])]);
  graph.constant('wide', 'float32', [units, 2], Float32Array.from({ length: 2 * units }, (_, i) => (i < 4 && i % 3 === 0 ? 1 : 0)));
  graph.constant('narrow', 'float32', [2, units], Float32Array.from({ length: 2 * units }, (_, i) => (i === 0 || i === units + 1 ? 1 : 0)));
  graph.constant('ballast', 'float32', [units, 100], new Float32Array(100 * units).fill(0.5));
  const wide = graph.add('Gemm', 'wide_scores', [pooled, 'wide'], { transB: 1 });
  const weighed = graph.add('MatMul', 'weighed', [wide, 'ballast']);
  const nothing = graph.add('Mul', 'nothing', [graph.add('ReduceMean', 'mean', [weighed], { axes: [1], keepdims: 1 }), graph.constant('zero', 'float32', [], [0])]);
  graph.outputs.push({ name: graph.add('Add', 'logits', [graph.add('Gemm', 'narrow_scores', [wide, 'narrow'], { transB: 1 }), nothing]), dims: [1, 2] });
  return graph.encode();
}

/** The same with a dynamically quantised product, as `model_quantized.onnx` of Optimum has it. */
function quantised() {
  const graph = new OnnxGraph('net');
  graph.input('pixel_values', [1, 3, 8, 8]);
  graph.constant('w', 'float32', [2, 3, 1, 1], [1, 0, 0, 0, 0, 1]);
  const conv = graph.add('Conv', 'conv', ['pixel_values', 'w'], { kernel_shape: [1, 1], group: 1 });
  const pooled = graph.add('Reshape', 'pooled', [graph.add('GlobalAveragePool', 'average', [conv]), graph.ints('shape', [1, 2])]);
  graph.initializers.set('whole', { name: 'whole', dims: [2, 2], type: 'int8', data: Uint8Array.of(127, 0, 0, 127) });
  graph.constant('scale', 'float32', [], [1 / 127]);
  graph.nodes.push({ op: 'DynamicQuantizeLinear', name: 'dynamic', inputs: [pooled], outputs: ['q', 'q_scale', 'q_zero'], attributes: {} });
  const product = graph.add('MatMulInteger', 'product', ['q', 'whole', 'q_zero']);
  const real = graph.add('Cast', 'real', [product], { to: 1 });
  graph.outputs.push({ name: graph.add('Mul', 'logits', [real, graph.add('Mul', 'scales', ['q_scale', 'scale'])]), dims: [1, 2] });
  return graph.encode();
}

const json = (value) => Buffer.from(JSON.stringify(value));
const config = json({ id2label: { 0: 'reddish', 1: 'bluish' }, label2id: {} });
const preprocessor = json({ do_normalize: true, do_rescale: true, size: { height: 8, width: 8 }, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] });

/** What lies on the server: path -> [bytes, tag]; what was asked of it; after how many bytes it hangs up, how often, and what then. */
const hub = { files: {}, asked: [], breaks: { after: Infinity, times: 0 } };
const server = createServer((request, response) => {
  const [bytes, etag] = hub.files[request.url] ?? [];
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  hub.asked.push(`${request.method} ${request.url.split('/').at(-1)}${from ? ` from ${from}` : ''}`);
  if (!bytes) {
    response.writeHead(request.url.startsWith('/org/') ? 404 : 401).end('nothing here');
    return;
  }
  const part = bytes.subarray(from);
  response.writeHead(from ? 206 : 200, { ...(etag ? { etag } : {}), 'content-length': part.length, 'accept-ranges': 'bytes',
    ...(from ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}) });
  if (request.method === 'HEAD') response.end();
  else if (hub.breaks.times > 0 && part.length > hub.breaks.after) {
    hub.breaks.times--;
    hub.breaks.then?.();
    response.write(part.subarray(0, hub.breaks.after), () => setTimeout(() => response.destroy(), 100));
  } else response.end(part);
});
await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
const { port } = server.address();
process.env.HF_ENDPOINT = `http://127.0.0.1:${port}`;
const { GradCam } = await import('../../web/node.js');

const blue = { width: 4, height: 4, data: Uint8ClampedArray.from({ length: 64 }, (_, i) => [0, 0, 255, 255][i % 4]) };

async function best(options = {}, name = 'hf:org/net') {
  const cam = await GradCam.load(name, { ...ENGINE, ...options });
  const { predictions } = await cam.explain(blue, { top: 2 });
  cam.dispose();
  return predictions[0].name;
}

after(async () => {
  server.closeAllConnections();
  server.close();
  await rm(cache, { recursive: true, force: true });
});

describe('the Hugging Face hub by name', () => {
  beforeEach(async () => {
    await rm(join(cache, '.hub'), { recursive: true, force: true });
    const at = '/org/net/resolve/main/';
    hub.files = { [`${at}onnx/model.onnx`]: [Buffer.from(network()), '"one"'], [`${at}config.json`]: [config, 'W/"c"'], [`${at}preprocessor_config.json`]: [preprocessor, '"p"'] };
    hub.asked = [];
    hub.breaks = { after: Infinity, times: 0 };
  });

  const model = () => hub.asked.filter((line) => /model\.onnx/.test(line));

  test('progress, labels, and nothing fetched twice while the tag stays', async () => {
    const progress = [];
    assert.equal(await best({ onProgress: (now) => progress.push(now) }), 'bluish');
    const { length } = hub.files['/org/net/resolve/main/onnx/model.onnx'][0];
    assert.ok(length > 4 * MB, `the file has several pieces: ${length} bytes`);
    assert.deepEqual(progress.filter(({ file }) => file === 'model.onnx').at(-1), { file: 'model.onnx', loaded: length, total: length });
    assert.deepEqual(model(), ['GET model.onnx']);
    hub.asked = [];
    assert.equal(await best(), 'bluish');
    assert.deepEqual(hub.asked.sort(), ['HEAD config.json', 'HEAD model.onnx', 'HEAD preprocessor_config.json']);
  });

  test('another tag: fetched anew', async () => {
    await best();
    hub.files['/org/net/resolve/main/onnx/model.onnx'] = [Buffer.from(network({ swap: true })), '"two"'];
    hub.asked = [];
    assert.equal(await best(), 'reddish');
    assert.deepEqual(model(), ['HEAD model.onnx', 'GET model.onnx']);
  });

  test('a download that breaks off goes on at once', async () => {
    hub.breaks = { after: 4.5 * MB, times: 1 };
    assert.equal(await best(), 'bluish');
    assert.equal(model().length, 2);
    assert.match(model()[1], /^GET model\.onnx from \d{7}$/);
  });

  test('one that stays broken goes on the next time', async () => {
    hub.breaks = { after: 4.2 * MB, times: 1 };
    const whole = hub.files;
    hub.breaks.then = () => { hub.files = {}; }; // the server answers 404 from now on
    await assert.rejects(best(), (error) => {
      assert.equal(error.code, 'network');
      assert.ok(error.message.length <= 300);
      return true;
    });
    hub.files = whole;
    hub.asked = [];
    assert.equal(await best(), 'bluish');
    assert.deepEqual(model(), [`GET model.onnx from ${4 * MB}`]);
  });

  test('a file that changed in between begins anew', async () => {
    hub.breaks = { after: 4.2 * MB, times: 1 };
    const whole = hub.files;
    hub.breaks.then = () => { hub.files = {}; };
    await assert.rejects(best());
    hub.files = { ...whole, '/org/net/resolve/main/onnx/model.onnx': [Buffer.from(network({ swap: true })), '"two"'] };
    hub.asked = [];
    assert.equal(await best(), 'reddish');
    assert.deepEqual(model(), [`GET model.onnx from ${4 * MB}`, 'GET model.onnx']);
  });

  test('without a network what is kept works', async () => {
    await best();
    const whole = hub.files;
    server.closeAllConnections();
    await new Promise((done) => { server.close(done); });
    try {
      assert.equal(await best(), 'bluish');
    } finally {
      await new Promise((done) => { server.listen(port, '127.0.0.1', done); });
      hub.files = whole;
    }
  });

  test('cache: none keeps nothing', async () => {
    await best({ cache: 'none' });
    assert.deepEqual(await readdir(join(cache, '.hub')).catch(() => []), []);
  });

  test('a quantised network alone, and one that is asked for', async () => {
    const at = '/org/net/resolve/main/';
    hub.files[`${at}onnx/model_quantized.onnx`] = [Buffer.from(quantised()), '"q"'];
    assert.equal(await best({ weights: 'int8' }), 'bluish');
    assert.ok(hub.asked.includes('GET model_quantized.onnx') && !model().length);
    delete hub.files[`${at}onnx/model.onnx`];
    assert.equal(await best(), 'bluish');
  });

  test('what is not there is told in a sentence', async () => {
    for (const name of ['hf:org/nothing', 'hf:nobody/nothing']) {
      await assert.rejects(best({}, name), (error) => {
        assert.match(error.message, /^nothing has no network where Optimum puts it/);
        assert.ok(error.message.length <= 300);
        return true;
      });
    }
  });
});
