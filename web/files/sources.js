/**
 * From what the caller names a model by, to its card and its files. Runs in the worker.
 *
 * A model is an ONNX file, its weights inside or in further files, or a Keras file (see worker/keras.js).
 * A card is a model.json: {name, title, file, sha256, bytes, external, shards: [{file, bytes, sha256}],
 * input: {order, mean, std, resize}, layer, labels, download}. `external` is the name that the .onnx
 * file calls its weights by; the shards, joined in order, are that file.
 */
import { GradCamError } from '../base/errors.js';
import { baseName, readJson } from './files.js';

/** A bare word, as opposed to a path or an address. */
export const isModelName = (text) => /^[\w][\w.-]*$/.test(text) && !/\.(onnx|json|h5|hdf5|keras)$/i.test(text);

/**
 * @typedef {import('./files.js').FileSpec} FileSpec
 *
 * What the caller names: onnx, which may be a Keras file; weights: files that ONNX calls external data,
 * where they do not lie beside it; card: model.json, as an object or the file.
 * @typedef {{onnx: FileSpec, weights: FileSpec[], card?: FileSpec | object}} SourceSpec
 *
 * @typedef {object} Finder   where this side looks for files, and how
 * @property {(spec: FileSpec, signal?: AbortSignal, keepAs?: string) => Promise<import('./files.js').OpenFile>} open
 *   keepAs: the SHA-256 it should have, and may be kept by for the next visit
 * @property {(base: string, file: string) => string} beside  the address of a file beside another
 * @property {(model: string, options: {modelsUrl?: string, signal?: AbortSignal}) =>
 *   Promise<{card: any, onnx?: string} | null>} findCard  by name or address; onnx: the file it
 *   describes, if that has been fetched
 * @property {((published: import('./download.js').Published, options: {keep: boolean, signal?: AbortSignal,
 *   onProgress?: (progress: import('./files.js').Progress) => void}) => Promise<File>) | null} download
 *   a published Keras file; null: that is somebody else's business here
 *
 * @typedef {object} ModelSource
 * @property {string} name
 * @property {any} card                                    {} where there is none
 * @property {FileSpec} onnx     or the Keras file
 * @property {boolean} keras
 * @property {string} [arch]                               of a published Keras file
 * @property {(location: string) => {spec: FileSpec, sha256?: string, bytes?: number}[]}
 *   weights   the pieces of an external data file, in order
 */

/**
 * @param {SourceSpec} source
 * @param {Finder} host
 * @param {{modelsUrl?: string, cache?: 'auto' | 'none', signal?: AbortSignal,
 *   onProgress?: (progress: import('./files.js').Progress) => void}} options
 * @returns {Promise<ModelSource>}
 */
export async function resolveModel({ onnx, weights, card: given }, host, options) {
  let found = { card: {}, onnx };
  const keras = await isKeras(onnx);
  if (typeof onnx === 'string' && !keras) {
    const known = await host.findCard(onnx, options);
    if (known) {
      found = known;
    } else if (isModelName(onnx)) {
      throw new GradCamError('argument', `There is no model named "${onnx}". ` +
        '`gradcam models` lists them; a file is given as a path, like ./net.onnx.');
    }
  }
  const card = { ...found.card, ...(await readCard(given, host, options.signal)) };
  if (!found.onnx && card.download && host.download) {
    const file = await host.download(card.download, { ...options, keep: options.cache !== 'none' });
    // The converter makes the card anew, from what it finds in the file.
    const { source, licence } = card;
    return { name: card.name, card: { source, licence }, onnx: file, keras: true, arch: card.name, weights: () => [] };
  }
  if (!found.onnx) {
    throw new GradCamError('file', `The weights of ${card.name} have not been fetched yet. ` +
      `Run: npx gradcam fetch ${card.name}. Or give the Keras file itself.`);
  }
  const name = card.name ?? nameOf(found.onnx, 'model').replace(/\.(onnx|h5|hdf5|keras)$/i, '');
  const files = { onnx: found.onnx, weights, card };
  return { name, card, onnx: found.onnx, keras, weights: (location) => pieces(location, files, host) };
}

/** A file's own name, where it has one. */
export function nameOf(spec, otherwise = '') {
  return typeof spec === 'string' ? baseName(spec) : /** @type {any} */ (spec).name ?? otherwise;
}

/** HDF5 and ZIP (.keras) by their first bytes; what has an address, by its ending. */
async function isKeras(spec) {
  if (typeof spec === 'string') return /\.(h5|hdf5|keras)$/i.test(baseName(spec));
  // A Blob has a bytes, too: a method.
  const bytes = spec instanceof Blob ? spec : spec.bytes ?? spec;
  const head = bytes instanceof Uint8Array ? bytes.subarray(0, 4)
    : new Uint8Array(await bytes.slice(0, 4).arrayBuffer());
  return ['137,72,68,70', '80,75,3,4'].includes(head.join()) ||
    /\.(h5|hdf5|keras)$/i.test(nameOf(spec));
}

/** A card comes as an object, or as the file model.json. */
async function readCard(given, host, signal) {
  const isFile = typeof given === 'string' || given instanceof Uint8Array || given instanceof Blob ||
    given?.bytes !== undefined;
  if (!isFile) return given;
  return readJson(await host.open(given, signal), signal);
}

/** The files that make up the external data `location`. */
function pieces(location, { onnx, weights, card }, host) {
  const given = new Map(weights.map((file) => [nameOf(file), file]));
  const parts = listed(location, card, given);
  return parts.map(({ file, sha256, bytes }) => {
    const own = given.get(baseName(file));
    if (own) return { spec: own, sha256, bytes };
    // The name stands in a file that nobody has vouched for: never outside its own folder.
    if (typeof onnx !== 'string' || /^([\\/]|[a-z]+:)|(^|[\\/])\.\.([\\/]|$)/i.test(file)) {
      throw new GradCamError('file', `The model keeps weights in the file "${file}"; give it too, ` +
        'with the others: all files of the model at once, model.json included.');
    }
    return { spec: host.beside(onnx, file), sha256, bytes };
  });
}

/** The card's shards; without a card, what was given as name-000.bin, name-001.bin, ... */
function listed(location, card, given) {
  if (card.external === location && card.shards?.length) return card.shards;
  const numbered = [...given.keys()].filter((name) => /-\d{3}\.bin$/.test(name)).sort();
  return given.has(location) || !numbered.length ? [{ file: location }]
    : numbered.map((file) => ({ file }));
}
