/**
 * Where the weights lie in an ONNX file, and the file with some of them shuffled: for the sanity check of
 * saliency maps. Reads protobuf's wire format as far as this needs: ModelProto.graph (7),
 * GraphProto.initializer (5), TensorProto.dims (1), data_type (2), name (8), raw_data (9).
 */
import { GradCamError } from '../../index.js';
import { random } from './random.js';

const BYTES = { 1: 4, 10: 2, 11: 8 }; // float, float16, double

/** Fields of a message. @returns {Generator<{field: number, value: number, start: number, end: number}>} */
function* fields(bytes, start, end) {
  let at = start;
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      if (at >= end) break;
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new GradCamError('model', 'The ONNX file ends in the middle of a number.');
  };
  while (at < end) {
    const key = varint();
    const kind = key % 8;
    const field = Math.floor(key / 8);
    let [value, from, to] = [0, at, at];
    if (kind === 0) value = varint();
    else {
      const length = kind === 2 ? varint() : { 1: 8, 5: 4 }[kind] ?? NaN;
      from = at;
      to = at + length;
      if (!(to <= end)) throw new GradCamError('model', 'The ONNX file is cut off.');
      at = to;
    }
    yield { field, value, start: from, end: to };
  }
}

/**
 * The kernels and matrices of a file, in its order: from the input to the output, as exporters write them.
 * @param {Uint8Array} bytes
 * @returns {{name: string, start: number, end: number, each: number}[]}
 */
export function findWeights(bytes) {
  const found = [];
  for (const graph of fields(bytes, 0, bytes.length)) {
    if (graph.field !== 7) continue;
    for (const tensor of fields(bytes, graph.start, graph.end)) {
      if (tensor.field !== 5) continue;
      let [rank, type, name, raw] = [0, 0, '', null];
      for (const part of fields(bytes, tensor.start, tensor.end)) {
        if (part.field === 1) {
          // Sizes come one by one, or packed together.
          rank += part.end > part.start
            ? bytes.subarray(part.start, part.end).reduce((count, byte) => count + (byte < 0x80 ? 1 : 0), 0) : 1;
        } else if (part.field === 2) type = part.value;
        else if (part.field === 8) name = new TextDecoder().decode(bytes.subarray(part.start, part.end));
        else if (part.field === 9) raw = part;
      }
      if (rank >= 2 && raw && BYTES[type] && raw.end > raw.start) {
        found.push({ name, start: raw.start, end: raw.end, each: BYTES[type] });
      }
    }
  }
  return found;
}

/**
 * A copy of the file whose last `count` weights have their values in random order: the layer's
 * distribution stays, what it has learned is gone.
 */
export function shuffleLast(bytes, count) {
  const out = bytes.slice();
  const weights = findWeights(bytes);
  for (const { start, end, each } of count ? weights.slice(-count) : []) {
    const next = random(start);
    for (let i = (end - start) / each - 1; i > 0; --i) {
      const j = Math.floor(next() * (i + 1));
      for (let b = 0; b < each; ++b) {
        const [x, y] = [start + i * each + b, start + j * each + b];
        [out[x], out[y]] = [out[y], out[x]];
      }
    }
  }
  return out;
}
