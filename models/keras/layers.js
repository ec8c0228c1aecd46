/**
 * One row a Keras layer class: the weights it holds, and the ONNX nodes it becomes.
 *
 * Letters: N = 1 batch, C channels, H, W height and width, M depth multiplier.
 * Keras shapes are H, W, C (or n), ONNX tensors N, C, H, W (or N, n). The node and the tensor behind
 * a layer, its activation included, carry the layer's name; what comes before is named "layer/pre".
 *
 * To add a layer: one row in LAYERS, a case in tests/models, and its formula in the torch
 * interpreter of tests/golden that makes the reference values.
 */
import { ModelError } from '../errors.js';
import { readActivation } from './activations.js';
import { numbersOf } from './config.js';
import { emitOperator, hasNumbers, isOperator, minimum, operatorName } from './operators.js';
import {
  axisOf, chainOf, channelDims, constant, cutAndResize, merge, pair, requireOrder, requireSameOrder,
  unsupported, where,
} from './support.js';

/**
 * Output size and padding along one axis. TensorFlow's "same" puts the odd row or column at the end:
 * total = max((ceil(n / s) - 1) s + k - n, 0), floor(total / 2) of it in front.
 */
function window(layer, n, k, s, d, padding) {
  const reach = (k - 1) * d + 1;
  if (padding === 'same') {
    const size = Math.ceil(n / s);
    const total = Math.max((size - 1) * s + reach - n, 0);
    return { size, before: Math.floor(total / 2), after: total - Math.floor(total / 2) };
  }
  if (padding !== 'valid') throw unsupported(layer, `padding "${padding}"`);
  const size = Math.floor((n - reach) / s) + 1;
  if (size < 1) {
    throw new ModelError('argument', `${where(layer)}: its input is only ${n} long where the window ` +
      `needs ${reach}. Choose a larger input size.`);
  }
  return { size, before: 0, after: 0 };
}

function windows(layer, x, kernel, strides, dilation) {
  const padding = String(layer.config.padding ?? 'valid').toLowerCase();
  const [h, w] = [0, 1].map((axis) =>
    window(layer, x.shape[axis], kernel[axis], strides[axis], dilation[axis], padding));
  return { height: h.size, width: w.size, pads: [h.before, w.before, h.after, w.after] };
}

/** Adds the layer's own activation behind a tensor made under the name `preName(...)`. */
function withActivation(b, layer, tensor, name) {
  const act = readActivation(layer.config.activation, where(layer));
  if (act.softmax) return b.softmax(tensor, name);
  return act.emit ? { ...tensor, name: act.emit(b, tensor.name, name) } : tensor;
}

function preName(layer, name) {
  const act = readActivation(layer.config.activation, where(layer));
  return act.softmax || act.emit ? `${name}/pre` : name;
}

function convolve(b, layer, x, name, { inputs, kernel, group, filters, strides, dilation }) {
  const { height, width, pads } = windows(layer, x, kernel, strides, dilation);
  const out = b.graph.add('Conv', name, [b.spatial(x, name), ...inputs], {
    kernel_shape: kernel, strides, dilations: dilation, pads, group,
  });
  return b.image(out, height, width, filters);
}

const bias = (b, layer, name, index, n) =>
  layer.config.use_bias === false ? [] : [b.vector(layer, index, `${name}/bias`, n)];

const geometry = (config) => ({
  kernel: pair(config.kernel_size),
  strides: pair(config.strides ?? 1),
  dilation: pair(config.dilation_rate ?? 1),
});

function conv2d(b, layer, [x], name) {
  requireOrder(layer, x);
  const { filters } = layer.config;
  const geo = geometry(layer.config);
  const group = layer.config.groups ?? 1;
  const inputs = [
    b.kernel(layer, 0, `${name}/kernel`, [...geo.kernel, x.shape[2] / group, filters], [3, 2, 0, 1]),
    ...bias(b, layer, name, 1, filters),
  ];
  const y = convolve(b, layer, x, preName(layer, name), { inputs, group, filters, ...geo });
  return withActivation(b, layer, y, name);
}

/** Depthwise kernels are [H, W, C, M]; output channel c M + m, as in ONNX with group = C. */
function depthwise(b, layer, x, name, convName, withBias) {
  const geo = geometry(layer.config);
  const C = x.shape[2];
  const M = layer.config.depth_multiplier ?? 1;
  const inputs = [
    b.kernel(layer, 0, `${name}/depthwise_kernel`, [...geo.kernel, C, M], [2, 3, 0, 1],
      [C * M, 1, ...geo.kernel]),
    ...(withBias ? bias(b, layer, name, 1, C * M) : []),
  ];
  return convolve(b, layer, x, convName, { inputs, group: C, filters: C * M, ...geo });
}

function depthwiseConv2d(b, layer, [x], name) {
  requireOrder(layer, x);
  const y = depthwise(b, layer, x, name, preName(layer, name), true);
  return withActivation(b, layer, y, name);
}

function separableConv2d(b, layer, [x], name) {
  requireOrder(layer, x);
  const { filters } = layer.config;
  const mid = depthwise(b, layer, x, name, `${name}/depthwise`, false);
  const inputs = [
    b.kernel(layer, 1, `${name}/pointwise_kernel`, [1, 1, mid.shape[2], filters], [3, 2, 0, 1]),
    ...bias(b, layer, name, 2, filters),
  ];
  const y = convolve(b, { ...layer, config: {} }, mid, preName(layer, name), {
    inputs, group: 1, filters, kernel: [1, 1], strides: [1, 1], dilation: [1, 1],
  });
  return withActivation(b, layer, y, name);
}

/** The gradient of a convolution, as TensorFlow pads it; kernels are [H, W, out, in]. */
function conv2dTranspose(b, layer, [x], name) {
  requireOrder(layer, x);
  const { filters, padding, output_padding: extra } = layer.config;
  const { kernel, strides, dilation } = geometry(layer.config);
  const axes = [0, 1].map((axis) => {
    const [n, s] = [x.shape[axis], strides[axis]];
    const reach = (kernel[axis] - 1) * dilation[axis] + 1;
    const asked = extra === null || extra === undefined ? undefined : pair(extra)[axis];
    const full = (n - 1) * s + reach;
    if (asked !== undefined) {
      const cut = padding === 'same' ? Math.floor(reach / 2) : 0;
      return { size: full - 2 * cut + asked, before: cut, after: cut, grow: asked };
    }
    const size = padding === 'same' ? n * s : n * s + Math.max(reach - s, 0);
    const cut = Math.max(full - size, 0);
    const before = Math.floor(cut / 2);
    return { size, before, after: cut - before, grow: Math.max(size - full, 0) };
  });
  const pre = preName(layer, name);
  const inputs = [
    b.spatial(x, pre),
    b.kernel(layer, 0, `${name}/kernel`, [...kernel, filters, x.shape[2]], [3, 2, 0, 1]),
    ...bias(b, layer, name, 1, filters),
  ];
  const out = b.graph.add('ConvTranspose', pre, inputs, {
    kernel_shape: kernel,
    strides,
    dilations: dilation,
    pads: [axes[0].before, axes[1].before, axes[0].after, axes[1].after],
    output_padding: axes.map((axis) => axis.grow),
    group: 1,
  });
  return withActivation(b, layer, b.image(out, axes[0].size, axes[1].size, filters), name);
}

/** On H, W, C a Dense works on each pixel: a 1 x 1 convolution. */
function dense(b, layer, [x], name) {
  const { units } = layer.config;
  const pre = preName(layer, name);
  const n = x.shape.at(-1);
  if (x.first && !b.isOnePixel(x)) throw unsupported(layer, 'an input with channels first');
  if (x.shape.length === 3) {
    const inputs = [
      b.kernel(layer, 0, `${name}/kernel`, [n, units], [1, 0], [units, n, 1, 1]),
      ...bias(b, layer, name, 1, units),
    ];
    const y = convolve(b, { ...layer, config: {} }, x, pre, {
      inputs, group: 1, filters: units, kernel: [1, 1], strides: [1, 1], dilation: [1, 1],
    });
    return withActivation(b, layer, y, name);
  }
  if (x.shape.length !== 1) throw unsupported(layer, `an input of rank ${x.shape.length}`);
  const inputs = [
    b.flat(x, `${name}/flat`),
    b.kernel(layer, 0, `${name}/kernel`, [n, units], [1, 0]),
    ...bias(b, layer, name, 1, units),
  ];
  const y = b.vectorTensor(b.graph.add('Gemm', pre, inputs, { transB: 1 }), units);
  return withActivation(b, layer, y, name);
}

function batchNormalization(b, layer, [x], name) {
  const { config } = layer;
  const axis = [config.axis ?? -1].flat()[0];
  if (axisOf(layer, x, axis) !== x.shape.length - 1) throw unsupported(layer, `axis ${axis}`);
  const C = x.shape.at(-1);
  let index = 0;
  const learned = (kind, has, fill) => (has === false
    ? b.graph.constant(`${name}/${kind}`, 'float32', [C], new Array(C).fill(fill))
    : b.vector(layer, index++, `${name}/${kind}`, C));
  const t = b.settle(x, name);
  const inputs = [
    t.name,
    learned('gamma', config.scale, 1),
    learned('beta', config.center, 0),
    learned('moving_mean', true),
    learned('moving_variance', true),
  ];
  const { epsilon = 1e-3 } = config;
  return { ...t, name: b.graph.add('BatchNormalization', name, inputs, { epsilon }) };
}

function activation(b, layer, [x], name) {
  return withActivation(b, layer, x, name);
}

/** An activation that is a layer class of its own. */
function activationLayer(b, layer, [x], name) {
  const act = readActivation({ class_name: layer.className, config: layer.config }, where(layer));
  return act.emit ? { ...x, name: act.emit(b, x.name, name) } : x;
}

function softmaxLayer(b, layer, [x], name) {
  const axis = [layer.config.axis ?? -1].flat()[0];
  if (axisOf(layer, x, axis) !== x.shape.length - 1) throw unsupported(layer, `axis ${axis}`);
  return b.softmax(x, name);
}

/** alpha is [H, W, C], with 1 for axes that share it. */
function prelu(b, layer, [x], name) {
  const shared = layer.config.shared_axes ?? [];
  const own = x.first ? [x.shape[2], x.shape[0], x.shape[1]] : x.shape;
  const source = own.map((n, i) => (shared.includes(i + 1) ? 1 : n));
  const slope = x.shape.length === 3
    ? b.tensor(layer, 0, `${name}/alpha`, source, x.first ? [0, 1, 2] : [2, 0, 1])
    : b.tensor(layer, 0, `${name}/alpha`, source, [0]);
  const input = x.shape.length === 3 ? b.spatial(x, name) : b.flat(x, `${name}/flat`);
  const y = b.graph.add('PRelu', name, [input, slope]);
  return x.shape.length === 3 ? b.image(y, ...x.shape) : b.vectorTensor(y, x.shape[0]);
}

const pooling = (op, attributes) => (b, layer, [x], name) => {
  requireOrder(layer, x);
  const kernel = pair(layer.config.pool_size);
  const strides = pair(layer.config.strides ?? kernel);
  const { height, width, pads } = windows(layer, x, kernel, strides, [1, 1]);
  const out = b.graph.add(op, name, [b.spatial(x, name)],
    { kernel_shape: kernel, strides, pads, ...attributes });
  return b.image(out, height, width, x.shape[2]);
};

const globalPooling = (op) => (b, layer, [x], name) => {
  requireOrder(layer, x);
  const C = x.shape[2];
  const y = b.image(b.graph.add(op, name, [b.spatial(x, name)]), 1, 1, C);
  return layer.config.keepdims ? y : { ...y, shape: [C] };
};

/** [[top, bottom], [left, right]] of padding or cropping, in any of the forms Keras stores. */
const borders = (value) => pair(value).map(pair);

function zeroPadding(b, layer, [x], name) {
  requireOrder(layer, x);
  const [[top, bottom], [left, right]] = borders(layer.config.padding);
  const pads = b.graph.ints(`${name}/pads`, [0, 0, top, left, 0, 0, bottom, right]);
  const out = b.graph.add('Pad', name, [b.spatial(x, name), pads], { mode: 'constant' });
  return b.image(out, x.shape[0] + top + bottom, x.shape[1] + left + right, x.shape[2]);
}

function cropping(b, layer, [x], name) {
  requireOrder(layer, x);
  const [[top, bottom], [left, right]] = borders(layer.config.cropping);
  const [H, W, C] = x.shape;
  const [height, width] = [H - top - bottom, W - left - right];
  if (height < 1 || width < 1) throw unsupported(layer, 'cropping the whole picture');
  const out = b.graph.add('Slice', name, [
    b.spatial(x, name),
    b.graph.ints(`${name}/starts`, [top, left]),
    b.graph.ints(`${name}/ends`, [H - bottom, W - right]),
    b.graph.ints(`${name}/axes`, [2, 3]),
  ]);
  return b.image(out, height, width, C);
}

function upSampling(b, layer, [x], name) {
  requireOrder(layer, x);
  const [sh, sw] = pair(layer.config.size ?? 2);
  const how = layer.config.interpolation ?? 'nearest';
  const modes = {
    nearest: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
    bilinear: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
  };
  if (!modes[how]) throw unsupported(layer, `interpolation "${how}"`);
  const scales = b.graph.constant(`${name}/scales`, 'float32', [4], [1, 1, sh, sw]);
  const out = b.graph.add('Resize', name, [b.spatial(x, name), '', scales], modes[how]);
  return b.image(out, x.shape[0] * sh, x.shape[1] * sw, x.shape[2]);
}

/** Keras flattens H, W, C; with channels first too, where the layer itself says channels_first. */
function flatten(b, layer, [x], name) {
  const n = x.shape.reduce((product, d) => product * d, 1);
  const first = layer.config.data_format === 'channels_first';
  if (x.first && !first) return b.vectorTensor(b.reshaped(b.spatial(x, name), name, [1, n]), n);
  if (first) requireOrder(layer, x);
  return b.vectorTensor(b.flat(x, name), n);
}

function reshape(b, layer, [x], name) {
  const total = x.shape.reduce((product, d) => product * d, 1);
  const asked = [...layer.config.target_shape];
  const known = asked.reduce((product, d) => (d === -1 ? product : product * d), 1);
  const shape = asked.map((d) => (d === -1 ? total / known : d));
  if (shape.reduce((product, d) => product * d, 1) !== total) {
    throw new ModelError('format', `${where(layer)}: ${x.shape} cannot become ${asked}.`);
  }
  // One pixel's channels keep their order: nothing moves.
  const onePixel = b.isOnePixel(x) && shape.every((d, i) => d === 1 || i === shape.length - 1);
  if (onePixel) return { ...x, shape };
  if (x.first && shape.length === 1) return flatten(b, { ...layer, config: {} }, [x], name);
  if (x.first) throw unsupported(layer, 'reshaping a picture with channels first');
  return { ...b.vectorTensor(b.flat(x, name), total), shape };
}

const identity = (b, layer, [x]) => x;

/** Only the order of the axes: the tensor itself stays. */
function permuteAxes(b, layer, [x]) {
  const asked = String(layer.config.dims);
  const wanted = x.first ? '2,3,1' : '3,1,2';
  if (x.shape.length !== 3 || (asked !== wanted && asked !== '1,2,3')) throw unsupported(layer, `the order (${asked})`);
  return asked === wanted ? { ...b.settle(x, layer.name), first: !x.first } : x;
}

/** The largest centred box of the ratio asked for: [top, left, height, width]. */
function ratioBox([H, W], [height, width]) {
  const [h, w] = [Math.trunc(W * height / width), Math.trunc(H * width / height)]
    .map((size, i) => Math.max(Math.min(size, [H, W][i]), 1));
  return [Math.trunc((H - h) / 2), Math.trunc((W - w) / 2), h, w];
}

function resizing(b, layer, [x], name) {
  requireOrder(layer, x);
  const { height, width, interpolation, crop_to_aspect_ratio: crop, pad_to_aspect_ratio: pad, antialias } = layer.config;
  const [H, W] = x.shape;
  if (H === height && W === width) return x;
  if (pad && H * width !== W * height) throw unsupported(layer, 'padding to the aspect ratio');
  return cutAndResize(b, layer, x, name, crop ? ratioBox([H, W], [height, width]) : undefined, [height, width],
    interpolation ?? 'bilinear', antialias);
}

/** The centre; a picture smaller than it is made larger instead, its ratio kept by cutting. */
function centerCrop(b, layer, [x], name) {
  requireOrder(layer, x);
  const { height, width } = layer.config;
  const [H, W] = x.shape;
  if (H === height && W === width) return x;
  const fits = H >= height && W >= width;
  const box = fits ? [Math.trunc((H - height) / 2), Math.trunc((W - width) / 2), height, width]
    : ratioBox([H, W], [height, width]);
  return cutAndResize(b, layer, x, name, box, [height, width]);
}

/** Without training, a random crop only brings pictures to its size. */
function randomCrop(b, layer, [x], name) {
  return resizing(b, { ...layer, config: { ...layer.config, crop_to_aspect_ratio: true } }, [x], name);
}

function average(b, layer, xs, name) {
  return merge(b, layer, xs, name, (names) => {
    const sum = names.slice(1).reduce((left, right, i) =>
      b.graph.add('Add', `${name}/sum${i}`, [left, right]), names[0]);
    const factor = b.graph.constant(`${name}/factor`, 'float32', [], [1 / names.length]);
    return b.graph.add('Mul', name, [sum, factor]);
  });
}

function concatenate(b, layer, xs, name) {
  const rank = xs[0]?.shape.length;
  const asked = layer.config.axis ?? -1;
  if (!xs.length || xs.some((x) => x.shape.length !== rank) || (rank !== 1 && rank !== 3)) {
    throw unsupported(layer, `axis ${asked} of shapes ${xs.slice(0, 4).map((x) => `(${x.shape})`).join(', ')}`);
  }
  requireSameOrder(layer, xs);
  const axis = axisOf(layer, xs[0], asked);
  const shape = [...xs[0].shape];
  shape[axis] = xs.reduce((sum, x) => sum + x.shape[axis], 0);
  const fits = xs.every((x) => x.shape.every((d, i) => i === axis || d === shape[i]));
  if (!fits) {
    throw new ModelError('format', `${where(layer)}: shapes ${xs.map((x) => `(${x.shape})`)
      .join(' and ')} do not go together.`);
  }
  if (rank === 1) {
    const flat = xs.map((x, i) => b.flat(x, `${name}/${i}/flat`));
    return b.vectorTensor(b.graph.add('Concat', name, flat, { axis: 1 }), shape[0]);
  }
  const parts = xs.map((x, i) => b.spatial(x, `${name}/${i}`));
  return b.image(b.graph.add('Concat', name, parts, { axis: [2, 3, 1][axis] }), ...shape);
}

function rescaling(b, layer, [x], name) {
  const { scale, offset = 0 } = layer.config;
  const shifts = numbersOf(offset)?.some((v) => v !== 0) ?? true;
  const t = b.settle(x, name);
  const factor = constant(b, layer, x, `${name}/scale`, scale);
  const scaled = b.graph.add('Mul', shifts ? `${name}/scaled` : name, [t.name, factor]);
  if (!shifts) return { ...t, name: scaled };
  const shift = constant(b, layer, x, `${name}/offset`, offset);
  return { ...t, name: b.graph.add('Add', name, [scaled, shift]) };
}

/** (x - mean) / max(sqrt(variance), 1e-7), mean and variance from the file or the configuration. */
function normalization(b, layer, [x], name) {
  const { mean, variance, invert, axis = -1 } = layer.config;
  const asked = [axis].flat();
  if (invert) throw unsupported(layer, 'invert');
  // Without an axis, one mean and one variance serve all.
  const whole = axis === null || asked.length === 0;
  if (!whole && (asked.length > 1 || axisOf(layer, x, asked[0]) !== x.shape.length - 1)) {
    throw unsupported(layer, `axis ${axis}`);
  }
  const C = x.shape.at(-1);
  const numbers = (value) => {
    const list = numbersOf(value);
    if (!list || (list.length !== 1 && list.length !== C)) {
      throw new ModelError('format', `${where(layer)} has ${list?.length ?? 'no'} numbers for ${C} channels.`);
    }
    return Float32Array.from({ length: C }, (_, i) => list[i % list.length]);
  };
  const fixed = mean !== null && mean !== undefined;
  const read = async (index, given) => (fixed ? numbers(given) : numbers([...await b.read(layer, index)]));
  const deviation = async () => (await read(1, variance)).map((v) => Math.max(Math.sqrt(v), 1e-7));
  const factor = b.computed(`${name}/factor`, channelDims(x), async () =>
    (await deviation()).map((d) => 1 / d));
  const shift = b.computed(`${name}/shift`, channelDims(x), async () => {
    const d = await deviation();
    return (await read(0, mean)).map((m, i) => -m / d[i]);
  });
  const t = b.settle(x, name);
  const scaled = b.graph.add('Mul', `${name}/scaled`, [t.name, factor]);
  return { ...t, name: b.graph.add('Add', name, [scaled, shift]) };
}

// ---- the table -----------------------------------------------------------------------------------

const kernelAndBias = ({ use_bias: useBias }) => (useBias === false ? ['kernel'] : ['kernel', 'bias']);
const none = () => [];

/** class: [names of its weights in Keras's order, its ONNX form] */
const LAYERS = {
  Conv2D: [kernelAndBias, conv2d],
  SeparableConv2D: [(c) => ['depthwise_kernel', ...kernelAndBias(c)], separableConv2d],
  DepthwiseConv2D: [kernelAndBias, depthwiseConv2d],
  Conv2DTranspose: [kernelAndBias, conv2dTranspose],
  Dense: [kernelAndBias, dense],
  BatchNormalization: [({ scale, center }) => [
    ...(scale === false ? [] : ['gamma']), ...(center === false ? [] : ['beta']),
    'moving_mean', 'moving_variance'], batchNormalization],
  Activation: [none, activation],
  ReLU: [none, activationLayer],
  LeakyReLU: [none, activationLayer],
  ELU: [none, activationLayer],
  PReLU: [() => ['alpha'], prelu],
  Softmax: [none, softmaxLayer],
  MaxPooling2D: [none, pooling('MaxPool')],
  // Keras divides by the cells inside the picture.
  AveragePooling2D: [none, pooling('AveragePool', { count_include_pad: 0 })],
  GlobalAveragePooling2D: [none, globalPooling('GlobalAveragePool')],
  GlobalMaxPooling2D: [none, globalPooling('GlobalMaxPool')],
  ZeroPadding2D: [none, zeroPadding],
  Cropping2D: [none, cropping],
  UpSampling2D: [none, upSampling],
  Flatten: [none, flatten],
  Reshape: [none, reshape],
  Add: [none, chainOf('Add')],
  Multiply: [none, chainOf('Mul')],
  Subtract: [none, chainOf('Sub')],
  Maximum: [none, chainOf('Max')],
  Minimum: [none, minimum],
  Average: [none, average],
  Concatenate: [none, concatenate],
  Rescaling: [none, rescaling],
  Normalization: [({ mean }) =>
    (mean === null || mean === undefined ? ['mean', 'variance'] : []), normalization],
  InputLayer: [none, identity],
  // Without effect once trained.
  Dropout: [none, identity],
  SpatialDropout2D: [none, identity],
  AlphaDropout: [none, identity],
  GaussianDropout: [none, identity],
  GaussianNoise: [none, identity],
  ActivityRegularization: [none, identity],
  Identity: [none, identity],
  ...Object.fromEntries(['Flip', 'Rotation', 'Zoom', 'Translation', 'Contrast', 'Brightness', 'Height', 'Width',
    'Shear', 'Saturation', 'Hue', 'ColorJitter', 'ColorDegeneration', 'Posterization', 'Sharpness', 'Grayscale',
    'Perspective', 'GaussianBlur', 'Erasing', 'Invert', 'ElasticTransform']
    .map((kind) => [`Random${kind}`, [none, identity]])),
  RandAugment: [none, identity],
  AugMix: [none, identity],
  MixUp: [none, identity],
  CutMix: [none, identity],
  Resizing: [none, resizing],
  CenterCrop: [none, centerCrop],
  RandomCrop: [none, randomCrop],
  Permute: [none, permuteAxes],
};

export const LAYER_NAMES = Object.keys(LAYERS);

/** Names that older Keras versions, or modules inside it, gave to the same class. */
const ALIASES = {
  Convolution2D: 'Conv2D',
  AtrousConvolution2D: 'Conv2D',
  SeparableConvolution2D: 'SeparableConv2D',
  Deconvolution2D: 'Conv2DTranspose',
  Convolution2DTranspose: 'Conv2DTranspose',
  MaxPool2D: 'MaxPooling2D',
  AvgPool2D: 'AveragePooling2D',
  GlobalAvgPool2D: 'GlobalAveragePooling2D',
  GlobalMaxPool2D: 'GlobalMaxPooling2D',
};

/** The class's own name, without the package, and without what re-savers put in front of it. */
export function classOf({ className }) {
  const bare = className.split('>').at(-1);
  const name = bare.replace(/^(Keras2toKeras3|Custom|Patched|Fixed|Compatible|Legacy|Safe)(?=DepthwiseConv2D$)/, '');
  return Object.hasOwn(ALIASES, name) ? ALIASES[name] : name;
}

function row(layer) {
  const name = classOf(layer);
  if (Object.hasOwn(LAYERS, name)) return LAYERS[name];
  const code = ['Lambda', 'TFSMLayer', 'KerasLayer'].includes(name);
  throw new ModelError('unsupported', `Layer "${layer.name.slice(0, 60)}" is of class ` +
    `${layer.className.slice(0, 60)}, which is not supported${code ? ': what it does stands in Python ' +
    'code, outside the file' : ''}. Build the model without it, or export it to ONNX.`);
}

/** Names of the weights of a layer, in the order in which Keras stores them. */
export const weightNames = (layer) =>
  (layer.model || isOperator(layer) ? [] : row(layer)[0](layer.config));

/** Joins that may be called with a number in the place of a tensor: then they are operators. */
const ARITHMETIC = new Set(['Add', 'Subtract', 'Multiply', 'Maximum', 'Minimum']);

/**
 * Adds the nodes of a layer or an operator; returns its output.
 * @param {{args: any[], kwargs: object}} [operands]  all that it is called with, numbers included
 */
export function emitLayer(b, layer, inputs, name, operands) {
  const withNumbers = hasNumbers(operands);
  const operator = isOperator(layer) || (withNumbers && ARITHMETIC.has(classOf(layer)));
  if (inputs.some((x) => x?.channel) && !(operator && operatorName(layer) === 'stack')) {
    throw unsupported(layer, 'one channel taken alone as an input');
  }
  if (operator) return emitOperator(b, layer, operands, name, concatenate);
  if (withNumbers) throw unsupported(layer, 'a number among its inputs');
  const y = row(layer)[1](b, layer, inputs, name);
  const first = y.first ?? inputs[0]?.first;
  return first && y.shape.length === 3 ? { ...y, first } : y;
}
