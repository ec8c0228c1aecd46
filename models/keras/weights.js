/**
 * Which data sets of a file belong to which layer.
 *
 * Three layouts exist:
 *   legacy   one group a layer, attribute `weight_names` in the order the layer made its weights;
 *            root attribute `layer_names`. All .h5 files of Keras 1 and 2, official weights included
 *            (VGG16's data sets are called block1_conv1_W_1:0, so the order counts, not the name).
 *   store    layers/<class in snake case>_<n>/vars/<i>: .keras and .weights.h5 files of Keras 3;
 *            newer ones carry the layer's name as an attribute.
 *   2.12     the store, with _layer_checkpoint_dependencies for `layers`; written on Windows, with
 *            backslashes inside the names of groups, and with gaps in the numbers.
 *
 * The result is a Map from layer object to its data sets' paths, in the order of `weightNames`.
 */
import { ModelError } from '../errors.js';
import { weightNames } from './layers.js';

/** @typedef {Map<import('./config.js').KerasLayer, string[]>} WeightMap */

/**
 * @param {import('./hdf5.js').Hdf5File} file
 * @param {import('./config.js').KerasModel} model
 * @returns {WeightMap}
 */
export function mapWeights(file, model) {
  const prefix = legacyPrefix(file);
  const assigned = new Map();
  if (prefix !== undefined) mapLegacy(file, prefix, model, assigned);
  else mapStore(file, storeTree(file), model, assigned);
  return assigned;
}

/**
 * The layers that hold weights in a file, for recognising an architecture.
 * @returns {{name: string, shapes: number[][]}[]}  empty where the file keeps no layer names
 */
export function layersWithWeights(file) {
  const prefix = legacyPrefix(file);
  if (prefix === undefined) return storedLayers(file, storeTree(file));
  return readGroups(file, prefix).map(({ name, paths }) =>
    ({ name, shapes: paths.map((path) => file.shape(path) ?? []) }));
}

// ---- legacy ------------------------------------------------------------------------------------

function legacyPrefix(file) {
  for (const prefix of ['', 'model_weights']) {
    if (readNames(file, prefix, 'layer_names')) return prefix;
  }
  return undefined;
}

/** A list of names; a long one is spread over layer_names0, layer_names1, ... */
function readNames(file, path, attribute) {
  const whole = strings(file.attribute(path, attribute));
  if (whole) return whole;
  const parts = [];
  for (let i = 0; ; i++) {
    const part = strings(file.attribute(path, `${attribute}${i}`));
    if (!part) return parts.length ? parts : undefined;
    parts.push(...part);
  }
}

/** An empty list is stored as an empty array of numbers. */
function strings(value) {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? [value] : Array.from(value, String);
}

const join = (...parts) => parts.filter((part) => part !== '').join('/');

function readGroups(file, prefix) {
  const groups = [];
  for (const name of readNames(file, prefix, 'layer_names')) {
    const path = join(prefix, name);
    const weights = readNames(file, path, 'weight_names') ?? [];
    if (weights.length) groups.push({ name, paths: weights.map((weight) => join(path, weight)) });
  }
  return groups;
}

/** How many weights a layer has, nested layers included. */
function countWeights(layer) {
  if (!layer.model) return weightNames(layer).length;
  return layer.model.layers.reduce((sum, inner) => sum + countWeights(inner), 0);
}

function mapLegacy(file, prefix, model, assigned) {
  const layers = model.layers.filter((layer) => countWeights(layer) > 0);
  const groups = readGroups(file, prefix);
  const pairs = pairByName(layers, groups) ?? pairByOrder(layers, groups);
  if (!pairs) throw mismatch(file, layers, groups);
  for (const [layer, group] of pairs) {
    if (layer.model) spreadNested(file, layer, group, assigned);
    else assign(file, layer, group.paths, assigned);
  }
}

/**
 * By name. Names that Keras made up (conv2d_7, in Keras 1 convolution2d_7) count by their rank, since
 * the number depends on what else was built in that session. What is left over, such as a head called
 * fc1000 in one version and predictions in the next, goes in order.
 */
function pairByName(layers, groups) {
  if (layers.length !== groups.length) return undefined;
  const pairs = new Map();
  const free = new Map(groups.map((group) => [group.name, group]));
  const take = (layer, group) => {
    pairs.set(layer, group);
    free.delete(group.name);
  };
  for (const layer of layers) {
    if (!autoStem(layer.name) && free.has(layer.name)) take(layer, free.get(layer.name));
  }
  const rank = (item) => Number(/_(\d+)$/.exec(item.name)?.[1] ?? 0);
  const ranked = (items, stem) => items.filter((item) => autoStem(item.name) === stem)
    .sort((x, y) => rank(x) - rank(y));
  for (const stem of new Set(layers.map((layer) => autoStem(layer.name)))) {
    const members = stem ? ranked(layers, stem) : [];
    const found = stem ? ranked([...free.values()], stem) : [];
    if (found.length === members.length) members.forEach((layer, i) => take(layer, found[i]));
  }
  const left = layers.filter((layer) => !pairs.has(layer));
  if (left.length > layers.length / 4) return undefined;
  const rest = [...free.values()];
  left.forEach((layer, i) => take(layer, rest[i]));
  return pairs;
}

/** Made-up names, with Keras 1's spelling as Keras 2's; undefined for a given name. */
const AUTO_NAME = new RegExp(`^(${[
  'conv2d', 'convolution2d', 'batch_normalization', 'batchnormalization', 'dense',
  'depthwise_conv2d', 'separable_conv2d', 'separableconvolution2d', 'conv2d_transpose', 'p_re_lu',
  'prelu', 'normalization',
].join('|')})(_\\d+)?$`);
const KERAS_1 = {
  convolution2d: 'conv2d',
  batchnormalization: 'batch_normalization',
  separableconvolution2d: 'separable_conv2d',
  prelu: 'p_re_lu',
};

export function autoStem(name) {
  const stem = AUTO_NAME.exec(name)?.[1];
  return KERAS_1[stem] ?? stem;
}

/** As Keras itself loads weights: the i-th layer with weights takes the i-th group. */
function pairByOrder(layers, groups) {
  if (layers.length !== groups.length) return undefined;
  // Normalization stores a third number that nothing needs.
  const fits = layers.every((layer, i) => countWeights(layer) <= groups[i].paths.length);
  return fits ? new Map(layers.map((layer, i) => [layer, groups[i]])) : undefined;
}

function assign(file, layer, paths, assigned) {
  const expected = weightNames(layer).length;
  if (paths.length < expected) {
    throw new ModelError('mismatch', `${file.name}: layer "${layer.name}" (${layer.className}) ` +
      `needs ${expected} weights (${weightNames(layer).join(', ')}), the file holds ` +
      `${paths.length}. The weights belong to another model.`);
  }
  assigned.set(layer, paths.slice(0, expected));
}

const leaves = (model) => model.layers.flatMap((layer) =>
  layer.model ? leaves(layer.model) : weightNames(layer).length ? [layer] : []);

/** A nested model's weights stand in one flat list: first what trains, then what does not. */
function spreadNested(file, layer, group, assigned) {
  const inner = leaves(layer.model);
  const used = new Set();
  const byName = new Map();
  for (const leaf of inner) {
    const found = group.paths.filter((path) => path.split('/').slice(1).includes(leaf.name));
    const count = weightNames(leaf).length;
    if (found.length >= count) byName.set(leaf, found.slice(0, count));
    found.forEach((path) => used.add(path));
  }
  if (byName.size === inner.length && used.size === group.paths.length) {
    for (const [leaf, paths] of byName) assigned.set(leaf, paths);
    return;
  }
  const slots = nestedOrder(layer, true);
  const ordered = [...slots.trained, ...slots.fixed];
  if (ordered.length !== group.paths.length) {
    throw new ModelError('mismatch', `${file.name}: the nested model "${layer.name}" needs ` +
      `${ordered.length} weights, the file holds ${group.paths.length}.`);
  }
  const found = new Map(inner.map((leaf) => [leaf, []]));
  ordered.forEach(({ leaf, index }, i) => { found.get(leaf)[index] = group.paths[i]; });
  for (const [leaf, paths] of found) assigned.set(leaf, paths);
}

const NEVER_TRAINED = new Set(['moving_mean', 'moving_variance', 'mean', 'variance', 'count']);

/** Keras's order of a layer's weights: those being trained first. */
function nestedOrder(layer, parentTrains) {
  const trains = parentTrains && layer.config.trainable !== false;
  const trained = [];
  const fixed = [];
  if (layer.model) {
    for (const inner of layer.model.layers) {
      const slots = nestedOrder(inner, trains);
      trained.push(...slots.trained);
      fixed.push(...slots.fixed);
    }
  } else {
    weightNames(layer).forEach((name, index) => {
      const list = trains && !NEVER_TRAINED.has(name) ? trained : fixed;
      list.push({ leaf: layer, index });
    });
  }
  return { trained, fixed };
}

function mismatch(file, layers, groups) {
  const inFile = new Set(groups.map((group) => group.name));
  const inModel = new Set(layers.map((layer) => layer.name));
  const missing = layers.filter((layer) => !inFile.has(layer.name)).map((layer) => layer.name);
  const extra = groups.filter((group) => !inModel.has(group.name)).map((group) => group.name);
  const list = (names) => `${names.slice(0, 2).map((name) => `"${name.slice(0, 24)}"`).join(', ')}` +
    `${names.length > 2 ? ` and ${names.length - 2} more` : ''}`;
  const parts = [`${file.name.slice(-60)}: weights for ${groups.length} layers, where the network has ${layers.length}.`];
  if (missing.length) parts.push(`Expected but not in the file: ${list(missing)}.`);
  if (extra.length) parts.push(`In the file but not expected: ${list(extra)}.`);
  return new ModelError('mismatch', parts.join(' '));
}

// ---- store -------------------------------------------------------------------------------------

const snakeCase = (name) => name.replace(/\W+/g, '')
  .replace(/(.)([A-Z][a-z]+)/g, '$1_$2').replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();

/** @typedef {{path: string, parts: Map<string, StoreGroup>}} StoreGroup */

/** What a model has beside its layers. */
const NO_LAYERS = new Set(['optimizer', 'optimizer_weights', 'metrics', 'trainable_state']);

/** The groups of a store, backslashes in their names taken for what they mean. @returns {StoreGroup} */
function storeTree(file, path = '', depth = 0) {
  /** @type {StoreGroup} */
  const root = { path, parts: new Map() };
  if (depth > 40) return root;
  for (const child of file.children(path)) {
    const steps = child.split('\\');
    if (depth === 0 && NO_LAYERS.has(steps[0])) continue;
    let at = root;
    for (const step of steps.slice(0, -1)) {
      if (!at.parts.has(step)) at.parts.set(step, { path: '', parts: new Map() });
      at = at.parts.get(step);
    }
    const found = storeTree(file, join(path, child), depth + 1);
    const known = at.parts.get(steps.at(-1));
    if (known) found.parts.forEach((part, name) => known.parts.set(name, part));
    else at.parts.set(steps.at(-1), found);
  }
  return root;
}

const holdsWeights = (group) => Boolean(group.parts.get('vars')?.parts.size) ||
  [...group.parts].some(([name, part]) => name !== 'vars' && holdsWeights(part));

function mapStore(file, group, model, assigned) {
  const container = ['layers', '_layer_checkpoint_dependencies'].map((name) => group.parts.get(name))
    .find((part) => part?.parts.size);
  if (container === undefined) {
    throw new ModelError('format', `${file.name} holds no Keras weights${group.path ? ` at ${group.path}` : ''}: ` +
      'neither the attribute layer_names nor a group "layers" is there.');
  }
  const named = new Map();
  for (const part of container.parts.values()) {
    const vars = part.parts.get('vars');
    const name = vars?.path && file.attribute(vars.path, 'name');
    if (typeof name === 'string') named.set(name, part);
  }
  const counts = new Map();
  const byClass = new Map();
  for (const layer of model.layers) {
    const snake = snakeCase(layer.className);
    const n = counts.get(snake) ?? 0;
    counts.set(snake, n + 1);
    if (countWeights(layer) === 0) continue;
    byClass.set(snake, [...(byClass.get(snake) ?? []), { layer, numbered: n ? `${snake}_${n}` : snake }]);
  }
  for (const [snake, layers] of byClass) {
    // Numbers may have gaps: where as many groups hold weights as layers do, their order counts.
    const number = (name) => (name === snake ? 0 : Number(/^_(\d+)$/.exec(name.slice(snake.length))?.[1] ?? NaN));
    const groups = [...container.parts].filter(([name, part]) =>
      name.startsWith(snake) && number(name) >= 0 && holdsWeights(part))
      .sort(([a], [b]) => number(a) - number(b)).map(([, part]) => part);
    layers.forEach(({ layer, numbered }, i) => {
      const part = named.get(layer.name) ??
        (groups.length === layers.length ? groups[i] : container.parts.get(numbered));
      if (layer.model) mapStore(file, part ?? { path: numbered, parts: new Map() }, layer.model, assigned);
      else assign(file, layer, storedVariables(part), assigned);
    });
  }
}

/** Layers of a store that carry their names, nested ones included. */
function storedLayers(file, group) {
  const vars = group.parts.get('vars');
  const paths = storedVariables(group);
  const name = vars?.path && paths.length ? file.attribute(vars.path, 'name') : undefined;
  const own = typeof name === 'string' ? [{ name, shapes: paths.map((path) => file.shape(path) ?? []) }] : [];
  return [...own, ...[...group.parts].flatMap(([part, inner]) => (part === 'vars' ? [] : storedLayers(file, inner)))];
}

const storedVariables = (group) => [...(group?.parts.get('vars')?.parts ?? [])]
  .sort(([a], [b]) => Number(a) - Number(b)).map(([, { path }]) => path);
