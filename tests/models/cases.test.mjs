// Keras files that once went wrong, each with its right value (from torch or numpy, in the case's README) or
// the sentence asked for. The files are not part of the project; twins of each kind, made here, are in
// layers.test.mjs (values against PyTorch), meaning.test.mjs, and below.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { convert, memorySink, ModelError, parseLabels } from '../../models/index.js';
import { settingsOf } from '../../models/modes.js';
import { asKeras1, CASES, inputOf, writeH5 } from './fixtures.mjs';
import { uniform } from './noise.mjs';
import { decodePicture, distance, golden, runConverted, shared, temporary, without } from './support.mjs';

const at = (...parts) => shared('..', 'cases', ...parts);

/** The picture as the network is to have it: by the card, or in a mode. */
async function inputFor(card, picture, mode) {
  const { data, width, height } = await decodePicture(picture);
  const { channels: C, width: W, height: H } = card.input;
  assert.deepEqual([width, height], [W, H], 'the case\'s picture has the network\'s size');
  const { order, mean, std } = mode ? settingsOf(mode, C) : card.input;
  const from = order === 'bgr' ? [2, 1, 0] : [0, 1, 2];
  return Float32Array.from({ length: C * H * W }, (_, i) => {
    const c = Math.floor(i / (H * W));
    return (data[(i % (H * W)) * 4 + from[c]] - mean[c]) / std[c];
  });
}

/** The model's scores: before its last activation where the case gives logits. */
async function scores(source, picture, { mode, logits, ...options } = {}) {
  const { card, output } = await convert({ source, out: memorySink(), ...options });
  const run = await runConverted(output, card, await inputFor(card, picture, mode));
  const tensor = logits && card.head.activation !== 'none' ? `${run.outputs[0]}/pre` : run.outputs[0];
  const values = [...run.read(tensor)];
  run.free();
  return { values, card };
}

/** folder, file, picture, right values; mode: as the README says to run it, else by the card */
const RIGHT = [
  ['keras3-op-with-number', 'op_sub.keras', 'rgb64.png', [25.00508, 86.39680, -13.05289, -73.86831], { mode: 'none', logits: true }],
  ['keras3-op-with-number', 'op_mul.keras', 'rgb64.png', [0.34726, 0.41389, 1.13449, 1.14011], { mode: 'none', logits: true }],
  ['keras3-op-with-number', 'op_add.keras', 'rgb64.png', [5.56243, -59.39134, -214.8035, 21.63852], { mode: 'none', logits: true }],
  ['keras3-op-with-number', 'op_rsub.keras', 'rgb64.png', [206.5192, -119.4688, 243.8539, -66.86212], { mode: 'none', logits: true }],
  ['keras3-op-with-number', 'op_max.keras', 'rgb64.png', [-139.3493, -196.9147, -43.63873, 259.2060], { mode: 'none', logits: true }],
  ['keras3-op-with-number', 'mobilenetv3_se.keras', 'rgb64.png', [-0.00696, -0.05433, 0.02435, -0.13859], { logits: true }],
  ['keras-rescaling-numpy', 'rescale_numpy.keras', 'rgb64.png', [-0.280843, -0.090018, 1.800902, 0.316120], { logits: true }],
  ['keras-rescaling-numpy', 'rescale_tensor.keras', 'rgb64.png', [-0.022853, -4.618930, 0.398037, 2.639668], { logits: true }],
  ['keras-rescaling-numpy', 'rescale_list.keras', 'rgb64.png', [0.333107, 0.267760, -0.053621, -0.829120], { logits: true }],
  ['keras-preprocessing-guess', 'augment3.keras', 'rgb64.png', [-0.82218, -0.96820, 2.20598, -2.64456], { logits: true }],
  ['keras-preprocessing-guess', 'pre_nested.keras', 'rgb64.png', [-0.16193, 0.52276, -0.60595, 0.23253], { logits: true }],
  ['keras-windows-zip', 'model.keras', 'in_28x28x1.png', { 8: 0.845313, 0: 0.151394 }, { mode: 'unit' }],
  ['late-rescaling', 'model.keras', 'in_28.png', { 3: 0.41592, 8: 0.27404 }],
  ['nested-rescaling', 'model.keras', 'in_256x256x3.png', { 0: 0.999997, 1: 0.000003 }],
  ['resizing', 'model.keras', 'in_256x256x3.png', [0.974087, 0.025913, 0.0]],
];

for (const [folder, file, picture, right, options = {}] of RIGHT) {
  test(`case ${folder}, ${file}`, { skip: without(at(folder, file)) }, async () => {
    const { values, card } = await scores(at(folder, file), at(folder, picture), options);
    for (const [id, value] of Object.entries(right)) {
      const off = Math.abs(values[id] - value) / Math.max(1, Math.abs(value));
      assert.ok(off < 2e-6 + 1e-5, `class ${id}: ${values[id]}, right is ${value}`);
    }
    if (!options.mode) assert.deepEqual([card.input.mode, card.input.from, card.input.assumed], ['none', 'file', undefined]);
  });
}

async function message(options) {
  const error = await convert({ out: memorySink(), ...options }).then(() => assert.fail('converted'), (e) => e);
  assert.ok(error instanceof ModelError, `${error.stack}`);
  // eslint-disable-next-line no-control-regex
  assert.ok(error.message.length <= 300 && !/undefined|[\0-\x1f]| --\w/.test(error.message), error.message);
  return error;
}

test('case lfs-pointer', { skip: without(at('lfs-pointer')) }, async () => {
  const { message: text } = await message({ source: at('lfs-pointer', 'model.h5') });
  assert.match(text, /^model\.h5 is a Git LFS pointer.* not a model\. Download the file itself/);
});

test('case keras-open-size', { skip: without(at('keras-open-size')) }, async () => {
  const source = at('keras-open-size', 'open.h5');
  const asked = await message({ source });
  assert.match(asked.message, /leaves the input size open \(\? x \? x 3\)/);
  assert.equal(asked.remedy, 'inputSize');
  const sizes = async (options) => {
    const { card } = await convert({ source, out: memorySink(), ...options });
    return [card.input.height, card.input.width, card.input.channels];
  };
  assert.deepEqual(await sizes({ inputShape: [1, 64, 80, 3] }), [64, 80, 3]);
  assert.deepEqual(await sizes({ inputShape: [1, 3, 64, 80] }), [64, 80, 3]);
  assert.deepEqual(await sizes({ inputShape: [64, 80, 3] }), [64, 80, 3]);
  assert.deepEqual(await sizes({ inputSize: [64, 80] }), [64, 80, 3]);
  assert.match((await message({ source, inputShape: [1, 5, 64, 80] })).message, /does not go with the model's 3 channels/);
});

test('case sigmoid-head: one unit is the second of two classes', { skip: without(at('sigmoid-head')) }, async () => {
  const { card } = await convert({ source: at('sigmoid-head', 'model.keras'), out: memorySink() });
  assert.deepEqual([card.head.kind, card.head.activation, card.head.classes], ['binary', 'sigmoid', 2]);
});

test('case two-outputs-features-first: Keras', { skip: without(at('two-outputs-features-first')) }, async () => {
  const source = at('two-outputs-features-first', 'k_twoout.h5');
  const { card } = await convert({ source, out: memorySink() });
  assert.equal(card.head.name, 'gender');
  assert.deepEqual(card.heads.map(({ name, classes }) => [name, classes]), [['gender', 2], ['age', 4]]);
  assert.match(card.warnings[0].text, /"gender" \(2\) was taken\. The other: "age" \(4\)/);
  const other = await scores(source, at('two-outputs-features-first', 'rgb64.png'), { head: 'age' });
  assert.equal(other.values.length, 4);
  assert.equal(other.card.warnings, undefined);
});

test('case weights-and-json', { skip: without(at('weights-and-json')) }, async () => {
  const source = at('weights-and-json', 'weights.hdf');
  const alone = await message({ source });
  assert.match(alone.message, /holds weights but no network.*to_json\(\)/);
  assert.equal(alone.remedy, 'config');
  const config = readFileSync(at('weights-and-json', 'model.json'), 'utf8');
  const { card } = await convert({ source, config, out: memorySink() });
  assert.deepEqual([card.input.height, card.input.width, card.head.kind], [28, 28, 'classes']);
});

for (const [name, labels] of [['water', ['5 Galoon', '500ML']], ['waste', ['cardboard', 'plastic', 'glass', 'metal']]]) {
  const folder = shared('wild', 'teachable', name);
  test(`Teachable Machine's ${name}: PyTorch's values, MobileNetV2's scale and its own labels`, { skip: without(folder) }, async () => {
    const { card, output } = await convert({ source: join(folder, 'keras_model.h5'), out: memorySink() });
    const run = await runConverted(output, card, uniform(`teachable/${name}`, 3 * 224 * 224, 1));
    const off = distance(run.read(run.outputs[0]), golden('teachable.json')[name]);
    run.free();
    assert.ok(off < 1e-5, `off by ${off} from PyTorch's`);
    const { mode, from, network, mean, std, order, height } = card.input;
    assert.deepEqual({ mode, from, network, order, height, mean: mean[0], std: std[0] },
      { mode: 'tf', from: 'network', network: 'MobileNetV2', order: 'rgb', height: 224, mean: 127.5, std: 127.5 });
    const { names, warnings } = parseLabels(readFileSync(join(folder, 'labels.txt')), { classes: card.head.classes });
    assert.deepEqual([names, warnings], [labels, []]);
  });
}

test('real files keep their scale: a guess is marked, a recognised network is not', {
  skip: without(shared('weights', 'mobilenet_0.75_224.h5')),
}, async () => {
  for (const [file, from] of [['mobilenet_0.75_224.h5', 'network'], ['vww_96.h5', 'guess'], ['fer2013_big_XCEPTION.hdf5', 'guess']]) {
    if (!existsSync(shared('weights', file))) continue;
    const { card } = await convert({ source: shared('weights', file), out: memorySink() });
    assert.deepEqual([card.input.from, card.input.assumed], [from, from === 'guess' ? true : undefined], file);
  }
});

/* ---- twins ---- */

test('weights with their to_json() beside them; alone they say what is missing', async (t) => {
  const folder = await temporary(t);
  const [c] = CASES.map((make) => make()).filter(({ name }) => name === 'shapes');
  const [whole, weights] = ['whole.h5', 'weights.bin'].map((name) => join(folder, name));
  await writeH5(c, whole);
  await writeH5(c, weights, { weightsOnly: true });
  const error = await message({ source: weights });
  assert.match(error.message, /weights\.bin holds weights but no network/);
  assert.equal(error.remedy, 'config');
  const [a, b] = await Promise.all([{ source: whole }, { source: weights, config: JSON.stringify(c.finished()) }]
    .map((options) => convert({ ...options, name: 'net', out: memorySink() })));
  assert.deepEqual(b.output.get('net-weights-000.bin'), a.output.get('net-weights-000.bin'));
});

test('the chosen head becomes the first output, and gives its own values', async (t) => {
  const folder = await temporary(t);
  const [c] = CASES.map((make) => make()).filter(({ name }) => name === 'shapes');
  const path = join(folder, 'net.h5');
  await writeH5(c, path);
  const first = async (head) => {
    const { card, output } = await convert({ source: path, out: memorySink(), head });
    const run = await runConverted(output, card, inputOf(c).values);
    const found = { name: run.outputs[0], values: run.read(run.outputs[0]), warnings: card.warnings };
    run.free();
    return found;
  };
  const chosen = await first(undefined);
  assert.equal(chosen.name, 'probabilities');
  assert.match(chosen.warnings[0].text, /^The model has 9 outputs; "probabilities" \(4\) was taken\. Others: /);
  assert.ok(Math.abs(chosen.values.reduce((a, v) => a + v, 0) - 1) < 1e-5);
  const dense = await first('dense');
  assert.equal(dense.values.length, 12);
  assert.equal(dense.warnings, undefined);
  assert.ok(distance(dense.values, chosen.values) === Infinity, 'another output');
});

test('operators that are not understood are refused, never dropped', async (t) => {
  const folder = await temporary(t);
  const refused = async (make, pattern) => {
    const c = CASES[0]();
    make(c);
    await writeH5(c, join(folder, 'net.h5'));
    const { message: text, code } = await message({ source: join(folder, 'net.h5') });
    assert.equal(code, 'unsupported', text);
    assert.match(text, pattern);
  };
  const x = 'input_1';
  await refused((c) => c.operator('odd', 'math.floormod', [x, 0, 0, { y: 3, name: null }]), /"odd" is the operator math\.floormod/);
  await refused((c) => c.operator('cut', '', [x, 0, 0, { slice_spec: { class_name: '__tuple__', items: [{ start: 1, stop: 3, step: null }] } }],
    'SlicingOpLambda', { function: '__operators__.getitem' }), /"cut".*taking this part of a tensor/);
  await refused((c) => c.operator('whole', 'cast', [x, 0, 0, { dtype: 'uint8' }]), /"whole".*whole numbers/);
  await refused((c) => c.operator('mean', 'math.reduce_mean', [x, 0, 0, { axis: [3] }]), /"mean".*mean over other axes/);
  await refused((c) => {
    c.layer('Dropout', [x], { name: 'drop', rate: 0.5 });
    c.layers.get('drop').inbound_nodes = [[['_CONSTANT_VALUE', -1, 2, {}], [x, 0, 0, {}]]];
    c.outputs.push('drop');
  }, /"drop".*a number among its inputs/);
  await refused((c) => c.out('Rescaling', x, 'odd_scale', { scale: { class_name: 'Lambda', config: {} }, offset: 0 }), /something else than numbers/);
});

test('several inputs are named', async (t) => {
  const folder = await temporary(t);
  const c = CASES[0]();
  const config = c.finished();
  config.config.layers.push({ class_name: 'InputLayer', name: 'age', config: { name: 'age', batch_input_shape: [null, 1] }, inbound_nodes: [] });
  config.config.input_layers.push(['age', 0, 0]);
  c.finished = () => config;
  await writeH5(c, join(folder, 'net.h5'));
  assert.match((await message({ source: join(folder, 'net.h5') })).message, /has 2 inputs \("input_1" \?x[\dx]+, "age" \?x1\); a picture can be given to one alone\. Export the branch/);
});

test('a file of Keras 1 gives what its network of today gives', async (t) => {
  const folder = await temporary(t);
  for (const name of ['pools', 'shapes']) {
    const [now] = CASES.map((make) => make()).filter((c) => c.name === name);
    await writeH5(now, join(folder, 'now.h5'));
    const old = asKeras1(now.finished());
    now.finished = () => old;
    await writeH5(now, join(folder, 'old.h5'), { keras: '1.2.2' });
    const [a, b] = await Promise.all(['now.h5', 'old.h5'].map((file) =>
      convert({ source: join(folder, file), name: 'net', out: memorySink() })));
    assert.deepEqual(b.output.get('net.onnx'), a.output.get('net.onnx'));
    assert.deepEqual(b.output.get('net-weights-000.bin'), a.output.get('net-weights-000.bin'));
    const theano = JSON.parse(JSON.stringify(old).replaceAll('"dim_ordering":"tf"', '"dim_ordering":"th"'));
    now.finished = () => theano;
    await writeH5(now, join(folder, 'theano.h5'), { keras: '1.2.2' });
    if (name === 'shapes') assert.match((await message({ source: join(folder, 'theano.h5') })).message, /saved by Keras 1 for Theano/);
  }
});

test('depthwise convolutions under the names that re-saving gives them', async (t) => {
  const folder = await temporary(t);
  const onnx = async (className) => {
    const c = CASES[0]();
    const config = JSON.parse(JSON.stringify(c.finished()).replaceAll('"DepthwiseConv2D"', `"${className}"`));
    c.finished = () => config;
    await writeH5(c, join(folder, 'net.h5'));
    return (await convert({ source: join(folder, 'net.h5'), out: memorySink() })).output.get('net.onnx');
  };
  const own = await onnx('DepthwiseConv2D');
  for (const className of ['Keras2toKeras3DepthwiseConv2D', 'Custom>CustomDepthwiseConv2D', 'PatchedDepthwiseConv2D']) {
    assert.deepEqual(await onnx(className), own, className);
  }
});
