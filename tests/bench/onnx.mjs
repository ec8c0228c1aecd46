/**
 * Reads an ONNX file: just what the networks of the benchmark need, for the contenders that do not
 * read ONNX themselves. Field numbers are those of onnx.proto.
 */

const utf8 = new TextDecoder();
const FLOAT = 1, UINT8 = 2, INT8 = 3, INT64 = 7, BOOL = 9, FLOAT16 = 10;

/** The fields of a message: number -> list of values (integers, or bytes). */
function fields(bytes) {
  const found = {};
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  const piece = (length) => bytes.subarray(at, (at += length));
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag & 7;
    const value = kind === 0 ? varint() : piece(kind === 2 ? varint() : kind === 5 ? 4 : 8);
    (found[tag >>> 3] ??= []).push(value);
  }
  return found;
}

const text = (list) => (list ? utf8.decode(list[0]) : '');

/** Integers, packed or one by one. */
function integers(list = []) {
  return list.flatMap((value) => {
    if (typeof value === 'number') return [value];
    const all = [];
    for (let at = 0; at < value.length;) {
      let end = at;
      while (value[end] > 127) end++;
      all.push(fields(Uint8Array.of(8, ...value.subarray(at, end + 1)))[1][0]);
      at = end + 1;
    }
    return all;
  });
}

function half(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

/** A tensor's values: floats, or plain numbers for integers. */
function valuesOf(type, raw) {
  const { buffer, byteOffset, byteLength } = raw;
  const copy = () => buffer.slice(byteOffset, byteOffset + byteLength);
  if (type === FLOAT) {
    return byteOffset % 4 ? new Float32Array(copy()) : new Float32Array(buffer, byteOffset, byteLength / 4);
  }
  if (type === INT64) return Int32Array.from(new BigInt64Array(copy()), Number);
  if (type === FLOAT16) return Float32Array.from(new Uint16Array(copy()), half);
  if (type === INT8) return Int32Array.from(new Int8Array(copy()));
  if (type === BOOL || type === UINT8) return Int32Array.from(raw);
  throw new Error(`a tensor of ONNX type ${type}, which the benchmark does not read`);
}

function readTensor(bytes, external) {
  const message = fields(bytes);
  const dims = integers(message[1]);
  const type = message[2][0];
  if (message[13]) {
    const entries = Object.fromEntries(message[13].map((entry) => {
      const pair = fields(entry);
      return [text(pair[1]), text(pair[2])];
    }));
    const [offset, length] = [Number(entries.offset), Number(entries.length)];
    // Lazily: the file may be there without its weights, and who wants shapes needs no values.
    return { dims, type, get values() { return valuesOf(type, external.subarray(offset, offset + length)); } };
  }
  const listed = message[7] ? Int32Array.from(integers(message[7])) : new Float32Array(0);
  return { dims, type, values: message[9] ? valuesOf(type, message[9][0]) : listed };
}

function readAttribute(bytes) {
  const message = fields(bytes);
  const number = (raw) => new DataView(raw.buffer, raw.byteOffset).getFloat32(0, true);
  const value = message[5] ? readTensor(message[5][0])
    : message[2] ? number(message[2][0])
      : message[3] ? message[3][0]
        : message[4] ? text(message[4])
          : integers(message[8]);
  return [text(message[1]), value];
}

/**
 * @param {Uint8Array} bytes      the .onnx file
 * @param {Uint8Array} [external] its external data
 * @returns {{nodes: Node[], constants: Map<string, {dims: number[], values: ArrayLike<number>}>,
 *   input: string, dims: (number | undefined)[], output: string}}  dims: of the input, undefined where open
 *
 * @typedef {{op: string, inputs: string[], output: string, attributes: Record<string, any>}} Node
 */
export function readOnnx(bytes, external) {
  const graph = fields(fields(bytes)[7][0]);
  const nodes = graph[1].map((one) => {
    const node = fields(one);
    return {
      op: text(node[4]),
      inputs: (node[1] ?? []).map((name) => utf8.decode(name)),
      output: text(node[2]),
      attributes: Object.fromEntries((node[5] ?? []).map(readAttribute)),
    };
  });
  const constants = new Map((graph[5] ?? []).map((one) => [text(fields(one)[8]), readTensor(one, external)]));
  const named = (list) => list.map((one) => text(fields(one)[1]));
  const input = named(graph[11]).find((name) => !constants.has(name));
  const described = graph[11].map((one) => fields(one)).find((one) => text(one[1]) === input);
  const axes = fields(fields(fields(described[2][0])[1][0])[2][0])[1] ?? [];
  return { nodes, constants, input, dims: axes.map((axis) => fields(axis)[1]?.[0]), output: named(graph[12])[0] };
}

/**
 * What every good engine does before it runs a network: a batch normalisation and a ReLU that alone
 * read a convolution's (or fully connected layer's) output become part of it: `norm`, the
 * normalisation's node, and `activation`, 'linear', 'relu' or 'relu6'.
 */
export function fuse(graph) {
  const readers = new Map();
  for (const node of graph.nodes) for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  const gone = new Set();
  const nodes = graph.nodes.flatMap((node) => {
    if (gone.has(node)) return [];
    const fused = { ...node };
    const swallow = (fits) => {
      const [next, ...others] = readers.get(fused.output) ?? [];
      if (!next || others.length || !fits(next)) return null;
      gone.add(next);
      fused.output = next.output;
      return next;
    };
    if (node.op === 'Conv') fused.norm = swallow((next) => next.op === 'BatchNormalization');
    if (node.op === 'Conv' || node.op === 'Gemm') {
      const rectifier = swallow((next) => next.op === 'Relu' || next.op === 'Clip'); // Clip: ReLU6 in these networks
      fused.activation = !rectifier ? 'linear' : rectifier.op === 'Relu' ? 'relu' : 'relu6';
    }
    return [fused];
  });
  return { ...graph, nodes };
}
