// TensorFlow Lite, TensorFlow.js and Teachable Machine's files: every value against PyTorch's
// (tests/golden/make_formats.py), and what damaged files say.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { zipSync } from 'fflate';
import { convert, memorySink, ModelError } from '../../models/index.js';
import { given, SIZE, tflite, tfjs, topology, values } from './forms.mjs';
import { picture, uniform } from './noise.mjs';
import { distance, golden, runConverted, shared, temporary, without } from './support.mjs';

/** The picture of noise.mjs as the card wants it, in ONNX's order. */
function inputOf({ width, height, channels, mean, std }, path) {
  const { data } = picture(width);
  // These files do not say how their pictures are scaled; the reference takes 0..1.
  const [less, over] = /^tfjs/.test(path) ? [[0], [255]] : [mean, std];
  return Float32Array.from({ length: channels * height * width }, (_, i) => {
    const c = Math.floor(i / (height * width));
    return (data[(i % (height * width)) * 4 + c] - less[c % less.length]) / over[c % over.length];
  });
}

for (const [path, expected] of Object.entries(golden('formats.json'))) {
  test(`${path} gives PyTorch's values`, { skip: without(shared('wild', path)) }, async (t) => {
    const { card, output: files } = await convert({ source: shared('wild', path), out: memorySink() });
    const run = await runConverted(files, card, inputOf(card.input, path));
    t.after(run.free);
    let found = run.read(run.outputs[0]);
    if (card.head.kind === 'picture') {
      const [h, w, c] = card.head.dims;
      found = Float32Array.from({ length: expected.length }, (_, i) => found[((i * 997) % c) * h * w + Math.floor((i * 997) / c)]);
    }
    const off = distance(found, expected);
    t.diagnostic(`off by ${off.toExponential(1)}`);
    assert.ok(off <= 1e-4, `off by ${off}`);
  });
}

for (const [path, expected] of Object.entries(golden('formats_rounded.json'))) {
  test(`${path} with its activations rounded gives the integers that PyTorch's give`, { skip: without(shared('wild', path)) }, async (t) => {
    const { card, output: files } = await convert({ source: shared('wild', path), out: memorySink(), fakeQuantize: true });
    const run = await runConverted(files, card, inputOf(card.input, path));
    t.after(run.free);
    const found = run.read(run.outputs[0]);
    // Float32 rounds a value between two integers now and then the other way, and what follows is a step off.
    const step = 1 / 256;
    const steps = Array.from(found, (value, i) => Math.abs(value - expected[i]) / step);
    t.diagnostic(`${steps.filter((off) => off > 1e-3).length} of ${steps.length} differ, at most ${Math.max(...steps)} steps`);
    assert.ok(Array.from(found).every((value) => Math.abs(value / step - Math.round(value / step)) < 1e-3), 'all are whole steps');
    assert.ok(Math.max(...steps) < 4.5, `${Math.max(...steps)} steps off`);
    assert.ok(steps.filter((off) => off > 1e-3).length <= 0.02 * steps.length + 2);
    const [top, best] = [found, expected].map((row) => row.indexOf(Math.max(...row)));
    assert.equal(top, best);
  });
}

/* ---- one network in every form ------------------------------------------------------------------------ */

const noise = uniform('forms/input', 3 * SIZE * SIZE, 1);

async function scores(t, options) {
  const { card, output: files } = await convert({ ...options, out: memorySink() });
  const run = await runConverted(files, card, noise);
  t.after(run.free);
  assert.deepEqual([card.head.kind, card.head.activation, card.input.width, card.input.channels], ['classes', 'softmax', SIZE, 3]);
  return run.read(run.outputs[0]);
}

async function kerasFile(path) {
  const library = (await import('h5wasm/node')).default;
  await library.ready;
  const file = new library.File(path, 'w');
  file.create_attribute('keras_version', '2.15.0');
  file.create_attribute('model_config', JSON.stringify(topology()));
  const root = file.create_group('model_weights');
  const names = ['conv', 'depth', 'bound', 'pool', 'dense'];
  root.create_attribute('layer_names', names);
  for (const name of names) {
    const group = root.create_group(name);
    const own = [...values()].filter(([path_]) => path_.startsWith(`${name}/`));
    if (own.length) group.create_attribute('weight_names', own.map(([path_]) => path_));
    else group.create_attribute('weight_names', new Float64Array(0), [0], '<d');
    if (own.length) group.create_group(name);
    for (const [path_, { shape, data }] of own) group.create_dataset({ name: path_, data, shape });
  }
  file.close();
  return path;
}

test('Keras, TensorFlow.js and TensorFlow Lite files of one network agree within 1e-5', async (t) => {
  const keras = await scores(t, { source: await kerasFile(join(await temporary(t), 'net.h5')) });
  const near = async (options, limit) => {
    const off = distance(await scores(t, options), keras);
    assert.ok(off <= limit, `off by ${off}`);
  };
  await near(given(tfjs()), 1e-5);
  await near(given(tfjs({ shards: 3 })), 1e-5);
  await near({ source: tflite(), fileName: 'net.tflite' }, 1e-5);
  await near({ source: zipSync(tfjs()), fileName: 'net.zip' }, 1e-5);
  await near({ source: zipSync({ 'a/net.tflite': tflite(), 'a/notes.md': new Uint8Array(3) }), fileName: 'net.zip' }, 1e-5);
  // Quantised: as far off as the rounding of the weights lets them be.
  for (const [form, limit] of [['float16', 2e-3], ['uint16', 1e-3], ['uint8', 5e-2]]) await near(given(tfjs({ form })), limit);
  for (const [weights, limit] of [['float16', 2e-3], ['int8', 5e-2]]) await near({ source: tflite({ weights }), fileName: 'net.tflite' }, limit);
});

test('a list of names in the archive behind a .tflite file goes with the model', async () => {
  const model = tflite();
  const zip = zipSync({ 'labels.txt': new TextEncoder().encode('ant\nbee\ncat\ndog\nemu\n') }, { level: 0 });
  // Offsets in the archive count from the beginning of the whole file, as zipfile and TensorFlow write it.
  const view = new DataView(zip.buffer);
  const end = zip.length - 22;
  const start = view.getUint32(end + 16, true);
  view.setUint32(start + 42, view.getUint32(start + 42, true) + model.length, true);
  view.setUint32(end + 16, start + model.length, true);
  const { card } = await convert({ source: Uint8Array.from([...model, ...zip]), fileName: 'net.tflite', out: memorySink() });
  assert.deepEqual(card.labels, ['ant', 'bee', 'cat', 'dog', 'emu']);
});

test('what is wrong with a file is told in a sentence', async () => {
  const files = tfjs({ shards: 2 });
  const [, second] = Object.keys(files).slice(1);
  const json = JSON.parse(new TextDecoder().decode(files['model.json']));
  const changed = (change) => {
    const copy = structuredClone(json);
    change(copy);
    return given({ ...files, 'model.json': new TextEncoder().encode(JSON.stringify(copy)) });
  };
  const lite = tflite();
  const bomb = zipSync({ 'model.json': files['model.json'], 'group1-shard1of2.bin': new Uint8Array(40 << 20), 'group1-shard2of2.bin': files[second] });
  const operator = lite.slice();
  // The kind of the first operator: CONV_2D, in both of its places.
  const { buffer, byteOffset } = operator;
  const view = new DataView(buffer, byteOffset);
  for (let at = 0; at < operator.length - 4; at += 4) if (view.getInt32(at, true) === 25 && at > 8) view.setInt32(at, 120, true);
  for (const [options, code, words] of [
    [given({ ...files, [second]: undefined }), 'format', /keeps weights in group1-shard2of2\.bin, which is missing/],
    [given({ ...files, [second]: new Uint8Array(10) }), 'mismatch', /hold \d+ bytes where model\.json lists \d+: of another model, or cut off/],
    [changed((copy) => { copy.weightsManifest[0].weights[0].dtype = 'int32'; copy.weightsManifest[0].weights[0].shape = [3, 3, 3, 5]; }), 'mismatch', /bytes where/],
    [changed((copy) => { copy.weightsManifest[0].weights[0].dtype = 'complex64'; }), 'unsupported', /is of type complex64/],
    [changed((copy) => { copy.weightsManifest[0].weights[0].name = 'other/kernel'; }), 'mismatch', /layer "conv" \(Conv2D\) needs the weight "kernel"/],
    [changed((copy) => { copy.weightsManifest = []; }), 'format', /lists no weights/],
    [changed((copy) => { copy.modelTopology.model_config.config.layers[2].class_name = 'Wavelet'; }), 'unsupported', /Layer "bound" is of class Wavelet/],
    [changed((copy) => { copy.modelTopology = { node: [{ name: 'x', op: 'Placeholder', attr: { shape: { shape: { dim: [{ size: '1' }, { size: '8' }, { size: '8' }, { size: '3' }] } } } },
      { name: 'y', op: 'FancyOp', input: ['x'] }] }; }), 'unsupported', /operator FancyOp "y" is not supported/],
    [changed((copy) => { copy.modelTopology = { node: ['x', 'age'].map((name, i) => ({ name, op: 'Placeholder',
      attr: { shape: { shape: { dim: [{ size: '-1' }, { size: `${i + 1}` }] } } } })) }; }), 'unsupported', /2 inputs \("x" \?x1, "age" \?x2\); a picture/],
    [{ source: lite.slice(0, lite.length / 2), fileName: 'net.tflite' }, 'format', /net\.tflite is damaged or cut off: something in it lies at byte \d+/],
    [{ source: tflite({ also: [1, 2] }), fileName: 'net.tflite' }, 'unsupported', /2 inputs \("picture" 1x\d+x\d+x3, "age" 1x2\); a picture/],
    [{ source: operator, fileName: 'net.tflite' }, 'unsupported', /operator number 120/],
    [{ source: bomb, fileName: 'bomb.zip' }, 'format', /group1-shard1of2\.bin unpacks to more than 40 MB out of \d+ bytes, too much/],
    [{ source: zipSync(files).slice(0, -60), fileName: 'cut.zip' }, 'format', /cut\.zip/],
  ]) {
    await assert.rejects(convert({ ...options, out: memorySink() }), (error) => {
      assert.ok(error instanceof ModelError);
      assert.match(error.message, words);
      assert.equal(error.code, code, error.message);
      assert.ok(error.message.length <= 300);
      return true;
    });
  }
});
