/**
 * Just enough of an ONNX file to tell what its picture and its outputs mean: names, shapes, operators, and
 * the small constants. Weights are passed over, never copied. (The engine reads the file for real.)
 *
 * @typedef {object} OnnxValue
 * @property {string} name
 * @property {(number | undefined)[] | undefined} dims  undefined: the file does not say; one of them: open
 * @property {number} [type]  TensorProto.DataType
 *
 * @typedef {object} OnnxNode
 * @property {string} op
 * @property {string} name
 * @property {string[]} inputs
 * @property {string[]} outputs
 * @property {Record<string, any>} attributes  numbers, lists of integers, strings, constants
 *
 * @typedef {object} OnnxTensor
 * @property {number[]} dims
 * @property {() => number[] | undefined} values  small ones of plain types alone
 *
 * @typedef {object} OnnxFile
 * @property {string} producer
 * @property {OnnxNode[]} nodes
 * @property {OnnxValue[]} inputs   those that have no value in the file
 * @property {OnnxValue[]} outputs
 * @property {Map<string, OnnxTensor>} constants
 * @property {Map<string, string>} metadata
 */
import { ModelError } from '../errors.js';
import { readFields, readInts, readString } from './protobuf.js';

const SMALL = 4096;

/**
 * @param {Uint8Array} bytes  the file
 * @returns {OnnxFile}
 */
export function readOnnx(bytes) {
  const file = { producer: '', nodes: [], inputs: [], outputs: [], constants: new Map(), metadata: new Map() };
  let graph;
  for (const { field, wire, value } of readFields(bytes)) {
    if (field === 2 && wire === 2) file.producer = readString(value.subarray(0, 200));
    else if (field === 7 && wire === 2) graph = value;
    else if (field === 14 && wire === 2) {
      const { 1: key, 2: text } = strings(value);
      if (key !== undefined) file.metadata.set(key, text ?? '');
    }
  }
  if (!graph) throw new ModelError('format', 'The file holds no ONNX graph: it is damaged, or something else.');
  const values = [];
  for (const { field, wire, value } of readFields(graph)) {
    if (wire !== 2) continue;
    if (field === 1) file.nodes.push(readNode(value));
    else if (field === 5) {
      const tensor = readTensor(value);
      file.constants.set(tensor.name, tensor);
    } else if (field === 11) values.push(readValue(value));
    else if (field === 12) file.outputs.push(readValue(value));
  }
  for (const { op, outputs, attributes } of file.nodes) {
    if (op === 'Constant') {
      const { value, value_float: one, value_floats: many, value_int: int, value_ints: ints } = attributes;
      const plain = one ?? many ?? int ?? ints;
      file.constants.set(outputs[0], value ?? { dims: [], values: () => (plain === undefined ? undefined : [plain].flat()) });
    }
  }
  file.inputs = values.filter(({ name }) => !file.constants.has(name));
  return file;
}

/**
 * The files beside an ONNX file that hold weights of it (external data).
 * @param {Uint8Array} bytes
 * @returns {string[]}  as the file names them
 */
export function externalFiles(bytes) {
  const found = new Set();
  const messages = (all, wanted) => [...readFields(all)].filter(({ field, wire }) => field === wanted && wire === 2).map(({ value }) => value);
  for (const graph of messages(bytes, 7)) {
    const own = messages(graph, 1).flatMap((node) => messages(node, 5)).flatMap((attribute) => messages(attribute, 5));
    for (const tensor of [...messages(graph, 5), ...own]) {
      for (const entry of messages(tensor, 13)) {
        const { 1: key, 2: value } = strings(entry);
        if (key === 'location' && value) found.add(value);
      }
    }
  }
  return [...found];
}

const strings = (bytes) => Object.fromEntries([...readFields(bytes)]
  .filter(({ wire }) => wire === 2).map(({ field, value }) => [field, readString(value)]));

function readNode(bytes) {
  const node = { op: '', name: '', inputs: [], outputs: [], attributes: {} };
  for (const { field, wire, value } of readFields(bytes)) {
    if (wire !== 2) continue;
    if (field === 1) node.inputs.push(readString(value));
    else if (field === 2) node.outputs.push(readString(value));
    else if (field === 3) node.name = readString(value);
    else if (field === 4) node.op = readString(value);
    else if (field === 5) readAttribute(value, node.attributes);
  }
  return node;
}

const float32 = (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);

function readAttribute(bytes, into) {
  let name = '';
  let found;
  const [ints, floats] = [[], []];
  for (const { field, wire, value } of readFields(bytes)) {
    if (field === 1 && wire === 2) name = readString(value);
    else if (field === 2 && wire === 5 && value.length === 4) found = float32(value);
    else if (field === 3 && wire === 0) found = value;
    else if (field === 4 && wire === 2) found = readString(value.subarray(0, 1000));
    else if (field === 5 && wire === 2) found = readTensor(value);
    else if (field === 7 && wire === 2) floats.push(...floatsOf(value, 4));
    else if (field === 7 && value.length === 4) floats.push(float32(value));
    else if (field === 8) ints.push(...readInts(value));
  }
  into[name] = ints.length ? ints : floats.length ? floats : found;
}

const READERS = {
  1: (view, at) => [view.getFloat32(at, true), 4],
  2: (view, at) => [view.getUint8(at), 1],
  3: (view, at) => [view.getInt8(at), 1],
  6: (view, at) => [view.getInt32(at, true), 4],
  7: (view, at) => [Number(view.getBigInt64(at, true)), 8],
  11: (view, at) => [view.getFloat64(at, true), 8],
};
const ELEMENT = { 1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 11: 8 };

const floatsOf = (bytes, step) => Array.from({ length: Math.floor(bytes.length / step) }, (_, i) =>
  (step === 4 ? float32(bytes.subarray(4 * i)) : new DataView(bytes.buffer, bytes.byteOffset).getFloat64(8 * i, true)));

function readTensor(bytes) {
  const tensor = { name: '', dims: [], type: 0, values: () => undefined };
  let raw;
  const listed = [];
  for (const { field, wire, value } of readFields(bytes)) {
    if (field === 1) tensor.dims.push(...readInts(value));
    else if (field === 2 && wire === 0) tensor.type = value;
    else if (field === 8 && wire === 2) tensor.name = readString(value);
    else if (field === 9 && wire === 2) raw = value;
    else if ([4, 5, 7, 10].includes(field) && (wire === 0 || value.length <= 8 * SMALL)) {
      if (field === 4) listed.push(...floatsOf(value, 4));
      else if (field === 10) listed.push(...floatsOf(value, 8));
      else listed.push(...readInts(value));
    }
  }
  const size = ELEMENT[tensor.type];
  if (listed.length) tensor.values = () => listed;
  else if (raw && size && raw.length <= size * SMALL) {
    // Copied, so that no view keeps the file alive.
    const own = raw.slice();
    const view = new DataView(own.buffer);
    tensor.values = () => Array.from({ length: Math.floor(own.length / size) }, (_, i) =>
      READERS[tensor.type](view, i * size)[0]);
  }
  return tensor;
}

/** ValueInfoProto: name, type.tensor_type.{elem_type, shape.dim[].{dim_value}} */
function readValue(bytes) {
  const value = { name: '', dims: undefined, type: undefined };
  for (const { field, wire, value: inner } of readFields(bytes)) {
    if (wire !== 2) continue;
    if (field === 1) value.name = readString(inner);
    else if (field === 2) {
      for (const { field: kind, value: tensor } of readFields(inner)) {
        if (kind === 1) readTensorType(tensor, value);
      }
    }
  }
  return value;
}

function readTensorType(bytes, into) {
  for (const { field, wire, value } of readFields(bytes)) {
    if (field === 1 && wire === 0) into.type = value;
    if (field !== 2 || wire !== 2) continue;
    into.dims = [...readFields(value)].filter((dim) => dim.field === 1 && dim.wire === 2).map(({ value: dim }) => {
      const known = [...readFields(dim)].find((part) => part.field === 1 && part.wire === 0)?.value;
      return known > 0 ? known : undefined;
    });
  }
}
