/** The layers of a network that do the work, with their sizes: for the native contender and the roofline. */

/**
 * @typedef {object} Layer
 * @property {'conv' | 'fc' | 'pool'} kind
 * @property {string} name      of its output
 * @property {number} H @property {number} W @property {number} C @property {number} K
 * @property {number[]} kernel @property {number[]} strides
 * @property {number[]} pads    top, left, bottom, right
 * @property {number} groups
 * @property {'linear' | 'relu' | 'relu6'} activation
 * @property {number} flops     multiplications and additions, counted as the definition has them
 * @property {number} bytes     input, weights and output, each once
 */

/**
 * @param {ReturnType<import('./onnx.mjs').fuse>} graph
 * @param {(names: string[]) => Promise<number[][]>} shapesOf  ONNX order
 * @returns {Promise<Layer[]>}
 */
export async function layersOf(graph, shapesOf) {
  const nodes = graph.nodes.filter(({ op }) => ['Conv', 'Gemm', 'MaxPool'].includes(op));
  const inputs = await shapesOf(nodes.map((node) => node.inputs[0]));
  const outputs = await shapesOf(nodes.map((node) => node.output));
  return nodes.map((node, i) => {
    const [, C, H = 1, W = 1] = inputs[i];
    const [, K, OH = 1, OW = 1] = outputs[i];
    const { kernel_shape: kernel = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0], group: groups = 1 } = node.attributes;
    const pool = node.op === 'MaxPool';
    const taps = pool ? 0 : kernel[0] * kernel[1] * (C / groups);
    // Ceil mode and the like: as much padding at the end as the output's size takes.
    const end = (length, out, axis) => Math.max(0, (out - 1) * strides[axis] + kernel[axis] - length - pads[axis]);
    return {
      kind: pool ? 'pool' : node.op === 'Gemm' ? 'fc' : 'conv',
      name: node.output, H, W, C, K, kernel, strides, groups,
      pads: pool ? [pads[0], pads[1], end(H, OH, 0), end(W, OW, 1)] : pads,
      activation: node.activation ?? 'linear',
      flops: 2 * taps * K * OH * OW,
      bytes: 4 * (H * W * C + taps * K + (pool ? 0 : K) + OH * OW * K),
    };
  });
}
