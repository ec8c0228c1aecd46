/**
 * A network of TensorFlow's operators being built: the picture in front, its outputs behind.
 */
import { ModelError } from '../errors.js';
import { Emitter } from '../keras/emitter.js';
import { channelProblem, describeOutput, pictureFrom } from '../meaning.js';

const isSize = (d) => Number.isInteger(d) && d > 0 && d <= 65536;

/** An emitter whose weights are planned one by one. */
export function newEmitter(name, form) {
  const b = new Emitter(name, { file: { name }, weights: new Map(), kerasMajor: 3, form });
  b.steps = [];
  return b;
}

/**
 * The picture as N, H, W, C; a network with its channels first sees it turned.
 * @param {Emitter} b
 * @param {string} name
 * @param {number[]} shape  of the file, with the batch; -1 where it is open
 * @param {{inputSize?: [number, number], inputShape?: number[]}} asked
 * @returns {{value: any, input: [number, number, number]}}
 */
export function pictureInput(b, name, shape, { inputSize, inputShape }) {
  if (shape.length !== 4) {
    throw new ModelError('unsupported', `The model's input has shape (${shape.slice(0, 8)}); a picture (height, width, channels) is needed.`);
  }
  const first = [1, 3, 4].includes(shape[1]) && ![1, 3, 4].includes(shape[3]);
  const [h, w, c] = first ? [shape[2], shape[3], shape[1]] : shape.slice(1);
  const C = c > 0 ? c : 3;
  const axes = inputShape?.length === 4 ? inputShape.slice(1) : inputShape;
  const asked = inputSize ?? (axes && (axes[0] === C ? axes.slice(1) : axes.slice(0, 2)));
  if (asked && ((h > 0 && asked[0] !== h) || (w > 0 && asked[1] !== w))) {
    throw new ModelError('argument', `The model's input is ${h} x ${w}; it cannot be ${asked[0]} x ${asked[1]}.`);
  }
  const [H, W] = asked ?? [h, w];
  const problem = channelProblem(C);
  if (problem) throw new ModelError('unsupported', problem);
  if (![H, W, C].every(isSize)) {
    throw new ModelError('argument', `The file leaves the input size open (${[h, w, c].map((d) => (d > 0 ? d : '?')).join(' x ')}).`,
      { remedy: 'inputSize' });
  }
  const input = b.graph.input(name, [1, C, H, W]);
  const value = first ? b.image(b.graph.add('Transpose', `${name}/turned`, [input], { perm: [0, 3, 1, 2] }), C, H, W) : b.image(input, H, W, C);
  return { value: { ...value, raw: true }, input: [H, W, C] };
}

/** Declares the outputs; says what they are. */
export function finishNetwork(b, values, input, picture) {
  if (!values.length || values.some((value) => !value || value.constant)) {
    throw new ModelError('format', 'The model has no output that is computed from the picture.');
  }
  const outputs = values.map((value, index) => {
    const { layout, shape, name } = value;
    const dims = layout === 'flat' ? [shape.reduce((all, d) => all * d, 1)]
      : shape.length === 3 ? [shape[2], shape[0], shape[1]] : [shape[0], 1, 1];
    b.graph.outputs.push({ name, dims: [1, ...dims] });
    return describeOutput({ name, index, dims: shape, activation: value.end ?? 'none' });
  });
  const layers = b.graph.nodes.filter(({ op }) => op === 'Conv').map(({ name, inputs }) =>
    ({ name: name.replace(/\/pre$/, ''), filters: b.graph.initializers.get(inputs[1])?.dims[0] }));
  return { graph: b.graph, jobs: b.jobs, input, outputs,
    picture: picture ?? pictureFrom(b.steps, layers, input[2], input[2] === 1 ? 'tf' : 'unit') };
}
