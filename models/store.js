/**
 * Planned weights (see keras/emitter.js) as bytes: where each stands in the weights file, and writing
 * them one after the other, in pieces, so that a 411 MB kernel never stands in memory whole.
 */
import { ModelError } from './errors.js';
import { toHalves, toInt8 } from './forms.js';
import { concatBytes } from './onnx/protobuf.js';
import { aligned } from './shards.js';

/** Weights are turned in pieces of at most this many floats; three of them are held at a time. */
const PIECE_ELEMENTS = 16 * 1024 * 1024;
/** Several copies are made on the way into a protocol buffer. */
const EMBED_LIMIT = 256 * 1024 * 1024;

const product = (dims) => dims.reduce((all, d) => all * d, 1);
const asBytes = (floats) => new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);

const ELEMENT_BYTES = { f32: 4, f16: 2, int8: 1 };

/** The tensors that a weight is stored as: itself and, for int8, its scales. */
function storedParts({ name, dims, form, scale }) {
  const own = { name, bytes: product(dims) * ELEMENT_BYTES[form] };
  return form === 'int8' ? [own, { name: scale, bytes: dims[0] * 4 }] : [own];
}

export const storedBytes = (jobs) =>
  jobs.flatMap(storedParts).reduce((sum, part) => sum + part.bytes, 0);

/** Gives every tensor its place in the weights file; returns the .onnx file. */
export function placeWeights(jobs, graph) {
  let offset = 0;
  for (const { name, bytes } of jobs.flatMap(storedParts)) {
    offset = aligned(offset);
    graph.initializers.get(name).external = { offset, length: bytes };
    offset += bytes;
  }
  return graph.encode();
}

/** A weight's bytes, in pieces of whole rows, in the form planned for it; then its scales. */
async function* weightBytes({ name, dims, rows, step, form, scale, read }) {
  const rowSize = product(dims) / rows;
  const perPiece = Math.max(step, Math.floor(PIECE_ELEMENTS / rowSize / step) * step);
  const scales = [];
  for (let start = 0; start < rows; start += perPiece) {
    const end = Math.min(rows, start + perPiece);
    const values = await read(start, end);
    if (values.length !== (end - start) * rowSize) {
      throw new ModelError('format', `The weight ${name} has ${values.length} values where ` +
        `${(end - start) * rowSize} were expected: the file is damaged.`);
    }
    if (form === 'int8') {
      const quantised = toInt8(values, rowSize);
      scales.push(...quantised.scales);
      yield { name, bytes: quantised.bytes };
    } else yield { name, bytes: form === 'f16' ? toHalves(values) : asBytes(values) };
  }
  if (form === 'int8') yield { name: scale, bytes: asBytes(Float32Array.from(scales)) };
}

/** Writes every weight to the place given to it. advance: called with the bytes done. */
export async function writeWeights(jobs, graph, shards, advance) {
  let current;
  for (const job of jobs) {
    for await (const { name, bytes } of weightBytes(job)) {
      if (name !== current) {
        const at = await shards.align();
        if (at !== graph.initializers.get(name).external.offset) {
          throw new Error(`${name} would be written at ${at}`);
        }
        current = name;
      }
      await shards.write(bytes);
      advance(bytes.length);
    }
  }
  await shards.flush();
}

/** Puts the weights into the graph; returns the .onnx file. */
export async function embedWeights(jobs, graph, advance) {
  const total = storedBytes(jobs);
  if (total > EMBED_LIMIT) {
    throw new ModelError('argument', `${(total / 1e6).toFixed(0)} MB of weights are too many to stand ` +
      'inside one .onnx file. Leave away embed.');
  }
  const parts = new Map();
  for (const job of jobs) {
    for await (const { name, bytes } of weightBytes(job)) {
      parts.set(name, [...(parts.get(name) ?? []), bytes]);
      advance(bytes.length);
    }
  }
  for (const [name, pieces] of parts) graph.initializers.get(name).data = concatBytes(pieces);
  return graph.encode();
}
