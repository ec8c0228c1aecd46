// What a picture and an output mean: networks known by their layers, arithmetic before the first
// convolution, the kinds of outputs and the choice among several; for Keras and for ONNX.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { ARCHITECTURES, architecture, MODES } from '../../models/index.js';
import { readModelConfig } from '../../models/keras/config.js';
import { meantByLoss, outputsOfKeras, pictureOfKeras } from '../../models/keras/meaning.js';
import { channelProblem, chooseOutput, describeInput, inputsProblem, scaleBefore } from '../../models/meaning.js';
import { recogniseNetwork } from '../../models/networks.js';
import { bytes, float, int, message, packedInts, string } from '../../models/onnx/protobuf.js';
import { OnnxGraph } from '../../models/onnx/graph.js';
import { outputsOfOnnx, pictureOfOnnx } from '../../models/onnx/meaning.js';
import { readOnnx } from '../../models/onnx/read.js';
import { modeOf, settingsOf } from '../../models/modes.js';
import { shared, without } from './support.mjs';

/** keras.applications' own modes. */
const MODE = {
  vgg16: ['VGG16', 'caffe'], vgg19: ['VGG19', 'caffe'], xception: ['Xception', 'tf'], resnet50: ['ResNet', 'caffe'],
  mobilenet: ['MobileNet', 'tf'], mobilenetv2: ['MobileNetV2', 'tf'], densenet121: ['DenseNet', 'torch'],
  inceptionv3: ['InceptionV3', 'tf'], efficientnetb0: ['EfficientNet', 'none'],
};

const meaning = (config, options = {}) => pictureOfKeras(readModelConfig(structuredClone(config)), { channels: 3, ...options });
const dense = (units, activation, more = {}) => ({ class_name: 'Dense', config: { name: 'mine', units, activation, ...more } });
const sequential = (layers, name = 'sequential') => ({ class_name: 'Sequential', config: { name, layers } });
const inputLayer = (shape = [32, 32, 3]) => ({ class_name: 'InputLayer', config: { name: 'in', batch_input_shape: [null, ...shape] } });
const conv = (filters = 4, name = 'first') => ({ class_name: 'Conv2D', config: { name, filters, kernel_size: [3, 3], activation: 'relu' } });
const layer = (className, config = {}) => ({ class_name: className, config: { name: className.toLowerCase(), ...config } });

for (const name of ARCHITECTURES) {
  const [network, mode] = MODE[name];
  const known = (config) => {
    const found = meaning(config);
    assert.deepEqual([found.network, found.mode], [network, mode]);
    assert.equal(found.from, name === 'efficientnetb0' ? 'file' : 'network');
    assert.ok(found.text.length <= 300);
  };

  test(`${name} is known as itself, nested under any name, and flattened into another model`, () => {
    const own = architecture(name).config();
    known(own);
    const base = structuredClone(own);
    base.config.name = 'model1';
    base.name = 'model1';
    known(sequential([sequential([base, layer('GlobalAveragePooling2D')], 'features'), dense(3, 'softmax')]));
    // Model(base.input, Dense(...)(base.layers[-2].output)), with a head of its own and cut off behind.
    const flat = structuredClone(own);
    flat.config.layers = flat.config.layers.slice(0, Math.ceil(flat.config.layers.length * 0.8));
    const last = flat.config.layers.at(-1).name;
    flat.config.output_layers = [[last, 0, 0]];
    flat.config.name = 'my_net';
    known(flat);
  });
}

test('EfficientNet without its own scaling wants torch\'s', () => {
  const own = architecture('efficientnetb0').config();
  const gone = own.config.layers.filter(({ class_name: kind }) => ['Rescaling', 'Normalization'].includes(kind)).map(({ name }) => name);
  const text = JSON.stringify(own.config.layers.filter(({ name }) => !gone.includes(name)));
  own.config.layers = JSON.parse(text.replaceAll(`"${gone.at(-1)}"`, '"input_1"'));
  assert.deepEqual([meaning(own).mode, meaning(own).from, meaning(own).network], ['torch', 'network', 'EfficientNet']);
});

/** Names of Keras's other networks, as its code makes them. */
const NAMED = {
  ResNetV2: ['tf', [...Array(3).keys()].flatMap((i) => ['preact_bn', '1_conv', '2_conv', '3_conv'].map((part) => `conv2_block${i + 1}_${part}`))],
  ResNet: ['caffe', ['a', 'b', 'c'].flatMap((block) => ['2a', '2b', '2c'].map((part) => `res3${block}_branch${part}`))],
  InceptionResNetV2: ['tf', [...Array(10).keys()].map((i) => `block35_${i + 1}_conv`)],
  NASNet: ['tf', [...Array(6).keys()].flatMap((i) => ['left1', 'right1'].map((side) => `separable_conv_1_normal_${side}_${i}`))],
  MobileNetV3: ['tf', [...Array(6).keys()].map((i) => `expanded_conv_${i + 1}/depthwise`)],
};
for (const [name, [mode, names]] of Object.entries(NAMED)) {
  test(`${name} is known by the names of its layers alone`, () => {
    assert.deepEqual(recogniseNetwork(names.map((one) => ({ name: one }))), { name, mode });
    // Paths, as ONNX files from TensorFlow have them.
    assert.equal(recogniseNetwork(names.map((one) => ({ name: `model/${one}/Conv2D` }))).name, name);
  });
}

test('a network of one\'s own with names like a known one\'s is not taken for it', () => {
  const blocks = [1, 2, 3].flatMap((b) => [1, 2, 3].map((i) => conv(8 * 2 ** b, `block${b}_conv${i}`)));
  const own = sequential([inputLayer(), ...blocks, dense(3, 'softmax')]);
  assert.equal(meaning(own).from, 'guess');
  // Grey pictures have no blue, green and red to change places.
  const vgg = architecture('vgg16').config();
  assert.equal(meaning(vgg, { channels: 1 }).from, 'guess');
});

test('a guess says that it is one, and what would help', () => {
  const guess = meaning(sequential([inputLayer(), conv(), dense(3, 'softmax')]));
  assert.deepEqual([guess.mode, guess.from, guess.remedy], ['unit', 'guess', 'preprocess']);
  assert.match(guess.text, /does not say.*unit \(0\.\.1\) is a guess/);
});

const numpy = (value) => ({ class_name: '__numpy__', config: { value, dtype: 'float64' } });
const STEPS = {
  'Rescaling behind three augmentation layers': ['none', [layer('RandomFlip'), layer('RandomRotation'), layer('RandomZoom'), layer('Rescaling', { scale: 1 / 255, offset: 0 })]],
  'Rescaling in a nested model': ['none', [sequential([layer('Resizing', { height: 32, width: 32 }), layer('Rescaling', { scale: 1 / 127.5, offset: -1 })], 'pre')]],
  'Rescaling behind nested augmentation': ['none', [sequential([layer('RandomFlip'), layer('RandomContrast')], 'augment'), layer('Rescaling', { scale: 1 / 255 })]],
  'Rescaling of arrays': ['none', [layer('Rescaling', { scale: numpy([0.02, 0.0166, 0.0142]), offset: numpy([-2, -1.9, -1.8]) })]],
  'Normalization of bytes': ['none', [layer('Normalization', { axis: [-1], mean: [123, 116, 103], variance: [3400, 3300, 3300] })]],
  'Normalization of 0..1': ['unit', [layer('Normalization', { axis: [-1], mean: [0.48, 0.45, 0.4], variance: [0.05, 0.05, 0.05] })]],
  'Normalization whose numbers are weights': ['none', [layer('Normalization', { axis: [-1], mean: null, variance: null })]],
  'bytes made of 0..1': ['unit', [layer('Rescaling', { scale: 255, offset: 0 })]],
  '0..1 to -1..1': ['unit', [layer('Rescaling', { scale: 2, offset: -1 })]],
  'caffe by a shift alone': ['none', [layer('Rescaling', { scale: 1, offset: [-103.9, -116.8, -123.7] })]],
};
for (const [what, [mode, layers]] of Object.entries(STEPS)) {
  test(`the picture's scale: ${what}`, () => {
    const found = meaning(sequential([inputLayer(), ...layers, conv(), dense(3, 'softmax')]));
    assert.deepEqual([found.mode, found.from], [mode, 'file']);
  });
}

test('a Normalization reads its numbers from the weights; behind a convolution nothing counts', () => {
  const own = sequential([inputLayer(), layer('Normalization', { mean: null, variance: null }), conv(), dense(3, 'softmax')]);
  const numbers = (_, index) => [[0.5, 0.5, 0.5], [0.06, 0.06, 0.06]][index];
  assert.equal(meaning(own, { numbers }).mode, 'unit');
  assert.equal(meaning(sequential([inputLayer(), conv(), layer('Rescaling', { scale: 2 })])).from, 'guess');
});

const three = (name) => ({ class_name: '__keras_tensor__', config: { keras_history: [name, 0, 0] } });
const OPERATORS = {
  'x - 127.5': ['none', 'Subtract', [three('in'), 127.5]],
  'x * 0.01': ['none', 'Multiply', [three('in'), 0.01]],
  'x / 255': ['none', 'TrueDivide', [three('in'), 255]],
  'x + 3': ['none', 'Add', [three('in'), 3]],
  'maximum(x, 100)': ['none', 'Maximum', [three('in'), 100]],
  '1 - x': ['unit', 'Subtract', [1, three('in')]],
};
for (const [what, [mode, kind, args]] of Object.entries(OPERATORS)) {
  test(`the picture's scale by an operator: ${what}`, () => {
    const functional = (operator) => ({ class_name: 'Functional', config: { name: 'net', layers: [
      { ...inputLayer(), name: 'in', inbound_nodes: [] }, operator,
      { ...conv(), name: 'first', inbound_nodes: [{ args: [three('op')], kwargs: {} }] },
    ], input_layers: [['in', 0, 0]], output_layers: [['first', 0, 0]] } });
    const keras3 = meaning(functional({ module: 'keras.src.ops.numpy', class_name: kind, name: 'op', config: { name: 'op' }, inbound_nodes: [{ args, kwargs: {} }] }));
    assert.deepEqual([keras3.mode, keras3.from], [mode, 'file']);
    const [a, b] = args;
    const tf = { 'TrueDivide': 'truediv' }[kind] ?? kind.toLowerCase();
    const node = typeof a === 'number' ? ['_CONSTANT_VALUE', -1, a, { y: ['in', 0, 0] }] : ['in', 0, 0, { y: b }];
    const keras2 = meaning(functional({ class_name: 'TFOpLambda', name: 'op', config: { name: 'op', function: `math.${tf}` }, inbound_nodes: [node] }));
    assert.deepEqual([keras2.mode, keras2.from], [mode, 'file']);
  });
}

test('preprocess_input written into the model: caffe\'s, by tf.keras and by Keras 3', () => {
  const net = (operators, last) => meaning({ class_name: 'Functional', config: { name: 'net', layers: [
    { ...inputLayer(), name: 'in', inbound_nodes: [] }, ...operators,
    { ...conv(), name: 'first', inbound_nodes: [[[last, 0, 0, {}]]] },
  ], input_layers: [['in', 0, 0]], output_layers: [['first', 0, 0]] } });
  const lambda = (className, name, fn, node) => ({ class_name: className, name, config: { name, function: fn }, inbound_nodes: [node] });
  const keras2 = net([
    lambda('SlicingOpLambda', 'swap', '__operators__.getitem', ['in', 0, 0, { slice_spec: { class_name: '__tuple__', items: [{ class_name: '__ellipsis__' }, { step: -1 }] } }]),
    lambda('TFOpLambda', 'bias', 'nn.bias_add', ['swap', 0, 0, { bias: [-103.939, -116.779, -123.68] }]),
  ], 'bias');
  assert.deepEqual([keras2.mode, keras2.from], ['none', 'file']);
  const op = (kind, name, args) => ({ module: 'keras.src.ops.numpy', class_name: kind, name, config: { name }, inbound_nodes: [{ args, kwargs: {} }] });
  const keras3 = net([
    ...[2, 1, 0].map((i) => op('GetItem', `get_${i}`, [three('in'), [{ class_name: '__ellipsis__', config: {} }, i]])),
    op('Stack', 'stack', [[2, 1, 0].map((i) => three(`get_${i}`))]),
    op('Add', 'bias', [three('stack'), { class_name: '__tensor__', config: { value: [[[[-103.939, -116.779, -123.68]]]] } }]),
  ], 'bias');
  assert.deepEqual([keras3.mode, keras3.from], ['none', 'file']);
});

test('scales are told by what reaches the network', () => {
  assert.equal(scaleBefore([{ factor: [0.458, 0.448, 0.45], shift: [-0.03, -0.088, -0.188] }]), 'torch');
  assert.equal(scaleBefore([{ factor: [1 / 255] }, { shift: [-0.485, -0.456, -0.406] }, { factor: [1 / 0.229, 1 / 0.224, 1 / 0.225] }]), 'none');
  assert.equal(scaleBefore([{ shift: [-0.485, -0.456, -0.406] }, { factor: [1 / 0.229, 1 / 0.224, 1 / 0.225] }]), 'unit');
  assert.equal(scaleBefore([{}]), 'none');
});

test('a card\'s input: settings of each mode, grey ones too', () => {
  for (const mode of Object.keys(MODES)) {
    const card = describeInput([8, 9, 3], undefined, { mode, from: 'network', text: '' });
    assert.deepEqual([card.height, card.width, card.channels, card.mode, card.assumed], [8, 9, 3, mode, undefined]);
    assert.equal(modeOf(card), mode);
    assert.deepEqual(settingsOf(mode, 1).mean.length, 1);
  }
  assert.deepEqual(settingsOf('tf', 1), { order: 'grey', mean: [127.5], std: [127.5] });
  assert.equal(describeInput([8, 8, 1], undefined, { mode: 'unit', from: 'guess' }).assumed, true);
  assert.match(channelProblem(11), /has 11 channels; a picture has 1 \(grey\), 3/);
  assert.equal(channelProblem(3), undefined);
});

/* ---- outputs ---- */

const kerasOutput = (layers, shape) => {
  const model = readModelConfig(sequential([inputLayer(), conv(), ...layers]));
  return outputsOfKeras(model, [{ name: 'out', shape }])[0];
};
const OUTPUTS = {
  'softmax classes': [[dense(5, 'softmax')], [5], { kind: 'classes', activation: 'softmax', classes: 5 }],
  'logits': [[dense(5, 'linear')], [5], { kind: 'classes', activation: 'none', classes: 5 }],
  'softmax as a layer': [[dense(5, 'linear'), layer('Softmax')], [5], { kind: 'classes', activation: 'softmax', classes: 5 }],
  'activation as a layer, reshaped': [[layer('Activation', { activation: 'softmax' }), layer('Reshape', { target_shape: [5] })], [5], { kind: 'classes', activation: 'softmax', classes: 5 }],
  'activation of Keras 3': [[dense(5, { module: 'builtins', class_name: 'function', config: 'sigmoid' })], [5], { kind: 'labels', activation: 'sigmoid', classes: 5 }],
  'one sigmoid unit': [[dense(1, 'sigmoid')], [1], { kind: 'binary', activation: 'sigmoid', classes: 2 }],
  'one linear unit': [[dense(1, 'linear')], [1], { kind: 'value', activation: 'none', classes: undefined }],
  'one unit under tanh': [[dense(1, 'tanh')], [1], { kind: 'value', activation: 'none', classes: undefined }],
  'multi-label': [[dense(4, 'sigmoid')], [4], { kind: 'labels', activation: 'sigmoid', classes: 4 }],
  'a picture': [[{ class_name: 'Conv2D', config: { name: 'mask', filters: 1, activation: 'sigmoid' } }], [64, 64, 1], { kind: 'picture', activation: 'sigmoid', classes: undefined }],
  'one pixel is no picture': [[layer('Reshape', { target_shape: [1, 1, 5] })], [1, 1, 5], { kind: 'classes', activation: 'none', classes: 5 }],
};
for (const [what, [layers, shape, expected]] of Object.entries(OUTPUTS)) {
  test(`an output of Keras: ${what}`, () => {
    if (what.startsWith('one pixel')) layers.unshift(dense(5, 'linear'));
    const { kind, activation, classes, text } = kerasOutput(layers, shape);
    assert.deepEqual({ kind, activation, classes }, expected);
    assert.ok((text ?? '').length <= 300);
  });
}

test('the loss tells what linear units are', () => {
  const meant = (loss, units, activation = 'linear') => {
    const model = readModelConfig(sequential([inputLayer(), conv(), dense(units, activation)]));
    const [{ kind, activation: end, apply, classes }] = outputsOfKeras(model, [{ name: 'x', shape: [units] }], { loss });
    return [kind, end, apply, classes];
  };
  const loss = (name, fromLogits) => ({ module: 'keras.losses', class_name: name, config: { name: 'x', from_logits: fromLogits } });
  assert.deepEqual(meant(loss('BinaryCrossentropy', true), 1), ['binary', 'none', 'sigmoid', 2]);
  assert.deepEqual(meant(loss('BinaryCrossentropy', true), 4), ['labels', 'none', 'sigmoid', 4]);
  assert.deepEqual(meant(loss('SparseCategoricalCrossentropy', true), 4), ['classes', 'none', 'softmax', 4]);
  assert.deepEqual(meant('mse', 4), ['value', 'none', undefined, undefined]);
  assert.deepEqual(meant('mean_absolute_error', 1), ['value', 'none', undefined, undefined]);
  // A file that ends in an activation says it itself.
  assert.deepEqual(meant(loss('BinaryCrossentropy', false), 1, 'sigmoid'), ['binary', 'sigmoid', undefined, 2]);
  assert.deepEqual(meant('mse', 4, 'softmax'), ['classes', 'softmax', undefined, 4]);
  for (const none of [undefined, null, '{', '{}', { loss: ['mse', 'mae'] }, { loss: { a: 'mse' } }, { loss: 7 }]) {
    assert.equal(meantByLoss(none), undefined);
  }
  assert.equal(meantByLoss('{"loss": {"class_name": "BinaryCrossentropy", "config": {"from_logits": true}}}'), 'sigmoid');
});

test('the activation of a nested head is found', () => {
  const model = readModelConfig(sequential([inputLayer(), conv(), sequential([dense(100, 'relu', { name: 'hidden' }), dense(3, 'softmax')], 'head')]));
  assert.equal(outputsOfKeras(model, [{ name: 'x', shape: [3] }])[0].activation, 'softmax');
});

/** An ONNX file: nodes [op, inputs, output, attributes], outputs [name, dims]. */
function onnx({ nodes, outputs, constants = {}, inputs = [['x', [1, 3, 16, 16]]], weight = [4, 3, 3, 3] }) {
  const graph = new OnnxGraph('net');
  for (const [name, dims] of inputs) graph.input(name, dims);
  graph.constant('w', 'float32', weight, new Array(weight.reduce((a, d) => a * d, 1)).fill(0.5));
  for (const [name, value] of Object.entries(constants)) {
    const values = [value].flat();
    graph.constant(name, 'float32', values.length > 1 ? [values.length, 1, 1] : [], values);
  }
  for (const [op, from, to, attributes] of nodes) graph.nodes.push({ op, name: to, inputs: from, outputs: [to], attributes: attributes ?? {} });
  for (const [name, dims] of outputs) graph.outputs.push({ name, dims });
  return readOnnx(graph.encode({ producer: 'pytorch' }));
}
const body = [['Conv', ['x', 'w'], 'c'], ['GlobalAveragePool', ['c'], 'pooled'], ['Flatten', ['pooled'], 'y']];

test('ONNX: outputs', () => {
  const output = (nodes, dims) => {
    const [{ kind, activation, classes }] = outputsOfOnnx(onnx({ nodes: [...body, ...nodes], outputs: [[nodes.at(-1)?.[2] ?? 'y', dims]] }));
    return [kind, activation, classes];
  };
  assert.deepEqual(output([], [1, 5]), ['classes', 'none', 5]);
  assert.deepEqual(output([['Softmax', ['y'], 's', { axis: 1 }]], [1, 5]), ['classes', 'softmax', 5]);
  assert.deepEqual(output([['Softmax', ['y'], 's'], ['Reshape', ['s', 'w'], 'r']], [1, 5, 1, 1]), ['classes', 'softmax', 5]);
  assert.deepEqual(output([['Sigmoid', ['y'], 's']], [1, 1]), ['binary', 'sigmoid', 2]);
  assert.deepEqual(output([['Sigmoid', ['y'], 's']], [1, 5]), ['labels', 'sigmoid', 5]);
  assert.deepEqual(output([], [1, 1]), ['value', 'none', undefined]);
  assert.deepEqual(output([['Resize', ['c'], 's']], [1, 3, 64, 64]), ['picture', 'none', undefined]);
  assert.deepEqual(output([['Resize', ['c'], 's']], [1, 4420, 2]), ['table', 'none', undefined]);
});

test('ONNX: of several outputs the one that looks like scores, the others named', () => {
  const file = onnx({ nodes: [...body, ['Gemm', ['y', 'w'], 'z']], outputs: [['y', [1, 12]], ['z', [1, 5]]] });
  const { chosen, others, warning } = chooseOutput(outputsOfOnnx(file));
  assert.equal(chosen.name, 'z');
  assert.deepEqual(others.map(({ name }) => name), ['y']);
  assert.match(warning.text, /has 2 outputs; "z" \(5\) was taken\. The other: "y" \(12\)/);
  assert.deepEqual([warning.name, warning.remedy], ['head', 'head']);
  assert.equal(chooseOutput(outputsOfOnnx(file), 'y').chosen.name, 'y');
  assert.equal(chooseOutput(outputsOfOnnx(file), 1).chosen.name, 'z');
  assert.equal(chooseOutput(outputsOfOnnx(file), '0').chosen.name, 'y');
  assert.throws(() => chooseOutput(outputsOfOnnx(file), 'w'), /no output "w"\. Its outputs are "y" \(12\), "z" \(5\)\./);
});

test('ONNX: arithmetic before the first convolution tells the scale', () => {
  const scale = (nodes, constants, more = {}) => {
    const { mode, from } = pictureOfOnnx(onnx({ nodes: [...nodes, ['Conv', [nodes.at(-1)?.[2] ?? 'x', 'w'], 'c']], constants, outputs: [['c', [1, 4, 14, 14]]], ...more }));
    return [mode, from];
  };
  assert.deepEqual(scale([], {}), ['torch', 'guess']);
  assert.deepEqual(scale([['Div', ['x', 'k'], 'a']], { k: 255 }), ['none', 'file']);
  assert.deepEqual(scale([['Sub', ['x', 'm'], 'a'], ['Div', ['a', 's'], 'b']], { m: [0.485, 0.456, 0.406], s: [0.229, 0.224, 0.225] }), ['unit', 'file']);
  assert.deepEqual(scale([['Cast', ['x'], 'd', { to: 1 }], ['Sub', ['d', 'm'], 'a'], ['Div', ['a', 's'], 'b']], { m: [123.7, 116.3, 103.5], s: [58.4, 57.1, 57.4] }), ['none', 'file']);
  assert.deepEqual(scale([['Gather', ['x', 'k'], 'g', { axis: 1 }], ['Sub', ['g', 'm'], 'a']], { k: [2, 1, 0], m: [104, 117, 123] }), ['none', 'file']);
  assert.deepEqual(scale([['Sub', ['k', 'x'], 'a']], { k: 1 }), ['unit', 'file']);
});

test('several inputs: what, where, what to do, in 300 characters of any file', () => {
  assert.equal(inputsProblem([{ name: 'x', dims: [1, 3] }]), undefined);
  assert.match(inputsProblem([]), /no input that a picture/);
  const said = inputsProblem([{ name: 'input', dims: [undefined, 3, -1, 64] }, { name: 'age', dims: [0, 1] }, { name: 'sex' }]);
  assert.equal(said, 'The model has 3 inputs ("input" ?x3x?x64, "age" ?x1, "sex"); a picture can be given to one alone. ' +
    'Export the branch of the picture by itself, or with the other inputs as constants.');
  const many = inputsProblem(Array.from({ length: 4096 }, (_, i) => ({ name: `${i}`.padStart(80, 'input_'), dims: [1024, 4096, 1024, 1024, 64, 64] })));
  assert.ok(many.length <= 300, `${many.length}`);
  assert.match(many, /4093 more\).*constants\.$/);
  for (const dims of [null, 7, 'text', {}, { length: 1e12 }, ['9'.repeat(1e4)], [{}], [1e300]]) {
    assert.ok(inputsProblem([{ name: 'x', dims }, { name: 'y', dims }]).length < 200);
  }
});

test('ONNX: axes, channels and inputs', () => {
  const picture = (options) => pictureOfOnnx(onnx({ nodes: body, outputs: [['y', [1, 4]]], ...options }));
  const nchw = picture({});
  assert.deepEqual([nchw.order, nchw.height, nchw.width, nchw.channels, nchw.problem], ['NCHW', 16, 16, 3, undefined]);
  const nhwc = picture({ inputs: [['x', [1, 20, 16, 3]]], nodes: [['Transpose', ['x'], 't', { perm: [0, 3, 1, 2] }], ['Conv', ['t', 'w'], 'c'], ...body.slice(1)] });
  assert.deepEqual([nhwc.order, nhwc.height, nhwc.width, nhwc.channels], ['NHWC', 20, 16, 3]);
  // 11 channels, one pixel wide: not a grey picture with the channels last.
  const strip = picture({ inputs: [['x', [1, 11, 60, 1]]], weight: [4, 11, 3, 1] });
  assert.deepEqual([strip.channels, strip.height, strip.width], [11, 60, 1]);
  assert.match(strip.problem, /has 11 channels/);
  const two = picture({ inputs: [['x', [1, 3, 16, 16]], ['right', [1, 3, 16, 16]]], nodes: [...body, ['Add', ['y', 'right'], 'z']] });
  assert.match(two.problem, /has 2 inputs \("x" 1x3x16x16, "right" 1x3x16x16\); a picture can be given to one alone\. Export the branch/);
  assert.equal(picture({ inputs: [['x', [4, 3, 16, 16]]] }).batch, 4);
  assert.match(picture({ inputs: [['x', [1, 784]]] }).problem, /has 2 axes; a picture has 4/);
});

/** A hand-made file of what exporters write: open sizes, bytes, packed and unpacked numbers. */
test('ONNX: open sizes come from the kernel, bytes go in as bytes', () => {
  const value = (name, type, dims) => message(string(1, name), bytes(2, bytes(1, message(int(1, type),
    bytes(2, message(...dims.map((d) => bytes(1, typeof d === 'string' ? string(2, d) : int(1, d)))))))));
  const tensor = message(packedInts(1, [4, 3, 3, 3]), int(2, 1), string(8, 'w'), bytes(9, new Uint8Array(4 * 108)));
  const attribute = message(string(1, 'alpha'), float(2, 0.25), int(20, 1));
  const node = (op, from, to, more = []) => bytes(1, message(...from.map((name) => string(1, name)), string(2, to), string(4, op), ...more));
  const file = (type, dims) => readOnnx(message(int(1, 8), string(2, 'pytorch'), bytes(7, message(
    node('Conv', ['x', 'w'], 'c'), node('LeakyRelu', ['c'], 'y', [bytes(5, attribute)]), bytes(5, tensor),
    bytes(11, value('x', type, dims)), bytes(12, value('y', 1, ['batch', 5])),
  )), bytes(14, message(string(1, 'names'), string(2, 'cat')))));
  const open = pictureOfOnnx(file(1, ['batch', 'channels', 'height', 'width']));
  assert.deepEqual([open.order, open.channels, open.height, open.width], ['NCHW', 3, undefined, undefined]);
  assert.deepEqual(pictureOfOnnx(file(2, [1, 3, 8, 8])).mode, 'none');
  const read = file(1, [1, 3, 8, 8]);
  assert.equal(read.nodes[1].attributes.alpha, 0.25);
  assert.equal(read.metadata.get('names'), 'cat');
  assert.equal(outputsOfOnnx(read)[0].classes, 5);
  assert.throws(() => readOnnx(new Uint8Array([8, 8])), /no ONNX graph/);
});

test('ONNX: files of the cases', { skip: without(shared('..', 'cases')) }, () => {
  const file = (...path) => readOnnx(readFileSync(shared('..', 'cases', ...path)));
  const head = (...path) => chooseOutput(outputsOfOnnx(file(...path))).chosen;
  for (const name of ['two_out0', 'two_out1']) assert.equal(head('two-outputs-features-first', `${name}.onnx`).name, 'logits');
  assert.equal(head('two-outputs-features-first', 'agegender.onnx').name, 'gender');
  assert.equal(head('regression-percent', 'age.onnx').kind, 'value');
  assert.equal(head('segmentation', 'seg1.onnx').kind, 'picture');
  assert.equal(head('segmentation', 'seg3.onnx').kind, 'picture');
  assert.equal(head('multi-label', 'multilabel_sig.onnx').kind, 'labels');
  assert.equal(head('multi-label', 'multilabel.onnx').activation, 'none');
  assert.match(pictureOfOnnx(file('two-inputs', 'twoin.onnx')).problem, /"left" 1x3x64x64, "right" 1x3x64x64/);
  assert.match(pictureOfOnnx(file('nchw-width-1', 'strip11.onnx')).problem, /11 channels/);
  const open = pictureOfOnnx(file('onnx-open-size', 'optimum.onnx'));
  assert.deepEqual([open.channels, open.height], [3, undefined]);
  assert.equal(pictureOfOnnx(file('batch-4', 'batch4.onnx')).batch, 4);
  for (const name of ['bgr_cat', 'bgr_flip', 'bgr_index']) assert.deepEqual(pictureOfOnnx(file('channel-gather', `${name}.onnx`)).from, 'file');
});

test('ONNX: a MobileNet from TensorFlow is known by the paths of its nodes', { skip: without(shared('onnx', 'mobilenet_0.75_224.onnx')) }, () => {
  const { mode, from, network } = pictureOfOnnx(readOnnx(readFileSync(shared('onnx', 'mobilenet_0.75_224.onnx'))));
  assert.deepEqual([mode, from, network], ['tf', 'network', 'MobileNet']);
});
