/**
 * What a Keras model's picture and outputs mean (see ../meaning.js): the layers on the picture's way to the
 * first convolution, the layers of well-known networks, the last activations.
 */
import { describeOutput, pictureFrom } from '../meaning.js';
import { allLayers, isRef, numbersOf } from './config.js';
import { classOf } from './layers.js';
import { isOperator, operatorName } from './operators.js';

/** Layers that leave the values of a picture as they are, or only move them. */
const PASSES = new Set(['InputLayer', 'Resizing', 'CenterCrop', 'ZeroPadding2D', 'Cropping2D', 'Permute', 'Identity',
  'Dropout', 'SpatialDropout2D', 'GaussianDropout', 'AlphaDropout', 'GaussianNoise', 'ActivityRegularization', 'Concatenate', 'RandAugment',
  'AugMix', 'MixUp', 'CutMix', 'UpSampling2D']);

const nestedNames = (model) => model.layers.flatMap((layer) =>
  (layer.model ? [layer.name, layer.model.name, ...nestedNames(layer.model)] : []));

/** The layers that the picture goes through one after the other, from the input on. */
function* wayOf(model) {
  let at = model.inputs[0]?.layer;
  const visited = new Set();
  while (at !== undefined && !visited.has(at)) {
    visited.add(at);
    const source = at;
    const next = model.layers.find((layer) => !visited.has(layer.name) &&
      layer.calls.some((refs) => refs.some((ref) => ref.layer === source)));
    if (!next) return;
    if (next.model) yield* wayOf(next.model);
    else yield next;
    at = next.name;
  }
}

/** What operators do to x with a number n; first: the number stands in front. */
const shift = (n) => ({ shift: n });
const less = (n, first) => (first ? { factor: [-1], shift: n } : { shift: n.map((v) => -v) });
const times = (n) => ({ factor: n });
const over = (n, first) => (first ? {} : { factor: n.map((v) => 1 / v) });
const ARITHMETIC = {
  add: shift, addv2: shift, biasadd: shift, subtract: less, sub: less, multiply: times, mul: times,
  divide: over, div: over, truediv: over, truedivide: over, realdiv: over,
};

/**
 * What a layer does with the number that it is called with.
 * @returns {import('../meaning.js').Step | undefined}  undefined: there is none
 */
function operatorStep(layer) {
  const { args = [], kwargs = {} } = layer.operands?.[0] ?? {};
  const values = [...args, ...['x', 'y', 'x1', 'x2', 'bias', 'value'].map((key) => kwargs[key]),
    ...Object.values(layer.config.constants ?? {})];
  const number = values.find((value) => value !== undefined && value !== null && !isRef(value) && numbersOf(value));
  if (number === undefined) return undefined;
  const first = (args.length > 0 && !isRef(args[0])) || layer.config.constants?.['0'] !== undefined;
  const name = operatorName(layer);
  return Object.hasOwn(ARITHMETIC, name) ? ARITHMETIC[name](numbersOf(number), first) : {};
}

/** Operators that move values. */
const MOVES = new Set(['getitem', 'stack', 'cast', 'identity', 'converttotensor', 'stopgradient', 'concat', 'concatenate', 'concatv2']);

/** @returns {import('../meaning.js').Step | null | undefined}  null: the layer changes no values; undefined: the end of the way */
function stepOf(layer, numbers) {
  const name = classOf(layer);
  const { scale, offset = 0, mean, variance } = layer.config;
  if (isOperator(layer) || layer.operands?.some(({ args }) => args.some((value) => !isRef(value) && numbersOf(value)))) {
    return operatorStep(layer) ?? (MOVES.has(operatorName(layer)) ? null : undefined);
  }
  if (name === 'Rescaling') return { factor: numbersOf(scale), shift: numbersOf(offset) };
  if (name === 'Normalization') {
    const m = numbersOf(mean) ?? numbers?.(layer, 0);
    const v = numbersOf(variance) ?? numbers?.(layer, 1);
    if (!m || !v) return {};
    const d = m.map((_, i) => Math.max(Math.sqrt(v[i % v.length]), 1e-7));
    return { factor: d.map((s) => 1 / s), shift: m.map((value, i) => -value / d[i]) };
  }
  return PASSES.has(name) || /^Random[A-Z]/.test(name) ? null : undefined;
}

/**
 * What a Keras model's picture is like.
 * @param {import('./config.js').KerasModel} model
 * @param {object} [options]
 * @param {number} [options.channels]  of the picture
 * @param {(layer: object, index: number) => number[] | undefined} [options.numbers]  small weights, for
 *   Normalization layers that keep theirs in the file
 * @returns {import('../meaning.js').PictureMeaning}
 */
export function pictureOfKeras(model, { channels, numbers } = {}) {
  const steps = [];
  for (const layer of wayOf(model)) {
    const step = stepOf(layer, numbers);
    if (step === undefined) break;
    if (step) steps.push(step);
  }
  const layers = allLayers(model).map((layer) =>
    ({ name: layer.name, className: classOf(layer), filters: layer.config.filters }));
  return pictureFrom(steps, layers, channels, 'unit', nestedNames(model));
}

const PASS_ON = new Set(['Reshape', 'Flatten', 'Dropout', 'Identity', 'Permute', 'Rescaling', 'ActivityRegularization']);

/** A Keras activation's bare name. */
function activationName(spec) {
  if (typeof spec !== 'object' || spec === null) return spec ?? 'linear';
  const named = typeof spec.config === 'string' ? spec.config : spec.config?.name;
  return spec.class_name === 'function' ? named : String(spec.class_name).toLowerCase();
}

/** The activation behind which an output stands. */
function lastActivation(model, ref, depth = 0) {
  const layer = model.layers.find(({ name }) => name === ref?.layer);
  if (!layer || depth > 64) return 'none';
  if (layer.model) return lastActivation(layer.model, layer.model.outputs[ref.index] ?? layer.model.outputs[0], depth + 1);
  const name = classOf(layer);
  const own = name === 'Softmax' ? 'softmax' : isOperator(layer)
    ? /softmax|sigmoid|tanh|relu/.exec(operatorName(layer))?.[0] ?? 'linear'
    : name === 'ReLU' ? 'relu' : activationName(layer.config.activation);
  const previous = layer.calls[0]?.[0];
  const linear = own === 'linear' && (PASS_ON.has(name) || name === 'Activation');
  return linear && previous && name !== 'Rescaling' ? lastActivation(model, previous, depth + 1) : own;
}

/** Names of the outer model's layers that a layer is computed from. */
function sourcesOf(model, name, found = new Set()) {
  for (const { layer } of model.layers.find((one) => one.name === name)?.calls.flat() ?? []) {
    if (!found.has(layer)) {
      found.add(layer);
      sourcesOf(model, layer, found);
    }
  }
  return found;
}

/** Losses of numbers, not of classes. */
const REGRESSIONS = /^(mean_?squared_?error|mse|mean_?absolute_?error|mae|mean_?absolute_?percentage_?error|mape|mean_?squared_?logarithmic_?error|msle|huber(_?loss)?|log_?cosh)$/i;

/**
 * What the loss, with which a model was trained, says of linear outputs: logits of independent or of
 * exclusive classes, or plain numbers.
 * @param {any} compiled  training_config of an .h5 file, compile_config of a .keras file, or their text
 * @returns {'sigmoid' | 'softmax' | 'value' | undefined}
 */
export function meantByLoss(compiled) {
  let config = compiled;
  try {
    if (typeof compiled === 'string') config = JSON.parse(compiled);
  } catch {
    return undefined;
  }
  const loss = config?.loss;
  // One for each of several outputs: which is whose is not told here.
  if (loss === undefined || loss === null || Array.isArray(loss)) return undefined;
  const settings = typeof loss === 'object' ? loss.config : undefined;
  const name = String(typeof loss === 'string' ? loss : (typeof settings === 'string' ? settings : loss.class_name ?? ''));
  if (REGRESSIONS.test(name)) return 'value';
  if (settings?.from_logits !== true) return undefined;
  if (/binary/i.test(name)) return 'sigmoid';
  return /categorical/i.test(name) ? 'softmax' : undefined;
}

/**
 * What a Keras model's outputs mean.
 * @param {import('./config.js').KerasModel} model
 * @param {{name: string, shape: number[]}[]} tensors  as importModel gives them, in the model's order
 * @param {any} [compiled]  how it was trained: see meantByLoss
 * @returns {import('../meaning.js').OutputMeaning[]}
 */
export function outputsOfKeras(model, tensors, compiled) {
  const loss = model.outputs.length === 1 ? meantByLoss(compiled) : undefined;
  const sources = model.outputs.map((ref) => sourcesOf(model, ref.layer));
  return model.outputs.map((ref, index) => describeOutput({
    name: tensors[index]?.name ?? ref.layer,
    index,
    dims: tensors[index]?.shape ?? [],
    activation: lastActivation(model, ref),
    loss,
    feeds: sources.some((names, other) => other !== index && names.has(ref.layer) &&
      model.outputs[other].layer !== ref.layer),
  }));
}
