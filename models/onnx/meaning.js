/**
 * What an ONNX model's picture and outputs mean (see ../meaning.js): arithmetic on the picture's way to the
 * first Conv, the names of well-known networks in the paths of its nodes, the last operators.
 */
import { channelProblem, describeOutput, inputsProblem, pictureFrom } from '../meaning.js';

/** TensorProto.DataType */
const UINT8 = 2;

/** Operators that only move or copy values on the way from the picture to the first convolution. */
const MOVES = new Set(['Identity', 'Cast', 'Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Slice', 'Gather', 'Concat',
  'Split', 'Pad', 'Resize', 'Upsample', 'Dropout', 'Expand', 'Clip']);

/**
 * What an ONNX model's picture is like.
 * @param {import('./read.js').OnnxFile} file
 * @returns {import('../meaning.js').PictureMeaning & {input?: string, order?: 'NCHW' | 'NHWC', width?: number, height?: number,
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
  const guess = /^(keras|tf)2onnx|tensorflow/i.test(file.producer) ? 'unit' : size.channels === 1 ? 'tf' : 'torch';
  const bytes = input?.type === UINT8 ? { mode: 'none', from: 'file', text: 'Its input takes bytes, 0..255.' } : undefined;
  return { input: input?.name, ...size, ...(bytes ?? pictureFrom(way.steps, layers, size.channels, guess)),
    problem: problemOf(inputs, size) };
}

function problemOf(inputs, { channels }) {
  const problem = inputsProblem(inputs);
  if (problem) return problem;
  const { name, dims } = inputs[0];
  if (dims && dims.length !== 4) {
    return `The model's input "${name.slice(0, 40)}" has ${dims.length} axes; a picture has 4: batch, channels, height, width.`;
  }
  return channelProblem(channels);
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

/** @returns {import('../meaning.js').Step | undefined}  undefined: no arithmetic with constants */
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

/** Operators that pick the largest of scores, and which of their inputs these are: what is explained lies before. */
const PICKS = { ArgMax: 0, ArgMin: 0, TopK: 0, NonMaxSuppression: 1 };

const ENDS = { Softmax: 'softmax', LogSoftmax: 'log-softmax', Sigmoid: 'sigmoid', Tanh: 'tanh', Relu: 'relu' };

/**
 * What an ONNX model's outputs mean. One that only says which score is the largest stands for the scores:
 * `name` is their tensor, `output` the file's.
 * @param {import('./read.js').OnnxFile} file
 * @returns {import('../meaning.js').OutputMeaning[]}
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
  const moved = ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity', 'Cast', 'Transpose', 'Dropout'];
  const behind = (name) => {
    let node = makers.get(name);
    for (let i = 0; node && moved.includes(node.op) && i < 32; i += 1) node = makers.get(node.inputs[0]);
    return node;
  };
  const outputs = file.outputs.map(({ name, dims }) => {
    const node = behind(name);
    const read = node && PICKS[node.op];
    return read === undefined ? { name, dims } : { name: node.inputs[read], output: name, picked: node.op };
  });
  const distinct = outputs.filter(({ name }, index) => outputs.findIndex((one) => one.name === name && !one.picked) === index ||
    (outputs.every((one) => one.name !== name || one.picked) && outputs.findIndex((one) => one.name === name) === index));
  const all = distinct.length > 1 ? distinct.map(({ name }) => sources(name)) : [];
  return distinct.map(({ name, dims, output, picked }, index) => {
    const node = behind(name);
    const sizes = dims ?? dimsBehind(file, node ?? makers.get(name));
    return { ...describeOutput({ name, index, dims: (sizes ?? []).slice(1).map((d) => d ?? 0), activation: ENDS[node?.op] ?? 'linear',
      known: sizes !== undefined, feeds: all.some((names, other) => other !== index && names.has(name)) }),
    ...(picked ? { output, picked } : {}) };
  });
}

/** [batch, units] behind a dense layer whose output's shape the file does not say. */
function dimsBehind(file, node) {
  const dense = node && ENDS[node.op] ? file.nodes.find(({ outputs }) => outputs[0] === node.inputs[0]) : node;
  const weight = file.constants.get(dense?.inputs[1])?.dims;
  if (dense?.op === 'Gemm' && weight) return [1, weight[dense.attributes.transB ? 0 : 1]];
  return dense?.op === 'MatMul' && weight ? [1, weight.at(-1)] : undefined;
}
