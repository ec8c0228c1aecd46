/**
 * Shapes computed in the graph: Shape, Pack, StridedSlice and what else exporters put before a Reshape.
 * The picture's size is known and the batch is 1, so all of it is constant.
 */

const product = (dims) => dims.reduce((all, d) => all * d, 1);
const SMALL = 4096;

/** @returns {import('./operators.js').Constant} */
export function constantOf(values, shape = [values.length]) {
  const data = Float32Array.from(values);
  return { constant: true, shape, read: () => data };
}

const values = (c) => Array.from(c.read());

function stridedSlice({ inputs: [x, begin, end, steps], config }) {
  if (x.shape.length !== 1 || !begin || !end) return undefined;
  const n = x.shape[0];
  const [b, e, s] = [begin, end, steps].map((c) => (c ? values(c)[0] : 1));
  if (s !== 1) return undefined;
  const at = (v) => Math.max(0, Math.min(n, v < 0 ? v + n : v));
  const from = config.beginMask & 1 ? 0 : at(b);
  if (config.shrinkMask & 1) return constantOf([values(x)[from]], []);
  return constantOf(values(x).slice(from, config.endMask & 1 ? n : at(e)));
}

const arithmetic = (f) => ({ inputs: [x, y] }) => {
  if (!y) return undefined;
  const [a, b] = [values(x), values(y)];
  const [long, shape] = a.length >= b.length ? [a, x.shape] : [b, y.shape];
  if (a.length !== b.length && a.length !== 1 && b.length !== 1) return undefined;
  return constantOf(long.map((_, i) => f(a[i % a.length], b[i % b.length])), shape);
};

const FOLDS = {
  Identity: ({ inputs: [x] }) => x,
  Pack: ({ inputs }) => (inputs.every((c) => product(c.shape) === 1) ? constantOf(inputs.map((c) => values(c)[0])) : undefined),
  Concat: ({ inputs }) => (inputs.every((c) => c.shape.length === 1) ? constantOf(inputs.flatMap(values)) : undefined),
  StridedSlice: stridedSlice,
  Gather: ({ inputs: [x, at] }) => (at && x.shape.length === 1 ? constantOf(values(at).map((i) => values(x)[i] ?? NaN), at.shape) : undefined),
  Prod: ({ inputs: [x] }) => constantOf([product(values(x))], []),
  Squeeze: ({ inputs: [x] }) => ({ ...x, shape: x.shape.filter((d) => d !== 1) }),
  ExpandDims: ({ inputs: [x] }) => (x.shape.length <= 1 ? { ...x, shape: [1, ...x.shape] } : undefined),
  Add: arithmetic((a, b) => a + b), Sub: arithmetic((a, b) => a - b), Mul: arithmetic((a, b) => a * b), Div: arithmetic((a, b) => a / b),
  Maximum: arithmetic(Math.max), Minimum: arithmetic(Math.min),
  Rsqrt: ({ inputs: [x] }) => constantOf(values(x).map((v) => 1 / Math.sqrt(v)), x.shape),
};

/**
 * The constant that a node stands for.
 * @param {import('./operators.js').Node} node
 * @returns {import('./operators.js').Constant | undefined}  undefined: it is no constant, or none that is needed
 */
export function fold(node) {
  const [x] = node.inputs;
  if (node.op === 'Shape') return x && constantOf(x.constant ? x.shape : [1, ...x.shape]);
  if (!Object.hasOwn(FOLDS, node.op) || !node.inputs.length || !node.inputs.every((c) => c?.constant)) return undefined;
  if (node.op !== 'Identity' && node.inputs.some((c) => product(c.shape) > SMALL)) return undefined;
  return FOLDS[node.op](node);
}
