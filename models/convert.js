/**
 * Keras files to ONNX: `convert`.
 *
 * The result is a small .onnx file, its weights in shards (see shards.js), and a card, model.json,
 * that says what the model is, what picture it wants, and the digest of every file. Weights are read,
 * turned and written one after the other, large ones in pieces, so that memory stays bounded.
 */
import { architecture, recognise } from './architectures.js';
import { ModelError, checkSignal } from './errors.js';
import { openKerasArchive } from './keras/archive.js';
import { readModelConfig } from './keras/config.js';
import { openHdf5 } from './keras/hdf5.js';
import { Emitter } from './keras/emitter.js';
import { importModel } from './keras/import.js';
import { layersWithWeights, mapWeights } from './keras/weights.js';
import { detectSource, refusal } from './detect.js';
import { outputsOfKeras, pictureOfKeras } from './keras/meaning.js';
import { chooseOutput, describeInput } from './meaning.js';
import { recogniseNetwork } from './networks.js';
import { ShardWriter, sha256 } from './shards.js';
import { embedWeights, placeWeights, storedBytes, writeWeights } from './store.js';

export const FORMS = ['f32', 'f16', 'int8'];

/**
 * @typedef {object} ConvertOptions
 * @property {string | Blob | Uint8Array} source  path (Node), File, or bytes of a Keras file
 * @property {import('./sinks.js').Sink} out  gets the .onnx file, then the shards, then the card
 * @property {string} [name]  the model's name; default: the architecture's or the file's
 * @property {string} [fileName]  what the file is called, where the source does not know it
 * @property {string} [arch]  architecture of a weights-only file, e.g. 'vgg16'; found out if left away
 * @property {string | object} [config]  or its Keras model configuration (JSON)
 * @property {'f32' | 'f16' | 'int8'} [weights]  form of the kernels; default f32
 * @property {[number, number]} [inputSize]  height, width, where the file leaves them open
 * @property {number[]} [inputShape]  the same as a shape, [1, 224, 224, 3] or [1, 3, 224, 224]
 * @property {string | number} [head]  which of several outputs is asked about: its name or number;
 *   default: the one that looks like class scores. It becomes the model's first output.
 * @property {object} [card]  fields that replace the card's own: title, input, labels, source, ...
 * @property {boolean} [embed]  weights inside the .onnx file, no shards
 * @property {boolean} [unsigned]  a card without digests: the result is used here and now
 * @property {(progress: {file: string, loaded: number, total: number}) => void} [onProgress]
 * @property {AbortSignal} [signal]
 * @property {string} [packagesUrl]  folder with h5wasm/ and fflate/, for pages without a bundler
 */

/**
 * @param {ConvertOptions} options
 * @returns {Promise<{card: object, output: any}>}  output: what the sink's commit gives
 */
export async function convert(options) {
  const { out, weights: form = 'f32', signal } = options;
  let opened;
  try {
    if (!FORMS.includes(form)) {
      throw new ModelError('argument', `Weights cannot be stored as "${form}"; choose ` +
        `${FORMS.join(', ')}.`);
    }
    checkSignal(signal);
    opened = await openSource(options);
    const card = await write(opened, options, form);
    return { card, output: await out.commit() };
  } catch (error) {
    await out.abort();
    if (error instanceof ModelError) throw error;
    throw new ModelError('format', `${fileName(options)} cannot be converted: ` +
      `${error.message}`, { cause: error });
  } finally {
    await opened?.close();
  }
}

const fileName = ({ fileName: given, source }) => given ??
  (typeof source === 'string' ? source.split(/[\\/]/).at(-1) : source?.name ?? 'the file');

/** Opens the file and finds the model's configuration, inside it or among the architectures. */
async function openSource(options) {
  const { source, arch, config, packagesUrl } = options;
  const name = fileName(options);
  const kind = await kindOf(source, name);
  if (kind === 'keras') {
    const archive = await openKerasArchive(source, name, packagesUrl);
    try {
      const file = await openHdf5(archive.weights, { name, packagesUrl });
      return {
        file,
        model: readModelConfig(config ?? archive.config),
        compiled: archive.config.compile_config,
        kerasMajor: major(archive.metadata.keras_version ?? '3'),
        close: async () => {
          file.close();
          await archive.remove();
        },
      };
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
      return { file, model: readModelConfig(stored), compiled, kerasMajor, close };
    }
    const found = arch === undefined ? recogniseFile(file) : architecture(arch);
    const model = readModelConfig(found.config(layersWithWeights(file)));
    return { file, model, arch: found, kerasMajor, close };
  } catch (error) {
    await close();
    throw error;
  }
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

const major = (version) => Number.parseInt(String(version), 10) || 2;

/** What kind of Keras file it is; anything else is refused by what it is. */
async function kindOf(source, name) {
  const bytes = source instanceof Uint8Array || typeof source === 'string' ||
    (typeof Blob !== 'undefined' && source instanceof Blob);
  if (!bytes) {
    throw new ModelError('argument', 'A Keras file is given as a path (Node), a File or Blob, or ' +
      'a Uint8Array.');
  }
  const found = await detectSource(source, name);
  if (['keras', 'keras-h5', 'keras-weights', 'hdf5'].includes(found.kind)) return found.kind;
  if (found.kind === 'onnx') throw new ModelError('format', `${name.slice(-80)} is an ONNX model already: it needs no converting.`);
  throw new ModelError('format', refusal(found, { name }), { remedy: found.remedy });
}

async function write({ file, model, compiled, arch, kerasMajor }, options, form) {
  const { out, inputSize, inputShape, head, embed = false, unsigned = false, onProgress, signal } = options;
  const name = options.name ?? (arch ? arch.variant(model.name)
    : fileName(options).replace(/\.[^.]*$/, ''));
  let weights;
  try {
    weights = mapWeights(file, model);
  } catch (error) {
    throw arch ? withGuess(error, file, arch.name) : error;
  }
  const emitter = new Emitter(model.name, { file, weights, kerasMajor, form });
  const { graph, jobs, input, outputs } = importModel(model, { emitter, inputSize, inputShape });
  const meaning = {
    picture: pictureOfKeras(model, { channels: input[2], numbers: smallWeights(file, weights) }),
    output: chooseOutput(outputsOfKeras(model, outputs, compiled), head),
  };
  // The engine asks about the first output.
  graph.outputs.sort((a, b) => (b.name === meaning.output.chosen.name) - (a.name === meaning.output.chosen.name));
  const total = storedBytes(jobs);
  let loaded = 0;
  const advance = (bytes) => {
    checkSignal(signal);
    loaded += bytes;
    onProgress?.({ file: `${name}.onnx`, loaded, total });
  };
  const shards = new ShardWriter(out, `${name}-weights`, { signal, unsigned });
  let onnx;
  if (embed) {
    onnx = await embedWeights(jobs, graph, advance);
    await out.put(`${name}.onnx`, onnx);
  } else {
    // The .onnx file goes first, so that whoever loads it can take the weights as they come.
    onnx = placeWeights(jobs, graph);
    await out.put(`${name}.onnx`, onnx);
    await writeWeights(jobs, graph, shards, advance);
  }
  const digest = unsigned ? undefined : await sha256(onnx);
  const card = await makeCard({ name, arch, model, input, meaning, onnx, digest, shards, form }, options);
  await out.put('model.json', new TextEncoder().encode(`${JSON.stringify(card, null, 2)}\n`));
  return card;
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

/** Fields of the card that say what an output is. */
const outputFacts = ({ name, kind, activation, apply, classes, dims }) =>
  ({ name, kind, activation, apply, classes, dims });

async function makeCard(made, options) {
  const { name, arch, model, input, meaning: { picture, output }, onnx, digest, shards, form } = made;
  const { chosen, others, warning } = output;
  const published = (await arch?.card()) ?? {};
  const labels = chosen.classes === 1000 ? published.labels : undefined;
  return {
    name,
    title: published.title ?? model.name,
    file: `${name}.onnx`,
    sha256: digest,
    bytes: onnx.length,
    source: fileName(options),
    notes: published.notes,
    input: describeInput(input, published.input, picture),
    output: chosen.activation === 'none' ? 'logits' : 'probabilities',
    head: outputFacts(chosen),
    heads: others.length ? [chosen, ...others].sort((a, b) => a.index - b.index).map(outputFacts) : undefined,
    warnings: warning ? [warning] : undefined,
    layer: published.layer,
    labels,
    weights: form,
    ...options.card,
    external: 'weights.bin',
    shards: shards.shards,
  };
}
