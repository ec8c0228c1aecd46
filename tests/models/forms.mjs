/**
 * One small network, with the same weights, as TensorFlow.js (flat and quantised), as TensorFlow Lite
 * (float32, float16, int8 weights) and as a Keras file.
 */
import { floatToHalf } from '../../models/forms.js';
import { uniform } from './noise.mjs';

export const SIZE = 8;

/** name, Keras's shape, spread */
const WEIGHTS = [['conv/kernel', [3, 3, 3, 4], 0.5], ['conv/bias', [4], 0.2], ['depth/depthwise_kernel', [3, 3, 4, 2], 0.5],
  ['depth/bias', [8], 0.2], ['dense/kernel', [8, 5], 1], ['dense/bias', [5], 0.3]];

const product = (dims) => dims.reduce((all, d) => all * d, 1);
export const values = () => new Map(WEIGHTS.map(([name, shape, spread]) => [name, { shape, data: uniform(name, product(shape), spread) }]));

const geometry = (strides) => ({ kernel_size: [3, 3], strides: [strides, strides], padding: 'same', data_format: 'channels_last', dilation_rate: [1, 1], use_bias: true });
export const topology = () => ({ class_name: 'Sequential', config: { name: 'net', layers: [
  { class_name: 'Conv2D', config: { name: 'conv', filters: 4, activation: 'relu', batch_input_shape: [null, SIZE, SIZE, 3], ...geometry(2) } },
  { class_name: 'DepthwiseConv2D', config: { name: 'depth', depth_multiplier: 2, activation: 'linear', ...geometry(1) } },
  { class_name: 'ReLU', config: { name: 'bound', max_value: 6 } },
  { class_name: 'GlobalAveragePooling2D', config: { name: 'pool', data_format: 'channels_last' } },
  { class_name: 'Dense', config: { name: 'dense', units: 5, activation: 'softmax', use_bias: true } },
] } });

/* ---- TensorFlow.js ------------------------------------------------------------------------------------ */

const STORED = {
  float32: (data) => ({ bytes: new Uint8Array(data.slice().buffer) }),
  float16: (data) => ({ bytes: new Uint8Array(Uint16Array.from(data, floatToHalf).buffer), quantization: { dtype: 'float16', original_dtype: 'float32' } }),
  uint8: (data) => affine(data, 255, Uint8Array, 'uint8'),
  uint16: (data) => affine(data, 65535, Uint16Array, 'uint16'),
};

function affine(data, top, Type, dtype) {
  const min = Math.min(...data);
  const scale = (Math.max(...data) - min) / top;
  return { bytes: new Uint8Array(Type.from(data, (v) => Math.round((v - min) / scale)).buffer), quantization: { dtype, scale, min } };
}

/** model.json and its shards, `shards` of them. @returns {Record<string, Uint8Array>} */
export function tfjs({ form = 'float32', shards = 1 } = {}) {
  const listed = [...values()].map(([name, { shape, data }]) => ({ name, shape, dtype: 'float32', ...STORED[form](data) }));
  const all = Uint8Array.from(listed.flatMap(({ bytes }) => [...bytes]));
  const size = Math.ceil(all.length / shards);
  const paths = Array.from({ length: shards }, (_, i) => `group1-shard${i + 1}of${shards}.bin`);
  const json = { format: 'layers-model', modelTopology: { keras_version: '2.15.0', model_config: topology() },
    weightsManifest: [{ paths, weights: listed.map(({ bytes, ...weight }) => weight) }] };
  return { 'model.json': new TextEncoder().encode(JSON.stringify(json)),
    ...Object.fromEntries(paths.map((path, i) => [path, all.slice(i * size, (i + 1) * size)])) };
}

/** @param {Record<string, Uint8Array>} files @returns for convert: source, fileName, beside */
export const given = (files, main = 'model.json') => ({ source: files[main], fileName: main, beside: async (name) => files[name] });

/* ---- TensorFlow Lite ------------------------------------------------------------------------------------ */

const i8 = (v) => (view, at) => view.setInt8(at, v);
const i32 = (v) => (view, at) => view.setInt32(at, v, true);
const f32 = (v) => (view, at) => view.setFloat32(at, v, true);
const table = (fields) => ({ fields });
const vector = (items, size, put) => ({ vector: items, size, put });
const ints = (list) => vector(list, 4, (view, at, v) => view.setInt32(at, v, true));
const floats = (list) => vector(list, 4, (view, at, v) => view.setFloat32(at, v, true));
const longs = (list) => vector(list, 8, (view, at, v) => view.setBigInt64(at, BigInt(v), true));
const bytes = (list) => vector([...list], 1, (view, at, v) => view.setUint8(at, v));
const text = (words) => bytes(new TextEncoder().encode(words));
const tables = (list) => vector(list, 4, undefined);

/** A FlatBuffer of nested tables and vectors, what is pointed to behind what points. */
export function flatBuffer(root, mark) {
  const data = new Uint8Array(1 << 17);
  const view = new DataView(data.buffer);
  let end = 8;
  new TextEncoder().encodeInto(mark, data.subarray(4));
  const queue = [[0, root]];
  for (let next; (next = queue.shift());) {
    const [place, item] = next;
    end = Math.ceil(end / 8) * 8;
    if (item.fields) {
      const count = Math.max(...Object.keys(item.fields).map(Number)) + 1;
      const vtable = end;
      const start = Math.ceil((vtable + 4 + 2 * count) / 8) * 8;
      view.setUint16(vtable, 4 + 2 * count, true);
      view.setUint16(vtable + 2, 4 + 4 * count, true);
      view.setInt32(start, start - vtable, true);
      end = start + 4 + 4 * count;
      for (const [field, value] of Object.entries(item.fields)) {
        const at = start + 4 + 4 * Number(field);
        view.setUint16(vtable + 4 + 2 * Number(field), at - start, true);
        if (typeof value === 'function') value(view, at);
        else queue.push([at, value]);
      }
      view.setUint32(place, start - place, true);
    } else {
      const start = item.size === 8 ? end + 4 : end;
      view.setUint32(start, item.vector.length, true);
      item.vector.forEach((value, i) => {
        const at = start + 4 + i * item.size;
        if (item.put) item.put(view, at, value);
        else queue.push([at, value]);
      });
      end = start + 4 + item.vector.length * item.size;
      view.setUint32(place, start - place, true);
    }
  }
  return data.slice(0, Math.ceil(end / 8) * 8);
}

/** Axes in another order. */
function turned(data, shape, perm) {
  const dims = perm.map((axis) => shape[axis]);
  const strides = shape.map((_, i) => product(shape.slice(i + 1)));
  return Float32Array.from(data, (_, to) => {
    let rest = to;
    let from = 0;
    for (let i = dims.length - 1; i >= 0; i--) {
      from += (rest % dims[i]) * strides[perm[i]];
      rest = Math.floor(rest / dims[i]);
    }
    return data[from];
  });
}

/** The network as a .tflite file; weights: float32, float16 (behind DEQUANTIZE) or int8, channel by channel;
 * also: the shape of a second input. */
export function tflite({ weights = 'float32', also } = {}) {
  const w = values();
  const of = (name) => w.get(name);
  const buffers = [new Uint8Array(0)];
  const tensors = [];
  const operators = [];
  const codes = [3, 4, 40, 9, 25, 6];
  const tensor = (name, shape, { type = 0, data, quantization } = {}) => {
    if (data) buffers.push(data);
    tensors.push(table({ 0: ints(shape), 1: i8(type), 2: i32(data ? buffers.length - 1 : 0), 3: text(name), ...(quantization ? { 4: quantization } : {}) }));
    return tensors.length - 1;
  };
  const operator = (code, inputs, output, kind, options) => {
    operators.push(table({ 0: i32(codes.indexOf(code)), 1: ints(inputs), 2: ints([output]), ...(options ? { 3: i8(kind), 4: table(options) } : {}) }));
    return output;
  };
  const raw = (data) => new Uint8Array(Float32Array.from(data).buffer);
  const kernel = (name, data, shape, axis) => {
    if (weights === 'float32') return tensor(name, shape, { data: raw(data) });
    if (weights === 'float16') {
      const half = tensor(`${name}/half`, shape, { type: 1, data: new Uint8Array(Uint16Array.from(data, floatToHalf).buffer) });
      return operator(6, [half], tensor(name, shape));
    }
    const inner = product(shape.slice(axis + 1));
    const channel = (i) => Math.floor(i / inner) % shape[axis];
    const scales = new Array(shape[axis]).fill(0);
    data.forEach((v, i) => { scales[channel(i)] = Math.max(scales[channel(i)], Math.abs(v) / 127); });
    return tensor(name, shape, { type: 9, data: new Uint8Array(Int8Array.from(data, (v, i) => Math.round(v / scales[channel(i)])).buffer),
      quantization: table({ 2: floats(scales), 3: longs(scales.map(() => 0)), 6: i32(axis) }) });
  };
  const bias = (name) => tensor(name, of(name).shape, { data: raw(of(name).data) });
  const half = SIZE / 2;
  const x = tensor('picture', [1, SIZE, SIZE, 3]);
  const k1 = kernel('conv/kernel', turned(of('conv/kernel').data, [3, 3, 3, 4], [3, 0, 1, 2]), [4, 3, 3, 3], 0);
  const conv = operator(3, [x, k1, bias('conv/bias')], tensor('conv', [1, half, half, 4]), 1, { 0: i8(0), 1: i32(2), 2: i32(2), 3: i8(1) });
  const k2 = kernel('depth/kernel', of('depth/depthwise_kernel').data, [1, 3, 3, 8], 3);
  const depth = operator(4, [conv, k2, bias('depth/bias')], tensor('depth;more', [1, half, half, 8]), 2, { 0: i8(0), 1: i32(1), 2: i32(1), 3: i32(2), 4: i8(3) });
  const axes = tensor('axes', [2], { type: 2, data: new Uint8Array(Int32Array.from([1, 2]).buffer) });
  const pool = operator(40, [depth, axes], tensor('pool', [1, 8]), 27, { 0: i8(0) });
  const k3 = kernel('dense/kernel', turned(of('dense/kernel').data, [8, 5], [1, 0]), [5, 8], 0);
  const logits = operator(9, [pool, k3, bias('dense/bias')], tensor('logits', [1, 5]), 8, { 0: i8(0) });
  const scores = operator(25, [logits], tensor('scores', [1, 5]), 9, { 0: f32(1) });
  return flatBuffer(table({
    0: i32(3),
    1: tables(codes.map((code) => table({ 0: i8(code), 3: i32(code) }))),
    2: tables([table({ 0: tables(tensors), 1: ints(also ? [x, tensor('age', also)] : [x]), 2: ints([scores]), 3: tables(operators) })]),
    4: tables(buffers.map((data) => table(data.length ? { 0: bytes(data) } : { 0: bytes([]) }))),
  }), 'TFL3');
}
