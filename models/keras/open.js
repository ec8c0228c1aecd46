/**
 * A Keras file, opened: its network among its own settings or among the architectures known, its weights.
 */
import { architecture, recognise } from '../architectures.js';
import { ModelError } from '../errors.js';
import { recogniseNetwork } from '../networks.js';
import { isTeachableKeras } from '../teachable/meaning.js';
import { openKerasArchive } from './archive.js';
import { readModelConfig } from './config.js';
import { Emitter } from './emitter.js';
import { openHdf5 } from './hdf5.js';
import { importModel } from './import.js';
import { outputsOfKeras, pictureOfKeras } from './meaning.js';
import { layersWithWeights, mapWeights } from './weights.js';

/**
 * @param {string | Blob | Uint8Array} source
 * @param {string} kind  keras (the archive), or any of HDF5's
 * @param {{name: string, arch?: string, config?: string | object, packagesUrl?: string}} options
 * @returns {Promise<import('../convert.js').Opened>}
 */
export async function openKeras(source, kind, { name, arch, config, packagesUrl }) {
  if (kind === 'keras') {
    const archive = await openKerasArchive(source, name, packagesUrl);
    try {
      const file = await openHdf5(archive.weights, { name, packagesUrl });
      return kerasNetwork({
        file,
        model: readModelConfig(config ?? archive.config),
        compiled: archive.config.compile_config,
        kerasMajor: major(archive.metadata.keras_version ?? '3'),
        close: async () => {
          file.close();
          await archive.remove();
        },
      });
    } catch (error) {
      await archive.remove();
      throw error;
    }
  }
  const file = await openHdf5(source, { name, packagesUrl });
  const close = async () => file.close();
  try {
    const kerasMajor = major(file.attribute('', 'keras_version') ??
      file.attribute('model_weights', 'keras_version') ?? '2');
    const stored = config ?? file.attribute('', 'model_config');
    if (arch === undefined && stored !== undefined) {
      const compiled = file.attribute('', 'training_config');
      return kerasNetwork({ file, model: readModelConfig(stored), compiled, kerasMajor, close });
    }
    const found = arch === undefined ? recogniseFile(file) : architecture(arch);
    const model = readModelConfig(found.config(layersWithWeights(file)));
    return kerasNetwork({ file, model, arch: found, kerasMajor, close });
  } catch (error) {
    await close();
    throw error;
  }
}

const major = (version) => Number.parseInt(String(version), 10) || 2;

/**
 * A network of Keras's layers whose weights lie in `file`: an Hdf5File, or what has its face.
 * @returns {import('../convert.js').Opened}
 */
export function kerasNetwork({ file, model, compiled, arch, kerasMajor, close, mapWeights: map }) {
  return {
    title: model.name,
    arch,
    close: close ?? (async () => {}),
    teachable: isTeachableKeras(model),
    read(form, { inputSize, inputShape }) {
      let weights;
      try {
        weights = map ? map() : mapWeights(file, model);
      } catch (error) {
        throw arch ? withGuess(error, file, arch.name) : error;
      }
      const emitter = new Emitter(model.name, { file, weights, kerasMajor, form });
      const { graph, jobs, input, outputs } = importModel(model, { emitter, inputSize, inputShape });
      return {
        graph,
        jobs,
        input,
        picture: pictureOfKeras(model, { channels: input[2], numbers: smallWeights(file, weights) }),
        outputs: outputsOfKeras(model, outputs, compiled),
      };
    },
  };
}

function recogniseFile(file) {
  const names = layersWithWeights(file);
  const best = recognise(names);
  if (best.exact) return architecture(best.name);
  const known = recogniseNetwork(names.map(({ name, shapes }) => ({ name, filters: shapes[0]?.at(-1) })));
  const like = best.name ?? known?.name;
  const store = file.children('').some((child) => /^(layers|_layer_checkpoint_dependencies)/.test(child));
  if (!names.length && !store) {
    throw new ModelError('format', `${file.name.slice(-80)} is an HDF5 file without a Keras model in it. Save ` +
      'the model anew with model.save("net.keras").');
  }
  throw new ModelError('argument', `${file.name.slice(-80)} holds weights but no network${like
    ? `; its layers look most like ${like}'s` : ''}. Give the network beside it, as the text that ` +
    'to_json() writes, or save the whole model with model.save().', { remedy: 'config' });
}

function withGuess(error, file, wanted) {
  if (error.code !== 'mismatch') return error;
  const best = recognise(layersWithWeights(file));
  const guess = best.exact && best.name !== wanted;
  return new ModelError('mismatch', `Asked for ${wanted}${guess ? `; the file's layers are ${best.name}'s` : ''}. ` +
    error.message, { remedy: guess ? 'arch' : undefined });
}

/** Numbers of a layer's small weights, for Normalization. */
const smallWeights = (file, weights) => (layer, index) => {
  const path = weights.get(layer)?.[index];
  const found = path === undefined ? undefined : file.dataset(path);
  return found && found.shape.reduce((all, d) => all * d, 1) <= 64 ? [...found.read()] : undefined;
};
