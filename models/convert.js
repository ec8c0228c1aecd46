/**
 * Models to ONNX: `convert`. Keras, TensorFlow.js, TensorFlow Lite, Teachable Machine's exports; each
 * format's reader is loaded when the first such file is.
 *
 * The result is a small .onnx file, its weights in shards (see shards.js), and a card, model.json,
 * that says what the model is, what picture it wants, and the digest of every file. Weights are read,
 * turned and written one after the other, large ones in pieces, so that memory stays bounded.
 */
import { ModelError, checkSignal } from './errors.js';
import { detectSource, refusal } from './detect.js';
import { chooseOutput, describeInput } from './meaning.js';
import { ShardWriter, sha256 } from './shards.js';
import { embedWeights, placeWeights, storedBytes, writeWeights } from './store.js';

export const FORMS = ['f32', 'f16', 'int8'];

/**
 * @typedef {object} ConvertOptions
 * @property {string | Blob | Uint8Array} source  path of a file or folder (Node), File, or bytes
 * @property {(name: string) => Promise<Uint8Array | undefined>} [beside]  reads what lies beside the source,
 *   such as the shards of a model.json; default: from its folder, for a path
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
 * @property {boolean} [fakeQuantize]  TensorFlow Lite: round activations to the integers that the file keeps them
 *   in, as its own runtime does; default: floats
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
    const odd = error instanceof TypeError || error instanceof RangeError;
    throw new ModelError('format', `${fileName(options).slice(-80)} cannot be converted: ${odd ? 'what it says of its network makes no sense ('
      : ''}${String(error.message).slice(0, 120)}${odd ? '). It is damaged: save or download it again.' : ''}`, { cause: error });
  } finally {
    await opened?.close();
  }
}

const fileName = ({ fileName: given, source }) => given ??
  (typeof source === 'string' ? source.split(/[\\/]/).filter(Boolean).at(-1) : source?.name ?? 'the file');

/** What a model is called after: its file, or the folder around files that are all called alike. */
function stemOf(options) {
  const steps = typeof options.source === 'string' ? options.source.split(/[\\/]/).filter(Boolean) : [];
  const name = fileName(options);
  const around = /^(model\.json|keras_model\.h5|model(_unquant)?\.tflite)$/.test(name) ? steps.at(-2) : undefined;
  return around && !/^\.+$/.test(around) ? around : name.replace(/\.(json|h5|hdf5|keras|tflite|zip)$/i, '');
}

/**
 * A model that has been opened: what is known before its network is read.
 * @typedef {object} Opened
 * @property {string} [title]
 * @property {object} [arch]      the architecture, of published weights: see architectures.js
 * @property {string[]} [labels]  names of classes that came with it
 * @property {object} [input]     fields of the card's input that came with it
 * @property {[number, number]} [inputSize]  height and width that came with it
 * @property {boolean} [teachable]  the network is one of Teachable Machine's
 * @property {(form: 'f32' | 'f16' | 'int8', size: {inputSize?: [number, number], inputShape?: number[]}) => Network} read
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Network
 * @property {import('./onnx/graph.js').OnnxGraph} graph
 * @property {import('./keras/emitter.js').WeightJob[]} jobs
 * @property {[number, number, number]} input  height, width, channels
 * @property {import('./meaning.js').PictureMeaning & {settings?: object}} picture  settings: order, mean and std
 *   where no mode has them
 * @property {import('./meaning.js').OutputMeaning[]} outputs
 */

const KERAS = ['keras', 'keras-h5', 'keras-weights', 'hdf5'];

/** What is found inside archives and folders: [pattern of its path, kind], the likeliest first. */
const INSIDE = [
  [/(^|\/)keras_model\.h5$/, 'keras-h5'],
  [/(^|\/)model\.json$/, 'tfjs'],
  [/\.tflite$/, 'tflite'],
  [/\.keras$/, 'keras'],
  [/\.(h5|hdf5)$/, 'keras-h5'],
];

/** Opens the source, whatever it is. @returns {Promise<Opened>} */
async function openSource(options) {
  const { source, packagesUrl } = options;
  const name = fileName(options);
  const bytes = source instanceof Uint8Array || typeof source === 'string' ||
    (typeof Blob !== 'undefined' && source instanceof Blob);
  if (!bytes) {
    throw new ModelError('argument', 'A model is given as a path (Node), a File or Blob, or a Uint8Array.');
  }
  const found = await detectSource(source, name);
  if (KERAS.includes(found.kind)) {
    const { openKeras } = await import('./keras/open.js');
    const opened = await openKeras(source, found.kind, { ...options, name });
    if (name !== 'keras_model.h5') return opened;
    // Teachable Machine's, unpacked: its names lie beside it.
    const [{ openBeside }, { labelsBeside }] = await Promise.all([import('./bundle.js'), import('./teachable/meaning.js')]);
    return { ...opened, ...await labelsBeside(await openBeside(source, name, options.beside)) };
  }
  const { openBeside, openFolder, openZip, within } = await import('./bundle.js');
  if (['tfjs', 'tfjs-graph', 'tflite'].includes(found.kind) && !(await isFolder(source))) {
    return openInside(await openBeside(source, name, options.beside), name, found.kind, options);
  }
  const zip = /^zip-(keras|teachable-.*|tfjs|tflite)$/.test(found.kind);
  if (zip || ['tfjs', 'folder-model'].includes(found.kind)) {
    const bundle = zip ? await openZip(source, name, packagesUrl) : await openFolder(source, name);
    const [, main, kind] = INSIDE.flatMap(([pattern, kind]) => bundle.names.filter((entry) => pattern.test(entry))
      .sort((a, b) => a.length - b.length).map((entry) => [, entry, kind]))[0] ?? [];
    if (main) {
      const folder = main.slice(0, main.lastIndexOf('/') + 1);
      return openInside(within(bundle, folder), main.slice(folder.length), kind, options);
    }
  }
  if (found.kind === 'onnx') throw new ModelError('format', `${name.slice(-80)} is an ONNX model already: it needs no converting.`);
  throw new ModelError('format', refusal(found, { name }), { remedy: found.remedy });
}

async function isFolder(source) {
  if (typeof source !== 'string') return false;
  const { stat } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
  return (await stat(source)).isDirectory();
}

/** A model's main file, with what else lies in the bundle. @returns {Promise<Opened>} */
async function openInside(bundle, file, kind, options) {
  const { labelsBeside, teachableOfTfjs } = await import('./teachable/meaning.js');
  if (kind === 'tfjs' || kind === 'tfjs-graph') {
    const about = await teachableOfTfjs(bundle); // first: poses and sounds are refused by name
    const { openTfjs } = await import('./tfjs/open.js');
    return { ...await openTfjs(bundle, file), ...about ?? await labelsBeside(bundle) };
  }
  const bytes = await bundle.read(file);
  if (kind === 'tflite') {
    const { openTflite } = await import('./tflite/open.js');
    const opened = await openTflite(bytes, bundle.name, options);
    const { labels } = await labelsBeside(bundle);
    return { ...opened, labels: opened.labels ?? labels, ...(labels && /^model(_unquant)?\.tflite$/.test(file) ? { teachable: true } : {}) };
  }
  const { openKeras } = await import('./keras/open.js');
  return { ...await openKeras(bytes, kind, { ...options, name: bundle.name }), ...await labelsBeside(bundle) };
}

async function write(opened, options, form) {
  const { out, inputSize, inputShape, head, embed = false, unsigned = false, onProgress, signal } = options;
  const { arch } = opened;
  const name = options.name ?? (arch ? arch.variant(opened.title)
    : stemOf(options));
  const { graph, jobs, input, picture, outputs } = opened.read(form, { inputSize: inputSize ?? opened.inputSize, inputShape });
  const meaning = { picture, output: chooseOutput(outputs, head) };
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
  const card = await makeCard({ name, opened, input, meaning, onnx, digest, shards, form }, options);
  await out.put('model.json', new TextEncoder().encode(`${JSON.stringify(card, null, 2)}\n`));
  return card;
}

/** Fields of the card that say what an output is. */
const outputFacts = ({ name, kind, activation, apply, classes, dims }) =>
  ({ name, kind, activation, apply, classes, dims });

async function makeCard(made, options) {
  const { name, opened, input, meaning: { picture, output }, onnx, digest, shards, form } = made;
  const { arch } = opened;
  const { chosen, others, warning } = output;
  const published = (await arch?.card()) ?? {};
  const labels = opened.labels ?? (chosen.classes === 1000 ? published.labels : undefined);
  return {
    name,
    title: published.title ?? opened.title,
    file: `${name}.onnx`,
    sha256: digest,
    bytes: onnx.length,
    source: fileName(options),
    notes: published.notes,
    input: cardInput(opened, input, published.input, picture),
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

/** The card's input: what the file says, then what came beside it. */
function cardInput({ input: own, teachable }, [height, width, channels], published, picture) {
  const size = [height, width, channels];
  if (own?.mean !== undefined) {
    // Teachable Machine's own programs say how they prepare a picture.
    const spread = (value) => new Array(channels).fill(value);
    return { ...describeInput(size, undefined, { ...picture, from: 'file', mode: undefined,
      settings: { order: channels === 1 ? 'grey' : 'rgb', mean: spread(own.mean), std: spread(own.std) } }), fit: own.fit };
  }
  if (!teachable) return describeInput(size, published, picture);
  const known = picture.from === 'guess' ? { ...picture, mode: 'tf', from: 'network' } : picture;
  return { ...describeInput(size, published, known), fit: 'crop' };
}
