/**
 * TensorFlow.js, its WebAssembly backend: the same ONNX graph, built from its operators, channels
 * last, with what it can fuse fused (its own converter for saved models does the same).
 */
import { inBrowser, noise, readBytes, readShards, time } from '../environment.mjs';
import { fuse, readOnnx } from '../onnx.mjs';

const PACKAGES = '../node_modules/@tensorflow';

async function startTensorflow(threads) {
  const folder = new URL(`${PACKAGES}/tfjs-backend-wasm/dist/`, import.meta.url).href;
  if (inBrowser) {
    importScripts(new URL(`${PACKAGES}/tfjs/dist/tf.min.js`, import.meta.url).href, `${folder}tf-backend-wasm.min.js`);
    const { tf } = globalThis;
    tf.wasm.setWasmPaths(folder);
    tf.wasm.setThreadsCount(threads);
    await tf.setBackend('wasm');
    // More than one thread only where it believes in them.
    const threaded = await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT');
    return { tf, threads: threaded ? tf.wasm.getThreadsCount() : 1 };
  }
  const { default: tf } = await import('@tensorflow/tfjs');
  const { default: wasm } = await import('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths((await import('node:url')).fileURLToPath(folder));
  await tf.setBackend('wasm');
  return { tf, threads: 1 };
}

/** Values per channel with a batch normalisation folded in: kernel (last axis: channels out) and bias. */
function foldNorm(kernel, bias, node, constants) {
  if (!node) return;
  const [gamma, beta, mean, variance] = node.inputs.slice(1).map((name) => constants.get(name).values);
  const channels = gamma.length;
  const scale = gamma.map((g, k) => g / Math.sqrt(variance[k] + (node.attributes.epsilon ?? 1e-5)));
  for (let i = 0; i < kernel.length; i++) kernel[i] *= scale[i % channels];
  for (let k = 0; k < channels; k++) bias[k] = (bias[k] - mean[k]) * scale[k] + beta[k];
}

/** [K, C, H, W] -> [H, W, C, K]; a depthwise [K, 1, H, W] -> [H, W, K, 1], in the same order of values. */
function turnKernel({ dims: [K, C, H, W], values }) {
  const turned = new Float32Array(values.length);
  for (let k = 0; k < K; k++) {
    for (let c = 0; c < C; c++) {
      for (let at = 0; at < H * W; at++) turned[(at * C + c) * K + k] = values[(k * C + c) * H * W + at];
    }
  }
  return turned;
}

/** ONNX padding as tfjs writes it. */
function padding([top, left, bottom, right] = [0, 0, 0, 0]) {
  return top || left || bottom || right ? [[0, 0], [top, bottom], [left, right], [0, 0]] : 'valid';
}

/** In ceil mode the last window may read beyond the border: as if that were padding too. */
function withCeilMode({ pads = [0, 0, 0, 0], ceil_mode: ceil, kernel_shape: kernel, strides }, size) {
  if (!ceil) return pads;
  const [top, left, bottom, right] = pads;
  const end = (axis, before, after) =>
    Math.ceil((size[axis] + before + after - kernel[axis]) / strides[axis]) * strides[axis] + kernel[axis] - size[axis] - before;
  return [top, left, end(0, top, bottom), end(1, left, right)];
}

/** Each makes, from a node and its constants, the function that runs it: (tensors) -> tensor. */
const builders = {
  Conv(tf, node, constants) {
    const { attributes: { strides = [1, 1], dilations = [1, 1], pads, group = 1 }, activation } = node;
    const source = constants.get(node.inputs[1]);
    const [K, C, H, W] = source.dims;
    const depthwise = group > 1;
    if (depthwise && (group !== K || C !== 1)) throw new Error('a grouped convolution that is not depthwise');
    const kernel = turnKernel(source);
    const shift = node.inputs[2] ? Float32Array.from(constants.get(node.inputs[2]).values) : new Float32Array(K);
    foldNorm(kernel, shift, node.norm, constants);
    const filter = tf.tensor4d(kernel, depthwise ? [H, W, K, 1] : [H, W, C, K]);
    const bias = tf.tensor1d(shift);
    const run = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
    const pad = padding(pads);
    return ([x]) => run({ x, filter, strides, dilations, pad, bias, activation });
  },
  Gemm(tf, node, constants) {
    const { dims: [K, C], values } = constants.get(node.inputs[1]);
    if (!node.attributes.transB) throw new Error('Gemm without transB');
    const turned = new Float32Array(values.length);
    for (let c = 0; c < C; c++) for (let k = 0; k < K; k++) turned[c * K + k] = values[k * C + c];
    const b = tf.tensor2d(turned, [C, K]);
    const bias = tf.tensor1d(Float32Array.from(constants.get(node.inputs[2]).values));
    return ([a]) => tf.fused.matMul({ a, b, bias, activation: node.activation });
  },
  MaxPool(tf, { attributes }) {
    const { kernel_shape: kernel, strides } = attributes;
    return ([x]) => tf.maxPool(x, kernel, strides, padding(withCeilMode(attributes, x.shape.slice(1, 3))));
  },
  // Their formula divides by `size`, tfjs's does not.
  LRN: (tf, { attributes: { size, alpha, beta, bias } }) =>
    ([x]) => tf.localResponseNormalization(x, (size - 1) / 2, bias, alpha / size, beta),
  GlobalAveragePool: (tf) => ([x]) => tf.mean(x, [1, 2], true),
  Relu: (tf) => ([x]) => tf.relu(x),
  Clip: (tf) => ([x]) => tf.relu6(x),
  Softmax: (tf) => ([x]) => tf.softmax(x),
  Add: (tf) => ([a, b]) => tf.add(a, b),
  Concat: (tf) => (tensors) => tf.concat(tensors, 3),
  Pad(tf, node, constants) {
    const n = Array.from(constants.get(node.inputs[1]).values);
    return ([x]) => tf.pad(x, [[0, 0], [n[2], n[6]], [n[3], n[7]], [0, 0]]);
  },
  // Only where a Reshape follows: the values are channels-last already, and 1x1 pictures are either.
  Transpose: () => ([x]) => x,
  Flatten: (tf) => flatten(tf),
  Reshape: (tf) => flatten(tf),
};

function flatten(tf) {
  return ([x]) => tf.reshape(x, [1, -1]);
}

/** What a file computes from constants alone (torch writes padding so): integers, a handful each. */
const folders = {
  Constant: ({ attributes: { value } }) => value,
  ConstantOfShape: ({ attributes }, shape) => ({ dims: [...shape.values], values: new Array(shape.values[0]).fill(attributes.value.values[0]) }),
  Concat: (_, ...parts) => ({ dims: [parts.reduce((sum, part) => sum + part.values.length, 0)], values: parts.flatMap((part) => [...part.values]) }),
  Reshape: (_, x, shape) => {
    const known = [...shape.values].filter((size) => size >= 0).reduce((a, b) => a * b, 1);
    return { dims: [...shape.values].map((size) => (size < 0 ? x.values.length / known : size)), values: x.values };
  },
  // The one slice there is turns the rows round.
  Slice: (_, x, starts, ends, axes, steps) => {
    if (axes.values[0] !== 0 || steps.values[0] !== -1) throw new Error('a slice of constants other than rows reversed');
    const [rows, columns] = x.dims;
    return { dims: x.dims, values: Array.from({ length: rows * columns }, (_, i) => x.values[(rows - 1 - Math.floor(i / columns)) * columns + (i % columns)]) };
  },
  Transpose: (_, { dims: [rows, columns], values }) =>
    ({ dims: [columns, rows], values: Array.from({ length: values.length }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]) }),
  Cast: (_, x) => x,
  // int8 with a scale for each output channel
  DequantizeLinear: (_, { dims, values }, scale) => {
    const row = values.length / dims[0];
    return { dims, values: Float32Array.from(values, (value, i) => value * scale.values[Math.floor(i / row)]) };
  },
};

/** The network as a function from one tensor to another, by their names. */
function build(tf, graph) {
  const constants = graph.constants;
  const steps = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.filter((name) => name); // '': an optional one that is not there
    if (inputs.every((name) => constants.has(name))) {
      constants.set(node.output, folders[node.op](node, ...inputs.map((name) => constants.get(name))));
      continue;
    }
    if (!builders[node.op]) throw new Error(`no tfjs operator for ONNX ${node.op}`);
    const data = inputs.filter((name) => !constants.has(name));
    steps.push({ inputs: data, output: node.output, run: builders[node.op](tf, node, constants) });
  }
  constants.clear();
  return (from, to, tensor) => {
    const values = new Map([[from, tensor]]);
    // What is not needed for `to`, or lies before `from`, has no inputs here.
    for (const { inputs, output, run } of steps) {
      if (!inputs.every((name) => values.has(name))) continue;
      values.set(output, run(inputs.map((name) => values.get(name))));
      if (output === to) break;
    }
    return values.get(to);
  };
}

/** @param {object} network  layer: the layer of the maps  @param {{threads: number}} settings */
export async function load(network, settings) {
  const { tf, threads } = await startTensorflow(settings.threads);
  const external = network.shards.length ? await readShards(network.shards) : undefined;
  const graph = fuse(readOnnx(await readBytes(network.path), external));
  const run = build(tf, graph);
  const [, channels, height, width] = network.dims;
  const input = tf.tidy(() => tf.transpose(tf.tensor4d(noise(network.dims), [1, channels, height, width]), [0, 2, 3, 1]));
  // The score is the logit, as everywhere: the tensor before a closing softmax.
  const last = graph.nodes.at(-1);
  const logits = last.op === 'Softmax' ? last.inputs[0] : last.output;
  const forward = (to = graph.output) => tf.tidy(() => run(graph.input, to, input));
  const read = async (tensor) => {
    const values = await tensor.data();
    tensor.dispose();
    return values;
  };

  /** Gradient of a class's logit to a tensor: tfjs runs what follows the tensor, then backward. */
  const gradient = (name, value, id) => tf.tidy(() =>
    tf.grad((x) => tf.sum(tf.slice(run(name, logits, x), [0, id], [1, 1])))(value));
  const map = (activation, id) => read(tf.tidy(() => {
    const weights = tf.mean(gradient(network.layer, activation, id), [0, 1, 2]);
    return tf.relu(tf.sum(tf.mul(activation, weights), -1));
  }));
  let kept; // the layer's activation, which maps start from
  const keep = () => {
    kept ??= forward(network.layer);
    return kept;
  };

  return {
    facts: () => ({ engine: `tfjs-backend-wasm ${tf.version.tfjs}`, threads }),
    output: async () => Array.from(await read(forward())),
    forward: () => time(async () => read(forward())),
    maps1: () => time(() => map(keep(), 8)),
    maps8: () => time(async () => {
      for (let id = 0; id < 8; id++) await map(keep(), id);
    }),
    inputGradient: () => time(() => read(gradient(graph.input, input, 9))),
    postsWay: () => time(async () => {
      await read(forward());
      for (let id = 0; id < 8; id++) {
        await read(forward()); // the class's score
        const activation = forward(network.layer);
        await map(activation, id); // runs the rest of the second forward itself
        activation.dispose();
      }
    }),
  };
}
