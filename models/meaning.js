/**
 * What a model's picture and its outputs mean, from the file itself: what all formats share. A format tells
 * its part beside its reader (keras/meaning.js, onnx/meaning.js).
 *
 * Pictures: numbers that the network applies to the picture before its first convolution tell in which
 * scale it comes (from: 'file'); a well-known network inside tells it too (from: 'network'); else there is
 * a guess, and a sentence that says so (from: 'guess').
 * Outputs: what the last activation is, how many values there are, and which of several outputs looks
 * like class scores.
 *
 * @typedef {object} PictureMeaning
 * @property {'torch' | 'tf' | 'caffe' | 'unit' | 'none'} [mode]  none where `settings` are no mode's
 * @property {'file' | 'network' | 'guess'} from
 * @property {{order: string, mean: number[], std: number[]}} [settings]  where the file tells numbers that no mode has
 * @property {string} [network]  the well-known network inside, whether it decided or not
 * @property {string} text       one sentence that says why; for a guess, that it is one
 * @property {'preprocess'} [remedy]  for a guess: see remedies.js
 *
 * @typedef {object} OutputMeaning
 * @property {string} [output]  of the file, where it only picks the largest of `name`, by the operator `picked`
 * @property {string} [picked]
 * @property {string} name
 * @property {number} index
 * @property {'classes' | 'binary' | 'labels' | 'value' | 'features' | 'picture' | 'table' | 'unknown'} kind
 *   classes: one of them is right; binary: one unit, that of the second of two classes; labels: each for
 *   itself (multi-label); value: a number, no class; features: what a head would be put on; picture: an
 *   output with height and width; table: rows, such as boxes; unknown: its size is open
 * @property {'softmax' | 'sigmoid' | 'none'} activation  that the file ends in
 * @property {'softmax' | 'sigmoid'} [apply]  what makes probabilities of a linear output, where the file
 *   tells (its loss was one of logits); classes without it: softmax is usual
 * @property {number} [classes]  2 for binary; undefined where there are none
 * @property {number[]} dims     without the batch; 0 for an open one
 * @property {boolean} [feeds]   another output is computed from it
 * @property {string} [text]     what to know about it, where it is no plain list of classes
 */
import { ModelError } from './errors.js';
import { networkNamed, recogniseNetwork } from './networks.js';
import { MODE_WORDS, modeOf, settingsOf } from './modes.js';

/* ---- Pictures ---------------------------------------------------------------------------------- */

/**
 * A linear step on the way to the first convolution: value = factor * value + shift, a number or one a
 * channel. Without both: arithmetic that is not linear.
 * @typedef {{factor?: number[], shift?: number[]}} Step
 */

/** The network's own values are about so large at most once the picture is scaled. */
const SCALED = 8;

/**
 * The scale in which a picture comes to a network that applies these steps to it.
 * @param {Step[]} steps
 * @returns {'none' | 'unit' | 'torch'}
 */
export function scaleBefore(steps) {
  const width = Math.max(1, ...steps.flatMap(({ factor, shift }) => [factor?.length ?? 1, shift?.length ?? 1]));
  let [a, b] = [new Array(width).fill(1), new Array(width).fill(0)];
  for (const { factor, shift } of steps) {
    if (!factor && !shift) break;
    const at = (values, i, otherwise) => (values ? values[i % values.length] : otherwise);
    a = a.map((value, i) => value * at(factor, i, 1));
    b = b.map((value, i) => value * at(factor, i, 1) + at(shift, i, 0));
  }
  const largest = (top) => Math.max(...a.flatMap((factor, i) => [Math.abs(b[i]), Math.abs(factor * top + b[i])]));
  // torchvision's transform_input: from torch's scale to tf's.
  if (a.every((factor) => factor > 0.44 && factor < 0.47) && b.every((shift) => shift < 0 && shift > -0.2)) return 'torch';
  if (largest(255) <= SCALED) return 'none';
  // x * 255 makes bytes of 0..1; (x - 0.5) / 0.5 and 1 - x make sense of 0..1 alone.
  if (a.every((factor, i) => factor >= 100 && b[i] === 0)) return 'unit';
  const centres = a.every((factor, i) => b[i] < 0 || factor < 0);
  return centres && largest(1) <= SCALED ? 'unit' : 'none';
}

/**
 * The meaning from what was found in a file.
 * @param {Step[]} steps  before the first convolution
 * @param {import('./networks.js').NetworkLayer[]} layers
 * @param {number | undefined} channels
 * @param {PictureMeaning['mode']} guess  where nothing tells
 * @param {string[]} [nested]  names of models inside
 * @returns {PictureMeaning}
 */
export function pictureFrom(steps, layers, channels, guess, nested = []) {
  const known = recogniseNetwork(layers) ?? networkNamed(nested);
  const network = known?.name;
  if (steps.length) {
    const mode = scaleBefore(steps);
    return { mode, from: 'file', network, text: `The network scales the picture itself; it wants ${MODE_WORDS[mode]}.` };
  }
  if (known?.mode && (channels === 3 || channels === undefined || ['tf', 'none'].includes(known.mode))) {
    return { mode: known.mode, from: 'network', network,
      text: `Its layers are those of ${network}, whose pictures are scaled so: ${MODE_WORDS[known.mode]}.` };
  }
  return { mode: guess, from: 'guess', network, remedy: 'preprocess',
    text: `The file does not say how its pictures are scaled; ${guess} (${MODE_WORDS[guess]}) is a guess.` };
}

/**
 * The card's `input`: size, order, mean and std, and where they come from.
 * @param {[number, number, number]} shape  height, width, channels
 * @param {object | undefined} published  the input of a published network's card
 * @param {PictureMeaning} picture
 */
export function describeInput([height, width, channels], published, picture) {
  const size = { width, height, channels };
  if (published) return { ...published, ...size, mode: modeOf(published), from: 'network' };
  return {
    ...size,
    ...(picture.settings ?? settingsOf(picture.mode, channels)),
    resize: 'bilinear',
    mode: picture.mode,
    from: picture.from,
    network: picture.network,
    // What a guess is must not look like knowledge.
    ...(picture.from === 'guess' ? { assumed: true } : {}),
  };
}

const cut = (name, length) => (name.length > length ? `${name.slice(0, length - 1)}…` : name);
const sizes = (dims) => (Array.isArray(dims) && dims.length
  ? ` ${dims.slice(0, 5).map((size) => (Number.isInteger(size) && size > 0 ? size : '?')).join('x')}` : '');

/**
 * Why a model cannot be given a picture, and nothing but that, in a sentence; undefined where it can.
 * @param {{name: string, dims?: unknown}[]} inputs  dims: an array, with the batch, in the file's order
 */
export function inputsProblem(inputs) {
  if (!inputs.length) return 'The model has no input that a picture could be given to.';
  if (inputs.length === 1) return undefined;
  const listed = inputs.slice(0, 3).map(({ name, dims }) => `"${cut(String(name), 20)}"${sizes(dims)}`);
  if (inputs.length > 3) listed.push(`${inputs.length - 3} more`);
  return `The model has ${inputs.length} inputs (${listed.join(', ')}); a picture can be given to one alone. ` +
    'Export the branch of the picture by itself, or with the other inputs as constants.';
}

/** Why pictures of so many channels cannot be given, in a sentence; undefined where they can. */
export function channelProblem(channels) {
  if (channels === undefined || [1, 3, 4].includes(channels)) return undefined;
  return `The model's input has ${channels} channels; a picture has 1 (grey), 3 (colours) or 4 (colours and alpha).`;
}

/* ---- Outputs ----------------------------------------------------------------------------------- */

/**
 * What an output is, from its sizes and what it ends in.
 * @param {{name: string, index: number, dims: number[], activation: string,
 *   loss?: string, feeds?: boolean, known?: boolean}} output
 *   dims: without the batch, 0 for an open one; activation: softmax, sigmoid, relu, tanh or anything else;
 *   loss: what the training says of a linear output: logits under sigmoid or softmax, or plain numbers;
 *   feeds: another output is computed from it; known: false where the file says nothing of its sizes
 * @returns {OutputMeaning}
 */
export function describeOutput({ name, index, dims, activation: end, loss, feeds, known = true }) {
  const activation = ['softmax', 'sigmoid'].includes(end) ? end : 'none';
  const long = dims.filter((d) => d !== 1);
  const size = dims.reduce((all, d) => all * d, 1);
  const about = { name, index, activation, dims, ...(feeds ? { feeds } : {}) };
  if (dims.length === 3 && long.length > 1) {
    return { ...about, kind: 'picture', text: `The output "${name.slice(0, 60)}" is a picture (${dims.map((d) => d || '?').join(' x ')}), ` +
      'not a list of classes: segmentation, for example. It has no predictions.' };
  }
  if (long.length > 1) {
    return { ...about, kind: 'table', text: `The output "${name.slice(0, 60)}" is a table (${dims.map((d) => d || '?').join(' x ')}), ` +
      'not a list of classes: boxes of a detector, for example.' };
  }
  if (!known || size === 0) return { ...about, kind: 'unknown' };
  const linear = activation === 'none' && end !== 'relu' && end !== 'tanh';
  if (linear && loss === 'value' && size > 1) {
    return { ...about, kind: 'value', text: `${size} linear units: values, no classes and no probabilities.` };
  }
  if (linear && loss === 'sigmoid') {
    return size === 1 ? { ...about, kind: 'binary', classes: 2, apply: 'sigmoid',
      text: 'One unit before a sigmoid: two classes, the unit being the second.' }
      : { ...about, kind: 'labels', classes: size, apply: 'sigmoid', text: 'Units before sigmoids: each class is there or not, for itself.' };
  }
  if (size === 1) {
    if (activation === 'sigmoid') {
      return { ...about, kind: 'binary', classes: 2, text: 'One sigmoid unit: two classes, the unit being the second.' };
    }
    return { ...about, kind: 'value', text: 'One linear unit: a value, not a probability.' };
  }
  if (activation === 'sigmoid') {
    return { ...about, kind: 'labels', classes: size, text: 'Independent sigmoids: each class is there or not, for itself.' };
  }
  const apply = linear && loss === 'softmax' ? { apply: 'softmax' } : {};
  return { ...about, kind: ['relu', 'tanh'].includes(end) ? 'features' : 'classes', classes: size, ...apply };
}

const LIKELY = { classes: 3, binary: 4, labels: 4, value: 2, unknown: 2, features: 1, table: 1, picture: 0 };

function likeness({ kind, activation, name, feeds }) {
  const words = /feat|embed|hidden|pool|latent|aux|bottleneck|attention/i.test(name) ? -1.5
    : /logit|pred|prob|class|score|softmax|label|output/i.test(name) ? 0.5 : 0;
  return LIKELY[kind] + (activation === 'softmax' ? 2 : 0) + words - (feeds ? 3 : 0);
}

/** "logits" (5), "mask" (picture 64 x 64) */
const named = ({ name, kind, dims }) => `"${name.slice(0, 40)}" (${kind === 'classes' ? '' : `${kind} `}${dims.map((d) => d || '?').join(' x ') || '1'})`;

/**
 * Which of several outputs is asked about.
 * @param {OutputMeaning[]} outputs
 * @param {string | number} [head]  the name or the number of an output
 * @returns {{chosen: OutputMeaning, others: OutputMeaning[], warning?: {name: 'head', text: string, remedy: 'head'}}}
 */
export function chooseOutput(outputs, head) {
  if (!outputs.length) throw new ModelError('format', 'The model has no output.');
  if (head !== undefined && head !== null && head !== '') {
    const chosen = outputs.find(({ name, output }) => name === String(head) || output === String(head)) ??
      (/^\d+$/.test(String(head)) ? outputs[Number(head)] : undefined);
    if (!chosen) {
      throw new ModelError('argument', `The model has no output "${String(head).slice(0, 40)}". Its outputs are ` +
        `${outputs.slice(0, 4).map(named).join(', ')}${outputs.length > 4 ? `, and ${outputs.length - 4} more` : ''}.`, { remedy: 'head' });
    }
    return { chosen, others: outputs.filter((output) => output !== chosen) };
  }
  const chosen = outputs.reduce((best, output) => (likeness(output) > likeness(best) ? output : best));
  const others = outputs.filter((output) => output !== chosen);
  if (!others.length) return { chosen, others };
  return { chosen, others, warning: {
    name: 'head',
    remedy: 'head',
    text: `The model has ${outputs.length} outputs; ${named(chosen)} was taken. ${others.length === 1 ? 'The other' : 'Others'}: ` +
      `${others.slice(0, 3).map(named).join(', ')}${others.length > 3 ? `, and ${others.length - 3} more` : ''}.`,
  } };
}
