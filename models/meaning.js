/**
 * What a model's picture and its outputs mean, from the file itself.
 *
 * Pictures: numbers that the network applies to the picture before its first convolution tell in which
 * scale it comes (from: 'file'); a well-known network inside tells it too (from: 'network'); else there is
 * a guess, and a sentence that says so (from: 'guess').
 * Outputs: what the last activation is, how many values there are, and which of several outputs looks
 * like class scores.
 *
 * @typedef {object} PictureMeaning
 * @property {'torch' | 'tf' | 'caffe' | 'unit' | 'none'} mode
 * @property {'file' | 'network' | 'guess'} from
 * @property {string} [network]  the well-known network inside, whether it decided or not
 * @property {string} text       one sentence that says why; for a guess, that it is one
 * @property {'preprocess'} [remedy]  for a guess: see remedies.js
 *
 * @typedef {object} OutputMeaning
 * @property {string} name
 * @property {number} index
 * @property {'classes' | 'binary' | 'labels' | 'value' | 'features' | 'picture' | 'table' | 'unknown'} kind
 *   classes: one of them is right; binary: one unit, that of the second of two classes; labels: each for
 *   itself (multi-label); value: a number, no class; features: what a head would be put on; picture: an
 *   output with height and width; table: rows, such as boxes; unknown: its size is open
 * @property {'softmax' | 'sigmoid' | 'none'} activation  that the file ends in
 * @property {number} [classes]  2 for binary; undefined where there are none
 * @property {number[]} dims     without the batch; 0 for an open one
 * @property {boolean} [feeds]   another output is computed from it
 * @property {string} [text]     what to know about it, where it is no plain list of classes
 */
import { ModelError } from './errors.js';
import { isOperator } from './keras/operators.js';
import { classOf } from './keras/layers.js';
import { isRef, numbersOf } from './keras/config.js';
import { networkNamed, recogniseNetwork } from './networks.js';
import { MODE_WORDS, modeOf, settingsOf } from './preprocess.js';

/* ---- Pictures ---------------------------------------------------------------------------------- */

/**
 * A linear step on the way to the first convolution: value = factor * value + shift, a number or one a
 * channel. Without both: arithmetic that is not linear.
 * @typedef {{factor?: number[], shift?: number[]}} Step
 */

/** The network's own values are about so large at most once the picture is scaled. */
const SCALED = 8;

/**
 * The scale in which a picture comes to a network that applies these steps to it.
 * @param {Step[]} steps
 * @returns {'none' | 'unit' | 'torch'}
 */
export function scaleBefore(steps) {
  const width = Math.max(1, ...steps.flatMap(({ factor, shift }) => [factor?.length ?? 1, shift?.length ?? 1]));
  let [a, b] = [new Array(width).fill(1), new Array(width).fill(0)];
  for (const { factor, shift } of steps) {
    if (!factor && !shift) break;
    const at = (values, i, otherwise) => (values ? values[i % values.length] : otherwise);
    a = a.map((value, i) => value * at(factor, i, 1));
    b = b.map((value, i) => value * at(factor, i, 1) + at(shift, i, 0));
  }
  const largest = (top) => Math.max(...a.flatMap((factor, i) => [Math.abs(b[i]), Math.abs(factor * top + b[i])]));
  // torchvision's transform_input: from torch's scale to tf's.
  if (a.every((factor) => factor > 0.44 && factor < 0.47) && b.every((shift) => shift < 0 && shift > -0.2)) return 'torch';
  if (largest(255) <= SCALED) return 'none';
  // x * 255 makes bytes of 0..1; (x - 0.5) / 0.5 and 1 - x make sense of 0..1 alone.
  if (a.every((factor, i) => factor >= 100 && b[i] === 0)) return 'unit';
  const centres = a.every((factor, i) => b[i] < 0 || factor < 0);
  return centres && largest(1) <= SCALED ? 'unit' : 'none';
}

/** The meaning from what was found: steps before the first convolution, layers, the kind of file. */
function pictureFrom(steps, layers, channels, guess, nested = []) {
  const known = recogniseNetwork(layers) ?? networkNamed(nested);
  const network = known?.name;
  if (steps.length) {
    const mode = scaleBefore(steps);
    return { mode, from: 'file', network, text: `The network scales the picture itself; it wants ${MODE_WORDS[mode]}.` };
  }
  if (known?.mode && (channels === 3 || channels === undefined || ['tf', 'none'].includes(known.mode))) {
    return { mode: known.mode, from: 'network', network,
      text: `Its layers are those of ${network}, whose pictures are scaled so: ${MODE_WORDS[known.mode]}.` };
  }
  return { mode: guess, from: 'guess', network, remedy: 'preprocess',
    text: `The file does not say how its pictures are scaled; ${guess} (${MODE_WORDS[guess]}) is a guess.` };
}

/* ---- Keras ------------------------------------------------------------------------------------- */

const PASSES = new Set(['InputLayer', 'Resizing', 'CenterCrop', 'ZeroPadding2D', 'Cropping2D', 'Permute', 'Identity',
  'Dropout', 'SpatialDropout2D', 'GaussianDropout', 'AlphaDropout', 'GaussianNoise', 'ActivityRegularization', 'Concatenate', 'RandAugment',
  'AugMix', 'MixUp', 'CutMix', 'UpSampling2D']);

/** Every layer, nested ones included, in order. @returns {import('./keras/config.js').KerasLayer[]} */
export const allLayers = (model) => model.layers.flatMap((layer) =>
  (layer.model ? allLayers(layer.model) : [layer]));

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

/** What an operator's name does to x: keras 3's classes, tf.* functions and TensorFlow's nodes. */
const ARITHMETIC = [
  [/^(.*[.])?(__operators__\.)?(add|bias_add|biasadd|addv2)$/i, (n) => ({ shift: n })],
  [/^(.*[.])?(sub|subtract)$/i, (n, first) => (first ? { factor: [-1], shift: n } : { shift: n.map((v) => -v) })],
  [/^(.*[.])?(mul|multiply)$/i, (n) => ({ factor: n })],
  [/^(.*[.])?(div|divide|truediv|true_divide|truedivide|realdiv)$/i,
    (n, first) => (first ? {} : { factor: n.map((v) => 1 / v) })],
];

function operatorStep(layer) {
  const node = layer.config.node_def;
  const name = layer.config.function ?? (typeof node === 'string' ? /"op": *"(\w+)"/.exec(node)?.[1] : node?.op) ?? layer.className;
  const { args = [], kwargs = {} } = layer.operands?.[0] ?? {};
  const values = [...args, ...['x', 'y', 'x1', 'x2', 'bias', 'value'].map((key) => kwargs[key]),
    ...Object.values(layer.config.constants ?? {})];
  const number = values.find((value) => value !== undefined && value !== null && !isRef(value) && numbersOf(value));
  if (number === undefined) return undefined;
  const first = !isRef(args[0]) && args.length > 0;
  const row = ARITHMETIC.find(([pattern]) => pattern.test(String(name)));
  return row ? row[1](numbersOf(number), first || layer.config.constants?.['0'] !== undefined) : {};
}

/** @returns {Step | null | undefined}  null: the layer changes no values; undefined: the end of the way */
function stepOf(layer, numbers) {
  const name = classOf(layer);
  const { scale, offset = 0, mean, variance } = layer.config;
  if (isOperator(layer) || layer.operands?.some(({ args }) => args.some((value) => !isRef(value) && numbersOf(value)))) {
    const step = operatorStep(layer);
    const bare = String(layer.config.function ?? layer.className).toLowerCase();
    return step ?? (/getitem|stack|cast|identity|convert|concat/.test(bare) ? null : undefined);
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
 * @param {import('./keras/config.js').KerasModel} model
 * @param {object} [options]
 * @param {number} [options.channels]  of the picture
 * @param {(layer: object, index: number) => number[] | undefined} [options.numbers]  small weights, for
 *   Normalization layers that keep theirs in the file
 * @returns {PictureMeaning}
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

/**
 * The card's `input`: size, order, mean and std, and where they come from.
 * @param {[number, number, number]} shape  height, width, channels
 * @param {object | undefined} published  the input of a published network's card
 * @param {PictureMeaning} picture
 */
export function describeInput([height, width, channels], published, picture) {
  const size = { width, height, channels };
  if (published) return { ...published, ...size, mode: modeOf(published), from: 'network' };
  return {
    ...size,
    ...settingsOf(picture.mode, channels),
    resize: 'bilinear',
    mode: picture.mode,
    from: picture.from,
    network: picture.network,
    // What a guess is must not look like knowledge.
    ...(picture.from === 'guess' ? { assumed: true } : {}),
  };
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
    ? /(softmax|sigmoid|tanh|relu)/i.exec(layer.config.function ?? layer.config.node_def?.op ?? layer.className)?.[1].toLowerCase() ?? 'linear'
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

/**
 * What a Keras model's outputs mean.
 * @param {import('./keras/config.js').KerasModel} model
 * @param {{name: string, shape: number[]}[]} tensors  as importModel gives them, in the model's order
 * @returns {OutputMeaning[]}
 */
export function outputsOfKeras(model, tensors) {
  const sources = model.outputs.map((ref) => sourcesOf(model, ref.layer));
  return model.outputs.map((ref, index) => describeOutput({
    name: tensors[index]?.name ?? ref.layer,
    index,
    dims: tensors[index]?.shape ?? [],
    activation: lastActivation(model, ref),
    feeds: sources.some((names, other) => other !== index && names.has(ref.layer) &&
      model.outputs[other].layer !== ref.layer),
  }));
}

/* ---- ONNX -------------------------------------------------------------------------------------- */

/** TensorProto.DataType */
const UINT8 = 2;

/** Operators that only move or copy values on the way from the picture to the first convolution. */
const MOVES = new Set(['Identity', 'Cast', 'Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Slice', 'Gather', 'Concat',
  'Split', 'Pad', 'Resize', 'Upsample', 'Dropout', 'Expand', 'Clip']);

/**
 * What an ONNX model's picture is like.
 * @param {import('./onnx/read.js').OnnxFile} file
 * @returns {PictureMeaning & {input?: string, order?: 'NCHW' | 'NHWC', width?: number, height?: number,
 *   channels?: number, batch?: number, problem?: string}}  sizes are missing where the file leaves them
 *   open; problem: why no picture can be given to it, in a sentence
 */
export function pictureOfOnnx(file) {
  const used = new Set(file.nodes.flatMap(({ inputs }) => inputs));
  const inputs = file.inputs.filter(({ name }) => used.has(name));
  const [input] = inputs;
  const way = input ? walk(file, input.name) : { steps: [], turned: false };
  const dims = input?.dims;
  const size = dims?.length === 4 ? sizeOf(dims, way) : {};
  const layers = file.nodes.map(({ op, name, outputs, inputs: from }) => {
    const kernel = op === 'Conv' ? file.constants.get(from[1]) : undefined;
    const depthwise = kernel?.dims[1] === 1 && kernel.dims[0] > 1;
    return { name: name || outputs[0] || '', filters: kernel?.dims[0],
      className: kernel ? depthwise ? 'DepthwiseConv2D' : 'Conv2D' : undefined };
  });
  const guess = size.channels === 1 || /^(keras|tf)2onnx|tensorflow/i.test(file.producer)
    ? size.channels === 1 && !/2onnx/i.test(file.producer) ? 'tf' : 'unit' : 'torch';
  const bytes = input?.type === UINT8 ? { mode: 'none', from: 'file', text: 'Its input takes bytes, 0..255.' } : undefined;
  return { input: input?.name, ...size, ...(bytes ?? pictureFrom(way.steps, layers, size.channels, guess)),
    problem: problemOf(inputs, size) };
}

const join = (names) => names.slice(0, 4).map((name) => `"${String(name).slice(0, 40)}"`).join(', ') +
  (names.length > 4 ? `, and ${names.length - 4} more` : '');

function problemOf(inputs, { channels }) {
  if (!inputs.length) return 'The model has no input that a picture could be given to.';
  if (inputs.length > 1) {
    return `The model has ${inputs.length} inputs (${join(inputs.map(({ name }) => name))}); only models with ` +
      'one picture as input are supported.';
  }
  const { name, dims } = inputs[0];
  if (dims && dims.length !== 4) {
    return `The model's input ${join([name])} has ${dims.length} axes; a picture has 4: batch, channels, height, width.`;
  }
  return channelProblem(channels);
}

/** Why pictures of so many channels cannot be given, in a sentence; undefined where they can. */
export function channelProblem(channels) {
  if (channels === undefined || [1, 3, 4].includes(channels)) return undefined;
  return `The model's input has ${channels} channels; a picture has 1 (grey), 3 (colours) or 4 (colours and alpha).`;
}

/** Height, width and channels, in the order in which the first convolution takes them. */
function sizeOf(dims, { channels, turned }) {
  const [batch, b, c, d] = dims;
  // Without a convolution that tells: a picture has 1, 3 or 4 channels.
  const last = turned ?? (![1, 3, 4].includes(b) && [1, 3, 4].includes(d));
  return last ? { order: 'NHWC', batch, height: b, width: c, channels: d ?? channels }
    : { order: 'NCHW', batch, channels: b ?? channels, height: c, width: d };
}

/** From the input to the first convolution: the steps, and what it tells of the axes. */
function walk(file, name) {
  const steps = [];
  let turned = false;
  let at = name;
  const consumers = new Map();
  for (const node of file.nodes) for (const from of node.inputs) consumers.set(from, [...(consumers.get(from) ?? []), node]);
  for (let count = 0; count < 200; count += 1) {
    const next = consumers.get(at) ?? [];
    const node = next.find(({ op }) => op === 'Conv') ?? next.find(({ op }) => op !== 'Shape');
    if (!node) return { steps, turned: turned || undefined };
    if (node.op === 'Conv') {
      const kernel = file.constants.get(node.inputs[1]);
      return { steps, turned, channels: kernel && kernel.dims[1] * (node.attributes.group ?? 1) };
    }
    if (node.op === 'Transpose') turned = String(node.attributes.perm) === '0,3,1,2' ? !turned : turned;
    else if (!MOVES.has(node.op)) {
      const step = onnxStep(file, node, at);
      if (!step) return { steps, turned: turned || undefined };
      steps.push(step);
    }
    at = node.outputs[0];
  }
  return { steps, turned: undefined };
}

/** @returns {Step | undefined}  undefined: no arithmetic with constants */
function onnxStep(file, { op, inputs, attributes }, from) {
  if (['Neg', 'Abs', 'Max', 'Min', 'Pow'].includes(op)) return op === 'Neg' ? { factor: [-1] } : {};
  if (op === 'ImageScaler') return { factor: [attributes.scale ?? 1], shift: attributes.bias };
  if (!['Add', 'Sub', 'Mul', 'Div'].includes(op)) return undefined;
  const first = inputs[0] !== from;
  const constant = file.constants.get(inputs[first ? 0 : 1]);
  if (!constant) return undefined;
  const n = constant.values();
  if (!n || n.length > 4) return {};
  if (op === 'Add') return { shift: n };
  if (op === 'Mul') return { factor: n };
  if (op === 'Sub') return first ? { factor: [-1], shift: n } : { shift: n.map((v) => -v) };
  return first ? {} : { factor: n.map((v) => 1 / v) };
}

const ENDS = { Softmax: 'softmax', LogSoftmax: 'log-softmax', Sigmoid: 'sigmoid', Tanh: 'tanh', Relu: 'relu' };

/**
 * What an ONNX model's outputs mean.
 * @param {import('./onnx/read.js').OnnxFile} file
 * @returns {OutputMeaning[]}
 */
export function outputsOfOnnx(file) {
  const makers = new Map(file.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const sources = (name, found = new Set()) => {
    const waiting = [name];
    while (waiting.length) {
      for (const from of makers.get(waiting.pop())?.inputs ?? []) {
        if (!found.has(from)) {
          found.add(from);
          waiting.push(from);
        }
      }
    }
    return found;
  };
  const all = file.outputs.length > 1 ? file.outputs.map(({ name }) => sources(name)) : [];
  const moved = ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity', 'Cast', 'Transpose', 'Dropout'];
  return file.outputs.map(({ name, dims }, index) => {
    let node = makers.get(name);
    const fallback = node;
    for (let i = 0; node && moved.includes(node.op) && i < 32; i += 1) node = makers.get(node.inputs[0]);
    const sizes = dims ?? dimsBehind(file, node ?? fallback);
    return describeOutput({ name, index, dims: (sizes ?? []).slice(1).map((d) => d ?? 0), activation: ENDS[node?.op] ?? 'linear',
      known: sizes !== undefined, feeds: all.some((names, other) => other !== index && names.has(name)) });
  });
}

/** [batch, units] behind a dense layer whose output's shape the file does not say. */
function dimsBehind(file, node) {
  const dense = node && ENDS[node.op] ? file.nodes.find(({ outputs }) => outputs[0] === node.inputs[0]) : node;
  const weight = file.constants.get(dense?.inputs[1])?.dims;
  if (dense?.op === 'Gemm' && weight) return [1, weight[dense.attributes.transB ? 0 : 1]];
  return dense?.op === 'MatMul' && weight ? [1, weight.at(-1)] : undefined;
}

/* ---- Outputs ----------------------------------------------------------------------------------- */

/** dims: without the batch; 0 for an open one. */
function describeOutput({ name, index, dims, activation: end, feeds, known = true }) {
  const activation = ['softmax', 'sigmoid'].includes(end) ? end : 'none';
  const long = dims.filter((d) => d !== 1);
  const size = dims.reduce((all, d) => all * d, 1);
  const about = { name, index, activation, dims, ...(feeds ? { feeds } : {}) };
  if (dims.length === 3 && long.length > 1) {
    return { ...about, kind: 'picture', text: `The output "${name.slice(0, 60)}" is a picture (${dims.map((d) => d || '?').join(' x ')}), ` +
      'not a list of classes: segmentation, for example. It has no predictions.' };
  }
  if (long.length > 1) {
    return { ...about, kind: 'table', text: `The output "${name.slice(0, 60)}" is a table (${dims.map((d) => d || '?').join(' x ')}), ` +
      'not a list of classes: boxes of a detector, for example.' };
  }
  if (!known || size === 0) return { ...about, kind: 'unknown' };
  if (size === 1) {
    if (activation === 'sigmoid') {
      return { ...about, kind: 'binary', classes: 2, text: 'One sigmoid unit: two classes, the unit being the second.' };
    }
    return { ...about, kind: 'value', text: 'One linear unit: a value, not a probability.' };
  }
  if (activation === 'sigmoid') {
    return { ...about, kind: 'labels', classes: size, text: 'Independent sigmoids: each class is there or not, for itself.' };
  }
  return { ...about, kind: ['relu', 'tanh'].includes(end) ? 'features' : 'classes', classes: size };
}

const LIKELY = { classes: 3, binary: 4, labels: 4, value: 2, unknown: 2, features: 1, table: 1, picture: 0 };

function likeness({ kind, activation, name, feeds }) {
  const words = /feat|embed|hidden|pool|latent|aux|bottleneck|attention/i.test(name) ? -1.5
    : /logit|pred|prob|class|score|softmax|label|output/i.test(name) ? 0.5 : 0;
  return LIKELY[kind] + (activation === 'softmax' ? 2 : 0) + words - (feeds ? 3 : 0);
}

/** "logits" (5), "mask" (picture 64 x 64) */
const named = ({ name, kind, dims }) => `"${name.slice(0, 40)}" (${kind === 'classes' ? '' : `${kind} `}${dims.map((d) => d || '?').join(' x ') || '1'})`;

/**
 * Which of several outputs is asked about.
 * @param {OutputMeaning[]} outputs
 * @param {string | number} [head]  the name or the number of an output
 * @returns {{chosen: OutputMeaning, others: OutputMeaning[], warning?: {name: 'head', text: string, remedy: 'head'}}}
 */
export function chooseOutput(outputs, head) {
  if (!outputs.length) throw new ModelError('format', 'The model has no output.');
  if (head !== undefined && head !== null && head !== '') {
    const chosen = outputs.find(({ name }) => name === String(head)) ??
      (/^\d+$/.test(String(head)) ? outputs[Number(head)] : undefined);
    if (!chosen) {
      throw new ModelError('argument', `The model has no output "${String(head).slice(0, 40)}". Its outputs are ` +
        `${outputs.slice(0, 4).map(named).join(', ')}${outputs.length > 4 ? `, and ${outputs.length - 4} more` : ''}.`);
    }
    return { chosen, others: outputs.filter((output) => output !== chosen) };
  }
  const chosen = outputs.reduce((best, output) => (likeness(output) > likeness(best) ? output : best));
  const others = outputs.filter((output) => output !== chosen);
  if (!others.length) return { chosen, others };
  return { chosen, others, warning: {
    name: 'head',
    remedy: 'head',
    text: `The model has ${outputs.length} outputs; ${named(chosen)} was taken. ${others.length === 1 ? 'The other' : 'Others'}: ` +
      `${others.slice(0, 3).map(named).join(', ')}${others.length > 3 ? `, and ${others.length - 3} more` : ''}.`,
  } };
}
