/**
 * What the layer table writes with: an ONNX graph, tensors that know their Keras shape, and the plan
 * of the weights to be copied.
 *
 * A Keras tensor of shape H, W, C stands in the graph either as an image, N, C, H, W, or flat, N, n
 * in Keras's own order (H, W, C), which is what Dense and Flatten mean. Going from one to the other
 * costs a Transpose and a Reshape, or nothing but a Reshape where there is one pixel or one channel.
 *
 * @typedef {object} Tensor
 * @property {string} name     in the graph
 * @property {number[]} shape  Keras's, without the batch
 * @property {'image' | 'flat'} layout
 *
 * @typedef {object} WeightJob
 * @property {string} name    of the initializer
 * @property {number[]} dims  ONNX
 * @property {boolean} kernel a kernel may be stored as f16 or int8, a vector stays f32
 * @property {number} rows    dims[0] or, for depthwise kernels, the product that makes rows
 * @property {(start: number, end: number) => Promise<Float32Array>} read  rows in ONNX order
 */
import { ModelError } from '../errors.js';
import { OnnxGraph } from '../onnx/graph.js';

const product = (list) => list.reduce((all, n) => all * n, 1);

/** Copies `source` (of shape `shape`) with its axes in the order `perm`. */
export function permute(source, shape, perm) {
  const out = new Float32Array(source.length);
  const strides = shape.map((_, i) => product(shape.slice(i + 1)));
  if (perm.length === 2 && perm[0] === 1) return transpose(source, shape, out);
  // Pad to 4 axes in front: one loop nest serves all ranks.
  const dims = [...new Array(4 - perm.length).fill(1), ...perm.map((axis) => shape[axis])];
  const steps = [...new Array(4 - perm.length).fill(0), ...perm.map((axis) => strides[axis])];
  let to = 0;
  for (let a = 0; a < dims[0]; a++) {
    for (let b = 0; b < dims[1]; b++) {
      for (let c = 0; c < dims[2]; c++) {
        let from = a * steps[0] + b * steps[1] + c * steps[2];
        for (let d = 0; d < dims[3]; d++, from += steps[3]) out[to++] = source[from];
      }
    }
  }
  return out;
}

/** [rows][columns] -> [columns][rows] in square tiles, so that both sides stay in cache. */
function transpose(source, [rows, columns], out) {
  const tile = 64;
  for (let r0 = 0; r0 < rows; r0 += tile) {
    const r1 = Math.min(rows, r0 + tile);
    for (let c0 = 0; c0 < columns; c0 += tile) {
      const c1 = Math.min(columns, c0 + tile);
      for (let c = c0; c < c1; c++) {
        for (let r = r0; r < r1; r++) out[c * rows + r] = source[r * columns + c];
      }
    }
  }
  return out;
}

export class Emitter {
  /**
   * @param {string} name  of the graph
   * @param {{file: import('./hdf5.js').Hdf5File, weights: import('./weights.js').WeightMap,
   *   kerasMajor: number, form: 'f32' | 'f16' | 'int8'}} options
   */
  constructor(name, { file, weights, kerasMajor, form }) {
    this.graph = new OnnxGraph(name);
    this.file = file;
    this.weights = weights;
    this.kerasMajor = kerasMajor;
    this.form = form;
    /** @type {WeightJob[]} */
    this.jobs = [];
    this.planned = new Map();
  }

  // ---- tensors ------------------------------------------------------------------------------

  /** @returns {Tensor} */
  image(name, H, W, C) {
    return { name, shape: [H, W, C], layout: 'image' };
  }

  /** @returns {Tensor} */
  vectorTensor(name, n) {
    return { name, shape: [n], layout: 'flat' };
  }

  isOnePixel(x) {
    return x.shape.slice(0, -1).every((d) => d === 1);
  }

  /** Name of x as N, C, H, W; `near` names what has to be added. */
  spatial(x, near) {
    if (x.shape.length !== 3) {
      throw new ModelError('format', `"${near}" needs an image (height, width, channels), its input ` +
        `has shape (${x.shape}).`);
    }
    if (x.layout === 'image') return x.name;
    const [H, W, C] = x.shape;
    if (H * W === 1 || C === 1) return this.reshaped(x.name, `${near}/image`, [1, C, H, W]);
    const nhwc = this.reshaped(x.name, `${near}/nhwc`, [1, H, W, C]);
    return this.graph.add('Transpose', `${near}/image`, [nhwc], { perm: [0, 3, 1, 2] });
  }

  /** Name of x as N, n in Keras's order; `name` names what has to be added. */
  flat(x, name) {
    if (x.layout === 'flat') return x.name;
    const C = x.shape.at(-1);
    let source = x.name;
    if (!this.isOnePixel(x) && C !== 1) {
      source = this.graph.add('Transpose', `${name}/nhwc`, [source], { perm: [0, 2, 3, 1] });
    }
    return this.reshaped(source, name, [1, product(x.shape)]);
  }

  reshaped(source, name, dims) {
    return this.graph.add('Reshape', name, [source, this.graph.ints(`${name}/shape`, dims)]);
  }

  /** x in the layout natural to its shape, where the axis of the channels is known. */
  settle(x, near) {
    if (x.shape.length === 3) return this.image(this.spatial(x, near), ...x.shape);
    return { ...x, name: this.flat(x, `${near}/flat`), layout: 'flat' };
  }

  /** Softmax over the channels. */
  softmax(x, name) {
    const t = x.shape.length === 3 && !this.isOnePixel(x) ? this.settle(x, name)
      : { ...x, name: this.flat(x, `${name}/flat`), layout: 'flat' };
    return { ...t, name: this.graph.add('Softmax', name, [t.name], { axis: 1 }) };
  }

  // ---- weights ------------------------------------------------------------------------------

  dataset(layer, index) {
    const path = this.weights.get(layer)?.[index];
    const found = path === undefined ? undefined : this.file.dataset(path);
    if (found) return found;
    throw new ModelError('format', `${this.file.name}: weight ${index} of layer "${layer.name}" ` +
      `${path === undefined ? 'is missing' : `(${path}) is listed but not there`}. The file is ` +
      'damaged, or was saved without it.');
  }

  /** The data set, checked to be of that shape. */
  shaped(layer, index, shape) {
    const found = this.dataset(layer, index);
    if (found.shape.length !== shape.length || found.shape.some((d, i) => d !== shape[i])) {
      throw new ModelError('mismatch', `${this.file.name}: weight ${index} of layer ` +
        `"${layer.name}" has shape (${found.shape}), the architecture needs (${shape}). The weights ` +
        'belong to another architecture, width (alpha), input size or number of classes.');
    }
    return found;
  }

  async read(layer, index) {
    return this.dataset(layer, index).read();
  }

  /** A shared layer's weights are stored once. */
  once(layer, index, make) {
    const key = this.planned.get(layer) ?? this.planned.set(layer, new Map()).get(layer);
    if (!key.has(index)) key.set(index, make());
    return key.get(index);
  }

  /**
   * A kernel: axes of the file in the order `perm`, whose first is that of the output channels.
   * Returns the name of the float tensor. dims: its ONNX shape where it is not the permuted one.
   */
  kernel(layer, index, name, shape, perm, dims = perm.map((axis) => shape[axis])) {
    return this.once(layer, index, () => {
      const found = this.shaped(layer, index, shape);
      const outer = shape[perm[0]];
      const rows = dims[0];
      const read = async (start, end) => {
        const perOuter = rows / outer;
        const ranges = shape.map((d) => [0, d]);
        ranges[perm[0]] = [start / perOuter, end / perOuter];
        const part = shape.map((d, i) => ranges[i][1] - ranges[i][0]);
        return permute(found.read(ranges), part, perm);
      };
      return this.plan({ name, dims, kernel: true, rows, step: rows / outer, read });
    });
  }

  vector(layer, index, name, n) {
    return this.tensor(layer, index, name, [n], [0]);
  }

  /** A small weight, stored as f32, its axes in the order `perm`. */
  tensor(layer, index, name, shape, perm) {
    return this.once(layer, index, () => {
      const found = this.shaped(layer, index, shape);
      return this.computed(name, perm.map((axis) => shape[axis]),
        async () => permute(found.read(), shape, perm));
    });
  }

  /** A small tensor whose values are made while the weights are written. */
  computed(name, dims, make) {
    return this.plan({ name, dims, kernel: false, rows: 1, step: 1, read: make });
  }

  /** Declares the weight in the form asked for, and the nodes that turn it back into floats. */
  plan(job) {
    const form = job.kernel ? this.form : 'f32';
    const { graph } = this;
    if (form === 'f32') {
      this.jobs.push({ ...job, form, name: graph.weight(job.name, 'float32', job.dims) });
      return this.jobs.at(-1).name;
    }
    const stored = graph.weight(job.name, form === 'f16' ? 'float16' : 'int8', job.dims);
    if (form === 'f16') {
      this.jobs.push({ ...job, form, name: stored });
      return graph.add('Cast', `${stored}/f32`, [stored], { to: 1 });
    }
    const scale = graph.weight(`${stored}/scale`, 'float32', [job.dims[0]]);
    this.jobs.push({ ...job, form, name: stored, scale });
    return graph.add('DequantizeLinear', `${stored}/f32`, [stored, scale], { axis: 0 });
  }
}
