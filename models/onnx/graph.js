/**
 * An ONNX graph being built, and its encoding as a ModelProto.
 *
 * Field numbers are those of onnx.proto (IR version 7 and 8, opset 13, or 18 where a node needs it). Activations are N, C, H, W with
 * N = 1. Weights come in two kinds: constants known while the graph is built (shapes, pads, scalars)
 * and planned weights, whose bytes are made later, one after the other, by `write`.
 */
import { ModelError } from '../errors.js';
import { bytes, float, int, message, packedInts, string } from './protobuf.js';

export const OPSET = 13;

/** TensorProto.DataType */
export const DATA_TYPE = { float32: 1, uint8: 2, int8: 3, int16: 5, int64: 7, float16: 10 };
const ELEMENT_BYTES = { float32: 4, uint8: 1, int8: 1, int16: 2, int64: 8, float16: 2 };

/** AttributeProto.AttributeType */
const ATTRIBUTE = { float: 1, int: 2, string: 3, floats: 6, ints: 7 };

/** ONNX attributes that are floats even when their value is a whole number. */
const FLOAT_ATTRIBUTES = new Set(['alpha', 'beta', 'gamma', 'epsilon']);

/**
 * @typedef {object} Initializer
 * @property {string} name
 * @property {number[]} dims
 * @property {keyof DATA_TYPE} type
 * @property {Uint8Array} [data]  its bytes, when they stand in the .onnx file itself
 * @property {{offset: number, length: number}} [external]  its place in the weights file otherwise
 */

export class OnnxGraph {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    /** @type {{op: string, name: string, inputs: string[], outputs: string[], attributes: object}[]} */
    this.nodes = [];
    /** @type {Map<string, Initializer>} */
    this.initializers = new Map();
    /** @type {{name: string, dims: number[]}[]} */
    this.inputs = [];
    /** @type {{name: string, dims: number[]}[]} */
    this.outputs = [];
    this.taken = new Set();
    this.opset = OPSET;
  }

  /** A name no tensor has yet: `wanted`, or `wanted` with a number. */
  unique(wanted) {
    let name = wanted;
    for (let n = 1; this.taken.has(name); n++) name = `${wanted}:${n}`;
    this.taken.add(name);
    return name;
  }

  /**
   * Adds a node with one output; node and tensor carry the same name. Returns the tensor's name.
   * @param {string} op
   * @param {string} wanted  name for the node and its output
   * @param {string[]} inputs
   * @param {Record<string, number | number[] | string>} [attributes]
   */
  add(op, wanted, inputs, attributes = {}) {
    const name = this.unique(wanted);
    this.nodes.push({ op, name, inputs, outputs: [name], attributes });
    return name;
  }

  input(name, dims) {
    this.inputs.push({ name: this.unique(name), dims });
    return name;
  }

  /** A constant that stands in the .onnx file. Returns its name. */
  constant(wanted, type, dims, values) {
    const name = this.unique(wanted);
    const data = new Uint8Array(ELEMENT_BYTES[type] * values.length);
    const view = new DataView(data.buffer);
    values.forEach((value, i) => {
      if (type === 'int64') view.setBigInt64(i * 8, BigInt(value), true);
      else if (type === 'float32') view.setFloat32(i * 4, value, true);
      else if (type === 'int16') view.setInt16(i * 2, value, true);
      else if (type === 'int8' || type === 'uint8') view.setUint8(i, value);
      else throw new Error(`constant of type ${type}`);
    });
    this.initializers.set(name, { name, dims, type, data });
    return name;
  }

  ints(wanted, values) {
    return this.constant(wanted, 'int64', [values.length], values);
  }

  /** Declares a weight whose bytes follow. Returns its name. */
  weight(wanted, type, dims) {
    const name = this.unique(wanted);
    this.initializers.set(name, { name, dims, type });
    return name;
  }

  /** @returns {Uint8Array} the ModelProto */
  encode({ producer = 'gradcam-wasm', location = 'weights.bin' } = {}) {
    if (this.opset >= 18) this.#moveAxes();
    const graph = message(
      ...this.nodes.map((node) => bytes(1, encodeNode(node))),
      string(2, this.name),
      ...[...this.initializers.values()].map((t) => bytes(5, encodeTensor(t, location))),
      ...this.inputs.map((value) => bytes(11, encodeValueInfo(value))),
      ...this.outputs.map((value) => bytes(12, encodeValueInfo(value))),
    );
    return message(
      int(1, this.opset >= 18 ? 8 : 7),
      string(2, producer),
      bytes(7, graph),
      bytes(8, message(string(1, ''), int(2, this.opset))),
    );
  }

  /** Since opset 18 a reduction's axes are an input. */
  #moveAxes() {
    for (const node of this.nodes) {
      if (!/^Reduce/.test(node.op) || !node.attributes.axes) continue;
      const { axes, ...attributes } = node.attributes;
      node.inputs.push(this.ints(`${node.name}/axes`, axes));
      node.attributes = attributes;
    }
  }
}

function encodeNode({ op, name, inputs, outputs, attributes }) {
  return message(
    ...inputs.map((input) => string(1, input)),
    ...outputs.map((output) => string(2, output)),
    string(3, name),
    string(4, op),
    ...Object.entries(attributes).map(([key, value]) => bytes(5, encodeAttribute(key, value))),
  );
}

function encodeAttribute(name, value) {
  const head = string(1, name);
  if (typeof value === 'string') {
    return message(head, string(4, value), int(20, ATTRIBUTE.string));
  }
  // A damaged file may ask for an axis or a size that it does not have.
  const fits = FLOAT_ATTRIBUTES.has(name) ? Number.isFinite : (one) => typeof one === 'bigint' || Number.isInteger(one);
  if (![value].flat().every(fits)) {
    throw new ModelError('format', `Its network says of "${name}" what is no number: the file is damaged. Save or download it again.`);
  }
  if (Array.isArray(value)) {
    return message(head, ...value.map((v) => int(8, v)), int(20, ATTRIBUTE.ints));
  }
  if (FLOAT_ATTRIBUTES.has(name)) {
    return message(head, float(2, value), int(20, ATTRIBUTE.float));
  }
  return message(head, int(3, value), int(20, ATTRIBUTE.int));
}

function encodeTensor({ name, dims, type, data, external }, location) {
  const head = [packedInts(1, dims), int(2, DATA_TYPE[type]), string(8, name)];
  if (data) return message(...head, bytes(9, data));
  if (!external) throw new Error(`the weight ${name} was planned but never written`);
  const entry = (key, value) => bytes(13, message(string(1, key), string(2, String(value))));
  return message(
    ...head,
    entry('location', location),
    entry('offset', external.offset),
    entry('length', external.length),
    int(14, 1),
  );
}

function encodeValueInfo({ name, dims }) {
  const shape = message(...dims.map((dim) => bytes(1, int(1, dim))));
  const tensorType = message(int(1, DATA_TYPE.float32), bytes(2, shape));
  return message(string(1, name), bytes(2, bytes(1, tensorType)));
}
