/**
 * The weights of a TensorFlow.js model: what weightsManifest lists, out of the shards that it names.
 *
 * A group's paths, joined in order, hold its weights one after the other, without gaps. A quantised weight
 * is value = scale q + min (uint8, uint16), or a half (float16). The object has the face of an Hdf5File, so
 * that the Keras reader takes either; a weight's path is its name.
 */
import { ModelError } from '../errors.js';
import { halfToFloat } from '../forms.js';

const BYTES = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 };
const product = (dims) => dims.reduce((all, d) => all * d, 1);
const MOST_WEIGHTS = 100000;

/**
 * @typedef {object} Weight
 * @property {string} name
 * @property {number[]} shape
 * @property {string} dtype       of the values
 * @property {string} stored      of the bytes
 * @property {number} [scale]
 * @property {number} [min]
 * @property {Uint8Array} bytes
 */

export class TfjsWeights {
  /** @param {string} name for messages @param {Map<string, Weight>} weights */
  constructor(name, weights) {
    this.name = name;
    this.weights = weights;
  }

  close() {}

  shape(path) {
    return this.weights.get(path)?.shape;
  }

  /** @returns {import('../keras/hdf5.js').Dataset | undefined} */
  dataset(path) {
    const weight = this.weights.get(path);
    if (!weight) return undefined;
    return { shape: weight.shape, read: (ranges) => cut(valuesOf(weight), weight.shape, ranges) };
  }

  /** Whole numbers, such as shapes and axes. */
  integers(path) {
    return Array.from(valuesOf(this.weights.get(path)));
  }
}

/** A weight's values as floats. */
function valuesOf({ stored, bytes, shape, scale = 1, min = 0 }) {
  const count = product(shape);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(count);
  const at = {
    float32: (i) => view.getFloat32(i * 4, true),
    int32: (i) => view.getInt32(i * 4, true),
    bool: (i) => bytes[i],
    uint8: (i) => bytes[i] * scale + min,
    uint16: (i) => view.getUint16(i * 2, true) * scale + min,
    float16: (i) => halfToFloat(view.getUint16(i * 2, true)),
  }[stored];
  for (let i = 0; i < count; i++) out[i] = at(i);
  return out;
}

/** The part of a tensor within [start, end] per axis. */
export function cut(values, shape, ranges) {
  if (!ranges || ranges.every(([start, end], axis) => start === 0 && end === shape[axis])) return values;
  const sizes = ranges.map(([start, end]) => end - start);
  const out = new Float32Array(product(sizes));
  const strides = shape.map((_, axis) => product(shape.slice(axis + 1)));
  const index = new Array(shape.length).fill(0);
  for (let to = 0; to < out.length; to++) {
    out[to] = values[index.reduce((from, i, axis) => from + (i + ranges[axis][0]) * strides[axis], 0)];
    for (let axis = index.length - 1; axis >= 0 && ++index[axis] === sizes[axis]; axis--) index[axis] = 0;
  }
  return out;
}

/**
 * @param {any} manifest  weightsManifest
 * @param {import('../bundle.js').Bundle} bundle
 * @returns {Promise<TfjsWeights>}
 */
export async function readManifest(manifest, bundle) {
  const title = bundle.name.slice(-60);
  if (!Array.isArray(manifest) || !manifest.length) {
    throw new ModelError('format', `${title} lists no weights (weightsManifest): it is a network alone. Save the whole model.`);
  }
  const weights = new Map();
  for (const group of manifest) {
    const listed = readGroup(group, title);
    const parts = [];
    for (const path of group.paths) {
      const bytes = await bundle.read(path);
      if (!bytes) {
        throw new ModelError('format', `${title} keeps weights in ${path.slice(-60)}, which is missing. Give all the ` +
          'model\'s files at once, or the folder.');
      }
      parts.push(bytes);
    }
    const held = parts.reduce((sum, part) => sum + part.length, 0);
    const needed = listed.reduce((sum, { length }) => sum + length, 0);
    if (held !== needed) {
      throw new ModelError('mismatch', `${group.paths.map((path) => path.slice(-40)).slice(0, 2).join(', ')}${
        group.paths.length > 2 ? ', ...' : ''} ${group.paths.length > 1 ? 'hold' : 'holds'} ${held} bytes where ${title} lists ` +
        `${needed}: of another model, or cut off. Download them again.`);
    }
    const all = parts.length === 1 ? parts[0] : join(parts, held);
    let at = 0;
    for (const { length, ...weight } of listed) {
      if (weights.size >= MOST_WEIGHTS) throw new ModelError('format', `${title} lists more than ${MOST_WEIGHTS} weights.`);
      weights.set(weight.name, { ...weight, bytes: all.subarray(at, at + length) });
      at += length;
    }
  }
  return new TfjsWeights(bundle.name, weights);
}

function join(parts, size) {
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function readGroup(group, title) {
  const isText = (value) => typeof value === 'string' && value.length > 0;
  if (!Array.isArray(group?.paths) || !group.paths.every(isText) || !Array.isArray(group.weights)) {
    throw new ModelError('format', `${title}: its list of weights (weightsManifest) is damaged.`);
  }
  return group.weights.map((weight) => {
    const { name, shape, dtype, quantization } = weight ?? {};
    const stored = quantization?.dtype ?? dtype;
    if (!isText(name) || !Array.isArray(shape) || !shape.every((d) => Number.isInteger(d) && d >= 0) || shape.length > 8) {
      throw new ModelError('format', `${title}: its list of weights (weightsManifest) is damaged.`);
    }
    if (!Object.hasOwn(BYTES, stored)) {
      throw new ModelError('unsupported', `${title}: the weight "${name.slice(0, 60)}" is of type ${String(stored).slice(0, 20)}; ` +
        `read are ${Object.keys(BYTES).join(', ')}.`);
    }
    const { scale, min } = quantization ?? {};
    if (quantization && stored !== 'float16' && ![scale, min].every(Number.isFinite)) {
      throw new ModelError('format', `${title}: the quantised weight "${name.slice(0, 60)}" has no scale or no minimum.`);
    }
    return { name, shape, dtype, stored, scale, min, length: product(shape) * BYTES[stored] };
  });
}
