/**
 * A Keras model configuration (the JSON inside .h5 and .keras files) as a plain structure.
 *
 * Read: Keras 1.2/2 ("Model", "Sequential"), tf.keras 2 ("Functional") and Keras 3, whose inbound
 * nodes look different. A nested model is a layer that has a `model` of its own.
 *
 * @typedef {object} KerasLayer
 * @property {string} name
 * @property {string} className
 * @property {string} [module]  Keras 3: where the class stands; operators are told from layers by it
 * @property {object} config
 * @property {TensorRef[][]} calls  inputs of each time the layer is used
 * @property {CallArguments[]} [operands]  all that it is called with, numbers included
 * @property {KerasModel} [model]  for a nested model
 *
 * @typedef {{args: any[], kwargs: Record<string, any>}} CallArguments  tensors stand in it as TensorRefs
 *
 * @typedef {{layer: string, call: number, index: number}} TensorRef
 *
 * @typedef {object} KerasModel
 * @property {string} name
 * @property {string} className
 * @property {KerasLayer[]} layers
 * @property {TensorRef[]} inputs
 * @property {TensorRef[]} outputs
 */
import { ModelError } from '../errors.js';

export const MODEL_CLASSES = ['Functional', 'Model', 'Sequential'];

/**
 * @param {string | object} json  the model configuration: {class_name, config}
 * @returns {KerasModel}
 */
export function readModelConfig(json) {
  let parsed = json;
  try {
    if (typeof json === 'string') parsed = JSON.parse(json);
  } catch (cause) {
    throw new ModelError('format', 'The model configuration in the file is not valid JSON: it is ' +
      'damaged.', { cause });
  }
  // A .keras file and a tfjs model.json wrap the configuration once more.
  if (parsed?.model_config) return readModelConfig(parsed.model_config);
  const { class_name: className, config } = parsed ?? {};
  if (!config || !MODEL_CLASSES.includes(className)) {
    throw new ModelError('unsupported', `The model is of class ${className ?? '(none)'}; known are ` +
      `${MODEL_CLASSES.join(', ')}. A subclassed model keeps its layers in Python code and cannot ` +
      'be converted from its file.');
  }
  return readModel(className, config, 0);
}

function readModel(className, config, depth) {
  if (depth > 16) throw new ModelError('unsupported', 'Models are nested more than 16 deep.');
  // Keras before 2.2.3 stored a Sequential's layers as a bare list.
  const list = Array.isArray(config) ? config : config.layers;
  if (!Array.isArray(list) || list.length === 0) {
    throw new ModelError('format', `The model "${config.name ?? className}" has no layers.`);
  }
  const layers = list.map((entry) => readLayer(entry, depth));
  const name = config.name ?? 'model';
  if (className === 'Sequential') return chain(name, layers, config);
  return {
    name,
    className,
    layers,
    inputs: readRefs(config.input_layers),
    outputs: readRefs(config.output_layers),
  };
}

/** What Keras 1 called the settings of today: [then, now]. */
const KERAS_1 = [['nb_filter', 'filters'], ['subsample', 'strides'], ['border_mode', 'padding'], ['bias', 'use_bias'],
  ['output_dim', 'units'], ['p', 'rate'], ['init', 'kernel_initializer']];

/** A layer's settings in the words of Keras 2; kernels of Theano, which stand otherwise, are refused. */
function modernSettings(className, config) {
  if (!/^(Convolution2D|SeparableConvolution2D|AtrousConvolution2D|Deconvolution2D|Dense|(Max|Average)Pooling2D|ZeroPadding2D|Cropping2D|UpSampling2D)$/
    .test(className) || !['nb_filter', 'output_dim', 'border_mode', 'dim_ordering'].some((key) => key in config)) return config;
  if (config.dim_ordering === 'th' && 'nb_filter' in config) {
    throw new ModelError('unsupported', `Layer "${String(config.name).slice(0, 60)}" was saved by Keras 1 for Theano, whose ` +
      'kernels stand otherwise. Load it in Keras 2 and save it again.');
  }
  const modern = { ...config };
  for (const [then, now] of KERAS_1) if (then in config && !(now in config)) modern[now] = config[then];
  if ('nb_row' in config) modern.kernel_size = [config.nb_row, config.nb_col];
  if ('atrous_rate' in config) modern.dilation_rate = config.atrous_rate;
  if ('dim_ordering' in config) modern.data_format = config.dim_ordering === 'th' ? 'channels_first' : 'channels_last';
  return modern;
}

function readLayer(entry, depth) {
  const className = entry?.class_name;
  if (typeof className !== 'string' || typeof entry.config !== 'object' || entry.config === null) {
    throw new ModelError('format', 'A layer in the model configuration has no class or no settings.');
  }
  const config = modernSettings(className, entry.config);
  const name = entry.name ?? config.name ?? className.toLowerCase();
  const isModel = MODEL_CLASSES.includes(className);
  const operands = (entry.inbound_nodes ?? []).map(readInboundNode);
  return {
    name,
    className,
    module: entry.module,
    config,
    operands,
    calls: operands.map(({ args, kwargs }) => refsIn([args, kwargs])),
    model: isModel ? readModel(className, config, depth + 1) : undefined,
  };
}

/** Layers of a Sequential feed each other; an input layer is put in front when there is none. */
function chain(name, layers, config) {
  if (layers[0].className !== 'InputLayer') {
    const first = layers[0];
    layers.unshift({
      name: `${first.name}_input`,
      className: 'InputLayer',
      config: { batch_input_shape: inputShape(first) ?? config.build_input_shape },
      calls: [],
    });
  }
  // A bare list gives models inside of it no names: they are told apart by their place.
  layers.forEach((layer, i) => {
    if (layers.slice(0, i).some((other) => other.name === layer.name)) layer.name = `${layer.name}_${i}`;
  });
  layers.forEach((layer, i) => {
    layer.calls = i === 0 ? [] : [[{ layer: layers[i - 1].name, call: 0, index: 0 }]];
  });
  const ref = (layer) => [{ layer: layer.name, call: 0, index: 0 }];
  return {
    name,
    className: 'Sequential',
    layers,
    inputs: ref(layers[0]),
    outputs: ref(layers.at(-1)),
  };
}

/** The batch shape a layer says its input has, looking into a nested model. */
export function inputShape({ config, model }) {
  if (model) return inputShape(model.layers[0]);
  return config.batch_shape ?? config.batch_input_shape;
}

/** Every layer that is no model, nested ones included, in order. @returns {KerasLayer[]} */
export const allLayers = (model) => model.layers.flatMap((layer) =>
  (layer.model ? allLayers(layer.model) : [layer]));

/** [["name", 0, 0], ...], ["name", 0, 0], or a dictionary of either. */
function readRefs(value) {
  if (value === null || typeof value !== 'object') return [];
  if (!Array.isArray(value)) return Object.values(value).flatMap(readRefs);
  if (typeof value[0] === 'string') return [readRef(value)];
  return value.flatMap(readRefs);
}

const readRef = ([layer, call, index]) => ({ layer, call: call ?? 0, index: index ?? 0 });

export const isRef = (value) => typeof value?.layer === 'string' && Number.isInteger(value.call);

/** Every tensor in a call's arguments, in order. */
function refsIn(value) {
  if (value === null || typeof value !== 'object') return [];
  return isRef(value) ? [value] : Object.values(value).flatMap(refsIn);
}

/** One use of a layer: what it is called with. */
function readInboundNode(node) {
  if (!Array.isArray(node)) {
    return { args: readArguments(node?.args ?? []), kwargs: readArguments(node?.kwargs ?? {}) };
  }
  // Keras 2: [name, call, index, keywords] a tensor; an operator's number in the place of the first
  // tensor is ["_CONSTANT_VALUE", -1, number, keywords].
  const entries = entriesOf(node);
  return {
    args: entries.map((entry) => (entry[0] === '_CONSTANT_VALUE' ? plainValue(entry[2]) : readRef(entry))),
    kwargs: Object.assign({}, ...entries.map((entry) => readKeywords(entry[3] ?? {}))),
  };
}

const entriesOf = (node) => (Array.isArray(node) ? typeof node[0] === 'string' ? [node]
  : node.flatMap(entriesOf) : Object.values(node ?? {}).flatMap(entriesOf));

/** Keras 2's keywords: a tensor is ["name", 0, 0]. */
function readKeywords(value) {
  if (Array.isArray(value)) {
    const isTensor = typeof value[0] === 'string' && Number.isInteger(value[1]) &&
      Number.isInteger(value[2]) && value[1] >= 0;
    return isTensor ? readRef(value) : value.map(readKeywords);
  }
  if (value === null || typeof value !== 'object') return value;
  const plain = plainValue(value);
  return plain !== value ? plain
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, readKeywords(inner)]));
}

/** Keras 3's arguments: tensors are marked inside. */
function readArguments(value) {
  if (Array.isArray(value)) return value.map(readArguments);
  if (value === null || typeof value !== 'object') return value;
  if (value.class_name === '__keras_tensor__') return readRef(value.config.keras_history);
  const plain = plainValue(value);
  return plain !== value ? plain
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, readArguments(inner)]));
}

/**
 * A number or (nested) list of numbers, out of any of the wrappings in which Keras stores arrays:
 * {class_name: '__numpy__' | '__tensor__', config: {value}}, {class_name, value}, {type, value}. Other
 * values come back as they are.
 */
export function plainValue(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const inner = value.config?.value ?? value.value;
  const wraps = ['__numpy__', '__tensor__', '__array__'].includes(value.class_name) ||
    ['ndarray', 'tensor'].includes(String(value.type).toLowerCase());
  return wraps && inner !== undefined ? inner : value;
}

/**
 * The numbers of a setting, flat. undefined where it holds something else than numbers.
 * @returns {number[] | undefined}
 */
export function numbersOf(value) {
  const list = [plainValue(value)].flat(Infinity).map((item) => (typeof item === 'string' && item.trim() === ''
    ? NaN : typeof item === 'object' ? NaN : Number(item)));
  return list.length && list.every(Number.isFinite) ? list : undefined;
}
