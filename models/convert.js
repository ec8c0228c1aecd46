/**
 * Keras files to ONNX: `convert`.
 *
 * The result is a small .onnx file, its weights in shards (see shards.js), and a card, model.json,
 * that says what the model is, what picture it wants, and the digest of every file. Weights are read,
 * turned and written one after the other, large ones in pieces, so that memory stays bounded.
 */
import { architecture, recognise } from './architectures.js';
import { ModelError, checkSignal } from './errors.js';
import { toHalves, toInt8 } from './forms.js';
import { openKerasArchive } from './keras/archive.js';
import { readModelConfig } from './keras/config.js';
import { openHdf5 } from './keras/hdf5.js';
import { Emitter } from './keras/emitter.js';
import { importModel } from './keras/import.js';
import { layersWithWeights, mapWeights } from './keras/weights.js';
import { describeInput } from './preprocess.js';
import { ShardWriter, sha256 } from './shards.js';

export const FORMS = ['f32', 'f16', 'int8'];

/** Weights are turned in pieces of at most this many floats; three of them are held at a time. */
const PIECE_ELEMENTS = 16 * 1024 * 1024;
/** Tensors smaller than this stand in the .onnx file itself. */
const EMBED_BYTES = 1024;
const EMBED_LIMIT = 256 * 1024 * 1024;

/**
 * @typedef {object} ConvertOptions
 * @property {string | Blob | Uint8Array} source  path (Node), File, or bytes of a Keras file
 * @property {import('./sinks.js').Sink} out
 * @property {string} [name]  the model's name; default: the architecture's or the file's
 * @property {string} [arch]  architecture of a weights-only file, e.g. 'vgg16'; found out if left away
 * @property {string | object} [config]  or its Keras model configuration (JSON)
 * @property {'f32' | 'f16' | 'int8'} [weights]  form of the kernels; default f32
 * @property {[number, number]} [inputSize]  height, width, where the file leaves them open
 * @property {object} [card]  fields that replace the card's own: title, input, labels, source, ...
 * @property {boolean} [embed]  weights inside the .onnx file, no shards
 * @property {(progress: {file: string, loaded: number, total: number}) => void} [onProgress]
 * @property {AbortSignal} [signal]
 * @property {string | object} [h5wasm]  address or module of h5wasm, where its bare name won't resolve
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
    throw new ModelError('format', `${fileName(options.source)} cannot be converted: ` +
      `${error.message}`, { cause: error });
  } finally {
    await opened?.close();
  }
}

const fileName = (source) => (typeof source === 'string' ? source.split(/[\\/]/).at(-1)
  : source?.name ?? 'the file');

/** Opens the file and finds the model's configuration, inside it or among the architectures. */
async function openSource({ source, arch, config, h5wasm }) {
  const name = fileName(source);
  if (await isZip(source)) {
    const archive = await openKerasArchive(source, name);
    try {
      const file = await openHdf5(archive.weights, { name, h5wasm });
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
  const file = await openHdf5(source, { name, h5wasm });
  const close = async () => file.close();
  try {
    const kerasMajor = major(file.attribute('', 'keras_version') ??
      file.attribute('model_weights', 'keras_version') ?? '2');
    const stored = config ?? file.attribute('', 'model_config');
    if (arch === undefined && stored !== undefined) {
      return { file, model: readModelConfig(stored), kerasMajor, close };
    }
    const found = arch === undefined ? recogniseFile(file) : architecture(arch);
    return { file, model: readModelConfig(found.config(layersWithWeights(file))), arch: found, kerasMajor, close };
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
    const { open } = await import('node:fs/promises');
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
  const { out, inputSize, embed = false, onProgress, signal } = options;
  const name = options.name ?? (arch ? arch.variant(model.name)
    : fileName(options.source).replace(/\.[^.]*$/, ''));
  let weights;
  try {
    weights = mapWeights(file, model);
  } catch (error) {
    throw arch ? withGuess(error, file, arch.name) : error;
  }
  const emitter = new Emitter(model.name, { file, weights, kerasMajor, form });
  const { graph, jobs, input } = importModel(model, { emitter, inputSize });
  const shards = new ShardWriter(out, `${name}-weights`, signal);
  const total = jobs.reduce((sum, job) => sum + product(job.dims) * 4, 0);
  if (embed && total > EMBED_LIMIT) {
    throw new ModelError('argument', `${name} has ${(total / 1e6).toFixed(0)} MB of weights: too many ` +
      'to stand inside one .onnx file. Leave away embed.');
  }
  let loaded = 0;
  for (const job of jobs) {
    const advance = (elements) => {
      checkSignal(signal);
      loaded += elements * 4;
      onProgress?.({ file: `${name}.onnx`, loaded, total });
    };
    await writeWeight(job, { graph, shards, embed, advance });
  }
  await shards.flush();
  const onnx = graph.encode();
  await out.put(`${name}.onnx`, onnx);
  const card = await makeCard({ name, arch, model, input, graph, onnx, shards, form }, options);
  await out.put('model.json', new TextEncoder().encode(`${JSON.stringify(card, null, 2)}\n`));
  return card;
}

const product = (dims) => dims.reduce((all, d) => all * d, 1);
const asBytes = (floats) => new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);

/** One weight, in pieces of whole rows, in the form planned for it. */
async function writeWeight(job, { graph, shards, embed, advance }) {
  const { rows, step, form } = job;
  const rowSize = product(job.dims) / rows;
  const perPiece = Math.max(step, Math.floor(PIECE_ELEMENTS / rowSize / step) * step);
  const encoded = { f32: 4, f16: 2, int8: 1 }[form] * rows * rowSize;
  const inFile = !embed && encoded >= EMBED_BYTES;
  const parts = [];
  const scales = [];
  const offset = inFile ? await shards.align() : 0;
  for (let start = 0; start < rows; start += perPiece) {
    const end = Math.min(rows, start + perPiece);
    const values = await job.read(start, end);
    if (values.length !== (end - start) * rowSize) {
      throw new ModelError('format', `The weight ${job.name} has ${values.length} values where ` +
        `${(end - start) * rowSize} were expected: the file is damaged.`);
    }
    let bytes;
    if (form === 'int8') {
      const quantised = toInt8(values, rowSize);
      scales.push(...quantised.scales);
      bytes = quantised.bytes;
    } else bytes = form === 'f16' ? toHalves(values) : asBytes(values);
    if (inFile) await shards.write(bytes);
    else parts.push(bytes);
    advance(values.length);
  }
  const place = graph.initializers.get(job.name);
  if (inFile) place.external = { offset, length: encoded };
  else place.data = parts.length === 1 ? parts[0] : joinBytes(parts);
  if (form === 'int8') {
    await writeWeight({
      name: job.scale, dims: [rows], rows: 1, step: 1, form: 'f32',
      read: async () => Float32Array.from(scales),
    }, { graph, shards, embed, advance: () => {} });
  }
}

function joinBytes(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function withGuess(error, file, wanted) {
  if (error.code !== 'mismatch') return error;
  const best = recognise(layersWithWeights(file));
  const guess = best.exact && best.name !== wanted
    ? ` The file's layers are those of ${best.name}: use --arch ${best.name}.` : '';
  return new ModelError('mismatch', `Asked for ${wanted}. ${error.message}${guess}`);
}

async function makeCard({ name, arch, model, input, graph, onnx, shards, form }, { card, source }) {
  const last = graph.nodes.at(-1);
  const endsInProbabilities = ['Softmax', 'Sigmoid'].includes(last?.op);
  const published = (await arch?.card()) ?? {};
  const labels = graph.outputs[0].dims.at(-1) === 1000 ? published.labels : undefined;
  return {
    name,
    title: published.title ?? model.name,
    file: `${name}.onnx`,
    sha256: await sha256(onnx),
    bytes: onnx.length,
    source: fileName(source),
    notes: published.notes,
    input: describeInput(input, published.input, model),
    output: endsInProbabilities ? 'probabilities' : 'logits',
    layer: published.layer,
    labels,
    weights: form,
    ...card,
    external: 'weights.bin',
    shards: shards.shards,
  };
}
