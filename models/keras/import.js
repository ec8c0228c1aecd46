/**
 * A Keras model, as an ONNX graph with planned weights.
 *
 * Layer names are kept: the node and the tensor behind layer "block5_conv3" are so named. Layers of a
 * nested model keep their bare name where it is the only one, else "outer/inner". A layer used
 * several times has "name", "name:1", ...
 */
import { ModelError } from '../errors.js';
import { inputsProblem } from '../meaning.js';
import { allLayers, inputShape, isRef } from './config.js';
import { emitLayer } from './layers.js';

const LIMIT_ELEMENTS = 2 ** 31;

/**
 * @param {import('./config.js').KerasModel} model
 * @param {object} options
 * @param {import('./emitter.js').Emitter} options.emitter
 * @param {[number, number]} [options.inputSize]  height, width where the file leaves them open
 * @param {number[]} [options.inputShape]  the same as a shape, with or without the batch, in Keras's
 *   order of axes or in ONNX's: the number of channels tells which
 */
export function importModel(model, { emitter: b, inputSize, inputShape: asked }) {
  const names = nameLayers(model);
  const problem = inputsProblem(model.inputs.map(({ layer }) => ({ name: layer, dims: storedShape(model, layer) })));
  if (problem) throw new ModelError('unsupported', problem);
  const first = isChannelsFirst(model);
  const shape = pictureShape(model, { first, inputSize, asked, channels: () => kernelChannels(b, model) });
  const [H, W, C] = shape;
  const input = { ...b.image(b.graph.input(model.inputs[0].layer, [1, C, H, W]), H, W, C), ...(first ? { first } : {}) };
  const outputs = run(b, model, [input], names);
  for (const output of outputs) {
    const dims = output.layout === 'flat' ? [output.shape.reduce((a, d) => a * d, 1)]
      : output.shape.length === 3 ? [output.shape[2], output.shape[0], output.shape[1]]
        : [output.shape[0], 1, 1];
    b.graph.outputs.push({ name: output.name, dims: [1, ...dims] });
  }
  return { graph: b.graph, jobs: b.jobs, input: shape, outputs };
}

/** Does the picture come with its channels first? The first layer with an order says so. */
function isChannelsFirst(model) {
  const ordered = allLayers(model).find(({ config, className }) => config.data_format || className === 'Permute');
  if (ordered?.className === 'Permute') return String(ordered.config.dims) === '2,3,1';
  return ordered?.config.data_format === 'channels_first';
}

/** Channels of the picture, from the first kernel, where the file leaves them open. */
function kernelChannels(b, model) {
  const layer = allLayers(model).find(({ className }) => /Conv2D$/.test(className));
  const kernel = layer && b.file.shape?.(b.weights.get(layer)?.[0] ?? '');
  return kernel?.length === 4 ? kernel[2] * (layer.config.groups ?? 1) : undefined;
}

const isSize = (d) => Number.isInteger(d) && d > 0;

/** An input's shape with the batch, as the file has it. */
function storedShape(model, name) {
  const layer = model.layers.find((candidate) => candidate.name === name);
  return layer && inputShape(layer);
}

/** [H, W, C] of the picture. */
function pictureShape(model, { first, inputSize, asked, channels }) {
  const stored = storedShape(model, model.inputs[0].layer);
  const axes = Array.isArray(stored) ? stored.slice(1) : [null, null, null];
  if (axes.length !== 3) {
    throw new ModelError('unsupported', `The model's input has shape (${axes.slice(0, 8)}); a picture (height, ` +
      'width, channels) is needed.');
  }
  const [h, w, c] = first ? [axes[1], axes[2], axes[0]] : axes;
  const C = isSize(c) ? c : channels();
  // A model that begins by resizing takes pictures of any size: its own is the one to give.
  const resizing = h === null && w === null ? allLayers(model)[1] : undefined;
  const own = resizing?.className === 'Resizing' ? [resizing.config.height, resizing.config.width] : [h, w];
  const [H, W] = inputSize ?? sizeIn(asked, C, first) ?? own;
  if (![H, W, C].every(isSize)) {
    throw new ModelError('argument', `The file leaves the input size open (${[h, w, c].map((d) => d ?? '?')
      .join(' x ')}).`, { remedy: 'inputSize' });
  }
  return [H, W, C];
}

/** Height and width in a shape of either order; the channels' place tells which. */
function sizeIn(shape, C, first) {
  if (!shape) return undefined;
  const axes = shape.length === 4 ? shape.slice(1) : shape;
  const orders = [[axes[2] === C, [axes[0], axes[1]]], [axes[0] === C, [axes[1], axes[2]]]];
  // Where both fit, the order is the model's own.
  const [found] = (first ? orders.reverse() : orders).filter(([fits]) => fits);
  if (axes.length === 3 && found) return found[1];
  throw new ModelError('argument', `The input shape (${shape.slice(0, 8)}) does not go with the model's ` +
    `${C ?? 'unknown number of'} channels: say [1, height, width, ${C ?? 3}].`, { remedy: 'inputSize' });
}

/** Layer -> its name in the graph. */
function nameLayers(model) {
  const all = [];
  const visit = (inner, prefix) => {
    for (const layer of inner.layers) {
      all.push([layer, prefix]);
      if (layer.model) visit(layer.model, `${prefix}${layer.name}/`);
    }
  };
  visit(model, '');
  const seen = new Map();
  for (const [layer] of all) seen.set(layer.name, (seen.get(layer.name) ?? 0) + 1);
  return new Map(all.map(([layer, prefix]) =>
    [layer, seen.get(layer.name) === 1 ? layer.name : `${prefix}${layer.name}`]));
}

/** Runs a model's layers on tensors, each call as soon as its inputs are there. */
function run(b, model, inputs, names) {
  const done = new Map();
  const key = ({ layer, call, index }) => `${call}:${index}:${layer}`;
  model.inputs.forEach((ref, i) => done.set(key(ref), inputs[i]));
  const isInput = new Set(model.inputs.map((ref) => ref.layer));
  let waiting = model.layers.filter((layer) => !isInput.has(layer.name))
    .flatMap((layer) => layer.calls.map((refs, call) => ({ layer, refs, call })));
  while (waiting.length) {
    const later = [];
    for (const step of waiting) {
      const { layer, refs, call } = step;
      if (!refs.every((ref) => done.has(key(ref)))) {
        later.push(step);
        continue;
      }
      const given = refs.map((ref) => done.get(key(ref)));
      const results = layer.model ? run(b, layer.model, given, names)
        : [emitChecked(b, layer, given, names.get(layer),
          withTensors(layer.operands?.[call], (ref) => done.get(key(ref))))];
      const first = layer.model ? firstCall(model, layer.name) : 0;
      results.forEach((tensor, index) =>
        done.set(key({ layer: layer.name, call: first + call, index }), tensor));
    }
    if (later.length === waiting.length) break; // what the outputs need decides below
    waiting = later;
  }
  return model.outputs.map((ref) => {
    const found = done.get(key(ref));
    if (found) return found;
    throw new ModelError('format', `The model "${model.name}" is not connected: nothing leads to ` +
      `its output "${ref.layer}".`);
  });
}

/** A nested model's calls count from 1, its own making being call 0; some files count from 0. */
function firstCall(model, name) {
  const refs = [...model.layers.flatMap((layer) => layer.calls.flat()), ...model.outputs];
  return Math.min(...refs.filter((ref) => ref.layer === name).map((ref) => ref.call));
}

/** A call's arguments, each reference replaced by its tensor. */
function withTensors(value, tensorOf) {
  if (value === null || typeof value !== 'object') return value;
  if (isRef(value)) return tensorOf(value);
  if (Array.isArray(value)) return value.map((item) => withTensors(item, tensorOf));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withTensors(item, tensorOf)]));
}

function emitChecked(b, layer, inputs, name, operands) {
  const tensor = emitLayer(b, layer, inputs, name, operands);
  const elements = tensor.shape.reduce((product, d) => product * d, 1);
  if (!(elements > 0 && elements < LIMIT_ELEMENTS && tensor.shape.every(Number.isInteger))) {
    throw new ModelError('format', `Layer "${layer.name}" would have the shape (${tensor.shape}).`);
  }
  return tensor;
}
