/**
 * The door, as a user meets it: models and pictures as people have them, each with its right value or the
 * sentence asked for, through the command line.
 *
 * The cases of the shared folder first (their right values come from torch and numpy, see its READMEs), then
 * twins made here, so that a checkout alone tests each kind.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { OnnxGraph } from '../../models/onnx/graph.js';
import { GradCam } from '../../web/node.js';
import { data, root } from './shared.mjs';
import { tinyNetwork, tinyPicture } from './tiny.mjs';

const cases = data('../cases');
const at = (...parts) => join(cases, ...parts);
const without = (...parts) => (existsSync(at(...parts)) ? false : `SKIPPED: ${at(...parts)} is not there (GRADCAM_SHARED says where)`);

const program = join(root, 'web/cli/gradcam.js');

/** @returns {Promise<{code: number, out: string, err: string}>} */
function gradcam(args, cwd) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [program, ...args], { cwd });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => { out += text; });
    child.stderr.on('data', (text) => { err += text; });
    child.on('close', (code) => done({ code, out, err }));
  });
}

/** What --json says, and every sentence on standard error held to what is promised of sentences. */
async function report(args, cwd) {
  const { code, out, err } = await gradcam([...args, '--json', '-', '--raw', '--top', '100', '--threads', '1'], cwd);
  assert.equal(code, 0, err);
  sentences(err);
  return JSON.parse(out);
}

function sentences(err) {
  for (const line of err.split('\n')) {
    assert.doesNotMatch(line, /undefined|\[object|NaN/);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(line, /[\0-\x08\x0b-\x1f\x7f]/);
    assert.ok(line.length <= 380, `${line.length} characters: ${line}`); // 300, and whose picture it is
  }
}

async function refusal(args, { code: wanted = 1, cwd } = {}) {
  const { code, out, err } = await gradcam(args, cwd);
  assert.equal(code, wanted, out + err);
  assert.equal(out, '');
  sentences(err);
  return err;
}

const scoresOf = ({ predictions }) => predictions.toSorted((a, b) => a.id - b.id).map(({ score }) => score);
const probabilitiesOf = ({ predictions }) => predictions.toSorted((a, b) => a.id - b.id).map(({ probability }) => probability);

function near(found, right, allowed = 2e-5) {
  assert.equal(found.length, right.length, `${found}`);
  right.forEach((value, i) => assert.ok(Math.abs(found[i] - value) <= allowed * Math.max(1, Math.abs(value)),
    `${i}: ${found[i]}, right is ${value}`));
}

/* ---- The shared cases -------------------------------------------------------------------------------- */

const PLAIN5 = [-0.2181, 0.1894, 0.2723, -0.1467, -0.1830];

/** The second line of a case's right.txt. */
const torchLogits = (name) => (existsSync(at(name, 'right.txt'))
  ? readFileSync(at(name, 'right.txt'), 'utf8').split('\n')[1].trim().split(/\s+/).map(Number) : []);

/** folder, model, picture, options, right scores (of every class), or {id: score}, what else is right */
const RIGHT = [
  ['batch-4', 'batch4.onnx', 'rgb64.png', ['--preprocess', 'torch'], PLAIN5, { allowed: 1e-4 }],
  ['onnx-open-size', 'optimum.onnx', 'rgb64.png', ['--preprocess', 'torch', '--input-size', '64x64'], PLAIN5, { allowed: 1e-4 }],
  ['onnx-open-size', 'card', 'rgb64.png', [], PLAIN5, { allowed: 1e-4, from: 'card' }],
  ['two-outputs-features-first', 'two_out1.onnx', 'rgb64.png', ['--preprocess', 'torch'], PLAIN5, { allowed: 1e-4, warning: 'head', head: 'logits' }],
  ['two-outputs-features-first', 'two_out0.onnx', 'rgb64.png', ['--preprocess', 'torch'], PLAIN5, { allowed: 1e-4, warning: 'head', head: 'logits' }],
  ['regression-percent', 'age.onnx', 'rgb64.png', ['--preprocess', 'torch'], [57.01746], { activation: 'none' }],
  ['regression-percent', 'steer.onnx', 'rgb64.png', ['--preprocess', 'torch'], [-3.48254], { activation: 'none' }],
  ['keras3-op-with-number', 'op_sub.keras', 'rgb64.png', ['--preprocess', 'none'], [25.00508, 86.39680, -13.05289, -73.86831]],
  ['keras3-op-with-number', 'op_mul.keras', 'rgb64.png', ['--preprocess', 'none'], [0.34726, 0.41389, 1.13449, 1.14011]],
  ['keras3-op-with-number', 'op_add.keras', 'rgb64.png', ['--preprocess', 'none'], [5.56243, -59.39134, -214.8035, 21.63852]],
  ['keras3-op-with-number', 'op_rsub.keras', 'rgb64.png', ['--preprocess', 'none'], [206.5192, -119.4688, 243.8539, -66.86212]],
  ['keras3-op-with-number', 'op_max.keras', 'rgb64.png', ['--preprocess', 'none'], [-139.3493, -196.9147, -43.63873, 259.2060]],
  ['keras3-op-with-number', 'mobilenetv3_se.keras', 'rgb64.png', [], [-0.00696, -0.05433, 0.02435, -0.13859]],
  ['keras-rescaling-numpy', 'rescale_numpy.keras', 'rgb64.png', [], [-0.280843, -0.090018, 1.800902, 0.316120], { from: 'file' }],
  ['keras-rescaling-numpy', 'rescale_tensor.keras', 'rgb64.png', [], [-0.022853, -4.618930, 0.398037, 2.639668], { from: 'file' }],
  ['keras-rescaling-numpy', 'rescale_list.keras', 'rgb64.png', [], [0.333107, 0.267760, -0.053621, -0.829120], { from: 'file' }],
  ['keras-preprocessing-guess', 'augment3.keras', 'rgb64.png', [], [-0.82218, -0.96820, 2.20598, -2.64456], { from: 'file' }],
  ['keras-preprocessing-guess', 'pre_nested.keras', 'rgb64.png', [], [-0.16193, 0.52276, -0.60595, 0.23253], { from: 'file' }],
  ...['flip', 'cat', 'index'].map((how) => (
    ['channel-gather', `bgr_${how}.onnx`, 'rgb64.png', ['--preprocess', 'none'], { 1: 0.17905, 2: 0.27864 }])),
  ['cbam-reducemax', 'cbam.onnx', 'rgb64.png', ['--preprocess', 'torch'], [0.28742, -0.17416, 0.14498, -0.23825, 0.20791]],
  ...['vit_small64_erf', 'vit_small64_tanh', 'convnext_small_tanhgelu'].map((name) => (
    [name, 'model.onnx', 'in.png', ['--preprocess', 'torch'], torchLogits(name)])),
];

describe('shared cases: the right scores', () => {
  for (const [folder, model, picture, options, right, more = {}] of RIGHT) {
    test(`${folder}, ${model}`, { skip: without(folder, model) }, async () => {
      const result = await report([at(folder, picture), '--model', at(folder, model), ...options]);
      const scores = scoresOf(result);
      if (Array.isArray(right)) near(scores, right, more.allowed);
      else near(Object.keys(right).map((id) => scores[id]), Object.values(right), more.allowed);
      if (more.from) assert.equal(result.preprocess.from, more.from);
      if (more.activation) assert.equal(result.model.activation, more.activation);
      if (more.activation === 'none') assert.ok(result.predictions.every(({ probability }) => probability === null));
      if (more.head) assert.equal(result.model.head, more.head);
      const names = result.warnings.map(({ name }) => name);
      assert.equal(names.includes(more.warning), more.warning !== undefined, names.join());
    });
  }

  /** folder, model, picture, right probabilities */
  const PROBABLE = [
    ['keras-windows-zip', 'model.keras', 'in_28x28x1.png', ['--preprocess', 'unit'], { 8: 0.845313, 0: 0.151394 }],
    ['late-rescaling', 'model.keras', 'in_28.png', [], { 3: 0.41592, 8: 0.27404 }, 'file'],
    ['nested-rescaling', 'model.keras', 'in_256x256x3.png', [], { 0: 0.999997, 1: 0.000003 }, 'file'],
    ['resizing', 'model.keras', 'in_256x256x3.png', [], { 0: 0.974087, 1: 0.025913, 2: 0 }, 'file'],
    ['multi-label', 'multilabel_sig.onnx', 'rgb64.png', ['--preprocess', 'torch'], { 0: 0.9823, 1: 0.9827, 2: 0.0184, 3: 0.0183, 4: 0.9490 }],
    ['multi-label', 'multilabel.onnx', 'rgb64.png', ['--preprocess', 'torch', '--activation', 'sigmoid'],
      { 0: 0.9823, 1: 0.9827, 2: 0.0184, 3: 0.0183, 4: 0.9490 }],
  ];
  for (const [folder, model, picture, options, right, from] of PROBABLE) {
    test(`${folder}, ${model}`, { skip: without(folder, model) }, async () => {
      const result = await report([at(folder, picture), '--model', at(folder, model), ...options]);
      const probabilities = probabilitiesOf(result);
      near(Object.keys(right).map((id) => probabilities[id]), Object.values(right), 1e-4);
      if (from) assert.equal(result.preprocess.from, from);
    });
  }

  test('keras-open-size: asks for the size, and takes it', { skip: without('keras-open-size') }, async () => {
    const args = [at('keras-open-size/rgb64.png'), '--model', at('keras-open-size/open.h5')];
    assert.match(await refusal(args), /leaves the input size open.*--input-size 224x224/);
    assert.deepEqual((await report([...args, '--input-size', '64x64'])).model.input, [64, 64]);
    // Keras's own order of axes, and ONNX's.
    for (const shape of [[1, 64, 64, 3], [1, 3, 64, 64]]) {
      const cam = await GradCam.load(at('keras-open-size/open.h5'), { inputShape: { input_1: shape }, threads: 1 });
      assert.deepEqual(cam.model.input, [64, 64]);
      cam.dispose();
    }
  });

  test('onnx-open-size, cli-no-input-shape: asked for', { skip: without('onnx-open-size') }, async () => {
    assert.match(await refusal([at('onnx-open-size/rgb64.png'), '--model', at('onnx-open-size/optimum.onnx')]),
      /leaves the size of its pictures open \(\? x 3 x \? x \?\)\. Say the size: --input-size 224x224/);
    assert.match(await refusal([at('onnx-open-size/rgb64.png'), '--model', at('cli-no-input-shape/model.onnx')]), /--input-size/);
  });

  test('two heads: either can be asked about', { skip: without('two-outputs-features-first') }, async () => {
    const folder = 'two-outputs-features-first';
    for (const model of ['agegender.onnx', 'k_twoout.h5']) {
      const args = [at(folder, 'rgb64.png'), '--model', at(folder, model), '--preprocess', 'torch'];
      const first = await report([...args, '--head', '0']);
      const second = await report([...args, '--head', '1']);
      assert.notEqual(first.model.head, second.model.head);
      assert.deepEqual((await report([...args, '--head', second.model.head])).predictions, second.predictions);
      assert.ok((await report(args)).warnings.some(({ name, remedy }) => name === 'head' && remedy === 'head'));
      assert.ok([...first.warnings, ...second.warnings].every(({ name }) => name !== 'head'), 'who chooses need not be told');
    }
  });

  test('sigmoid-head: two classes, the unit being the second; a map for each', { skip: without('sigmoid-head') }, async () => {
    const args = [at('two-inputs/rgb64.png'), '--model', at('sigmoid-head/model.keras'), '--preprocess', 'unit'];
    const labels = join(await mkdtemp(join(tmpdir(), 'gradcam-cases-')), 'labels.txt');
    await writeFile(labels, 'closed\nopen\n');
    const result = await report([...args, '--labels', labels]);
    assert.deepEqual([result.model.classes, result.model.activation], [2, 'sigmoid']);
    const [closed, open] = result.predictions.toSorted((a, b) => a.id - b.id);
    assert.deepEqual([closed.name, open.name], ['closed', 'open']);
    near([closed.probability + open.probability], [1], 1e-6);
    const { maps } = await report([...args, '--labels', labels, '--class', 'closed', '--class', 'open']);
    near(maps[0].data, maps[1].data.map((value) => -value), 1e-6);
    await rm(resolve(labels, '..'), { recursive: true });
  });

  test('segmentation: said', { skip: without('segmentation') }, async () => {
    for (const [model, size] of [['seg1.onnx', '1 x 64 x 64'], ['seg3.onnx', '3 x 64 x 64']]) {
      const { code, out, err } = await gradcam([at('segmentation/rgb64.png'), '--model', at('segmentation', model), '--preprocess', 'torch']);
      assert.equal(code, 0, err);
      assert.ok(err.includes(`is a picture (${size})`), err);
      assert.doesNotMatch(out, /class \d/);
    }
  });

  test('scores-of-4d-output: the numbers of an output without classes come in the file\'s order', { skip: without('scores-of-4d-output') }, async () => {
    const [, list] = /\[(.*)\]/.exec(await readFile(at('scores-of-4d-output/right.txt'), 'utf8'));
    const cam = await GradCam.load(at('scores-of-4d-output/model.onnx'), { preprocess: 'none', threads: 1 });
    assert.deepEqual([...(await cam.scores(at('scores-of-4d-output/in.png'))).scores], list.split(',').map(Number));
    cam.dispose();
  });

  test('guided-without-relu, gem-default-layer: said, and passed over', { skip: without('guided-without-relu') }, async () => {
    const guided = await report([at('guided-without-relu/rgb64.png'), '--model', at('guided-without-relu/silu.onnx'), '--preprocess', 'torch',
      '--method', 'guided']);
    assert.ok(guided.warnings.some(({ text }) => /no ReLU/.test(text)), JSON.stringify(guided.warnings));
    const gem = await report([at('gem-default-layer/rgb64.png'), '--model', at('gem-default-layer/gem.onnx'), '--preprocess', 'torch']);
    assert.equal(gem.layer, '/Relu_1_output_0');
  });

  test('bmp32-without-alpha, jpeg-without-end-marker: the picture itself', { skip: without('bmp32-without-alpha') }, async () => {
    const cam = await GradCam.load('pocket', { threads: 1 });
    const pixels = async (path) => (await cam.explain(path, { classes: [] })).picture;
    for (const [folder, one, other] of [['bmp32-without-alpha', 'a.bmp', 'rgba.bmp'], ['jpeg-without-end-marker', 'base.jpg', 'no_eoi.jpg']]) {
      assert.deepEqual(await pixels(at(folder, other)), await pixels(at(folder, one)), folder);
    }
    assert.ok((await pixels(at('jpeg-without-end-marker/panorama.jpg'))).width > 0);
    cam.dispose();
  });

  test('weights-and-json: with --config, and found beside', { skip: without('weights-and-json') }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gradcam-cases-'));
    const [weights, config] = ['weights.hdf', 'model.json'].map((name) => at('weights-and-json', name));
    await copyFile(weights, join(folder, 'weights.hdf'));
    const picture = at('two-inputs/rgb64.png');
    assert.match(await refusal([picture, '--model', join(folder, 'weights.hdf')]), /holds weights but no network.*--config FILE/);
    const given = await report([picture, '--model', join(folder, 'weights.hdf'), '--config', config]);
    assert.ok(given.predictions.length > 1);
    assert.deepEqual((await report([picture, '--model', weights])).predictions, given.predictions);
    await rm(folder, { recursive: true });
  });
});

/** folder, model, picture, exit code, what is said */
const SAID = [
  ['lfs-pointer', 'model.h5', /model\.h5 is a Git LFS pointer.*git lfs pull/],
  ['two-inputs', 'twoin.onnx', /2 inputs \("\w+" [\dx]+, "right" [\dx]+\); a picture can be given to one alone\. Export the branch/],
  ['two-inputs', 'meta.onnx', /2 inputs .* 1x3x\d+x\d+, .*constants/],
  ['nchw-width-1', 'strip11.onnx', /has 11 channels; a picture has 1 \(grey\), 3/],
];

describe('shared cases: the sentence', () => {
  for (const [folder, model, words] of SAID) {
    test(`${folder}, ${model}`, { skip: without(folder, model) }, async () => {
      assert.match(await refusal([at('two-inputs/rgb64.png'), '--model', at(folder, model)]), words);
    });
  }

  for (const model of ['bit_groupnorm', 'cosine', 'ln17', 'Gelu', 'Mish', 'bntrain', 'dynq', 'qdq', 'nhwc_uint8', 'uint8', 'ReduceMax']) {
    test(`unsupported-operators, ${model}: runs, or names what is missing`, { skip: without('unsupported-operators', `${model}.onnx`) }, async () => {
      for (const picture of ['rgb32.png', 'rgb64.png']) {
        const { code, err } = await gradcam([at('unsupported-operators', picture), '--model', at('unsupported-operators', `${model}.onnx`),
          '--preprocess', 'torch']);
        sentences(err);
        assert.ok(code === 0 || (code === 1 && err.length < 420), err);
      }
    });
  }
});

/* ---- Teachable Machine ---------------------------------------------------------------------------------- */

describe('Teachable Machine', () => {
  for (const name of ['waste', 'water']) {
    const folder = data(`wild/teachable/${name}`);
    test(`${name}: recognised, named by its labels`, { skip: existsSync(folder) ? false : `SKIPPED: ${folder} is not there` }, async () => {
      const names = (await readFile(join(folder, 'labels.txt'), 'utf8')).trim().split(/\r?\n/).map((line) => line.replace(/^\d+\s+/, '').trim());
      for (const model of [join(folder, 'keras_model.h5'), folder]) {
        const { code, out, err } = await gradcam([join(root, 'models/pocket/samples/golf_ball.jpg'), '--model', model]);
        assert.equal(code, 0, err);
        assert.doesNotMatch(out, /guess/);
        const { predictions, preprocess } = await report([join(root, 'models/pocket/samples/golf_ball.jpg'), '--model', model]);
        assert.deepEqual([preprocess.mode, preprocess.from], ['tf', 'network']);
        assert.deepEqual(predictions.toSorted((a, b) => a.id - b.id).map((one) => one.name), names.map((one) => one.replaceAll('_', ' ')));
      }
    });
  }
});

/* ---- Twins made here -------------------------------------------------------------------------------------- */

const floats = (values) => new Uint8Array(Float32Array.from(values).buffer);

/** Global average of each channel, then a dense layer with the weights given: [units][channels]. */
function averages({ weights, channels = 3, dims = [1, channels, 8, 8], end, outputs = [] }) {
  const graph = new OnnxGraph('averages');
  graph.input('picture', dims);
  graph.weight('kernel', 'float32', [channels, 1, 1, 1]);
  graph.initializers.get('kernel').data = floats(Array(channels).fill(1));
  graph.add('Conv', 'conv', ['picture', 'kernel'], { kernel_shape: [1, 1], group: channels });
  graph.add('GlobalAveragePool', 'gap', ['conv']);
  graph.add('Flatten', 'flat', ['gap']);
  graph.weight('dense', 'float32', [weights.length, channels]);
  graph.initializers.get('dense').data = floats(weights.flat());
  graph.add('Gemm', 'logits', ['flat', 'dense'], { transB: 1 });
  if (end) graph.add(end, 'out', ['logits'], end === 'Softmax' ? { axis: 1 } : {});
  graph.outputs.push(...outputs, { name: end ? 'out' : 'logits', dims: [dims[0], weights.length] });
  return graph.encode();
}

const UNIT = { preprocess: 'unit', threads: 1 };

/** A picture of one colour on the left, and another on the right. */
function halves(width, height, left, right) {
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; ++i) pixels.set([...(i % width < width / 2 ? left : right), 255], 4 * i);
  return { width, height, data: pixels };
}

async function answer(onnx, picture, options = {}, explain = {}) {
  const cam = await GradCam.load(onnx, { ...UNIT, ...options });
  try {
    return Object.assign(await cam.explain(picture, explain), { model: cam.model, labels: cam.labels });
  } finally {
    cam.dispose();
  }
}

const ONE = [[1, 0, 0], [0, 1, 0]];

describe('twins: outputs', () => {
  const picture = halves(8, 8, [255, 0, 0], [255, 0, 0]);

  test('one linear unit is a value; one sigmoid unit is two classes', async () => {
    const value = await answer(averages({ weights: [[2, 0, 0]] }), picture);
    assert.deepEqual([value.model.kind, value.model.activation, value.labels], ['value', 'none', ['value']]);
    assert.deepEqual([value.predictions.length, value.predictions[0].probability], [1, null]);
    near([value.predictions[0].score], [2]);
    const binary = await answer(averages({ weights: [[2, 0, 0]], end: 'Sigmoid' }), picture, { labels: ['cat', 'dog'] });
    assert.equal(binary.model.kind, 'binary');
    assert.deepEqual(binary.predictions.map(({ name }) => name), ['dog', 'cat']);
    near(binary.predictions.map(({ probability }) => probability), [1 / (1 + Math.exp(-2)), 1 / (1 + Math.exp(2))]);
    near(binary.maps[1].raw, binary.maps[0].raw.map((v) => -v));
  });

  test('sigmoids, in the file or said to be, are labels each for itself', async () => {
    const weights = [[2, 0, 0], [1, 0, 0], [-1, 0, 0]];
    for (const [onnx, options] of [[averages({ weights, end: 'Sigmoid' }), {}], [averages({ weights }), { activation: 'sigmoid' }]]) {
      const { predictions, model } = await answer(onnx, picture, options);
      assert.equal(model.kind, 'labels');
      near(predictions.map(({ probability }) => probability), [2, 1, -1].map((z) => 1 / (1 + Math.exp(-z))));
    }
    const values = await answer(averages({ weights }), picture, { activation: 'none' });
    assert.ok(values.predictions.every(({ probability }) => probability === null));
  });

  test('several outputs: the one like class scores, a warning that names the others, head to choose', async () => {
    const onnx = averages({ weights: ONE, outputs: [{ name: 'flat', dims: [1, 3] }] });
    const { model, warnings } = await answer(onnx, picture);
    assert.deepEqual([model.head, model.heads.map(({ name }) => name), model.classes], ['logits', ['flat', 'logits'], 2]);
    assert.match(warnings.find(({ name }) => name === 'head').text, /"logits" \(2\) was taken\. The other: "flat"/);
    for (const head of ['flat', 0]) {
      const chosen = await answer(onnx, picture, { head });
      assert.deepEqual([chosen.model.head, chosen.model.classes, chosen.warnings.map(({ name }) => name).includes('head')], ['flat', 3, false]);
    }
    await assert.rejects(GradCam.load(onnx, { ...UNIT, head: 'nope' }), { code: 'argument', remedy: 'head' });
  });

  test('a picture as output is said, not thousands of classes', async () => {
    const graph = new OnnxGraph('mask');
    graph.input('picture', [1, 3, 8, 8]);
    graph.add('Sigmoid', 'mask', ['picture']);
    graph.outputs.push({ name: 'mask', dims: [1, 3, 8, 8] });
    const { predictions, maps, warnings, model } = await answer(graph.encode(), picture);
    assert.deepEqual([predictions, maps, model.kind, model.classes], [[], [], 'picture', 0]);
    assert.match(warnings.find(({ name }) => name === 'no-classes').text, /"mask" is a picture \(3 x 8 x 8\)/);
  });
});

describe('twins: geometry', () => {
  // Left 3/4 of a wide picture red: the centre square of 8x16 sees columns 4 to 11.
  const wide = halves(16, 8, [255, 0, 0], [0, 255, 0]);
  wide.data.fill(0);
  for (let i = 0; i < 128; ++i) wide.data.set(i % 16 < 12 ? [255, 0, 0, 255] : [0, 255, 0, 255], 4 * i);
  const scores = ({ predictions }) => predictions.toSorted((a, b) => a.id - b.id).map(({ score }) => score);

  test('stretch, crop and pad see what they say, and maps lie on that part', async () => {
    const onnx = averages({ weights: ONE });
    const stretch = await answer(onnx, wide, { resize: 'nearest' });
    near(scores(stretch), [0.75, 0.25]);
    assert.equal(stretch.view, null);
    const crop = await answer(onnx, wide, { fit: 'crop' });
    near(scores(crop), [1, 0]);
    assert.deepEqual(crop.view, { x: 4, y: 0, width: 8, height: 8 });
    const pad = await answer(onnx, wide, { fit: 'pad', resize: 'nearest' });
    near(scores(pad), [0.375, 0.125]); // half of it is border: the mean, 0
    assert.deepEqual(pad.view, { x: 0, y: -4, width: 16, height: 16 });
    assert.deepEqual(crop.report().preprocess, { mode: 'unit', fit: 'crop', from: 'option' });
    near(scores(await answer(onnx, wide, { fit: 'stretch', resize: 'nearest' }, { fit: 'crop' })), [1, 0]);
  });

  test('a crop with a ratio', async () => {
    const onnx = averages({ weights: ONE });
    const { view } = await answer(onnx, halves(32, 16, [255, 0, 0], [255, 0, 0]), { fit: 'crop:0.5' });
    assert.deepEqual(view, { x: 12, y: 4, width: 8, height: 8 });
    await assert.rejects(GradCam.load(onnx, { ...UNIT, fit: 'crop:2' }), { code: 'argument' });
    await assert.rejects(GradCam.load(onnx, { ...UNIT, fit: 'box' }), /stretch, crop, pad/);
  });

  test('the rest shows that it was not seen: canvas and PNG alike; boxes and masks stay inside', async () => {
    const onnx = averages({ weights: ONE });
    const cam = await GradCam.load(onnx, { ...UNIT, fit: 'crop' });
    const { maps: [map] } = await cam.explain(wide, { classes: [0] });
    for (const interpolation of ['nearest', 'bilinear', 'bicubic']) {
      const canvas = map.toImageData({ interpolation }).data;
      const png = (await cam.explain(await map.toPNG({ interpolation }), { classes: [] })).picture.data;
      assert.ok(canvas.every((value, i) => Math.abs(value - png[i]) <= 1), interpolation);
      const dim = Math.round(0.4 * 0.299 * 255);
      assert.ok(Math.abs(canvas[0] - dim) <= 1 && canvas[0] === canvas[1] && canvas[1] === canvas[2], 'dim grey outside');
      assert.notEqual(canvas[4 * 5], canvas[4 * 5 + 1], 'colours inside');
    }
    const [box] = map.boxes({ threshold: 0 });
    assert.ok(box.x >= 4 && box.x + box.width <= 12, JSON.stringify(box));
    const { data: mask } = map.mask({ threshold: 0 });
    assert.ok(mask.every((value, i) => value === 0 || (i % 16 >= 4 && i % 16 < 12)));
    const heat = map.toImageData({ picture: false, alpha: 0.5 }).data;
    assert.deepEqual([heat[3], heat[4 * 5 + 3]], [153, 128], 'darker outside, heat inside');
    cam.dispose();
  });

  test('open sizes, a fixed batch, other sizes; 1, 3 and 4 channels; clear words for others', async () => {
    const picture = halves(8, 8, [255, 255, 255], [255, 255, 255]);
    const open = averages({ weights: ONE, dims: [1, 3, 0, 0] }); // 0: open
    await assert.rejects(GradCam.load(open, UNIT), (error) => error.code === 'argument' && error.remedy === 'inputSize' &&
      /open \(1 x 3 x \? x \?\)\. Say the size with the option inputSize/.test(error.message) && !/option/.test(error.reason));
    assert.deepEqual((await answer(open, picture, { inputSize: [4, 6] })).model.input, [4, 6]);
    assert.deepEqual((await answer(averages({ weights: ONE }), picture, { inputSize: [4, 6] })).model.input, [4, 6]);
    near(scores(await answer(averages({ weights: ONE, dims: [4, 3, 8, 8] }), picture)), [1, 1]);
    near(scores(await answer(averages({ weights: [[1], [2]], channels: 1 }), picture)), [1, 2]);
    near(scores(await answer(averages({ weights: [[1, 0, 0, 0], [0, 0, 0, 1]], channels: 4 }), picture)), [1, 1]);
    await assert.rejects(GradCam.load(averages({ weights: [[1, 1]], channels: 2 }), UNIT), /has 2 channels; a picture has 1/);
  });
});

describe('twins: preprocessing', () => {
  const picture = halves(8, 8, [255, 0, 0], [255, 0, 0]);

  test('previews of every mode, and the choice', async () => {
    const cam = await GradCam.load(averages({ weights: ONE }), { threads: 1 });
    assert.ok(cam.warnings.some(({ name }) => name === 'preprocessing-guessed'));
    const list = await cam.previews(picture, { top: 2 });
    assert.deepEqual(list.map(({ mode }) => mode), ['torch', 'tf', 'caffe', 'unit', 'none']);
    const red = Object.fromEntries(list.map(({ mode, predictions }) => [mode, predictions.find(({ id }) => id === 0).score]));
    near([red.tf, red.unit, red.none, red.torch, red.caffe], [1, 1, 255, (255 - 123.675) / 58.395, -103.939]);
    assert.equal(cam.model.preprocess.from, 'guess', 'nothing is changed');
    const used = await cam.setPreprocess('unit');
    assert.deepEqual([used.mode, used.from, cam.model.preprocess.mode, cam.warnings], ['unit', 'option', 'unit', []]);
    const { predictions, warnings } = await cam.explain(picture, { classes: [] });
    near([predictions[0].score], [1]);
    assert.deepEqual(warnings, []);
    await assert.rejects(cam.previews(picture, { modes: ['torhc'] }), { code: 'argument' });
    cam.dispose();
  });

  test('arithmetic in the file, a network known by its layers, a card: from says it', async () => {
    const graph = new OnnxGraph('scaled');
    graph.input('picture', [1, 3, 8, 8]);
    graph.weight('by', 'float32', [1]);
    graph.initializers.get('by').data = floats([255]);
    graph.add('Div', 'scaled', ['picture', 'by']);
    graph.weight('kernel', 'float32', [2, 3, 1, 1]);
    graph.initializers.get('kernel').data = floats([1, 0, 0, 0, 1, 0]);
    graph.add('Conv', 'conv', ['scaled', 'kernel'], { kernel_shape: [1, 1] });
    graph.add('GlobalAveragePool', 'gap', ['conv']);
    graph.add('Flatten', 'flat', ['gap']);
    graph.outputs.push({ name: 'flat', dims: [1, 2] });
    const { preprocess, predictions, warnings } = await answer(graph.encode(), picture, { preprocess: undefined }, { classes: [] });
    assert.deepEqual([preprocess.mode, preprocess.from, warnings.length], ['none', 'file', 0]);
    near([predictions[0].score], [1]);
    const card = { input: { order: 'rgb', mean: [0, 0, 0], std: [255, 255, 255], fit: 'crop', ratio: 0.5 } };
    const carded = await answer({ onnx: averages({ weights: ONE }), card }, picture, { preprocess: undefined });
    assert.deepEqual([carded.preprocess.mode, carded.preprocess.from, carded.preprocess.fit, carded.view],
      ['unit', 'card', 'crop', { x: 2, y: 2, width: 4, height: 4 }]);
  });
});

describe('twins: labels', () => {
  const picture = halves(8, 8, [255, 0, 0], [255, 0, 0]);
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-labels-'));
  });
  after(() => rm(folder, { recursive: true }));

  test('named, given as a file, found beside, dropped beside', async () => {
    const onnx = averages({ weights: ONE });
    const names = ['red thing', 'green thing'];
    await writeFile(join(folder, 'net.onnx'), onnx);
    await writeFile(join(folder, 'mine.csv'), 'id,name\n0,red thing\n1,green thing\n');
    const labels = async (source, options) => (await answer(source, picture, options)).labels;
    assert.deepEqual(await labels(onnx, { labels: names }), names);
    assert.deepEqual(await labels(onnx, { labels: join(folder, 'mine.csv') }), names);
    assert.deepEqual(await labels(onnx, { labels: new Blob(['0 red thing\n1 green thing']) }), names);
    assert.deepEqual(await labels([new File([onnx], 'net.onnx'), new File(['{"0": "red thing", "1": "green thing"}'], 'c.json')]), names);
    assert.deepEqual(await labels(join(folder, 'net.onnx')), ['class 0', 'class 1']);
    await writeFile(join(folder, 'config.json'), JSON.stringify({ id2label: { 0: 'red thing', 1: 'green thing' } }));
    assert.deepEqual(await labels(join(folder, 'net.onnx')), names);
    assert.deepEqual(await labels(folder), names, 'a folder without a card');
    const { out } = await gradcam([join(root, 'models/pocket/samples/golf_ball.jpg'), '--model', 'net.onnx', '--labels', 'mine.csv'], folder);
    assert.match(out, /red thing/);
    await assert.rejects(labels(onnx, { labels: join(folder, 'net.onnx') }), /net\.onnx is an ONNX model, not a list of labels/);
  });

  test('too few, too many: a warning, nothing lost', async () => {
    const onnx = averages({ weights: ONE });
    for (const [labels, names] of [[['a'], ['a', 'class 1']], [['a', 'b', 'c'], ['a', 'b']]]) {
      const found = await answer(onnx, picture, { labels }, { classes: [0] });
      assert.deepEqual(found.labels, names);
      assert.deepEqual(found.warnings.map(({ name, remedy }) => [name, remedy]), [['labels', 'labels']]);
    }
  });
});

describe('twins: every file is named for what it is', () => {
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-kinds-'));
    await mkdir(join(folder, 'saved'));
    const files = {
      pointer: 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n',
      'page.onnx': '<!DOCTYPE html><html><body>404</body></html>',
      'net.pth': Buffer.from('PK\x03\x04'),
      'net.ort': Buffer.concat([Buffer.from([28, 0, 0, 0]), Buffer.from('ORTM'), Buffer.alloc(40)]),
      'net.safetensors': Buffer.concat([Buffer.from([16, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"__metadata__":')]),
      'photo.heic': Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic'), Buffer.alloc(16)]),
      'drawing.svg': '<svg xmlns="http://www.w3.org/2000/svg"></svg>',
      'notes.txt': 'just words\n',
      'paper.pdf': '%PDF-1.7\n',
      'binary': Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 37) % 256)),
      'empty.onnx': '',
      'saved/saved_model.pb': Buffer.from([8, 1]),
      'net.onnx': averages({ weights: ONE }),
      'nothing.json': '{"a": {}}',
    };
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
    await writeFile(join(folder, 'unnamed'), averages({ weights: ONE }));
    await copyFile(join(root, 'models/pocket/samples/golf_ball.jpg'), join(folder, 'a.jpg'));
  });
  after(() => rm(folder, { recursive: true }));

  const MODELS = [
    ['pointer', /pointer is a Git LFS pointer.*git lfs pull/],
    ['page.onnx', /page\.onnx is .*web page/],
    ['net.pth', /net\.pth is a PyTorch file.*torch\.onnx\.export/],
    ['net.ort', /net\.ort is an ONNX Runtime model.*\.onnx file/],
    ['net.safetensors', /safetensors/],
    ['a.jpg', /a\.jpg is a JPEG picture, not a model/],
    ['notes.txt', /notes\.txt is a text, not a model/],
    ['binary', /binary is a file of an unknown kind, not a model/],
    ['empty.onnx', /empty\.onnx is an empty file/],
    ['saved', /saved is a TensorFlow SavedModel.*--saved-model/],
    ['nothing.json', /nothing\.json is a JSON file/],
  ];
  for (const [name, words] of MODELS) {
    test(`as a model: ${name}`, async () => {
      assert.match(await refusal(['a.jpg', '--model', name], { cwd: folder }), words);
      await assert.rejects(GradCam.load(join(folder, name), { threads: 1 }), (error) => error.message.length <= 300 &&
        error.code === 'model' && !/undefined| --[a-z]/.test(error.message));
    });
  }

  test('a model under no name of a model is read', async () => {
    const { code, err } = await gradcam(['a.jpg', '--model', 'unnamed', '--preprocess', 'unit'], folder);
    assert.equal(code, 0, err);
  });

  const PICTURES = [
    ['photo.heic', /photo\.heic is a HEIC picture.*JPEG or PNG/],
    ['drawing.svg', /SVG/],
    ['paper.pdf', /PDF document/],
    ['net.onnx', /net\.onnx is an ONNX model, not a picture/],
    ['notes.txt', /notes\.txt is a text, not a picture/],
    ['empty.onnx', /empty/],
  ];
  for (const [name, words] of PICTURES) {
    test(`as a picture: ${name}`, async () => {
      assert.match(await refusal([name, '--model', 'net.onnx', '--preprocess', 'unit'], { cwd: folder }), words);
    });
  }

  test('several files at once: none of them a model, two models', async () => {
    const file = async (name) => new File([await readFile(join(folder, name))], name);
    await assert.rejects(GradCam.load([await file('net.ort'), await file('notes.txt')]), /net\.ort is an ONNX Runtime model/);
    await assert.rejects(GradCam.load([await file('a.jpg')]), /a\.jpg is a JPEG picture, not a model/);
    await assert.rejects(GradCam.load([await file('net.onnx'), await file('net.onnx')]), /2 came/);
  });
});

describe('twins: pixels', () => {
  test('arrays that are no bytes are refused; display-p3 and float16 are converted', async () => {
    const cam = await GradCam.load(averages({ weights: ONE }), UNIT);
    const [width, height] = [8, 8];
    for (const values of [Array(256).fill(7), new Float32Array(256), new Uint16Array(256), new Int8Array(256)]) {
      await assert.rejects(cam.explain({ width, height, data: values }), (error) => error.code === 'image' && /must be bytes/.test(error.message));
    }
    const score = async (image) => (await cam.explain(image, { classes: [] })).predictions.toSorted((a, b) => a.id - b.id).map((one) => one.score);
    // sRGB's red in Display P3, from the matrices of CSS Color 4: 234, 51, 35.
    const p3 = { width, height, colorSpace: 'display-p3', data: Uint8ClampedArray.from({ length: 256 }, (_, i) => [234, 51, 35, 255][i % 4]) };
    near(await score(p3), [1, 0], 0.02);
    const half = { width, height, pixelFormat: 'rgba-float16', data: Float32Array.from({ length: 256 }, (_, i) => [0.5, 1.5, 0, 1][i % 4]) };
    near(await score(half), [128 / 255, 1], 1e-3);
    await assert.rejects(cam.explain({ width, height, colorSpace: 'rec2020', data: new Uint8Array(256) }), /colour space/);
    cam.dispose();
  });
});

test('the tiny network is as ever', async () => {
  const { warnings } = await answer(tinyNetwork().onnx, tinyPicture(), { preprocess: 'tf' }, { classes: [] });
  assert.deepEqual(warnings.map(({ name }) => name), ['head']);
});
