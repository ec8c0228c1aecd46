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
import { describeInput } from './preprocess.js';
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
  if (await isZip(source)) {
    const archive = await openKerasArchive(source, name, packagesUrl);
    try {
      const file = await openHdf5(archive.weights, { name, packagesUrl });
      return {
        file,
        model: readModelConfig(archive.config),
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
      return { file, model: readModelConfig(stored), kerasMajor, close };
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
  throw new ModelError('argument', `${file.name} holds weights but no model: say the architecture, ` +
    `e.g. --arch vgg16.${best.name ? ` Its layers look most like ${best.name}'s.` : ''}`);
}

const major = (version) => Number.parseInt(String(version), 10) || 2;

async function isZip(source) {
  let head;
  if (typeof source === 'string') {
    const { open } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
    let handle;
    try {
      handle = await open(source, 'r');
      const { buffer } = await handle.read(new Uint8Array(4), 0, 4, 0);
      head = buffer;
    } catch (cause) {
      throw new ModelError('format', `${source} cannot be read: ${cause.message}.`, { cause });
    } finally {
      await handle?.close();
    }
  } else if (source instanceof Uint8Array) head = source.subarray(0, 4);
  else if (typeof Blob !== 'undefined' && source instanceof Blob) {
    head = new Uint8Array(await source.slice(0, 4).arrayBuffer());
  } else return false;
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

async function write({ file, model, arch, kerasMajor }, options, form) {
  const { out, inputSize, embed = false, unsigned = false, onProgress, signal } = options;
  const name = options.name ?? (arch ? arch.variant(model.name)
    : fileName(options).replace(/\.[^.]*$/, ''));
  let weights;
  try {
    weights = mapWeights(file, model);
  } catch (error) {
    throw arch ? withGuess(error, file, arch.name) : error;
  }
  const emitter = new Emitter(model.name, { file, weights, kerasMajor, form });
  const { graph, jobs, input } = importModel(model, { emitter, inputSize });
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
  const card = await makeCard({ name, arch, model, input, graph, onnx, digest, shards, form }, options);
  await out.put('model.json', new TextEncoder().encode(`${JSON.stringify(card, null, 2)}\n`));
  return card;
}

function withGuess(error, file, wanted) {
  if (error.code !== 'mismatch') return error;
  const best = recognise(layersWithWeights(file));
  const guess = best.exact && best.name !== wanted
    ? ` The file's layers are those of ${best.name}: use --arch ${best.name}.` : '';
  return new ModelError('mismatch', `Asked for ${wanted}. ${error.message}${guess}`);
}

async function makeCard(made, options) {
  const { name, arch, model, input, graph, onnx, digest, shards, form } = made;
  const last = graph.nodes.at(-1);
  const endsInProbabilities = ['Softmax', 'Sigmoid'].includes(last?.op);
  const published = (await arch?.card()) ?? {};
  const labels = graph.outputs[0].dims.at(-1) === 1000 ? published.labels : undefined;
  return {
    name,
    title: published.title ?? model.name,
    file: `${name}.onnx`,
    sha256: digest,
    bytes: onnx.length,
    source: fileName(options),
    notes: published.notes,
    input: describeInput(input, published.input, model),
    output: endsInProbabilities ? 'probabilities' : 'logits',
    layer: published.layer,
    labels,
    weights: form,
    ...options.card,
    external: 'weights.bin',
    shards: shards.shards,
  };
}
