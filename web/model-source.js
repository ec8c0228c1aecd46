/**
 * From what the caller names a model by, to its card and its files. Runs in the worker.
 *
 * A card is a model.json: {name, title, file, sha256, bytes, external, shards: [{file, bytes, sha256}],
 * input: {order, mean, std, resize}, layer, labels, download}. `external` is the name that the .onnx
 * file calls its weights by; the shards, joined in order, are that file.
 */
import { GradCamError } from './errors.js';
import { baseName, readJson } from './files.js';

/** A bare word, as opposed to a path or an address. */
export const isModelName = (text) => /^[\w][\w.-]*$/.test(text) && !/\.(onnx|json|h5|hdf5|keras)$/i.test(text);

/**
 * @typedef {object} ModelSource
 * @property {string} name
 * @property {any} card                                    {} where there is none
 * @property {import('./protocol.js').FileSpec} onnx
 * @property {(location: string) => {spec: import('./protocol.js').FileSpec, sha256?: string}[]}
 *   weights   the pieces of an external data file, in order
 */

/**
 * @param {import('./protocol.js').SourceSpec} source
 * @param {import('./host-browser.js').Host} host
 * @param {{modelsUrl?: string, signal?: AbortSignal}} options
 * @returns {Promise<ModelSource>}
 */
export async function resolveModel({ onnx, weights, card: given }, host, options) {
  let found = { card: {}, onnx };
  if (typeof onnx === 'string') {
    refuseKeras(onnx);
    const known = await host.findCard(onnx, options);
    if (known) {
      found = known;
    } else if (isModelName(onnx)) {
      throw new GradCamError('argument', `There is no model named "${onnx}". ` +
        '`gradcam models` lists them; a file is given as a path, like ./net.onnx.');
    }
  }
  const card = { ...found.card, ...given };
  if (!found.onnx) {
    throw new GradCamError('file', `The weights of ${card.name} have not been fetched yet. ` +
      `Run: npx gradcam fetch ${card.name}`);
  }
  const name = card.name ?? plainName(found.onnx);
  const files = { onnx: found.onnx, weights, card };
  return { name, card, onnx: found.onnx, weights: (location) => pieces(location, files, host) };
}

function refuseKeras(address) {
  if (/\.(h5|hdf5|keras)$/i.test(address)) {
    throw new GradCamError('unsupported', `${baseName(address)} is a Keras file; make it an ONNX ` +
      `file first: gradcam convert ${baseName(address)} -o DIR`);
  }
}

function plainName(spec) {
  const name = typeof spec === 'string' ? baseName(spec) : /** @type {any} */ (spec).name ?? 'model';
  return name.replace(/\.onnx$/i, '');
}

/** The files that make up the external data `location`. */
function pieces(location, { onnx, weights, card }, host) {
  const given = new Map(weights.map((file) => [
    baseName(typeof file === 'string' ? file : /** @type {any} */ (file).name ?? ''), file]));
  const parts = card.external === location && card.shards?.length ? card.shards : [{ file: location }];
  return parts.map(({ file, sha256 }) => {
    const listed = given.get(baseName(file));
    if (listed) return { spec: listed, sha256 };
    // The name stands in a file that nobody has vouched for: never outside its own folder.
    if (typeof onnx !== 'string' || /^([\\/]|[a-z]+:)|(^|[\\/])\.\.([\\/]|$)/i.test(file)) {
      throw new GradCamError('file', `The model keeps weights in the file "${file}"; give it too, ` +
        'as {onnx, weights: [files]}.');
    }
    return { spec: host.beside(onnx, file), sha256 };
  });
}
