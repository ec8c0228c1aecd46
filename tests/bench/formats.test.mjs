/**
 * What other runtimes make of the same files: TensorFlow.js's own CPU backend of its models, onnxruntime-web's integer kernels of
 * the int8 networks. Both come with the benchmark's packages; without them the tests say so and are skipped.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { describe, test } from 'node:test';
import { convert, memorySink } from '../../models/index.js';
import { given, SIZE, tfjs as ownTfjs } from '../models/forms.mjs';
import { picture } from '../models/noise.mjs';
import { distance, runConverted, shared, without } from '../models/support.mjs';

const quiet = async (load) => {
  const { warn } = console;
  console.warn = () => {};
  try {
    return await load();
  } catch {
    return null;
  } finally {
    console.warn = warn;
  }
};
const tf = await quiet(async () => {
  const module = await import('@tensorflow/tfjs');
  await module.setBackend('cpu');
  return module;
});
const ort = await quiet(() => import('onnxruntime-web'));
const missing = (module, name) => (module ? false : `SKIPPED: ${name} is not installed (npm ci in tests/bench)`);

/* ---- TensorFlow.js -------------------------------------------------------------------------------------- */

/** The artifacts that tfjs's loaders want. */
function artifacts(json, weights) {
  return { ...json, weightSpecs: json.weightsManifest.flatMap((group) => group.weights), weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.length) };
}

/** @param {object} options for convert() @param {any} json @param {Uint8Array} weights @param {[number, number]} size  pixels, channels */
async function compare(t, options, json, weights, [size, channels]) {
  const { card, output: files } = await convert({ ...options, out: memorySink() });
  const { data } = picture(size);
  const nhwc = Float32Array.from({ length: size * size * channels }, (_, i) => data[Math.floor(i / channels) * 4 + (i % channels)] / 255);
  const nchw = Float32Array.from({ length: nhwc.length }, (_, i) => nhwc[(i % (size * size)) * channels + Math.floor(i / (size * size))]);
  const load = json.format === 'graph-model' ? tf.loadGraphModel : tf.loadLayersModel;
  const model = await quiet(() => load({ load: async () => artifacts(json, weights) }));
  const expected = await model.predict(tf.tensor4d(nhwc, [1, size, size, channels])).data();
  const run = await runConverted(files, card, nchw);
  t.after(run.free);
  const off = distance(run.read(run.outputs[0]), expected);
  t.diagnostic(`${expected.length} scores, off by ${off.toExponential(1)}`);
  assert.ok(off <= 1e-5, `off by ${off}`);
}

describe('TensorFlow.js\'s CPU backend', { skip: missing(tf, '@tensorflow/tfjs') }, () => {
  test('a small LayersModel, flat and quantised', async (t) => {
    for (const form of ['float32', 'uint16']) {
      const files = ownTfjs({ form });
      await compare(t, given(files), JSON.parse(new TextDecoder().decode(files['model.json'])), files['group1-shard1of1.bin'], [SIZE, 3]);
    }
  });
  for (const [path, size] of [['tfjs/tiny-vgg/model.json', [64, 3]], ['tfjs/emotion/emotion.json', [64, 1]], ['tfjs/antispoof/antispoof.json', [128, 3]]]) {
    test(path, { skip: without(shared('wild', path)) }, async (t) => {
      const json = JSON.parse(await readFile(shared('wild', path), 'utf8'));
      const weights = new Uint8Array(await readFile(shared('wild', path.replace(basename(path), json.weightsManifest[0].paths[0]))));
      await compare(t, { source: shared('wild', path) }, json, weights, size);
    });
  }
});

/* ---- onnxruntime ------------------------------------------------------------------------------------------ */

/** The cases of tests/golden/ops/NAME.bin; make_ops.py says what is in it. */
async function cases(name) {
  const bytes = await readFile(new URL(`../golden/ops/${name}.bin`, import.meta.url));
  let at = 8;
  const u32 = () => bytes.readUInt32LE((at += 4) - 4);
  const take = () => {
    const length = u32();
    return bytes.subarray(at, at += length);
  };
  const floats = (count) => {
    const values = Float32Array.from({ length: count }, (_, i) => bytes.readFloatLE(at + 4 * i));
    at += 4 * count;
    return values;
  };
  const tensors = () => Array.from({ length: u32() }, () => {
    const label = take().toString();
    const dims = Array.from({ length: u32() }, u32);
    return { name: label, dims, values: floats(dims.reduce((a, b) => a * b, 1)) };
  });
  return Array.from({ length: u32() }, () => {
    const one = { name: take().toString(), onnx: new Uint8Array(take()) };
    at += 4;
    Object.assign(one, { inputs: tensors(), outputs: tensors() });
    const sizeIn = (list) => {
      const label = take().toString();
      return list.find((tensor) => tensor.name === label).values.length;
    };
    for (let gradients = u32(); gradients > 0; gradients--) { // passed over
      const size = sizeIn(one.outputs);
      const B = u32();
      at += 4 * B * size;
      for (let n = u32(); n > 0; n--) {
        const count = B * sizeIn(one.inputs);
        at += 4 * count;
      }
    }
    return one;
  });
}

describe('onnxruntime\'s integer kernels', { skip: missing(ort, 'onnxruntime-web') }, () => {
  for (const name of ['quantize', 'dynamic_quantize']) {
    test(`the networks of ${name}.bin`, async (t) => {
      ort.env.wasm.numThreads = 1;
      ort.env.logLevel = 'fatal';
      const refused = [];
      let agree = 0;
      for (const { name: what, onnx, inputs, outputs } of await cases(name)) {
        const session = await ort.InferenceSession.create(onnx, { executionProviders: ['wasm'], graphOptimizationLevel: 'disabled' }).catch((error) => {
          refused.push(`${what}: ${error.message.slice(0, 120)}`);
          return null;
        });
        if (!session) continue;
        const feeds = Object.fromEntries(inputs.map(({ name: label, dims, values }) => [label, new ort.Tensor('float32', values, dims)]));
        const found = (await session.run(feeds))[outputs[0].name].data;
        const { values } = outputs[0];
        // Their kernels round between integers, which may put a value a step off (softmax cuts fractions off).
        const most = Math.max(...values.map(Math.abs));
        const same = values.reduce((sum, value, i) => sum + (Math.abs(value - found[i]) <= 1e-4 * most), 0);
        const near = values.every((value, i) => Math.abs(value - found[i]) <= 0.03 * most);
        assert.ok(same >= 0.6 * values.length && near, `${what}: ${same} of ${values.length} agree; ${Array.from(values).slice(0, 6)} and ${Array.from(found).slice(0, 6)}`);
        agree += 1;
      }
      t.diagnostic(`${agree} networks agree; not run there: ${refused.join(' | ') || 'none'}`);
      assert.ok(agree >= 5);
    });
  }
});
