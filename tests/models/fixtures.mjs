/**
 * Small Keras files that hold every layer the importer knows: `node fixtures.mjs DIR` writes them.
 *
 * Each case is a model with several outputs, so that many layers are compared in one go. Weights are
 * noise (noise.mjs), as is the input. tests/golden/make_keras.py runs the files written here in
 * PyTorch and keeps the values in tests/golden/keras.json.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelBuilder } from '../../models/keras/build.js';
import { uniform } from './noise.mjs';

const count = (shape) => shape.reduce((a, d) => a * d, 1);

/** A model under construction that also notes its weights. */
class Case extends ModelBuilder {
  constructor(name, shape) {
    super(name, shape);
    /** layer -> [kind, shape, spread, centre][] */
    this.weights = new Map();
    this.outputs = [];
  }

  /** Adds a layer with weights given as [kind, shape, spread = 0.5, centre = 0]. */
  put(className, x, name, config = {}, weights = []) {
    this.layer(className, [x].flat(), { data_format: 'channels_last', ...config, name });
    if (weights.length) this.weights.set(name, weights);
    return name;
  }

  /** The same, and an output of the model. */
  out(...args) {
    const name = this.put(...args);
    this.outputs.push(name);
    return name;
  }

  finished() {
    return {
      class_name: 'Functional',
      config: {
        name: this.name,
        layers: [...this.layers.values()],
        input_layers: [[this.input, 0, 0]],
        output_layers: this.outputs.map((name) => [name, 0, 0]),
      },
    };
  }
}

const conv = (filters, size, more = {}) => ({
  filters, kernel_size: [size, size].flat().slice(0, 2), strides: [1, 1], padding: 'valid',
  dilation_rate: [1, 1], groups: 1, activation: 'linear', use_bias: true, ...more,
});
const kernel = (...shape) => ['kernel', shape];
const bias = (n) => ['bias', [n]];
const bn = (n, { gamma = true, beta = true } = {}) => [
  ...(gamma ? [['gamma', [n], 0.5, 1]] : []), ...(beta ? [['beta', [n]]] : []),
  ['moving_mean', [n]], ['moving_variance', [n], 0.5, 1]];

function convolutions() {
  const c = new Case('convolutions', [9, 8, 4]);
  const x = c.input;
  c.out('Conv2D', x, 'same_stride2', conv(5, 3, { padding: 'same', strides: [2, 2], activation: 'relu' }),
    [kernel(3, 3, 4, 5), bias(5)]);
  c.out('Conv2D', x, 'same_5x5', conv(3, 5, { padding: 'same', strides: [2, 2], use_bias: false }),
    [kernel(5, 5, 4, 3)]);
  c.out('Conv2D', x, 'dilated', conv(3, 3, { dilation_rate: [2, 2], activation: 'elu' }),
    [kernel(3, 3, 4, 3), bias(3)]);
  c.out('Conv2D', x, 'grouped', conv(6, 3, { groups: 2, activation: 'tanh' }),
    [kernel(3, 3, 2, 6), bias(6)]);
  c.out('Conv2D', x, 'wide', conv(2, [1, 5], { padding: 'same' }), [kernel(1, 5, 4, 2), bias(2)]);
  c.out('DepthwiseConv2D', x, 'depthwise',
    conv(0, 3, { depth_multiplier: 2, padding: 'same', strides: [2, 2], activation: 'relu' }),
    [['depthwise_kernel', [3, 3, 4, 2]], bias(8)]);
  c.out('SeparableConv2D', x, 'separable',
    conv(5, 3, { depth_multiplier: 2, padding: 'same', activation: 'relu' }),
    [['depthwise_kernel', [3, 3, 4, 2]], ['pointwise_kernel', [1, 1, 8, 5]], bias(5)]);
  c.out('SeparableConv2D', x, 'separable_stride2',
    conv(3, 3, { depth_multiplier: 1, strides: [2, 2], use_bias: false }),
    [['depthwise_kernel', [3, 3, 4, 1]], ['pointwise_kernel', [1, 1, 4, 3]]]);
  c.out('Dense', x, 'dense_on_pixels', { units: 3, activation: 'sigmoid', use_bias: true },
    [kernel(4, 3), bias(3)]);
  return c;
}

function transposed() {
  const c = new Case('transposed', [4, 5, 3]);
  const x = c.input;
  const up = (name, size, s, more = {}) => c.out('Conv2DTranspose', x, name,
    { ...conv(2, size, { strides: [s, s], padding: 'same', ...more }), output_padding: more.extra ?? null },
    [kernel(size, size, 2, 3), bias(2)]);
  up('same_3_stride2', 3, 2, { activation: 'relu' });
  up('same_2_stride3', 2, 3);
  up('same_4_stride1', 4, 1);
  up('valid_4_stride2', 4, 2, { padding: 'valid' });
  up('padded', 3, 2, { extra: [1, 1] });
  return c;
}

function pools() {
  const c = new Case('pools', [7, 6, 3]);
  const x = c.input;
  const pool = (kind, name, size, strides, padding) => c.out(`${kind}Pooling2D`, x, name,
    { pool_size: [size, size], strides: [strides, strides], padding });
  pool('Max', 'max_same', 3, 2, 'same');
  pool('Max', 'max_valid', 2, 2, 'valid');
  pool('Average', 'average_same', 3, 2, 'same');
  pool('Average', 'average_same_2', 2, 1, 'same');
  pool('Average', 'average_valid', 3, 2, 'valid');
  c.out('GlobalMaxPooling2D', x, 'global_max', {});
  c.out('GlobalAveragePooling2D', x, 'global_average', { keepdims: true });
  return c;
}

function activations() {
  const c = new Case('activations', [4, 3, 3]);
  // Scaled to -4 .. 4, where each of them bends.
  const x = c.put('Rescaling', c.input, 'scaled', { scale: 4, offset: 0 });
  for (const name of ['relu', 'relu6', 'elu', 'selu', 'sigmoid', 'swish', 'silu', 'hard_sigmoid',
    'tanh', 'softmax', 'leaky_relu', 'hard_silu', 'hard_tanh']) {
    c.out('Activation', x, `act_${name}`, { activation: name });
  }
  c.out('LeakyReLU', x, 'leaky', { alpha: 0.3 });
  c.out('ELU', x, 'elu_half', { alpha: 0.5 });
  c.out('ReLU', x, 'relu_bent', { max_value: 2, negative_slope: 0.1, threshold: 0 });
  c.out('ReLU', x, 'relu_six', { max_value: 6, negative_slope: 0, threshold: 0 });
  c.out('PReLU', x, 'prelu_channels', { shared_axes: [1, 2] }, [['alpha', [1, 1, 3]]]);
  c.out('PReLU', x, 'prelu_all', { shared_axes: null }, [['alpha', [4, 3, 3]]]);
  c.out('Softmax', x, 'softmax_layer', { axis: -1 });
  c.out('Conv2D', x, 'conv_softmax', conv(3, 1, { activation: 'softmax' }), [kernel(1, 1, 3, 3), bias(3)]);
  return c;
}

function shapes() {
  const c = new Case('shapes', [5, 4, 3]);
  const x = c.input;
  c.out('ZeroPadding2D', x, 'padded', { padding: [[1, 2], [0, 3]] });
  c.out('Cropping2D', x, 'cropped', { cropping: [[1, 0], [1, 1]] });
  c.out('UpSampling2D', x, 'nearest', { size: [2, 3], interpolation: 'nearest' });
  c.out('UpSampling2D', x, 'bilinear', { size: [2, 2], interpolation: 'bilinear' });
  const flat = c.out('Flatten', x, 'flatten', {});
  const dense = c.out('Dense', flat, 'dense', { units: 12, activation: 'relu', use_bias: true },
    [kernel(60, 12), bias(12)]);
  const again = c.put('Reshape', dense, 'reshaped', { target_shape: [2, -1, 3] });
  c.out('Conv2D', again, 'conv_behind', conv(2, 2), [kernel(2, 2, 3, 2), bias(2)]);
  const gap = c.put('GlobalAveragePooling2D', x, 'gap', {});
  const squeeze = c.put('Reshape', gap, 'squeeze', { target_shape: [1, 1, 3] });
  const gate = c.put('Conv2D', squeeze, 'gate', conv(3, 1, { activation: 'sigmoid' }),
    [kernel(1, 1, 3, 3), bias(3)]);
  c.out('Multiply', [x, gate], 'excite', {});
  const drop = c.put('Dropout', gap, 'dropout', { rate: 0.5 });
  c.out('Dense', drop, 'probabilities', { units: 4, activation: 'softmax', use_bias: false }, [kernel(3, 4)]);
  return c;
}

function merges() {
  const c = new Case('merges', [4, 3, 2]);
  const branch = (name) => c.put('Conv2D', c.input, name, conv(2, 1), [kernel(1, 1, 2, 2), bias(2)]);
  const [a, b, d] = ['a', 'b', 'd'].map(branch);
  c.out('Add', [a, b, d], 'add', {});
  c.out('Multiply', [a, b, d], 'multiply', {});
  c.out('Subtract', [a, b], 'subtract', {});
  c.out('Average', [a, b, d], 'average', {});
  c.out('Maximum', [a, b, d], 'maximum', {});
  c.out('Concatenate', [a, b, d], 'channels', { axis: -1 });
  c.out('Concatenate', [a, b], 'rows', { axis: 1 });
  c.out('Concatenate', [a, b], 'columns', { axis: 2 });
  const flat = [a, b].map((x) => c.put('Flatten', x, `flat_${x}`, {}));
  const joined = c.out('Concatenate', flat, 'joined', { axis: -1 });
  c.out('BatchNormalization', joined, 'norm_of_vector', { axis: [1], epsilon: 1e-3 }, bn(48));
  return c;
}

function norms() {
  const c = new Case('norms', [3, 4, 3]);
  const x = c.input;
  c.out('BatchNormalization', x, 'full', { axis: [3], epsilon: 1e-3, scale: true, center: true }, bn(3));
  c.out('BatchNormalization', x, 'no_scale', { axis: [3], epsilon: 1e-2, scale: false, center: true },
    bn(3, { gamma: false }));
  c.out('BatchNormalization', x, 'no_center', { axis: -1, epsilon: 1e-3, scale: true, center: false },
    bn(3, { beta: false }));
  c.out('Rescaling', x, 'rescaled', { scale: [1, 2, 3], offset: [0.5, 0, -1] });
  c.out('Rescaling', x, 'shifted', { scale: 0.5, offset: -1 });
  c.out('Normalization', x, 'known', { axis: [-1], mean: [0.1, 0.2, 0.3], variance: [1, 4, 0.25] });
  c.out('Normalization', x, 'learned', { axis: [-1], mean: null, variance: null },
    [['mean', [3]], ['variance', [3], 0.5, 1]]);
  return c;
}

/** Transfer learning: a frozen base, itself a model, and a Sequential head; a layer used twice. */
function nested() {
  const base = new Case('base', [8, 8, 3]);
  let y = base.put('Conv2D', base.input, 'block1_conv1', conv(4, 3, { padding: 'same', use_bias: false }),
    [kernel(3, 3, 3, 4)]);
  y = base.put('BatchNormalization', y, 'block1_bn', { axis: [3], epsilon: 1e-3 }, bn(4));
  base.out('Activation', y, 'block1_act', { activation: 'relu' });

  const c = new Case('nested', [8, 8, 3]);
  const shared = (input, call) => [input, call, 0, {}];
  c.put('Conv2D', c.input, 'shared', conv(3, 1, { activation: 'relu' }), [kernel(1, 1, 3, 3), bias(3)]);
  c.layers.get('shared').inbound_nodes.push([shared('shared', 0)]);
  const inner = base.finished();
  inner.config.name = 'base';
  c.layers.set('base', {
    ...inner, name: 'base', config: { ...inner.config, trainable: false },
    inbound_nodes: [[shared('shared', 1)]],
  });
  const layer = (className, config) => ({ class_name: className, config });
  c.layers.set('head', {
    class_name: 'Sequential',
    name: 'head',
    config: {
      name: 'head',
      layers: [
        layer('InputLayer', { batch_input_shape: [null, 8, 8, 4], name: 'head_input' }),
        layer('MaxPooling2D', { name: 'pool', pool_size: [2, 2], strides: [2, 2], padding: 'valid' }),
        layer('Flatten', { name: 'flatten' }),
        layer('Dense', { name: 'dense', units: 5, activation: 'softmax', use_bias: true }),
      ],
    },
    inbound_nodes: [[shared('base', 1)]],
  });
  c.outputs.push('head');
  const config = c.finished();
  config.config.output_layers = [['head', 1, 0]];
  c.finished = () => config;
  // Groups of nested models list their weights flat, with paths.
  c.groups = [
    ['shared', [['shared/kernel:0', [1, 1, 3, 3]], ['shared/bias:0', [3]]]],
    ['base', [['block1_conv1/kernel:0', [3, 3, 3, 4]], ['block1_bn/gamma:0', [4], 0.5, 1],
      ['block1_bn/beta:0', [4]], ['block1_bn/moving_mean:0', [4]],
      ['block1_bn/moving_variance:0', [4], 0.5, 1]]],
    ['head', [['dense/kernel:0', [64, 5]], ['dense/bias:0', [5]]]],
  ];
  return c;
}

export const CASES = [convolutions, transposed, pools, activations, shapes, merges, norms, nested];

export const inputOf = (c) => {
  const [, H, W, C] = c.layers.get(c.input).config.batch_input_shape;
  return { dims: [1, C, H, W], values: uniform(`${c.name}/input`, C * H * W, 1) };
};

/** [group, [[path, shape, spread, centre]...]] as Keras 2 writes them: layer/layer/kernel:0. */
const groupsOf = (c) => c.groups ?? [...c.layers.keys()].map((layer) => [layer,
  (c.weights.get(layer) ?? []).map(([kind, ...rest]) => [`${layer}/${kind}:0`, ...rest])]);

async function h5wasm() {
  const { default: library } = await import('h5wasm/node');
  await library.ready;
  return library;
}

/** Writes a case as a whole-model .h5 file of Keras 2; dataset: dtype, chunks, compression of its data sets. */
export async function writeH5(c, path, { keras = '2.4.0', dataset = {} } = {}) {
  const library = await h5wasm();
  const file = new library.File(path, 'w');
  file.create_attribute('keras_version', keras);
  file.create_attribute('backend', 'tensorflow');
  file.create_attribute('model_config', JSON.stringify(c.finished()));
  const root = file.create_group('model_weights');
  const groups = groupsOf(c);
  root.create_attribute('layer_names', groups.map(([name]) => name));
  for (const [name, weights] of groups) {
    const group = root.create_group(name);
    if (weights.length) group.create_attribute('weight_names', weights.map(([path_]) => path_));
    else group.create_attribute('weight_names', new Float64Array(0), [0], '<d');
    const made = new Set();
    for (const [path_, shape, spread = 0.5, centre = 0] of weights) {
      const folder = path_.slice(0, path_.lastIndexOf('/'));
      if (!made.has(folder)) group.create_group(folder);
      made.add(folder);
      const values = uniform(`${c.name}/${name}/${path_}`, count(shape), spread, centre);
      const { dtype = '<f', chunks, compression } = dataset;
      group.create_dataset({
        name: path_, shape, dtype, compression, chunks: chunks && shape,
        data: dtype === '<d' ? Float64Array.from(values) : dtype === '<i' ? Int32Array.from(values) : values,
      });
    }
  }
  file.close();
}

/** A Keras 3 archive: its own configuration style, weights by class and number, a nested model. */
export function keras3() {
  const tensor = (name, call = 0) => ({
    class_name: '__keras_tensor__', config: { shape: [null], dtype: 'float32', keras_history: [name, call, 0] },
  });
  const layer = (className, name, config, ...inputs) => ({
    module: 'keras.layers', class_name: className, name, registered_name: null,
    config: { name, ...config },
    inbound_nodes: inputs.length ? [{ args: inputs.length === 1 ? [inputs[0]] : [inputs], kwargs: {} }] : [],
  });
  const functional = (name, layers, input, output) =>
    ({ name, layers, input_layers: [input, 0, 0], output_layers: [output, 0, 0] });
  const base = functional('backbone', [
    layer('InputLayer', 'inner_input', { batch_shape: [null, 6, 6, 4] }),
    layer('DepthwiseConv2D', 'depth', conv(0, 3, { depth_multiplier: 1, padding: 'same' }), tensor('inner_input')),
    layer('BatchNormalization', 'norm', { axis: -1, epsilon: 1e-3 }, tensor('depth')),
  ], 'inner_input', 'norm');
  const config = {
    module: 'keras', class_name: 'Functional', registered_name: null,
    config: functional('net', [
      layer('InputLayer', 'input_layer', { batch_shape: [null, 6, 6, 3] }),
      layer('Conv2D', 'first', conv(4, 3, { padding: 'same', activation: 'hard_sigmoid' }), tensor('input_layer')),
      layer('Conv2D', 'second', conv(4, 1, { activation: { module: 'builtins', class_name: 'function', config: 'relu6', registered_name: 'function' } }), tensor('first')),
      { ...layer('Functional', 'backbone', {}, tensor('second')), config: base },
      layer('Add', 'sum', {}, tensor('backbone', 1), tensor('first')),
      layer('LeakyReLU', 'leaky', { negative_slope: 0.2 }, tensor('sum')),
      layer('GlobalAveragePooling2D', 'gap', { keepdims: false }, tensor('leaky')),
      layer('Dense', 'logits', { units: 3, activation: 'linear', use_bias: true }, tensor('gap')),
    ], 'input_layer', 'logits'),
  };
  const variables = {
    'layers/conv2d': [[3, 3, 3, 4], [4]],
    'layers/conv2d_1': [[1, 1, 4, 4], [4]],
    'layers/functional/layers/depthwise_conv2d': [[3, 3, 4, 1], [4]],
    'layers/functional/layers/batch_normalization': [[4], [4], [4], [4]],
    'layers/dense': [[4, 3], [3]],
  };
  return { name: 'keras3', config, variables, input: { dims: [1, 3, 6, 6], values: uniform('keras3/input', 108, 1) } };
}

/** Writes a .keras file; `compress`: deflate its parts instead of storing them. */
export async function writeKeras(archive, path, { compress = false } = {}) {
  const library = await h5wasm();
  const { zipSync, strToU8 } = await import('fflate');
  const { mkdtemp, readFile, rm } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const folder = await mkdtemp(join(tmpdir(), 'gradcam-fixture-'));
  const weights = join(folder, 'weights.h5');
  const file = new library.File(weights, 'w');
  for (const [group, shapes_] of Object.entries(archive.variables)) {
    const path_ = `${group}/vars`;
    path_.split('/').reduce((at, part) => {
      const next = at ? `${at}/${part}` : part;
      if (!file.get(next)) file.create_group(next);
      return next;
    }, '');
    shapes_.forEach((shape, i) => {
      const centre = group.endsWith('batch_normalization') && (i === 0 || i === 3) ? 1 : 0;
      file.create_dataset({
        name: `${path_}/${i}`, shape, dtype: '<f',
        data: uniform(`keras3/${group}/${i}`, count(shape), 0.5, centre),
      });
    });
  }
  file.close();
  const parts = {
    'metadata.json': strToU8(JSON.stringify({ keras_version: '3.4.1' })),
    'config.json': strToU8(JSON.stringify(archive.config)),
    'model.weights.h5': new Uint8Array(await readFile(weights)),
  };
  await rm(folder, { recursive: true });
  writeFileSync(path, zipSync(parts, { level: compress ? 6 : 0 }));
}

if (import.meta.url.endsWith('/fixtures.mjs') && process.argv[1]?.endsWith('fixtures.mjs')) {
  const [folder] = process.argv.slice(2);
  for (const make of CASES) {
    const c = make();
    await writeH5(c, join(folder, `${c.name}.h5`));
  }
  await writeKeras(keras3(), join(folder, 'keras3.keras'));
}
