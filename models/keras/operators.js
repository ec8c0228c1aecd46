/**
 * Operators in a Keras graph: what `x * 2` or `tf.nn.relu6(x)` in somebody's model becomes.
 *
 * Keras 3 stores them as classes beside its layers (module keras.src.ops...), tf.keras as TFOpLambda or
 * SlicingOpLambda with the name of a function, TensorFlow 2.0 to 2.3 as TensorFlowOpLayer with a node of
 * a graph. Numbers among the arguments count: an operator whose arguments are not all understood is
 * refused, never taken for the identity.
 */
import { ModelError } from '../errors.js';
import { readActivation } from './activations.js';
import { numbersOf } from './config.js';
import { chainOf, constant, merge, requireSameOrder, unsupported, where } from './support.js';

const LAMBDAS = new Set(['TFOpLambda', 'SlicingOpLambda', 'TensorFlowOpLayer', 'ClassMethod', 'InstanceMethod',
  'InstanceProperty', 'TFClassMethodDispatcher', 'Operation']);

const isTensor = (value) => Array.isArray(value?.shape) && typeof value.layout === 'string';

const nodeDef = (layer) => {
  const { node_def: node } = layer.config;
  try {
    return typeof node === 'string' ? JSON.parse(node) : node ?? {};
  } catch {
    return {};
  }
};

/** The operator's bare name: "math.truediv", "TrueDivide" and "RealDiv" are truediv, truedivide, realdiv. */
export function operatorName(layer) {
  const full = layer.className === 'TensorFlowOpLayer' ? nodeDef(layer).op
    : LAMBDAS.has(layer.className) ? layer.config.function ?? layer.config.name : layer.className;
  return String(full ?? '').split(/[.>]/).at(-1).replaceAll('_', '').toLowerCase();
}

/** Is this an operator, not a layer? Keras 3's Add is a layer in one module and an operator in another. */
export const isOperator = ({ className, module }) =>
  LAMBDAS.has(className) || /(^|\.)ops(\.|$)/.test(module ?? '');

/** Was this layer called with a number where only tensors belong? */
export const hasNumbers = (operands) => (operands?.args ?? []).flat(Infinity)
  .some((value) => value !== null && value !== undefined && !isTensor(value) && numbersOf(value));

/** An operator's arguments in order, keywords behind: [x, y]. Booleans, names and nulls say nothing. */
function operandsOf(layer, { args, kwargs }, keywords) {
  const list = [...args, ...keywords.flatMap((key) =>
    (kwargs[key] === undefined || kwargs[key] === null ? [] : [kwargs[key]]))];
  // TensorFlow 2.0 to 2.3 keep numbers apart, by their place among the node's inputs.
  for (const [place, value] of Object.entries(layer.config.constants ?? {})) list.splice(Number(place), 0, value);
  return list.filter((value) => value !== null && value !== undefined);
}

const one = (layer, operands) => {
  const [x, ...rest] = operandsOf(layer, operands, ['x', 'a', 'input', 'inputs', 'features', 'tensor', 'logits']);
  if (!isTensor(x) || rest.some(isTensor)) throw unsupported(layer, 'these arguments');
  return [x, ...rest];
};

/** Of two tensors, or of a tensor and a number on either side. */
const binary = (op) => (b, layer, operands, name) => {
  const [x, y, ...more] = operandsOf(layer, operands, ['x', 'y', 'x1', 'x2', 'a', 'b', 'value', 'bias']);
  if (more.length || y === undefined || (!isTensor(x) && !isTensor(y))) {
    throw unsupported(layer, `${more.length + (y === undefined ? 1 : 2)} arguments of this kind`);
  }
  if (isTensor(x) && isTensor(y)) return op === 'Min' ? minimum(b, layer, [x, y], name) : chainOf(op)(b, layer, [x, y], name);
  const tensor = isTensor(x) ? x : y;
  const t = { ...b.settle(tensor, name), first: tensor.first };
  const number = constant(b, layer, tensor, `${name}/number`, isTensor(x) ? y : x);
  if (op === 'Min') return { ...t, name: least(b, t.name, number, name) };
  return { ...t, name: b.graph.add(op, name, isTensor(x) ? [t.name, number] : [number, t.name]) };
};

/** min(x, y) = -max(-x, -y): the engine has Max alone. */
function least(b, x, y, name) {
  const minus = b.graph.constant(`${name}/minus`, 'float32', [], [-1]);
  const negated = [x, y].map((value, i) => b.graph.add('Mul', `${name}/minus${i}`, [value, minus]));
  return b.graph.add('Mul', name, [b.graph.add('Max', `${name}/max`, negated), minus]);
}

/** The least of several tensors: the layer Minimum, too. */
export function minimum(b, layer, xs, name) {
  return merge(b, layer, xs, name, (names) => names.slice(1).reduce((left, right, i) =>
    least(b, left, right, i === names.length - 2 ? name : `${name}/${i}/least`), names[0]));
}

const scalarOf = (b, name, value) => b.graph.constant(name, 'float32', [], [value]);

/** One tensor through `make(b, name of the tensor, name)`. */
const unary = (make) => (b, layer, operands, name) => {
  const [x, ...rest] = one(layer, operands);
  if (rest.some((value) => numbersOf(value))) throw unsupported(layer, 'a second argument');
  const t = { ...b.settle(x, name), first: x.first };
  return { ...t, name: make(b, t.name, name) };
};

const activationNamed = (spec) => (b, layer, operands, name) => {
  const emit = readActivation(spec, where(layer)).emit;
  return unary(emit)(b, layer, operands, name);
};

function softmax(b, layer, operands, name) {
  const [x] = one(layer, operands);
  const axis = operands.kwargs.axis ?? layer.config.axis ?? -1;
  if (x.first || (axis !== -1 && axis !== x.shape.length)) throw unsupported(layer, `axis ${axis}`);
  return b.softmax(x, name);
}

function clip(b, layer, operands, name) {
  const { kwargs } = operands;
  const [x, ...rest] = one(layer, operands);
  const bound = (keys, place) => numbersOf(keys.map((key) => kwargs[key] ?? layer.config[key])
    .find((value) => value !== undefined && value !== null) ?? rest[place]);
  const bounds = [bound(['clip_value_min', 'x_min', 'a_min', 'min_value'], 0),
    bound(['clip_value_max', 'x_max', 'a_max', 'max_value'], 1)];
  if (bounds.some((values) => values?.length !== 1)) throw unsupported(layer, 'clipping without two numbers');
  const limits = bounds.map(([value], i) => scalarOf(b, `${name}/${i ? 'max' : 'min'}`, value));
  return { ...x, name: b.graph.add('Clip', name, [x.name, ...limits]) };
}

const identity = (b, layer, operands) => one(layer, operands)[0];

/** A cast to a floating type changes nothing here; to whole numbers it rounds. */
function cast(b, layer, operands) {
  const to = JSON.stringify([operands.kwargs.dtype ?? null, layer.config.dtype ?? null,
    operands.args.filter((value) => typeof value === 'string')]);
  if (/"u?int|"bool/.test(to)) throw unsupported(layer, 'a cast to whole numbers');
  return identity(b, layer, { args: operands.args.filter(isTensor), kwargs: {} });
}

/** What x[...] asks for, each axis as '...', ':', '::-1', a number, or '?'. */
function readIndex(spec) {
  const list = Array.isArray(spec) ? spec : spec?.items ?? spec?.config?.value ?? [spec];
  return [list].flat().map((item) => {
    if (typeof item === 'number') return item;
    if (item?.class_name === '__ellipsis__' || item?.class_name === 'Ellipsis') return '...';
    const { start = null, stop = null, step = null } = item?.config ?? item ?? {};
    const plain = [start, stop, step].map((value) => value?.value ?? value);
    if (plain[0] !== null || plain[1] !== null) return '?';
    return plain[2] === null || plain[2] === 1 ? ':' : plain[2] === -1 ? '::-1' : '?';
  });
}

/**
 * x[..., ::-1]: RGB and BGR change places. x[..., 2]: one channel, which only a stack takes (that is how
 * Keras 3 makes BGR of RGB). Any other part is refused.
 */
function getItem(b, layer, operands, name) {
  const [x] = operands.args.filter(isTensor);
  const items = readIndex(operands.kwargs.slice_spec ?? operands.args.find((value) => !isTensor(value)));
  const last = items.pop();
  const whole = items.every((item) => item === ':' || item === '...') &&
    (items.includes('...') || items.length === x?.shape.length);
  const channel = Number.isInteger(last) && last >= 0 && last < x?.shape[2];
  if (!x || x.shape.length !== 3 || !whole || !(channel || ['::-1', ':'].includes(last))) {
    throw unsupported(layer, 'taking this part of a tensor');
  }
  if (last === ':') return x;
  if (x.first) throw unsupported(layer, 'taking a part of a tensor with channels first');
  const [start, end, step] = channel ? [last, last + 1, 1] : [-1, -(2 ** 31), -1];
  const parts = [['starts', start], ['ends', end], ['axes', 1], ['steps', step]]
    .map(([part, value]) => b.graph.ints(`${name}/${part}`, [value]));
  const y = b.image(b.graph.add('Slice', name, [b.spatial(x, name), ...parts]), x.shape[0], x.shape[1], channel ? 1 : x.shape[2]);
  return channel ? { ...y, channel: true } : y;
}

/** Channels taken one by one, put together again. */
function stack(b, layer, operands, name) {
  const xs = operands.args.flat().filter(isTensor);
  const axis = operands.kwargs.axis ?? layer.config.axis;
  if (!xs.length || !xs.every((x) => x.channel) || (axis !== -1 && axis !== 3)) {
    throw unsupported(layer, 'stacking anything but channels');
  }
  return b.image(b.graph.add('Concat', name, xs.map((x) => x.name), { axis: 1 }), xs[0].shape[0], xs[0].shape[1], xs.length);
}

/** The mean over height and width: global average pooling under another name. */
function mean(b, layer, operands, name) {
  const [x, ...rest] = one(layer, operands);
  const { kwargs } = operands;
  const axes = numbersOf(kwargs.axis ?? kwargs.reduction_indices ?? layer.config.axis ?? rest[0]) ?? [];
  const keep = kwargs.keepdims ?? kwargs.keep_dims ?? layer.config.keepdims ??
    nodeDef(layer).attr?.keep_dims?.b ?? false;
  const wanted = x.first ? '2,3' : '1,2';
  if (x.shape.length !== 3 || String(axes.map((a) => (a < 0 ? a + 4 : a)).sort()) !== wanted) {
    throw unsupported(layer, 'a mean over other axes than height and width');
  }
  const y = b.image(b.graph.add('GlobalAveragePool', name, [b.spatial(x, name)]), 1, 1, x.shape[2]);
  return keep ? { ...y, first: x.first } : { ...y, shape: [x.shape[2]] };
}

function concat(b, layer, operands, name, concatenate) {
  const xs = operands.args.flat().filter(isTensor);
  const rest = operands.args.flat().filter((value) => !isTensor(value) && value !== null && value !== undefined);
  const axis = numbersOf(operands.kwargs.axis ?? layer.config.axis ?? rest[0] ?? -1)?.[0];
  requireSameOrder(layer, xs);
  return concatenate(b, { ...layer, config: { axis } }, xs, name);
}

const square = unary((b, x, name) => b.graph.add('Mul', name, [x, x]));
const power = (exponent) => unary((b, x, name) =>
  b.graph.add('Pow', name, [x, scalarOf(b, `${name}/exponent`, exponent)]));
const negative = unary((b, x, name) => b.graph.add('Mul', name, [x, scalarOf(b, `${name}/minus`, -1)]));
const absolute = unary((b, x, name) => b.graph.add('Max', name,
  [x, b.graph.add('Mul', `${name}/minus`, [x, scalarOf(b, `${name}/factor`, -1)])]));

const [add, subtract, multiply, divide, maximum, smaller, pow] =
  ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Pow'].map(binary);

/** By bare name; every spelling of Keras 3, of tf.* and of TensorFlow's own nodes. */
const OPERATORS = {
  add, addv2: add, biasadd: add,
  subtract, sub: subtract,
  multiply, mul: multiply,
  divide, div: divide, truediv: divide, truedivide: divide, realdiv: divide,
  maximum, minimum: smaller, pow, power: pow,
  negative, neg: negative, abs: absolute, absolute,
  square, sqrt: unary((b, x, name) => b.graph.add('Sqrt', name, [x])), rsqrt: power(-0.5),
  reciprocal: power(-1), exp: unary((b, x, name) => b.graph.add('Exp', name, [x])),
  ...Object.fromEntries(['relu', 'relu6', 'sigmoid', 'tanh', 'silu', 'swish', 'elu', 'selu', 'softplus', 'softsign', 'mish']
    .map((spec) => [spec, activationNamed(spec)])),
  hardsigmoid: activationNamed('hard_sigmoid'),
  hardsilu: activationNamed('hard_silu'), hardswish: activationNamed('hard_silu'),
  softmax, clip, clipbyvalue: clip,
  identity, stopgradient: identity, converttotensor: identity, cast,
  getitem: getItem, stack, mean, reducemean: mean, concat, concatenate: concat, concatv2: concat,
};

export const OPERATOR_NAMES = Object.keys(OPERATORS);

/**
 * Adds the nodes of an operator; returns its output.
 * @param {import('./emitter.js').Emitter} b
 * @param {import('./config.js').KerasLayer} layer
 * @param {{args: any[], kwargs: object}} operands  with tensors in the place of references
 * @param {string} name
 * @param {Function} concatenate  of the table of layers
 */
export function emitOperator(b, layer, operands, name, concatenate) {
  const bare = operatorName(layer);
  if (!Object.hasOwn(OPERATORS, bare)) {
    const said = layer.config.function ?? nodeDef(layer).op ?? layer.className;
    throw new ModelError('unsupported', `Layer "${layer.name.slice(0, 60)}" is the operator ` +
      `${String(said).slice(0, 60)}, which is not supported in Keras files. Build the model with layers ` +
      'in its place, or export it to ONNX.');
  }
  return OPERATORS[bare](b, layer, operands ?? { args: [], kwargs: {} }, name, concatenate);
}
