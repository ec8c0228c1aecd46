/**
 * Keras activations as ONNX nodes.
 *
 * An activation comes as a name ("relu"), or, in newer files, as {class_name, config}. `emit` adds
 * its nodes and gives the tensor behind the last one the name asked for.
 */
import { ModelError } from '../errors.js';

const scalar = (b, wanted, value) => b.graph.constant(wanted, 'float32', [], [value]);

function clip(b, x, name, low, high) {
  const inputs = [x, low === undefined ? '' : scalar(b, `${name}/min`, low)];
  if (high !== undefined) inputs.push(scalar(b, `${name}/max`, high));
  return b.graph.add('Clip', name, inputs);
}

/** x times a gate of x */
function gated(b, x, name, gate) {
  return b.graph.add('Mul', name, [x, gate]);
}

const plain = (op, attributes) => (b, x, name) => b.graph.add(op, name, [x], attributes);

// Keras 3 redefined hard_sigmoid: relu6(x + 3) / 6 where it was clip(0.2 x + 0.5, 0, 1).
const hardSigmoid = (b, x, name, slope = b.kerasMajor >= 3 ? 1 / 6 : 0.2) =>
  b.graph.add('HardSigmoid', name, [x], { alpha: slope, beta: 0.5 });

const swish = (b, x, name) =>
  gated(b, x, name, b.graph.add('Sigmoid', `${name}/sigmoid`, [x]));
const hardSwish = (b, x, name) =>
  gated(b, x, name, hardSigmoid(b, x, `${name}/hard_sigmoid`, 1 / 6));
const softplus = plain('Softplus');
const mish = (b, x, name) =>
  gated(b, x, name, b.graph.add('Tanh', `${name}/tanh`, [softplus(b, x, `${name}/softplus`)]));
/** x / (1 + |x|) */
const softsign = (b, x, name) => {
  const minus = b.graph.add('Mul', `${name}/minus`, [x, scalar(b, `${name}/factor`, -1)]);
  const size = b.graph.add('Max', `${name}/size`, [x, minus]);
  return b.graph.add('Div', name, [x, b.graph.add('Add', `${name}/divisor`, [size, scalar(b, `${name}/one`, 1)])]);
};
const leaky = (alpha) => plain('LeakyRelu', { alpha });

/** @type {Record<string, (b: object, x: string, name: string) => string>} */
const ACTIVATIONS = {
  relu: plain('Relu'),
  relu6: (b, x, name) => clip(b, x, name, 0, 6),
  elu: plain('Elu', { alpha: 1 }),
  selu: plain('Selu', { alpha: 1.6732632423543772, gamma: 1.0507009873554805 }),
  sigmoid: plain('Sigmoid'),
  swish,
  silu: swish,
  hard_sigmoid: hardSigmoid,
  hard_swish: hardSwish,
  hard_silu: hardSwish,
  hard_tanh: (b, x, name) => clip(b, x, name, -1, 1),
  tanh: plain('Tanh'),
  leaky_relu: leaky(0.2),
  softplus,
  softsign,
  mish,
  exponential: plain('Exp'),
};

/** Keras's ReLU: a ceiling, a slope below zero; as a layer or as an activation with settings. */
function relu(config, where) {
  const max = config.max_value ?? undefined;
  const slope = one(config.negative_slope ?? 0);
  if (one(config.threshold ?? 0) !== 0) {
    throw new ModelError('unsupported', `${where}: ReLU with a threshold is not supported.`);
  }
  if (slope === 0) {
    return max === undefined ? ACTIVATIONS.relu
      : (b, x, name) => clip(b, x, name, 0, one(max));
  }
  if (max === undefined) return leaky(slope);
  return (b, x, name) => {
    const bent = b.graph.add('LeakyRelu', `${name}/leaky`, [x], { alpha: slope });
    return clip(b, bent, name, undefined, one(max));
  };
}

/** Old files store some numbers as arrays or as {class_name: '__numpy__', value}. */
const one = (value) => Number([value?.value ?? value].flat()[0]);

const CLASSES = {
  ReLU: relu,
  LeakyReLU: (config) => leaky(one(config.negative_slope ?? config.alpha ?? 0.3)),
  ELU: (config) => plain('Elu', { alpha: one(config.alpha ?? 1) }),
};

/**
 * @param {unknown} spec  the `activation` of a layer, or {class_name, config} of an activation layer
 * @param {string} where  the layer, for messages
 * @returns {{softmax?: boolean, emit?: (b: object, x: string, name: string) => string}}
 *   softmax needs the tensor's axes, so that the caller places it; neither: the identity
 */
export function readActivation(spec, where) {
  if (spec === null || spec === undefined) return {};
  if (typeof spec === 'object') {
    if (CLASSES[spec.class_name]) {
      return { emit: CLASSES[spec.class_name](spec.config ?? {}, where) };
    }
    const named = typeof spec.config === 'string' ? spec.config : spec.config?.name;
    return readActivation(spec.class_name === 'function' ? named : spec.class_name?.toLowerCase(),
      where);
  }
  if (spec === 'linear') return {};
  if (spec === 'softmax') return { softmax: true };
  const emit = Object.hasOwn(ACTIVATIONS, spec) ? ACTIVATIONS[spec] : undefined;
  if (!emit) {
    throw new ModelError('unsupported', `${where} uses the activation "${spec}", which is not ` +
      `supported. Supported: ${Object.keys(ACTIVATIONS).join(', ')}, softmax, linear.`);
  }
  return { emit };
}
