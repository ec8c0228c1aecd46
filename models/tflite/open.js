/**
 * A TensorFlow Lite model (.tflite) into the operators of ../tensorflow.
 *
 * Quantised models are read into floats: value = scale (q - zero point), for weights tensor-wise or channel
 * by channel; activations stay floats, so that gradients flow. A picture that goes in as bytes is taken as it
 * is: its quantisation says what the network sees. Asked to (fakeQuantize), every activation is rounded to the
 * integers that the file keeps it in, by QuantizeLinear and DequantizeLinear behind it.
 *
 * Numbers of fields are those of TensorFlow Lite's schema.fbs (version 3) and metadata_schema.fbs.
 */
import { parseLabels } from '../labels.js';
import { ModelError } from '../errors.js';
import { halfToFloat } from '../forms.js';
import { inputsProblem } from '../meaning.js';
import { MODES, modeOf } from '../modes.js';
import { loadPackage } from '../packages.js';
import { emitNode } from '../tensorflow/operators.js';
import { finishNetwork, newEmitter, pictureInput } from '../tensorflow/network.js';
import { Buffer } from './flatbuffer.js';

const MOST_OPERATORS = 100000;
const product = (dims) => dims.reduce((all, d) => all * d, 1);

/** TensorType: [name, bytes, reader] */
const TYPES = {
  0: ['float32', 4, (view, at) => view.getFloat32(at, true)],
  1: ['float16', 2, (view, at) => halfToFloat(view.getUint16(at, true))],
  2: ['int32', 4, (view, at) => view.getInt32(at, true)],
  3: ['uint8', 1, (view, at) => view.getUint8(at)],
  4: ['int64', 8, (view, at) => Number(view.getBigInt64(at, true))],
  6: ['bool', 1, (view, at) => view.getUint8(at)],
  7: ['int16', 2, (view, at) => view.getInt16(at, true)],
  9: ['int8', 1, (view, at) => view.getInt8(at)],
  10: ['float64', 8, (view, at) => view.getFloat64(at, true)],
};
const INT8 = 9;
const UINT8 = 3;

const PADDING = ['SAME', 'VALID'];
const FUSED = [undefined, 'Relu', 'ReluN1To1', 'Relu6', 'Tanh'];

const fused = (field) => (options) => ({ activation: fusedOf(options?.int8(field) ?? 0) });
function fusedOf(code) {
  if (code < FUSED.length && code >= 0) return FUSED[code];
  throw new ModelError('unsupported', `The model fuses the activation number ${code} into an operator, which is not supported.`);
}
const convolution = (field) => (options) => ({
  padding: PADDING[options.int8(0)],
  strides: [options.int32(2), options.int32(1)],
  activation: fusedOf(options.int8(field)),
  dilations: [options.int32(field + 2, 1), options.int32(field + 1, 1)],
  order: 'OHWI',
});
const pool = (options) => ({
  padding: PADDING[options.int8(0)],
  strides: [options.int32(2), options.int32(1)],
  kernel: [options.int32(4), options.int32(3)],
  activation: fusedOf(options.int8(5)),
});
const reducer = (options) => ({ keepDims: Boolean(options?.int8(0)) });
const plain = () => ({});

/** BuiltinOperator: [TensorFlow's name, its settings from the options' table, are the options needed] */
const BUILTIN = {
  0: ['Add', fused(0)], 1: ['AvgPool', pool, true], 2: ['Concat', (o) => ({ axis: o.int32(0), activation: fusedOf(o.int8(1)) }), true],
  3: ['Conv2D', convolution(3), true], 4: ['DepthwiseConv2D', convolution(4), true], 6: ['Identity', plain],
  9: ['MatMul', (o) => ({ activation: fusedOf(o?.int8(0) ?? 0), keepDims: Boolean(o?.int8(2)), order: 'OI' })],
  14: ['Sigmoid', plain], 17: ['MaxPool', pool, true], 18: ['Mul', fused(0)], 19: ['Relu', plain], 20: ['ReluN1To1', plain], 21: ['Relu6', plain],
  22: ['Reshape', (o, node) => (node.inputs[1] ? {} : { shape: o?.int32s(0) ?? [] })],
  23: ['ResizeBilinear', (o) => ({ alignCorners: Boolean(o?.int8(2)), halfPixel: Boolean(o?.int8(3)) })],
  25: ['Softmax', (o) => ({ beta: o?.float(0) ?? 1 })], 28: ['Tanh', plain], 34: ['Pad', plain], 39: ['Transpose', plain],
  40: ['Mean', reducer], 41: ['Sub', fused(0)], 42: ['Div', fused(0)], 43: ['Squeeze', (o) => ({ axes: o?.int32s(0) ?? [] })],
  47: ['Exp', plain], 53: ['Identity', plain], 54: ['Prelu', plain], 55: ['Maximum', plain], 56: ['ArgMax', plain], 57: ['Minimum', plain],
  60: ['Pad', plain], 70: ['ExpandDims', plain], 75: ['Sqrt', plain], 76: ['Rsqrt', plain], 82: ['Max', reducer],
  36: ['Gather', plain], 45: ['StridedSlice', (o) => ({ beginMask: o?.int32(0) ?? 0, endMask: o?.int32(1) ?? 0, shrinkMask: o?.int32(4) ?? 0 })],
  77: ['Shape', plain], 83: ['Pack', plain], 81: ['Prod', plain],
  97: ['ResizeNearestNeighbor', (o) => ({ alignCorners: Boolean(o?.int8(0)), halfPixel: Boolean(o?.int8(1)) })],
  98: ['LeakyRelu', (o) => ({ alpha: o?.float(0) ?? 0 })], 111: ['Elu', plain], 114: ['Identity', plain], 117: ['HardSwish', plain],
};

/**
 * @param {Uint8Array} bytes
 * @param {string} name  for messages
 * @param {{packagesUrl?: string, fakeQuantize?: boolean}} options
 * @returns {Promise<import('../convert.js').Opened>}
 */
export async function openTflite(bytes, name, { packagesUrl, fakeQuantize = false } = {}) {
  const buffer = new Buffer(bytes, name);
  const model = buffer.root();
  const graph = model.tables(2)[0];
  if (!graph) throw new ModelError('format', `${name.slice(-80)} holds no network: it is damaged or empty.`);
  const metadata = readMetadata(model, buffer);
  return {
    title: name.replace(/\.\w+$/, ''),
    labels: await associatedLabels(bytes, packagesUrl),
    close: async () => {},
    read: (form, size) => readNetwork({ model, graph, buffer, name, metadata, fakeQuantize }, form, size),
  };
}

/** The files that tools put behind the model, as a ZIP archive: its list of names. */
async function associatedLabels(bytes, packagesUrl) {
  const end = bytes.length - 22;
  if (end < 0 || String(bytes.subarray(end, end + 4)) !== '80,75,5,6' || !(bytes[end + 10] || bytes[end + 11])) return undefined;
  const { openZip } = await import('../bundle.js');
  try {
    const bundle = await openZip(bytes, 'the model\'s associated files', packagesUrl);
    const texts = bundle.names.filter((name) => /\.txt$/i.test(name));
    const file = texts.find((name) => /label/i.test(name)) ?? texts[0];
    const { names } = file ? parseLabels(await bundle.read(file), { file }) : { names: [] };
    return names.length ? names : undefined;
  } catch (error) {
    if (error.code === 'unsupported') throw error; // no reader of archives: say so
    return undefined; // names are a help, not the model
  }
}

/** Mean and deviation of the picture, where the model's metadata tell (NormalizationOptions). */
function readMetadata(model, buffer) {
  try {
    const entry = model.tables(6).find((one) => one.text(0) === 'TFLITE_METADATA');
    const data = entry && bufferData(model.tables(4), buffer, entry.uint32(1));
    if (!data?.length) return undefined;
    const input = new Buffer(data, 'the metadata').root().tables(3)[0]?.tables(2)[0];
    for (const unit of input?.tables(4) ?? []) {
      if (unit.uint8(0) !== 1) continue;
      const options = unit.table(1);
      const [mean, std] = [options.floats(0), options.floats(1)];
      if (mean.length && std.length && [...mean, ...std].every(Number.isFinite) && std.every((v) => v > 0)) return { mean, std };
    }
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
  }
  return undefined; // they are a help, not the model
}

/** The bytes of a buffer; files above 2 GB keep them behind the FlatBuffer. */
function bufferData(buffers, buffer, index) {
  const table = buffers[index];
  if (!table) throw new ModelError('format', `${buffer.name.slice(-80)} is damaged: it has no buffer ${index}. Download it again.`);
  const [offset, size] = [table.uint64(1), table.uint64(2)];
  return offset > 1 ? buffer.bytes.subarray(buffer.check(offset, size), offset + size) : table.bytes(0);
}

/** @typedef {{name: string, shape: number[], signature: number[], type: number, buffer: number, scale: number[], zero: number[], axis: number}} TensorInfo */

/** @returns {TensorInfo} */
function readTensor(table, index) {
  const quantization = table.table(4);
  const scale = quantization?.floats(2) ?? [];
  const zero = quantization?.int64s(3) ?? [];
  // The converter joins the names of what it fused: the last operator's comes first.
  const name = table.text(3).split(';')[0].replace(/[\p{C}]/gu, '') || `tensor_${index}`;
  return { name: name.slice(0, 200), shape: table.int32s(0), signature: table.int32s(7), type: table.int8(1), buffer: table.uint32(2),
    scale, zero: zero.length === scale.length ? zero : scale.map(() => zero[0] ?? 0), axis: quantization?.int32(6) ?? 0 };
}

function readNetwork({ model, graph, buffer, name, metadata, fakeQuantize }, form, size) {
  const title = name.slice(-60);
  const b = newEmitter(title, form);
  const infos = graph.tables(0).map(readTensor);
  const buffers = model.tables(4);
  const codes = model.tables(1).map((code) => ({ code: Math.max(code.int8(0), code.int32(3)), custom: code.text(1) }));
  const operators = graph.tables(3);
  if (operators.length > MOST_OPERATORS) throw new ModelError('format', `${title} has ${operators.length} operators: it is damaged.`);
  const values = new Map();
  const infoOf = (index) => {
    if (infos[index]) return infos[index];
    throw new ModelError('format', `${title} is damaged: an operator speaks of tensor ${index}, there are ${infos.length}. Download it again.`);
  };
  const valueOf = (index) => {
    if (index === -1) return undefined;
    const info = infoOf(index);
    const found = values.get(index) ?? constantOf(info, buffers, buffer);
    if (!found) throw new ModelError('format', `${title} is damaged: the tensor "${info.name.slice(-60)}" is used before it is computed. Download it again.`);
    values.set(index, found);
    return found;
  };
  const inputs = graph.int32s(1);
  const problem = inputsProblem(inputs.map(infoOf).map(({ name, shape }) => ({ name, dims: shape })));
  if (problem) throw new ModelError('unsupported', problem);
  const pictureInfo = infoOf(inputs[0]);
  const open = pictureInfo.signature.length === pictureInfo.shape.length ? pictureInfo.signature : pictureInfo.shape;
  const { value, input } = pictureInput(b, pictureInfo.name, size.inputSize || size.inputShape ? open : pictureInfo.shape, size);
  values.set(inputs[0], value);
  let range; // what the picture is first quantised to
  for (const operator of operators) {
    const { code, custom } = codes[operator.uint32(0)] ?? {};
    if (code === undefined) throw new ModelError('format', `${title} is damaged: an operator has no kind. Download it again.`);
    const [outputIndex] = operator.int32s(2);
    const out = infoOf(outputIndex ?? -1);
    if (!Object.hasOwn(BUILTIN, code)) {
      const what = code === 32 ? `"${custom.replace(/[\p{C}]/gu, '').slice(0, 40)}" (custom)` : `number ${code}`;
      throw new ModelError('unsupported', `${title}: the operator ${what}, which makes "${out.name.slice(-60)}", is not supported. ` +
        'Export the model to ONNX instead, with tf2onnx.');
    }
    const [op, settings, needed] = BUILTIN[code];
    const options = operator.table(4);
    if (needed && !options) throw new ModelError('format', `${title} is damaged: the operator of "${out.name.slice(-60)}" has no settings. Download it again.`);
    const ids = operator.int32s(1);
    if (ids.length > 4096) throw new ModelError('format', `${title} is damaged: an operator has ${ids.length} inputs. Download it again.`);
    const node = { op, name: out.name, inputs: ids.map(valueOf), config: {} };
    node.config = settings(options, node);
    if (code === 114 && node.inputs[0]?.raw && [INT8, UINT8].includes(out.type)) range ??= rangeOf(out);
    const made = emitNode(b, node);
    values.set(outputIndex, fakeQuantize && !sameGrid(out, infos[ids[0]]) ? rounded(b, made, out) : made);
  }
  const outputs = graph.int32s(2).slice(0, 64).map(valueOf);
  return finishNetwork(b, outputs, input, pictureOfTflite(pictureInfo, input[2], { metadata, range, steps: b.steps }));
}

/** Integers that stand for the same: what only moves them is not rounded again. */
const sameGrid = (a, b) => b !== undefined && a.type === b.type && String([a.scale, a.zero]) === String([b.scale, b.zero]);

/** The value as its integers keep it. */
function rounded(b, value, { type, scale, zero, name }) {
  const stored = { [INT8]: 'int8', [UINT8]: 'uint8', 7: 'int16' }[type];
  if (value.constant || !stored || scale.length !== 1 || !(scale[0] > 0)) return value;
  const grid = [b.graph.constant(`${name}/scale`, 'float32', [], scale), b.graph.constant(`${name}/zero`, stored, [], zero)];
  const integers = b.graph.add('QuantizeLinear', `${name}/integers`, [value.name, ...grid]);
  return { ...value, name: b.graph.add('DequantizeLinear', `${name}/rounded`, [integers, ...grid]) };
}

function constantOf(info, buffers, buffer) {
  const bytes = bufferData(buffers, buffer, info.buffer);
  if (!bytes.length || info.buffer === 0) return undefined;
  const { shape, scale, zero } = info;
  const axis = shape.length === 1 ? 0 : info.axis;
  const type = TYPES[info.type];
  const words = `${buffer.name.slice(-60)}: the weight "${info.name.slice(-60)}"`;
  if (!type) throw new ModelError('unsupported', `${words} is of type number ${info.type}, which is not supported.`);
  const count = product(shape);
  if (!shape.every((d) => d >= 0) || bytes.length !== count * type[1]) {
    throw new ModelError('format', `${words} has ${bytes.length} bytes where its shape (${shape.slice(0, 8)}) of ${type[0]} needs ${count * type[1]}. Download it again.`);
  }
  if (scale.length > 1 && scale.length !== shape[axis]) {
    throw new ModelError('format', `${words} has ${scale.length} scales for ${shape[axis] ?? 0} channels. Download it again.`);
  }
  return { constant: true, shape, read() {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) out[i] = type[2](view, i * type[1]);
    if (!scale.length || type[0].startsWith('float')) return out;
    const inner = product(shape.slice(axis + 1));
    for (let i = 0; i < count; i++) {
      const channel = scale.length === 1 ? 0 : Math.floor(i / inner) % shape[axis];
      out[i] = scale[channel] * (out[i] - zero[channel]);
    }
    return out;
  } };
}

/** The least and the largest value of a quantised tensor. */
function rangeOf({ type, scale, zero }) {
  if (scale.length !== 1) return undefined;
  const least = type === INT8 ? -128 : 0;
  return [scale[0] * (least - zero[0]), scale[0] * (least + 255 - zero[0])];
}

/** What the file says of its picture; undefined where it says nothing. */
function pictureOfTflite(info, channels, { metadata, range, steps }) {
  const order = { 1: 'grey', 3: 'rgb', 4: 'rgba' }[channels];
  const known = (mean, std, text) => {
    const spread = (values) => Array.from({ length: channels }, (_, i) => values[i % values.length]);
    const settings = { order, mean: spread(mean), std: spread(std) };
    return { mode: modeOf(settings), from: 'file', settings, text };
  };
  const bytes = info.type === UINT8 || info.type === INT8;
  if (bytes && info.scale.length === 1 && info.scale[0] > 0) {
    const zero = info.zero[0] + (info.type === INT8 ? 128 : 0);
    return known([zero], [1 / info.scale[0]], 'The picture goes in as bytes; its quantisation says what the network sees.');
  }
  if (bytes || steps.length) return undefined;
  if (metadata) return known(metadata.mean, metadata.std, 'The model\'s metadata say how a picture is scaled.');
  const found = range && [['tf', -1, 1], ['unit', 0, 1], ['none', 0, 255], ['torch', -2.118, 2.64]].find(([, low, high]) =>
    Math.max(Math.abs(range[0] - low), Math.abs(range[1] - high)) < 0.02 * (high - low));
  if (!found) return undefined;
  return known(MODES[found[0]].mean, MODES[found[0]].std, 'The range to which the picture is quantised tells its scale.');
}
