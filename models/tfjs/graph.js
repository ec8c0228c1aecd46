/**
 * A TensorFlow.js GraphModel: TensorFlow's own nodes, frozen, into the operators of ../tensorflow.
 */
import { ModelError } from '../errors.js';
import { inputsProblem } from '../meaning.js';
import { finishNetwork, newEmitter, pictureInput } from '../tensorflow/network.js';
import { emitNode, unsupported } from '../tensorflow/operators.js';

const MOST_NODES = 100000;

/** A node's attributes as plain values; texts come in base64. */
function attributes(node) {
  const text = (s) => {
    try {
      return atob(s);
    } catch {
      return String(s);
    }
  };
  const plain = (value) => {
    if (typeof value !== 'object' || value === null) return undefined;
    const all = (values, read) => (Array.isArray(values) ? values.map(read) : []);
    if (value.list) return [...all(value.list.i, Number), ...all(value.list.s, text), ...all(value.list.f, Number)];
    if ('s' in value) return text(value.s);
    if ('i' in value) return Number(value.i);
    return value.b ?? value.f ?? value.type;
  };
  return Object.fromEntries(Object.entries(node.attr ?? {}).map(([key, value]) => [key, plain(value)]));
}

const spatial = (list, otherwise = [1, 1]) => (list?.length === 4 ? list.slice(1, 3) : otherwise);

function window(node, { padding, strides, dilations, ksize, explicit_paddings: borders, data_format: format }) {
  if (format === 'NCHW') throw unsupported(node, 'channels first (NCHW)');
  return { padding: padding === 'EXPLICIT' ? (borders ?? []).slice(2, 6) : padding, strides: spatial(strides),
    dilations: spatial(dilations), kernel: spatial(ksize) };
}

/** What is fused behind a convolution or a product; inputs: x, weights, bias, slopes. */
function fusion(node, { fused_ops: ops = [], leakyrelu_alpha: alpha }) {
  const [bias, activation, ...more] = ops[0] === 'BiasAdd' ? ops : [undefined, ...ops];
  if (more.length || (bias === undefined && ops.length && ops[0] !== activation)) throw unsupported(node, `fused ${ops.join(', ')}`);
  const [x, weights, ...rest] = node.inputs;
  const added = bias ? rest.shift() : undefined;
  return { inputs: [x, weights, added, activation === 'Prelu' ? rest[0] : undefined], config: { activation, alpha } };
}

const windowed = (op) => (node, attr) => {
  const { inputs, config } = fusion(node, attr);
  return { op, inputs, config: { ...window(node, attr), ...config } };
};

function product(node, attr) {
  if (attr.transpose_a) throw unsupported(node, 'a transposed input');
  const { inputs, config } = fusion(node, attr);
  return { op: 'MatMul', inputs, config: { ...config, order: attr.transpose_b ? 'OI' : 'IO' } };
}

const as = (op, config = () => ({})) => (node, attr) => ({ op, config: config(attr, node) });
const pooled = (op) => (node, attr) => ({ op, config: window(node, attr) });
const reduced = (op) => as(op, ({ keep_dims: keepDims }) => ({ keepDims }));
const resized = (op) => as(op, ({ align_corners: alignCorners, half_pixel_centers: halfPixel }) => ({ alignCorners, halfPixel }));

const axisBehind = (node) => {
  const axis = node.inputs.at(-1);
  if (!axis?.constant) throw unsupported(node, 'an axis that is computed');
  return { op: 'Concat', inputs: node.inputs.slice(0, -1), config: { axis: axis.read()[0] } };
};

/** TensorFlow's operator -> the row of ../tensorflow/operators.js and its settings. */
const NODES = {
  Conv2D: windowed('Conv2D'), _FusedConv2D: windowed('Conv2D'),
  DepthwiseConv2dNative: windowed('DepthwiseConv2D'), FusedDepthwiseConv2dNative: windowed('DepthwiseConv2D'),
  MatMul: product, _FusedMatMul: product, BiasAdd: as('Add'),
  AddV2: as('Add'), Add: as('Add'), Sub: as('Sub'), Mul: as('Mul'), RealDiv: as('Div'), Maximum: as('Maximum'), Minimum: as('Minimum'),
  MaxPool: pooled('MaxPool'), AvgPool: pooled('AvgPool'), Mean: reduced('Mean'), Max: reduced('Max'), Prod: as('Prod'),
  Reshape: as('Reshape'), Squeeze: as('Squeeze', ({ squeeze_dims: axes = [] }) => ({ axes })), ExpandDims: as('ExpandDims'),
  Transpose: as('Transpose'), ConcatV2: axisBehind, Pad: as('Pad'), PadV2: as('Pad'),
  Shape: as('Shape'), Pack: as('Pack'), GatherV2: as('Gather'),
  StridedSlice: as('StridedSlice', ({ begin_mask: beginMask = 0, end_mask: endMask = 0, shrink_axis_mask: shrinkMask = 0 }) =>
    ({ beginMask, endMask, shrinkMask })),
  FusedBatchNorm: as('BatchNorm', ({ epsilon }) => ({ epsilon })), FusedBatchNormV2: as('BatchNorm', ({ epsilon }) => ({ epsilon })),
  FusedBatchNormV3: as('BatchNorm', ({ epsilon }) => ({ epsilon })),
  ...Object.fromEntries(['Sigmoid', 'Tanh', 'Relu', 'Relu6', 'Elu', 'Selu', 'Softplus', 'Prelu', 'Softmax', 'Exp', 'Sqrt', 'Rsqrt', 'Identity']
    .map((op) => [op, as(op)])),
  LeakyRelu: as('LeakyRelu', ({ alpha }) => ({ alpha })),
  Cast: as('Identity'), StopGradient: as('Identity'),
  ResizeBilinear: resized('ResizeBilinear'), ResizeNearestNeighbor: resized('ResizeNearestNeighbor'),
};

/**
 * @param {any} json  model.json
 * @param {import('./manifest.js').TfjsWeights} weights
 * @returns {import('../convert.js').Opened}
 */
export function graphNetwork(json, weights) {
  return {
    title: weights.name.replace(/\.\w+$/, ''),
    close: async () => {},
    read: (form, size) => readGraph(json, weights, form, size),
  };
}

function readGraph(json, weights, form, size) {
  const title = weights.name.slice(-60);
  const list = json.modelTopology?.node;
  if (!Array.isArray(list) || !list.length || list.length > MOST_NODES || !list.every((node) => typeof node?.name === 'string' && typeof node.op === 'string')) {
    throw new ModelError('format', `${title}: its graph (modelTopology) is damaged. Download it again.`);
  }
  const nodes = new Map(list.map((node) => [node.name, node]));
  const pictures = list.filter(({ op }) => op === 'Placeholder');
  const problem = inputsProblem(pictures.map((node) => ({ name: node.name, dims: placeholderShape(node, json.signature) })));
  if (problem) throw new ModelError('unsupported', problem);
  const b = newEmitter(title, form);
  const done = new Map();
  const { value, input } = pictureInput(b, pictures[0].name, placeholderShape(pictures[0], json.signature), size);
  done.set(pictures[0].name, value);
  const sources = (node) => (node.input ?? []).map(String).filter((ref) => !ref.startsWith('^'));
  const wanted = outputNames(json, nodes, sources, title);
  const compute = (name) => {
    // Depth first, without recursion: graphs are long chains.
    const stack = [name];
    const open = new Set();
    while (stack.length) {
      const at = stack.at(-1);
      if (done.has(at)) {
        stack.pop();
        continue;
      }
      const node = nodes.get(at);
      if (!node) throw new ModelError('format', `${title} is damaged: its graph speaks of "${at.slice(-60)}", which is not in it. Download it again.`);
      const refs = sources(node);
      const waiting = refs.map(bare).filter((ref) => !done.has(ref));
      if (waiting.length) {
        if (open.has(at)) throw new ModelError('unsupported', `${title}: its graph goes in a circle at "${at.slice(-60)}".`);
        open.add(at);
        stack.push(...waiting);
        continue;
      }
      done.set(at, valueOf(b, node, refs, done, weights));
      stack.pop();
    }
    return done.get(name);
  };
  return finishNetwork(b, wanted.map(compute), input);
}

const bare = (ref) => ref.replace(/:\d+$/, '');

function valueOf(b, node, refs, done, weights) {
  if (node.op === 'Const') {
    const found = weights.dataset(node.name);
    if (!found) throw new ModelError('mismatch', `${weights.name.slice(-60)}: the constant "${node.name.slice(-80)}" is not in the list of weights: they belong to another model.`);
    return { constant: true, shape: found.shape, read: found.read };
  }
  const given = { op: node.op, name: node.name, inputs: refs.map((ref) => done.get(bare(ref))), config: {} };
  if (refs.some((ref) => /:[1-9]\d*$/.test(ref))) throw unsupported(given, 'a second result of an operator as its input');
  if (!Object.hasOwn(NODES, node.op)) return emitNode(b, given); // which says that it is not known
  return emitNode(b, { ...given, ...NODES[node.op](given, attributes(node)) });
}

function placeholderShape(node, signature) {
  const entry = Object.values(signature?.inputs ?? {}).find(({ name }) => bare(String(name)) === node.name);
  const dims = node.attr?.shape?.shape?.dim ?? entry?.tensorShape?.dim ?? [];
  return Array.from(dims, ({ size }) => Number(size ?? -1));
}

function outputNames(json, nodes, sources, title) {
  const listed = Object.values(json.signature?.outputs ?? {}).map(({ name }) => bare(String(name))).filter((name) => nodes.has(name));
  if (listed.length) return listed;
  const used = new Set([...nodes.values()].flatMap(sources).map(bare));
  const ends = [...nodes.values()].filter(({ name, op }) => !used.has(name) && !['Const', 'Placeholder', 'NoOp'].includes(op)).map(({ name }) => name);
  if (ends.length) return ends.slice(0, 64);
  throw new ModelError('format', `${title}: its graph has no output.`);
}
