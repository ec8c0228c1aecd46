/**
 * TensorFlow's operators, as TensorFlow Lite files and TensorFlow.js graphs hold them, into ONNX. One row
 * an operator, under its TensorFlow name; the two readers translate their own words into these.
 *
 * A value is a Tensor of the emitter (shape H, W, C or n, without the batch, which is 1), or a constant of
 * the file: {constant: true, shape, read()}, its shape as it stands there.
 *
 * @typedef {object} Constant
 * @property {true} constant
 * @property {number[]} shape
 * @property {() => Float32Array} read
 *
 * @typedef {object} Node
 * @property {string} op
 * @property {string} name
 * @property {(Value | undefined)[]} inputs
 * @property {object} config   strides [h, w], dilations, padding ('SAME', 'VALID' or [t, b, l, r]), kernel, activation,
 *   axis, order (of a kernel's axes), ...
 *
 * @typedef {(import('../keras/emitter.js').Tensor & {end?: string, raw?: boolean}) | Constant} Value  end: the
 *   activation it stands behind; raw: the picture itself, moved or scaled at most
 */
import { ModelError } from '../errors.js';
import { readActivation } from '../keras/activations.js';
import { permute } from '../keras/emitter.js';
import { chainOf } from '../keras/support.js';
import { minimum } from '../keras/operators.js';
import { fold } from './constants.js';

const product = (dims) => dims.reduce((all, d) => all * d, 1);
const LARGEST = 2 ** 31;

const words = ({ op, name }) => `The operator ${op} "${String(name).slice(-60)}"`;
export const unsupported = (node, what) => new ModelError('unsupported', `${words(node)}: ${what} is not supported. Export the model to ONNX instead.`);
const broken = (node, what) => new ModelError('format', `${words(node)}: ${what}. The file is damaged.`);

/** How the shared Keras helpers know a node. */
const asLayer = ({ op, name }) => ({ name, className: op, config: {} });

function tensor(node, index = 0) {
  const x = node.inputs[index];
  if (!x) throw broken(node, `its input ${index} is missing`);
  if (x.constant) throw unsupported(node, 'a constant in the place of a tensor');
  return x;
}

function constant(node, index, ranks) {
  const c = node.inputs[index];
  if (!c) throw broken(node, `its input ${index} is missing`);
  if (!c.constant) throw unsupported(node, 'an input that is computed where a constant is usual');
  if (ranks && !ranks.includes(c.shape.length)) throw broken(node, `its input ${index} has ${c.shape.length} axes`);
  return c;
}

/** Whole numbers of a constant input. */
const integers = (node, index) => Array.from(constant(node, index).read(), Math.round);

function expectShape(node, c, shape) {
  if (String(c.shape) !== String(shape)) throw broken(node, `its weights have the shape (${c.shape}), its input needs (${shape})`);
}

/** A weight with its axes in the order `perm`, as a float tensor of the graph. */
function weight(b, c, name, perm, dims, kernel) {
  const make = () => permute(c.read(), c.shape, perm);
  const rows = dims[0];
  const rowSize = product(dims) / rows;
  return b.plan({ name, dims, kernel, rows: kernel ? rows : 1, step: 1,
    read: async (start, end) => (kernel ? make().subarray(start * rowSize, end * rowSize) : make()) });
}

const vector = (b, c, name) => weight(b, c, name, [0], [c.shape[0]], false);

function biasOf(b, node, n) {
  const c = node.inputs[2];
  if (!c) return [];
  const bias = constant(node, 2);
  if (product(bias.shape) !== n) throw broken(node, `its bias has ${product(bias.shape)} numbers for ${n} channels`);
  return [vector(b, { ...bias, shape: [n] }, `${node.name}/bias`)];
}

/* ---- activations --------------------------------------------------------------------------------- */

const NAMES = { Relu: 'relu', Relu6: 'relu6', Elu: 'elu', Selu: 'selu', Sigmoid: 'sigmoid', Tanh: 'tanh', Softplus: 'softplus', HardSwish: 'hard_silu' };

/** y of the node's own activation; `make` adds what stands before it, under the name it is given. */
function activated(b, node, make) {
  const { activation } = node.config;
  if (!activation) return make(node.name);
  const y = make(`${node.name}/pre`);
  return activate(b, node, y, activation);
}

function activate(b, node, x, activation) {
  if (activation === 'ReluN1To1') {
    const limits = [-1, 1].map((v, i) => b.graph.constant(`${node.name}/${i ? 'max' : 'min'}`, 'float32', [], [v]));
    return { ...x, name: b.graph.add('Clip', node.name, [x.name, ...limits]), end: 'clip' };
  }
  if (activation === 'LeakyRelu') {
    return { ...x, name: b.graph.add('LeakyRelu', node.name, [x.name], { alpha: node.config.alpha ?? 0.2 }), end: 'relu' };
  }
  if (!Object.hasOwn(NAMES, activation)) throw unsupported(node, `the activation ${String(activation).slice(0, 30)}`);
  const { emit } = readActivation(NAMES[activation], words(node));
  return { ...x, name: emit(b, x.name, node.name), end: NAMES[activation].replace('relu6', 'relu') };
}

const activation = (name) => (b, node) => {
  const x = tensor(node);
  return activate(b, node, settled(b, x, node), name);
};

/** x where its axes stand as its shape says, without what it was known by. */
const settled = (b, x, node) => {
  const { name, shape, layout } = b.settle(x, node.name);
  return { name, shape, layout };
};

/* ---- windows ------------------------------------------------------------------------------------- */

function windows(node, x, [kh, kw]) {
  const { strides = [1, 1], dilations = [1, 1], padding } = node.config;
  const axis = (i, k) => {
    const [n, s] = [x.shape[i], strides[i]];
    const reach = (k - 1) * dilations[i] + 1;
    if (![s, dilations[i], k].every((v) => Number.isInteger(v) && v > 0)) throw broken(node, 'its window has no size');
    let [before, after] = [0, 0];
    if (padding === 'SAME') {
      const total = Math.max((Math.ceil(n / s) - 1) * s + reach - n, 0);
      before = Math.floor(total / 2);
      after = total - before;
    } else if (Array.isArray(padding)) [before, after] = padding.slice(i * 2, i * 2 + 2);
    const size = Math.floor((n + before + after - reach) / s) + 1;
    if (!(size > 0)) throw broken(node, `its input is ${n} long where its window needs ${reach}`);
    return { size, before, after };
  };
  const [h, w] = [axis(0, kh), axis(1, kw)];
  return { height: h.size, width: w.size, strides, dilations, pads: [h.before, w.before, h.after, w.after] };
}

function picture(node, x) {
  if (x.shape.length !== 3) throw unsupported(node, `an input of ${x.shape.length + 1} axes`);
  return x;
}

/** A kernel [H, W, I, O] or, in TensorFlow Lite, [O, H, W, I]. */
function conv2d(b, node) {
  const x = picture(node, tensor(node));
  const c = constant(node, 1, [4]);
  const lite = node.config.order === 'OHWI';
  const [h, w, i, o] = lite ? [c.shape[1], c.shape[2], c.shape[3], c.shape[0]] : c.shape;
  const group = x.shape[2] / i;
  if (!Number.isInteger(group) || o % group !== 0) throw broken(node, `its kernel takes ${i} channels, its input has ${x.shape[2]}`);
  return convolve(b, node, x, c, { perm: lite ? [0, 3, 1, 2] : [3, 2, 0, 1], dims: [o, i, h, w], group });
}

/** A kernel [H, W, C, M] or, in TensorFlow Lite, [1, H, W, C M]. */
function depthwise(b, node) {
  const x = picture(node, tensor(node));
  const c = constant(node, 1, [4]);
  const lite = node.config.order === 'OHWI';
  const [h, w, o] = lite ? c.shape.slice(1) : [c.shape[0], c.shape[1], c.shape[2] * c.shape[3]];
  const C = x.shape[2];
  if (o % C !== 0 || (lite ? c.shape[0] !== 1 : c.shape[2] !== C)) throw broken(node, `its kernel of (${c.shape}) does not go with ${C} channels`);
  return convolve(b, node, x, c, { perm: lite ? [3, 0, 1, 2] : [2, 3, 0, 1], dims: [o, 1, h, w], group: C });
}

function convolve(b, node, x, c, { perm, dims, group }) {
  const { height, width, strides, dilations, pads } = windows(node, x, dims.slice(2));
  const inputs = [b.spatial(x, node.name), weight(b, c, `${node.name}/kernel`, perm, dims, true), ...biasOf(b, node, dims[0])];
  const slope = node.config.activation === 'Prelu' ? node.inputs[3] : undefined;
  const own = slope ? { ...node, config: { ...node.config, activation: undefined } } : node;
  const y = activated(b, own, (name) => b.image(b.graph.add('Conv', slope ? `${name}/pre` : name, inputs,
    { kernel_shape: dims.slice(2), strides, dilations, pads, group }), height, width, dims[0]));
  return slope ? prelu(b, { ...node, inputs: [y, slope] }) : y;
}

const pool = (op) => (b, node) => {
  const x = picture(node, tensor(node));
  const { kernel } = node.config;
  const { height, width, strides, pads } = windows(node, x, kernel);
  return activated(b, node, (name) => b.image(b.graph.add(op, name, [b.spatial(x, node.name)],
    { kernel_shape: kernel, strides, pads }), height, width, x.shape[2]));
};

/** weights [in][out] or, in TensorFlow Lite, [out][in] */
function matMul(b, node) {
  const x = tensor(node);
  const c = constant(node, 1, [2]);
  const turned = node.config.order === 'OI';
  const [n, units] = turned ? [c.shape[1], c.shape[0]] : c.shape;
  const perm = turned ? [0, 1] : [1, 0];
  const bias = biasOf(b, node, units);
  if (product(x.shape) === n) {
    const inputs = [b.flat(x, `${node.name}/flat`), weight(b, c, `${node.name}/kernel`, perm, [units, n], true), ...bias];
    const y = activated(b, node, (name) => b.vectorTensor(b.graph.add('Gemm', name, inputs, { transB: 1 }), units));
    return node.config.keepDims ? { ...y, shape: [...x.shape.slice(0, -1), units] } : y;
  }
  if (x.shape.length !== 3 || x.shape[2] !== n) throw broken(node, `its weights take ${n} values, its input has the shape (${x.shape})`);
  const kernel = b.plan({ name: `${node.name}/kernel`, dims: [units, n, 1, 1], kernel: true, rows: units, step: 1,
    read: async (start, end) => permute(c.read(), c.shape, perm).subarray(start * n, end * n) });
  return activated(b, node, (name) => b.image(b.graph.add('Conv', name, [b.spatial(x, node.name), kernel, ...bias],
    { kernel_shape: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 1 }), x.shape[0], x.shape[1], units));
}

/* ---- arithmetic ---------------------------------------------------------------------------------- */

/** A constant that broadcasts against x, in the graph's order of axes. */
function operand(b, node, x, c, name) {
  const shape = [...c.shape];
  while (shape.length > x.shape.length && shape[0] === 1) shape.shift();
  const full = [...new Array(Math.max(0, x.shape.length - shape.length)).fill(1), ...shape];
  if (full.length !== x.shape.length || full.some((d, i) => d !== 1 && d !== x.shape[i])) {
    throw unsupported(node, `joining the shapes (${x.shape}) and (${c.shape})`);
  }
  if (full.length === 3) return weight(b, { ...c, shape: full }, name, [2, 0, 1], [full[2], full[0], full[1]], false);
  if (product(full) !== 1 && product(full) !== product(x.shape)) throw unsupported(node, `joining the shapes (${x.shape}) and (${c.shape})`);
  return weight(b, { ...c, shape: [product(full)] }, name, [0], [product(full)], false);
}

const binary = (op) => (b, node) => {
  const [x, y] = node.inputs;
  if (!x || !y) throw broken(node, 'an input is missing');
  if (x.constant && y.constant) throw unsupported(node, 'arithmetic of constants alone');
  return activated(b, node, (name) => {
    if (!x.constant && !y.constant) {
      const layer = asLayer(node);
      return op === 'Min' ? minimum(b, layer, [x, y], name) : chainOf(op)(b, layer, [x, y], name);
    }
    const t = x.constant ? y : x;
    const s = settled(b, t, node);
    const other = operand(b, node, s, x.constant ? x : y, `${node.name}/number`);
    const names = x.constant ? [other, s.name] : [s.name, other];
    const raw = t.raw && linear(b, node, op, x.constant ? x : y, Boolean(x.constant));
    if (op !== 'Min') return { ...s, name: b.graph.add(op, name, names), ...(raw ? { raw } : {}) };
    const minus = b.graph.constant(`${name}/minus`, 'float32', [], [-1]);
    const negated = names.map((value, i) => b.graph.add('Mul', `${name}/minus${i}`, [value, minus]));
    return { ...s, name: b.graph.add('Mul', name, [b.graph.add('Max', `${name}/max`, negated), minus]) };
  });
};

/** What the network does to the picture first tells in which scale it comes: see ../meaning.js. */
function linear(b, node, op, c, first) {
  if (product(c.shape) > 4 || node.config.activation) return false;
  const n = Array.from(c.read());
  const step = { Add: { shift: n }, Sub: first ? { factor: [-1], shift: n } : { shift: n.map((v) => -v) },
    Mul: { factor: n }, Div: first ? undefined : { factor: n.map((v) => 1 / v) } }[op];
  if (!step) return false;
  b.steps.push(step);
  return true;
}

function batchNorm(b, node) {
  const x = settled(b, tensor(node), node);
  const C = x.shape.at(-1);
  const inputs = ['gamma', 'beta', 'moving_mean', 'moving_variance'].map((name, i) => {
    const c = constant(node, i + 1, [1]);
    expectShape(node, c, [C]);
    return vector(b, c, `${node.name}/${name}`);
  });
  return { ...x, name: b.graph.add('BatchNormalization', node.name, [x.name, ...inputs], { epsilon: node.config.epsilon ?? 1e-3 }) };
}

function prelu(b, node) {
  const x = settled(b, tensor(node), node);
  return { ...x, name: b.graph.add('PRelu', node.name, [x.name, operand(b, node, x, constant(node, 1), `${node.name}/alpha`)]), end: 'relu' };
}

function softmax(b, node) {
  const x = tensor(node);
  const { beta = 1, axis = -1 } = node.config;
  if (beta !== 1) throw unsupported(node, `beta ${beta}`);
  if (axis !== -1 && axis !== x.shape.length) throw unsupported(node, `axis ${axis}`);
  if (x.shape.length === 2) throw unsupported(node, 'an input of 3 axes');
  return { ...b.softmax(x, node.name), end: 'softmax' };
}

const rsqrt = (b, node) => {
  const x = settled(b, tensor(node), node);
  return { ...x, name: b.graph.add('Pow', node.name, [x.name, b.graph.constant(`${node.name}/exponent`, 'float32', [], [-0.5])]) };
};
const unary = (op) => (b, node) => {
  const x = settled(b, tensor(node), node);
  return { ...x, name: b.graph.add(op, node.name, [x.name]) };
};

/* ---- shapes -------------------------------------------------------------------------------------- */

/** A tensor of another shape, its values in TensorFlow's order. shape: with the batch. */
function shaped(b, node, x, asked) {
  const total = product(x.shape);
  let [batch, ...shape] = asked;
  const known = shape.filter((d) => d !== -1);
  if (batch === -1 && known.length === shape.length) batch = total / product(shape);
  shape = shape.map((d) => (d === -1 ? total / product(known) : d));
  // One axis alone, as in a scalar per picture: the batch has gone into it.
  if (asked.length === 1) [batch, shape] = [1, [batch === -1 ? total : batch]];
  if (batch !== 1 || product(shape) !== total || !shape.every((d) => Number.isInteger(d) && d > 0)) {
    throw unsupported(node, `making (${asked}) of (1,${x.shape})`);
  }
  const known_ = { ...(x.end ? { end: x.end } : {}) };
  const onePixel = b.isOnePixel(x) && shape.every((d, i) => d === 1 || i === shape.length - 1);
  if (String(shape) === String(x.shape)) return x;
  if (onePixel) return { ...x, ...known_, shape };
  return { ...b.vectorTensor(b.flat(x, node.name), total), ...known_, shape };
}

function reshape(b, node) {
  const x = node.inputs[0];
  const asked = node.config.shape ?? integers(node, 1);
  if (!x?.constant) return shaped(b, node, tensor(node), asked);
  const known = product(asked.filter((d) => d !== -1));
  return { ...x, shape: asked.map((d) => (d === -1 ? product(x.shape) / known : d)) };
}

function squeeze(b, node) {
  const x = tensor(node);
  const full = [1, ...x.shape];
  const axes = (node.config.axes ?? []).map((axis) => (axis < 0 ? axis + full.length : axis));
  const left = full.filter((d, i) => !(d === 1 && (axes.length ? axes.includes(i) : i > 0)));
  return shaped(b, node, x, axes.includes(0) || left[0] !== 1 ? [1, ...left] : left);
}

function expandDims(b, node) {
  const x = tensor(node);
  const full = [1, ...x.shape];
  const axis = integers(node, 1)[0];
  full.splice(axis < 0 ? axis + full.length + 1 : axis, 0, 1);
  return shaped(b, node, x, full);
}

function transpose(b, node) {
  const x = tensor(node);
  const perm = integers(node, 1);
  const full = [1, ...x.shape];
  if (perm.length !== full.length || perm[0] !== 0 || String([...perm].sort()) !== String(full.map((_, i) => i))) {
    throw unsupported(node, `the order (${perm})`);
  }
  const shape = perm.slice(1).map((axis) => full[axis]);
  const kept = x.raw ? { raw: true } : {};
  if (perm.every((axis, i) => axis === i)) return x;
  if (shape.length === 3) {
    const stored = [0, 2, 3, 1]; // where the graph keeps N, H, W, C
    const order = [perm[0], perm[3], perm[1], perm[2]].map((axis) => stored[axis]);
    return { ...b.image(b.graph.add('Transpose', node.name, [b.spatial(x, node.name)], { perm: order }), ...shape), ...kept };
  }
  const whole = b.reshaped(b.flat(x, `${node.name}/flat`), `${node.name}/whole`, full);
  const turned = b.graph.add('Transpose', `${node.name}/turned`, [whole], { perm });
  return { ...b.vectorTensor(b.reshaped(turned, node.name, [1, product(shape)]), product(shape)), shape };
}

/** The axes of H, W, C that a reduction goes over. */
function axesOf(node, x) {
  const rank = x.shape.length + 1;
  const axes = (node.config.axes ?? integers(node, 1)).map((axis) => (axis < 0 ? axis + rank : axis)).sort();
  if (axes.includes(0) || axes.some((axis) => axis >= rank)) throw unsupported(node, `reducing the axes ${axes}`);
  return axes;
}

const reduce = (op, whole) => (b, node) => {
  const x = tensor(node);
  const axes = axesOf(node, x);
  const keep = Boolean(node.config.keepDims);
  const left = x.shape.map((d, i) => (axes.includes(i + 1) ? 1 : d));
  const cut = (y) => (keep ? y : shaped(b, node, y, [1, ...x.shape.filter((_, i) => !axes.includes(i + 1))]));
  if (axes.every((axis) => x.shape[axis - 1] === 1)) return cut(x);
  if (x.shape.length !== 3) {
    const source = b.reshaped(b.flat(x, `${node.name}/flat`), `${node.name}/whole`, [1, ...x.shape]);
    const reduced = b.graph.add(op, `${node.name}/reduced`, [source], { axes, keepdims: 1 });
    return cut({ ...b.vectorTensor(b.reshaped(reduced, node.name, [1, product(left)]), product(left)), shape: left });
  }
  if (String(axes) === '1,2') return cut(b.image(b.graph.add(whole, node.name, [b.spatial(x, node.name)]), 1, 1, x.shape[2]));
  const stored = axes.map((axis) => [0, 2, 3, 1][axis]);
  return cut(b.image(b.graph.add(op, node.name, [b.spatial(x, node.name)], { axes: stored, keepdims: 1 }), ...left));
};

function pad(b, node) {
  const x = picture(node, tensor(node));
  const amounts = integers(node, 1);
  const [n0, n1, top, bottom, left, right, front, back] = amounts;
  if (amounts.length !== 8 || n0 || n1 || amounts.some((v) => !(v >= 0))) throw unsupported(node, `the borders (${amounts})`);
  if (amounts.every((v) => v === 0)) return x;
  const inputs = [b.spatial(x, node.name), b.graph.ints(`${node.name}/pads`, [0, front, top, left, 0, back, bottom, right])];
  const value = node.inputs[2] ? constant(node, 2).read()[0] : 0;
  if (value) inputs.push(b.graph.constant(`${node.name}/value`, 'float32', [], [value]));
  const y = b.image(b.graph.add('Pad', node.name, inputs, { mode: 'constant' }), x.shape[0] + top + bottom, x.shape[1] + left + right,
    x.shape[2] + front + back);
  return x.raw ? { ...y, raw: true } : y;
}

const resize = (mode) => (b, node) => {
  const x = picture(node, tensor(node));
  const [height, width] = integers(node, 1);
  const { alignCorners, halfPixel } = node.config;
  if (height === x.shape[0] && width === x.shape[1]) return x;
  const coordinate = alignCorners ? 'align_corners' : halfPixel ? 'half_pixel' : 'asymmetric';
  const nearest = mode === 'nearest' ? { nearest_mode: alignCorners || halfPixel ? 'round_prefer_ceil' : 'floor' } : {};
  const sizes = b.graph.ints(`${node.name}/sizes`, [1, x.shape[2], height, width]);
  const y = b.image(b.graph.add('Resize', node.name, [b.spatial(x, node.name), '', '', sizes],
    { mode, coordinate_transformation_mode: coordinate, ...nearest }), height, width, x.shape[2]);
  return x.raw ? { ...y, raw: true } : y;
};

function concat(b, node) {
  const xs = node.inputs.filter(Boolean);
  if (!xs.length || xs.some((x) => x.constant)) throw unsupported(node, 'a constant among its inputs');
  const rank = xs[0].shape.length;
  const { axis } = node.config;
  const at = (axis < 0 ? axis + rank + 1 : axis) - 1;
  if (!(at >= 0 && at < rank) || xs.some((x) => x.shape.length !== rank || x.shape.some((d, i) => i !== at && d !== xs[0].shape[i]))) {
    throw unsupported(node, `joining ${xs.slice(0, 3).map((x) => `(${x.shape})`).join(' and ')} at axis ${axis}`);
  }
  const shape = xs[0].shape.map((d, i) => (i === at ? xs.reduce((sum, x) => sum + x.shape[at], 0) : d));
  return activated(b, node, (name) => {
    if (rank === 3) {
      return b.image(b.graph.add('Concat', name, xs.map((x, i) => b.spatial(x, `${node.name}/${i}`)), { axis: [2, 3, 1][at] }), ...shape);
    }
    // Rows before columns: joining along the first axis only puts one behind the other.
    if (at !== 0) throw unsupported(node, `joining tensors of ${rank + 1} axes at axis ${axis}`);
    const joined = b.graph.add('Concat', name, xs.map((x, i) => b.flat(x, `${node.name}/${i}/flat`)), { axis: 1 });
    return { ...b.vectorTensor(joined, product(shape)), shape };
  });
}

/** A class a pixel, or a row: what it was chosen from says more. */
const identity = (b, node) => node.inputs[0] ?? tensor(node);

export const OPERATORS = {
  Conv2D: conv2d, DepthwiseConv2D: depthwise, MatMul: matMul,
  BatchNorm: batchNorm, MaxPool: pool('MaxPool'), AvgPool: pool('AveragePool'),
  Add: binary('Add'), Sub: binary('Sub'), Mul: binary('Mul'), Div: binary('Div'), Maximum: binary('Max'), Minimum: binary('Min'),
  ...Object.fromEntries([...Object.keys(NAMES), 'ReluN1To1', 'LeakyRelu'].map((name) => [name, activation(name)])),
  Prelu: prelu, Softmax: softmax, Exp: unary('Exp'), Sqrt: unary('Sqrt'), Rsqrt: rsqrt,
  Mean: reduce('ReduceMean', 'GlobalAveragePool'), Max: reduce('ReduceMax', 'GlobalMaxPool'),
  Pad: pad, Reshape: reshape, Squeeze: squeeze, ExpandDims: expandDims, Transpose: transpose, Concat: concat,
  ResizeBilinear: resize('linear'), ResizeNearestNeighbor: resize('nearest'),
  Identity: identity, ArgMax: identity,
};

/**
 * Adds an operator's nodes. @param {import('../keras/emitter.js').Emitter} b @param {Node} node @returns {Value}
 */
export function emitNode(b, node) {
  const known = fold(node);
  if (known) return known;
  if (!Object.hasOwn(OPERATORS, node.op)) {
    throw new ModelError('unsupported', `${words(node)} is not supported. Export the model to ONNX instead.`);
  }
  const y = OPERATORS[node.op](b, node);
  const size = product(y.shape);
  if (!(size > 0 && size < LARGEST && y.shape.every(Number.isInteger))) throw broken(node, `its result would have the shape (${y.shape})`);
  return y;
}
