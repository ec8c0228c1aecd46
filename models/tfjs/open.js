/**
 * A TensorFlow.js model: model.json and its shards. A LayersModel's topology is a Keras configuration; a
 * GraphModel's is TensorFlow's graph (graph.js).
 */
import { ModelError } from '../errors.js';
import { parseJson } from '../bundle.js';
import { readModelConfig } from '../keras/config.js';
import { weightNames } from '../keras/layers.js';
import { kerasNetwork } from '../keras/open.js';
import { refuseOtherKinds } from '../teachable/meaning.js';
import { readManifest } from './manifest.js';

/**
 * @param {import('../bundle.js').Bundle} bundle
 * @param {string} file  model.json, by whatever name
 * @returns {Promise<import('../convert.js').Opened>}
 */
export async function openTfjs(bundle, file) {
  const json = parseJson(await bundle.read(file), file);
  const topology = json.modelTopology;
  if (typeof topology !== 'object' || topology === null) {
    throw new ModelError('format', `${file.slice(-80)} holds weights without a network (modelTopology is empty). Save the model with tfjs's model.save().`);
  }
  refuseOtherKinds(json, bundle.name);
  const weights = await readManifest(json.weightsManifest, bundle);
  if (Array.isArray(topology.node) || json.format === 'graph-model') {
    const { graphNetwork } = await import('./graph.js');
    return graphNetwork(json, weights);
  }
  const model = readModelConfig(topology);
  return kerasNetwork({
    file: weights,
    model,
    compiled: topology.training_config,
    kerasMajor: Number.parseInt(topology.keras_version, 10) || 2,
    mapWeights: () => byName(weights, model),
  });
}

/**
 * Which weight belongs to which layer: "dense/kernel", behind the names of the models around it or not.
 * Layers of one name take theirs in order.
 */
function byName(file, model) {
  const ends = new Map();
  for (const path of file.weights.keys()) {
    const end = path.split('/').slice(-2).join('/');
    ends.set(end, [...(ends.get(end) ?? []), path]);
  }
  const assigned = new Map();
  const visit = (inner) => {
    for (const layer of inner.layers) {
      if (layer.model) visit(layer.model);
      else assigned.set(layer, weightNames(layer).map((weight) => take(file, ends, layer, weight)));
    }
  };
  visit(model);
  return assigned;
}

/** What converters called a kernel. */
const SPELLINGS = { kernel: ['kernel', 'depthwise_kernel'], depthwise_kernel: ['depthwise_kernel', 'kernel'] };

function take(file, ends, layer, weight) {
  const own = layer.name.split('/').at(-1);
  for (const name of SPELLINGS[weight] ?? [weight]) {
    const found = ends.get(`${own}/${name}`)?.shift();
    if (found !== undefined) return found;
  }
  throw new ModelError('mismatch', `${file.name.slice(-60)}: layer "${layer.name.slice(0, 60)}" (${layer.className.slice(0, 40)}) needs the ` +
    `weight "${weight}", which is not in the list of weights: they belong to another model.`);
}
