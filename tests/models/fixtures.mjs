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

  /** An operator of tf.keras, called as `node` says; an output of the model. */
  operator(name, fn, node, className = 'TFOpLambda', config = { function: fn }) {
    this.layers.set(name, { class_name: className, config: { ...config, name, trainable: true, dtype: 'float32' },
      name, inbound_nodes: [node] });
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
    'tanh', 'softmax', 'leaky_relu', 'hard_silu', 'hard_tanh', 'softplus', 'softsign', 'mish', 'exponential']) {
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
  c.out('Minimum', [a, b, d], 'minimum', {});
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

/** Operators as tf.keras stores them: numbers as keywords, or first as _CONSTANT_VALUE. */
function operators() {
  const c = new Case('operators', [4, 3, 3]);
  const x = c.put('Conv2D', c.input, 'conv', conv(3, 1), [kernel(1, 1, 3, 3), bias(3)]);
  const with_ = (name, fn, keywords) => c.operator(name, fn, [x, 0, 0, { ...keywords, name: null }]);
  const from = (name, fn, number) => c.operator(name, fn, ['_CONSTANT_VALUE', -1, number, { y: [x, 0, 0], name: null }]);
  with_('plus', '__operators__.add', { y: 3 });
  with_('times', 'math.multiply', { y: 1 / 6 });
  with_('less', 'math.subtract', { y: [0.1, 0.2, 0.3] });
  with_('over', 'math.truediv', { y: 127.5 });
  with_('bias', 'nn.bias_add', { bias: [-0.5, 0.25, 1] });
  from('one_less', 'math.subtract', 1);
  from('two_over', 'math.truediv', 2);
  with_('at_least', 'math.maximum', { y: 0.1 });
  with_('at_most', 'math.minimum', { y: 0.1 });
  with_('between', 'clip_by_value', { clip_value_min: -0.2, clip_value_max: 0.3 });
  c.operator('sum', '__operators__.add', [x, 0, 0, { y: ['plus', 0, 0], name: null }]);
  c.operator('lesser', 'math.minimum', [x, 0, 0, { y: ['one_less', 0, 0], name: null }]);
  with_('six', 'nn.relu6', {});
  with_('negative', 'math.negative', {});
  with_('squared', 'math.square', {});
  with_('absolute', 'math.abs', {});
  with_('pooled', 'math.reduce_mean', { axis: [1, 2], keepdims: true });
  with_('kept', 'cast', { dtype: 'float32' });
  c.operator('swapped', '', [x, 0, 0, { slice_spec: { class_name: '__tuple__',
    items: [{ class_name: '__ellipsis__' }, { start: null, stop: null, step: -1 }] } }], 'SlicingOpLambda', { function: '__operators__.getitem' });
  // TensorFlow 2.0 to 2.3.
  const node = (name, op, constants, inputs = [[x, 0, 0, {}]]) => c.operator(name, op, inputs, 'TensorFlowOpLayer',
    { node_def: { name, op, input: ['conv/Identity', `${name}/y`], attr: { T: { type: 'DT_FLOAT' } } }, constants });
  node('tf_op_layer_AddV2', 'AddV2', { 1: 3 });
  node('tf_op_layer_Sub', 'Sub', { 0: 1 });
  node('tf_op_layer_Mul', 'Mul', {}, [[x, 0, 0, {}], ['plus', 0, 0, {}]]);
  return c;
}

/** Layers that bring a picture to a size, augmentation, and numbers in the wrappings Keras stores them in. */
function preparing() {
  const c = new Case('preparing', [7, 10, 3]);
  const x = c.put('Activation', c.input, 'start', { activation: 'linear' });
  const resized = (name, height, width, more = {}) => c.out('Resizing', x, name,
    { height, width, interpolation: 'bilinear', crop_to_aspect_ratio: false, ...more });
  resized('resized_up', 14, 15);
  resized('resized_down', 3, 4);
  resized('resized_nearest', 5, 13, { interpolation: 'nearest' });
  resized('resized_cut', 5, 5, { crop_to_aspect_ratio: true });
  resized('resized_cut_wide', 3, 9, { crop_to_aspect_ratio: true });
  resized('resized_same', 7, 10);
  resized('resized_smooth', 3, 4, { antialias: true });
  resized('resized_smooth_one_way', 14, 3, { antialias: true });
  resized('resized_smooth_cut', 2, 2, { antialias: true, crop_to_aspect_ratio: true });
  c.out('CenterCrop', x, 'centre', { height: 4, width: 5 });
  c.out('CenterCrop', x, 'centre_larger', { height: 8, width: 6 });
  c.out('RandomCrop', x, 'random_crop', { height: 5, width: 4 });
  let y = x;
  for (const kind of ['Flip', 'Rotation', 'Zoom', 'Translation', 'Contrast', 'Brightness', 'Shear', 'Hue']) {
    y = c.put(`Random${kind}`, y, `random_${kind}`, {});
  }
  const array = (value) => ({ class_name: '__numpy__', config: { value, dtype: 'float64' } });
  const tensor = (value) => ({ class_name: '__tensor__', config: { value, dtype: 'float32' } });
  c.out('Rescaling', y, 'scaled_numpy', { scale: array([0.5, 2, 3]), offset: array([1, -1, 0]) });
  c.out('Rescaling', y, 'scaled_tensor', { scale: tensor(0.5), offset: tensor([0.5, 0, 2]) });
  c.out('Rescaling', y, 'scaled_ndarray', { scale: { type: 'ndarray', value: [2, 1, 0.5] }, offset: 0 });
  c.out('Normalization', y, 'normal_numpy', { axis: [-1], mean: array([[[[0.1, 0.2, 0.3]]]]), variance: array([[[[1, 4, 0.25]]]]) });
  c.out('Normalization', y, 'normal_whole', { axis: null, mean: 0.5, variance: 4 });
  return c;
}

/** Channels first, as some GPUs liked it: shapes are C, H, W. */
function channelsFirst() {
  const c = new Case('channels_first', [6, 5, 3]);
  const first = { data_format: 'channels_first' };
  c.layers.get(c.input).config.batch_input_shape = [null, 3, 6, 5];
  const x = c.put('Conv2D', c.input, 'conv', conv(4, 3, { padding: 'same', activation: 'relu', ...first }), [kernel(3, 3, 3, 4), bias(4)]);
  const norm = c.out('BatchNormalization', x, 'norm', { axis: [1], epsilon: 1e-3, ...first }, bn(4));
  c.out('MaxPooling2D', norm, 'pool', { pool_size: [2, 2], strides: [2, 2], padding: 'valid', ...first });
  c.out('ZeroPadding2D', norm, 'padded', { padding: [[1, 0], [0, 2]], ...first });
  c.out('DepthwiseConv2D', norm, 'depthwise', conv(0, 3, { depth_multiplier: 1, ...first }), [['depthwise_kernel', [3, 3, 4, 1]], bias(4)]);
  c.out('Concatenate', [x, norm], 'joined', { axis: 1 });
  c.out('PReLU', norm, 'slopes', { shared_axes: [2, 3] }, [['alpha', [4, 1, 1]]]);
  c.out('GlobalAveragePooling2D', norm, 'mean', { keepdims: true, ...first });
  const flat = c.put('Flatten', norm, 'flat', first);
  c.out('Dense', flat, 'dense', { units: 3, activation: 'linear', use_bias: true }, [kernel(120, 3), bias(3)]);
  // Without its own data_format, Flatten keeps C, H, W.
  const raw = c.put('Flatten', norm, 'flat_raw', { data_format: 'channels_last' });
  c.out('Dense', raw, 'dense_raw', { units: 3, activation: 'linear', use_bias: true }, [kernel(120, 3), bias(3)]);
  const last = c.put('Permute', norm, 'turned', { dims: [2, 3, 1], data_format: undefined });
  c.out('Conv2D', last, 'conv_last', conv(2, 3, {}), [kernel(3, 3, 4, 2), bias(2)]);
  return c;
}

export const CASES = [convolutions, transposed, pools, activations, shapes, merges, norms, nested, operators,
  preparing, channelsFirst];

export const inputOf = (c) => {
  const [, ...axes] = c.layers.get(c.input).config.batch_input_shape;
  const [H, W, C] = c.name === 'channels_first' ? [axes[1], axes[2], axes[0]] : axes;
  return { dims: [1, C, H, W], values: uniform(`${c.name}/input`, C * H * W, 1) };
};

/**
 * The settings of Conv2D, Dense and pools in the words of Keras 1, and its names of classes: what a file
 * of 2016 holds for the same network.
 */
export function asKeras1(model) {
  const old = structuredClone(model);
  for (const layer of old.config.layers) {
    const { kernel_size: kernelSize, filters, strides, padding, use_bias: useBias, units, data_format: order, ...rest } = layer.config;
    if (layer.class_name === 'Conv2D') {
      layer.class_name = 'Convolution2D';
      layer.config = { ...rest, nb_filter: filters, nb_row: kernelSize[0], nb_col: kernelSize[1], subsample: strides,
        border_mode: padding, bias: useBias, dim_ordering: 'tf' };
      delete layer.config.dilation_rate;
      delete layer.config.groups;
    } else if (layer.class_name === 'Dense') layer.config = { ...rest, output_dim: units, bias: useBias };
    else if (/Pooling2D/.test(layer.class_name)) layer.config = { ...rest, strides, border_mode: padding, dim_ordering: 'tf' };
  }
  return old;
}

/** [group, [[path, shape, spread, centre]...]] as Keras 2 writes them: layer/layer/kernel:0. */
const groupsOf = (c) => c.groups ?? [...c.layers.keys()].map((layer) => [layer,
  (c.weights.get(layer) ?? []).map(([kind, ...rest]) => [`${layer}/${kind}:0`, ...rest])]);

async function h5wasm() {
  const { default: library } = await import('h5wasm/node');
  await library.ready;
  return library;
}

/**
 * Writes a case as a whole-model .h5 file of Keras 2; dataset: dtype, chunks, compression of its data sets;
 * weightsOnly: as save_weights writes it, without the network.
 */
export async function writeH5(c, path, { keras = '2.4.0', dataset = {}, weightsOnly = false } = {}) {
  const library = await h5wasm();
  const file = new library.File(path, 'w');
  file.create_attribute('keras_version', keras);
  file.create_attribute('backend', 'tensorflow');
  if (!weightsOnly) file.create_attribute('model_config', JSON.stringify(c.finished()));
  const root = weightsOnly ? file : file.create_group('model_weights');
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

const kerasTensor = (name, call = 0) => ({
  class_name: '__keras_tensor__', config: { shape: [null], dtype: 'float32', keras_history: [name, call, 0] },
});

/** Operators as Keras 3 stores them: classes of keras.src.ops, numbers among the arguments. */
export function operators3() {
  const layers = [];
  const outputs = [];
  const layer = (className, name, config, args, kwargs = {}, module = 'keras.layers') => {
    layers.push({ module, class_name: className, name, registered_name: module === 'keras.layers' ? null : className,
      config: { name, ...config }, inbound_nodes: args.length ? [{ args, kwargs }] : [] });
    return name;
  };
  const op = (className, name, args, config = {}, module = 'keras.src.ops.numpy') =>
    outputs.push(layer(className, name, config, args, {}, module));
  layer('InputLayer', 'input_layer', { batch_shape: [null, 4, 5, 3] }, []);
  layer('Conv2D', 'conv', conv(3, 1), [kerasTensor('input_layer')]);
  const x = kerasTensor('conv');
  const array = { class_name: '__numpy__', config: { value: [0.5, 2, -1], dtype: 'float32' } };
  op('Add', 'add', [x, 3.0]);
  op('Multiply', 'multiply', [0.16666, x]);
  op('Multiply', 'multiply_1', [x, array]);
  op('Subtract', 'subtract', [1.0, x]);
  op('Subtract', 'subtract_1', [x, 127.5]);
  op('TrueDivide', 'true_divide', [x, 4.0]);
  op('Divide', 'divide', [x, kerasTensor('subtract_1')]);
  op('Maximum', 'maximum', [x, 0.1]);
  op('Minimum', 'minimum', [x, 0.1]);
  op('Power', 'power', [kerasTensor('maximum'), 2.5]);
  op('Negative', 'negative', [x]);
  op('Clip', 'clip', [x], { x_min: -0.1, x_max: 0.2 });
  op('Mean', 'mean', [x], { axis: [1, 2], keepdims: false });
  op('Relu6', 'relu6', [kerasTensor('add')], {}, 'keras.src.ops.nn');
  op('Add', 'add_1', [x, kerasTensor('add')]);
  op('GetItem', 'get_item', [x, [{ class_name: '__ellipsis__', config: {} },
    { class_name: '__slice__', config: { start: null, stop: null, step: -1 } }]]);
  const picked = [2, 1, 0].map((i) => layer('GetItem', `get_item_${3 - i}`, {},
    [x, [{ class_name: '__ellipsis__', config: {} }, i]], {}, 'keras.src.ops.numpy'));
  op('Stack', 'stack', [picked.map((name) => kerasTensor(name))], { axis: -1 });
  const config = { module: 'keras.src.models.functional', class_name: 'Functional', registered_name: 'Functional', config: {
    name: 'functional', layers, input_layers: [['input_layer', 0, 0]], output_layers: outputs.map((name) => [name, 0, 0]),
  } };
  const variables = { 'layers/conv2d': [[1, 1, 3, 3], [3]] };
  return { name: 'operators3', config, variables, input: { dims: [1, 3, 4, 5], values: uniform('operators3/input', 60, 1) } };
}

/** As Keras 2.13 writes it on Windows: backslashes in the names of groups, gaps in the numbers. */
export function windows() {
  const layer = (className, name, config) => ({ module: 'keras.layers', class_name: className, config: { name, ...config }, registered_name: null });
  const config = { module: 'keras', class_name: 'Sequential', registered_name: null, config: { name: 'sequential', layers: [
    layer('InputLayer', 'conv2d_input', { batch_input_shape: [null, 8, 8, 1] }),
    layer('Conv2D', 'conv2d', conv(4, 3, { activation: 'relu' })),
    layer('Conv2D', 'conv2d_1', conv(4, 3, { activation: 'relu' })),
    layer('Flatten', 'flatten', { data_format: 'channels_last' }),
    layer('Dense', 'dense', { units: 5, activation: 'relu', use_bias: true }),
    layer('Dense', 'dense_1', { units: 3, activation: 'softmax', use_bias: true }),
  ] } };
  const at = (name) => `_layer_checkpoint_dependencies\\${name}`;
  const variables = {
    [at('conv2d')]: [[3, 3, 1, 4], [4]],
    [at('conv2d_2')]: [[3, 3, 4, 4], [4]],
    [at('dense')]: [[64, 5], [5]],
    [at('dense_2')]: [[5, 3], [3]],
    'metrics\\mean': [[1]],
  };
  return { name: 'windows', config, variables, input: { dims: [1, 1, 8, 8], values: uniform('windows/input', 64, 1) } };
}

/** Teachable Machine's form, re-saved by Keras 3: a network in a Sequential in a Sequential, a head beside it. */
export function resaved() {
  const layer = (className, name, config, ...args) => ({ module: 'keras.layers', class_name: className, name, registered_name: null,
    config: { name, ...config }, ...(args.length ? { inbound_nodes: [{ args, kwargs: {} }] } : {}) });
  const base = { name: 'model1', layers: [
    { ...layer('InputLayer', 'input_1', { batch_shape: [null, 8, 8, 3] }), inbound_nodes: [] },
    layer('ZeroPadding2D', 'Conv1_pad', { padding: [[0, 1], [0, 1]] }, kerasTensor('input_1')),
    layer('Conv2D', 'Conv1', conv(4, 3, { strides: [2, 2], use_bias: false }), kerasTensor('Conv1_pad')),
    layer('BatchNormalization', 'bn_Conv1', { axis: 3, epsilon: 1e-3 }, kerasTensor('Conv1')),
    layer('ReLU', 'Conv1_relu', { max_value: 6, negative_slope: 0, threshold: 0 }, kerasTensor('bn_Conv1')),
    layer('DepthwiseConv2D', 'depthwise', conv(0, 3, { depth_multiplier: 1, padding: 'same', use_bias: false }), kerasTensor('Conv1_relu')),
  ], input_layers: [['input_1', 0, 0]], output_layers: [['depthwise', 0, 0]] };
  const sequential = (name, ...layers) => ({ module: 'keras', class_name: 'Sequential', registered_name: null, config: { name, layers } });
  const config = sequential('sequential_4', layer('InputLayer', 'in', { batch_shape: [null, 8, 8, 3] }),
    sequential('sequential_1', layer('InputLayer', 'model1_input', { batch_shape: [null, 8, 8, 3] }),
      { module: 'keras', class_name: 'Functional', registered_name: null, name: 'model1', config: base },
      layer('GlobalAveragePooling2D', 'gap', { keepdims: false })),
    sequential('sequential_3', layer('InputLayer', 'dense_input', { batch_shape: [null, 4] }),
      layer('Dense', 'dense_Dense1', { units: 5, activation: 'relu', use_bias: true }),
      layer('Dense', 'dense_Dense2', { units: 2, activation: 'softmax', use_bias: false })));
  const inside = 'layers/sequential/layers/functional/layers';
  const variables = {
    [`${inside}/conv2d`]: [[3, 3, 3, 4]],
    [`${inside}/batch_normalization`]: [[4], [4], [4], [4]],
    [`${inside}/depthwise_conv2d`]: [[3, 3, 4, 1]],
    'layers/sequential_1/layers/dense': [[4, 5], [5]],
    'layers/sequential_1/layers/dense_1': [[5, 2]],
  };
  return { name: 'resaved', config, variables, input: { dims: [1, 3, 8, 8], values: uniform('resaved/input', 192, 1) } };
}

export const ARCHIVES = [keras3, operators3, windows, resaved];

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
        data: uniform(`${archive.name}/${group}/${i}`, count(shape), 0.5, centre),
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
  for (const make of ARCHIVES) {
    const archive = make();
    await writeKeras(archive, join(folder, `${archive.name}.keras`));
  }
}
