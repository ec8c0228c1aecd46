/**
 * A network small enough to make by hand, and broken ones like it.
 *
 * input 1x3x8x8 -> conv (4 channels, 3x3) -> relu -> average -> flatten -> gemm -> 5 logits;
 * beside it, a convolution that leads nowhere ("aside").
 */
import { OnnxGraph } from '../../models/onnx/graph.js';

/** A fixed sequence that looks random, -1..1. */
const noise = (count, seed) => Float32Array.from({ length: count },
  (_, i) => Math.sin((i + 1) * 12.9898 + seed * 78.233));

const asBytes = (floats) => new Uint8Array(floats.buffer);

/**
 * @param {object} [change]
 * @param {number[]} [change.convDims]     another shape of the first convolution's weights
 * @param {string} [change.op]             another operator than Relu
 * @param {boolean} [change.cycle]         the convolution waits for what comes out of it
 * @param {boolean} [change.noWeight]      the gemm's weight is nowhere
 * @param {boolean} [change.external]      the weights in a file of their own, "weights.bin"
 * @param {boolean} [change.softmax]       the file ends in a softmax
 * @returns {{onnx: Uint8Array, weights: Uint8Array}}
 */
export function tinyNetwork({ convDims, op = 'Relu', cycle, noWeight, external, softmax } = {}) {
  const graph = new OnnxGraph('tiny');
  const parts = [];
  let offset = 0;
  const weight = (name, dims, seed) => {
    graph.weight(name, 'float32', dims);
    const data = asBytes(noise(dims.reduce((product, dim) => product * dim, 1), seed));
    const initializer = graph.initializers.get(name);
    if (external) initializer.external = { offset, length: data.length };
    else initializer.data = data;
    parts.push(data);
    offset += data.length;
    return name;
  };
  graph.input('input', [1, 3, 8, 8]);
  const pads = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const kernel = weight('conv.weight', convDims ?? [4, 3, 3, 3], 1);
  graph.add('Conv', 'conv', [cycle ? 'gap' : 'input', kernel], pads);
  graph.add(op, 'relu', ['conv']);
  graph.add('Conv', 'aside', ['input', kernel], pads);
  graph.add('GlobalAveragePool', 'gap', ['relu']);
  graph.add('Flatten', 'flat', ['gap']);
  const gemm = noWeight ? 'gemm.weight' : weight('gemm.weight', [5, 4], 2);
  graph.add('Gemm', 'logits', ['flat', gemm], { transB: 1 });
  if (softmax) graph.add('Softmax', 'probabilities', ['logits'], { axis: 1 });
  graph.outputs.push({ name: softmax ? 'probabilities' : 'logits', dims: [1, 5] }, { name: 'aside', dims: [1, 4, 8, 8] });
  const weights = new Uint8Array(offset);
  parts.reduce((at, part) => {
    weights.set(part, at);
    return at + part.length;
  }, 0);
  return { onnx: graph.encode(), weights };
}

/** A picture of smooth colours. */
export function tinyPicture(width = 16, height = 12) {
  const data = new Uint8Array(4 * width * height);
  for (let i = 0; i < width * height; ++i) {
    data.set([(255 * (i % width)) / width, (255 * i) / (width * height), 90, 255], 4 * i);
  }
  return { width, height, data };
}

/** A picture of nothing: every channel of every pixel by chance, the same at each call. RGBA */
export function noisyPixels(width, height, seed = 1) {
  const data = new Uint8ClampedArray(4 * width * height);
  let state = seed;
  for (let i = 0; i < data.length; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = i % 4 === 3 ? 255 : state >>> 24;
  }
  return data;
}
