/**
 * From what the caller names a model by, to its card and its files. Runs in the worker.
 *
 * A model is an ONNX file, its weights inside or in further files, or a file that is converted while it is
 * loaded (see worker/keras.js): Keras, TensorFlow.js, TensorFlow Lite, or an archive of these.
 * What a file is, its bytes say (models/detect.js); its name is the last hint.
 * A card is a model.json: {name, title, file, sha256, bytes, external, shards: [{file, bytes, sha256}],
 * input: {order, mean, std, resize, fit}, layer, labels, head, download}. `external` is the name that the
 * .onnx file calls its weights by; the shards, joined in order, are that file.
 */
import { checkCard } from '../../models/card.js';
import { detectBytes, detectSource, HEAD_BYTES } from '../../models/detect.js';
import { asGradCamError, GradCamError } from '../base/errors.js';
import { baseName, isModelName, MOST_JSON, peek, readAll } from './files.js';
import { pageInstead, refuse } from './refuse.js';

const MODEL_NAME = /\.(onnx|h5|hdf5?|keras|tflite|json|zip)$/i;

/**
 * @typedef {import('./files.js').FileSpec} FileSpec
 * @typedef {import('../../models/detect.js').Detected} Detected
 *
 * What the caller names. onnx: a name, or the model's file, which may be a Keras file; weights: files that
 * ONNX calls external data, where they do not lie beside it; card: model.json, as an object or the file;
 * config: a Keras network without weights. Or files: all of these at once, told apart by what they are.
 * @typedef {{onnx?: FileSpec, weights?: FileSpec[], card?: FileSpec | object, labels?: FileSpec, config?: FileSpec,
 *   files?: FileSpec[]}} SourceSpec
 *
 * @typedef {object} Finder   where this side looks for files, and how
 * @property {(spec: FileSpec, signal?: AbortSignal, keepAs?: string) => Promise<import('./files.js').OpenFile>} open
 *   keepAs: the SHA-256 it should have, and may be kept by for the next visit; 'etag': by what its server calls it
 * @property {(spec: FileSpec) => string | Blob | Uint8Array | null} local
 *   the file in a form that models/ can read here and there; null: it must come by open()
 * @property {(folder: string) => Promise<string[] | null>} list
 * @property {string} hub  where hf:ORG/NAME lies
 * @property {(base: string, file: string) => string} beside  the address of a file beside another
 * @property {(base: string, file: string) => Promise<void>} vouch  fails where what `beside` gave is no file of its own:
 *   a link that leads out of the folder, a device, a pipe
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
 * @property {FileSpec} onnx     or the file to convert
 * @property {boolean} keras     it is to be converted
 * @property {string} [arch]                               of a published Keras file
 * @property {FileSpec} [config] a Keras network without weights, which this file has
 * @property {FileSpec[]} labels files that may hold its labels, the likeliest first
 * @property {(location: string) => Piece[]}
 *   weights   the pieces of an external data file, in order; of any other file, itself
 *
 * @typedef {{spec: FileSpec, of?: string, sha256?: string, bytes?: number, keepAs?: 'etag'}} Piece
 *   of: the file that names it, which is to be vouched for
 */

/**
 * @param {SourceSpec} given
 * @param {Finder} host
 * @param {{modelsUrl?: string, cache?: 'auto' | 'none', weights?: 'f32' | 'f16' | 'int8', signal?: AbortSignal,
 *   onProgress?: (progress: import('./files.js').Progress) => void}} options
 * @returns {Promise<ModelSource>}
 */
export async function resolveModel(given, host, options) {
  const source = given.files ? await sortFiles(given.files, host, options.signal) : { weights: [], ...given };
  if (typeof source.onnx === 'string' && TEACHABLE.test(source.onnx)) source.onnx = source.onnx.replace(/\/*$/, '/model.json');
  let found = { card: {}, onnx: source.onnx };
  if (typeof source.onnx === 'string') {
    const known = (HUB.test(source.onnx) ? null : await host.findCard(source.onnx, options)) ?? await hubModel(source.onnx, host, options);
    if (known) {
      found = known;
    } else {
      const inside = await host.list(source.onnx);
      if (inside) return resolveModel({ ...given, ...await sortFolder(source.onnx, inside, host, options.signal) }, host, options);
    }
  }
  let card = { ...checked(found.card, `The card of ${nameOf(source.onnx ?? '', 'the model')}`), ...(await readCard(source.card, host, options.signal)) };
  if (!found.onnx && isTfjs(card.download)) {
    // Published as TensorFlow.js: read from there, and kept by what the server calls it.
    const { download, ...rest } = card;
    card = rest;
    found = { ...found, onnx: download.url, keepAs: options.cache === 'none' ? undefined : 'etag' };
  }
  if (!found.onnx && card.download && host.download) {
    const file = await host.download(card.download, { ...options, keep: options.cache !== 'none' });
    // The converter makes the card anew, from what it finds in the file.
    const { source: origin, licence } = card;
    return { name: card.name, card: { source: origin, licence }, onnx: file, keras: true, arch: card.name, labels: [], weights: () => [] };
  }
  if (!found.onnx) {
    throw new GradCamError('file', `The weights of ${card.name ?? 'this model'} have not been fetched yet. ` +
      `Run: npx gradcam-wasm fetch ${card.name ?? 'NAME'}. Or give the Keras file itself.`);
  }
  const finder = found.keepAs ? { ...host, open: (spec, signal) => host.open(spec, signal, found.keepAs) } : host;
  const { kind, spec } = await modelKind(found.opened ?? found.onnx, card, finder, options.signal);
  const name = card.name ?? (nameOf(found.onnx, 'model').replace(MODEL_NAME, '') || 'model');
  const files = { onnx: found.onnx, weights: source.weights, card, keepAs: found.keepAs };
  return {
    name,
    card,
    onnx: spec,
    keras: kind !== 'onnx',
    config: source.config ?? (kind === 'keras-weights' ? await configBeside(found.onnx, host) : undefined),
    labels: source.labels ? [source.labels] : await labelsBeside(found.onnx, host),
    weights: (location) => pieces(location, files, host),
  };
}

const isTfjs = (download) => /\/model\.json$/.test(download?.url ?? '');

/* ---- The Hugging Face hub ------------------------------------------------------------------------------ */

/** hf:ORG/NAME, or the address of a repository's files. */
const HUB = /^hf:|\/resolve\/[^/?#]+\/$/;

/**
 * A model in the layout of the hub: hf:ORG/NAME, an address that ends in /resolve/REVISION/, or a folder.
 * @returns {Promise<{card: any, onnx: string, opened?: FileSpec, keepAs?: 'etag'} | null>}  null: it is none
 */
async function hubModel(name, host, { signal, weights, cache }) {
  const [, org, model] = /^hf:([\w.-]+)\/([\w.-]+)$/.exec(name) ?? [];
  if (name.startsWith('hf:') && !model) {
    throw new GradCamError('argument', `"${name.slice(0, 80)}" is no model of the hub: say hf:ORGANISATION/NAME.`);
  }
  const address = model ? `${host.hub.replace(/\/*$/, '/')}${org}/${model}/resolve/main/` : /\/resolve\/[^/?#]+\/$/.test(name) ? name : undefined;
  const inside = address ? undefined : await host.list(name).catch(() => null);
  if (!address && !inside?.some((file) => /^(preprocessor_)?config\.json$/.test(nameOf(file)))) return null;
  const folder = address ?? `${name.replace(/[\\/]+$/, '')}/.`;
  const keepAs = address && cache !== 'none' ? 'etag' : undefined;
  const read = async (file) => {
    if (inside && !inside.includes(host.beside(folder, file))) return undefined;
    try {
      return JSON.parse(new TextDecoder().decode(await readAll(await host.open(host.beside(folder, file), signal, keepAs), signal, undefined, MOST_JSON)));
    } catch (error) {
      if (signal?.aborted) throw error;
      return undefined; // the model goes without
    }
  };
  const { hubCard, hubFiles } = await import('../../models/hub.js');
  const files = hubFiles(weights);
  const there = address ? undefined : [...inside, ...await host.list(host.beside(folder, 'onnx')) ?? []].map((file) => file.replaceAll('\\', '/'));
  const title = model ?? address?.split('/').at(-4) ?? baseName(name.replace(/[\\/]+$/, ''));
  const found = there ? { onnx: files.find((file) => there.includes(host.beside(folder, file).replaceAll('\\', '/'))) }
    : await firstThere(files, (file) => host.open(host.beside(folder, file), signal, keepAs));
  if (!found?.onnx) {
    if (there) return null;
    throw new GradCamError('network', `${title.slice(-80)} has no network where Optimum puts it (${files.slice(0, 2).join(', ')}, ...), or there is no such ` +
      'model on the hub. Look for one whose files list onnx/model.onnx.');
  }
  const [config, preprocessor] = await Promise.all(['config.json', 'preprocessor_config.json'].map(read));
  return { card: { name: title, ...hubCard(config, preprocessor) }, ...found, onnx: host.beside(folder, found.onnx), keepAs };
}

/** The first file that the server has, opened. */
async function firstThere(files, open) {
  for (const file of files) {
    try {
      return { onnx: file, opened: { name: baseName(file), opened: await open(file) } };
    } catch (error) {
      // The hub answers 401 where there is no such model.
      if (!/the server answered 4\d\d/.test(error.message)) throw error;
    }
  }
  return null;
}

/** The link that Teachable Machine shares a model by: a folder. */
const TEACHABLE = /^https:\/\/teachablemachine\.withgoogle\.com\/models\/[^/?#]+\/*$/;

/** A file's own name, where it has one. */
export function nameOf(spec, otherwise = '') {
  return typeof spec === 'string' ? baseName(spec) : /** @type {any} */ (spec).name ?? otherwise;
}

/* ---- What a file is ---------------------------------------------------------------------------------- */

/**
 * What a file is, by its bytes.
 * @param {FileSpec} spec
 * @param {Finder} host
 * @param {AbortSignal} [signal]
 * @returns {Promise<{found: Detected, spec: FileSpec}>}  spec: by which it is to be read from now on
 */
export async function detectSpec(spec, host, signal) {
  const blob = spec instanceof Blob ? spec : /** @type {any} */ (spec)?.bytes instanceof Blob ? /** @type {any} */ (spec).bytes : null;
  const local = host.local(spec) ?? blob; // an archive lists what is in it at its end
  const name = nameOf(spec) || undefined;
  const opened = typeof local === 'object' && local !== null ? null : await host.open(spec, signal); // it says what is not there
  const pipe = typeof local === 'string' && opened.size === null; // whose bytes come once
  if (local !== null && !pipe) return { found: await detectSource(local, name), spec };
  const { head, file } = await peek(opened, HEAD_BYTES);
  const size = head.length < HEAD_BYTES ? head.length : (file.hint ? null : file.size) ?? Infinity;
  return { found: detectBytes(head, { size, name: name ?? file.name }), spec: { name: name ?? file.name, opened: file } };
}

/** What the converter reads, and what it has better words for than "unknown". */
const WHOLE = ['keras', 'keras-h5', 'tfjs', 'tfjs-graph', 'tflite', 'zip-keras', 'zip-tfjs', 'zip-tflite', 'zip-teachable-keras',
  'zip-teachable-tfjs', 'zip-teachable-tflite'];
const READ = ['onnx', ...WHOLE, 'keras-weights', 'hdf5'];

/**
 * The kind of a model's file; anything else is refused by what it is.
 * @returns {Promise<{kind: string, spec: FileSpec}>}
 */
async function modelKind(onnx, card, host, signal) {
  // A file with a digest comes from the cache where it is there: not to be opened before. load.js looks at it.
  if (card.sha256 && typeof onnx === 'string' && host.local(onnx) === null) return { kind: 'onnx', spec: onnx };
  const named = typeof onnx === 'string' && isModelName(onnx);
  if (named && host.local(onnx) === null) throw notNamed(onnx);
  const { found, spec } = await detectSpec(onnx, host, signal).catch((cause) => {
    throw named && cause.cause?.code === 'ENOENT' ? notNamed(onnx) : cause;
  });
  const name = nameOf(onnx, 'The file');
  if (READ.includes(found.kind)) return { kind: found.kind, spec };
  // An archive from an address: what is in it stands at its end, which the converter sees.
  if (found.kind === 'zip' && typeof onnx === 'string' && host.local(onnx) === null) return { kind: found.kind, spec };
  if (['unknown', 'protobuf'].includes(found.kind) && /\.onnx$/i.test(name)) return { kind: 'onnx', spec };
  if (found.kind === 'html' && typeof onnx === 'string' && host.local(onnx) === null) throw pageInstead(onnx);
  throw refuse(found, name, 'model');
}

const notNamed = (name) => new GradCamError('argument', `There is no model named "${name.slice(0, 80)}", and no such file.`, { remedy: 'name' });

/* ---- Several files ------------------------------------------------------------------------------------ */

/** The files of one model, as somebody drops them all at once: each is what it is. */
async function sortFiles(files, host, signal) {
  const known = await Promise.all(files.map(async (spec) => ({ ...await detectSpec(spec, host, signal), name: nameOf(spec, 'a file') })));
  const are = (...kinds) => known.filter(({ found }) => kinds.includes(found.kind));
  const cards = known.filter(({ found, name }) => found.kind === 'card' || (found.kind === 'json' && name === 'model.json'));
  const whole = are('onnx', ...WHOLE);
  const models = whole.length ? whole : are('keras-weights', 'hdf5');
  if (models.length > 1 || !known.length) {
    const names = models.slice(0, 3).map(({ name }) => name.slice(-40)).join(', ');
    throw new GradCamError('argument', 'A model is one ONNX, Keras, TensorFlow.js or TensorFlow Lite file, with its weights, labels and model.json where it has such; ' +
      `${models.length} came${names && `: ${names}${models.length > 3 ? ', ...' : ''}`}.`);
  }
  if (!models.length) {
    const [other] = [...known.filter(({ found }) => found.role === 'model'), ...known.filter(({ found }) => found.role === 'weights'), ...known];
    throw other.found.kind === 'card' ? new GradCamError('argument', `${other.name} is the card of a model; give the model's other files ` +
      'with it, all at once.') : refuse(other.found, other.name, 'model');
  }
  const [model] = models;
  const labels = known.filter((one) => one !== model && !cards.includes(one) && isLabels(one));
  const [config] = are('keras-json');
  return {
    onnx: model.spec,
    card: cards[0]?.spec,
    config: config?.spec,
    labels: labels.sort((a, b) => rank(a.name) - rank(b.name))[0]?.spec,
    weights: known.filter((one) => one !== model && one !== cards[0] && one !== config).map(({ spec }) => spec),
  };
}

/** A folder without a card: the one model in it, with what lies beside. */
async function sortFolder(folder, inside, host, signal) {
  const whole = (await detectSpec(folder, { ...host, open: async () => ({}) }, signal)).found;
  if (!['folder', 'folder-model', 'card', 'tfjs'].includes(whole.kind)) throw refuse(whole, nameOf(folder.replace(/[\\/]+$/, '')), 'model');
  const files = inside.filter((file) => !/\.(jpe?g|png|gif|bmp|webp|heic|md|py|ipynb)$/i.test(file)).slice(0, MOST_FILES);
  const kinds = await Promise.all(files.map(async (file) => (await detectSpec(file, host, signal)).found));
  if (!kinds.some(({ role }) => role === 'model' || role === 'weights')) throw refuse(whole, nameOf(folder.replace(/[\\/]+$/, '')), 'model');
  const { onnx, card, config } = await sortFiles(files, host, signal);
  return { onnx, card, config };
}

/** Files of a folder that are looked at. */
const MOST_FILES = 200;

/* ---- What lies beside --------------------------------------------------------------------------------- */

/** Names that lists of labels have, the likeliest first. */
const LABEL_NAMES = ['labels.txt', 'labels.json', 'labels.csv', 'class_names.txt', 'class_names.json', 'classes.txt', 'classes.json',
  'class_indices.json', 'class_labels.txt', 'class_labels.json', 'names.txt', 'label_map.json', 'metadata.json', 'config.json'];

const rank = (name) => (LABEL_NAMES.indexOf(name) + 1 || LABEL_NAMES.length + 1);

/** One that came with a model: a list of names, or a JSON file that such a list may stand in. */
const isLabels = ({ found, name }) => ['labels', 'text'].includes(found.kind) || (found.kind === 'json' && rank(name) <= LABEL_NAMES.length);

async function besides(spec, host) {
  return (typeof spec === 'string' && host.local(spec) !== null && await host.list(host.beside(spec, '.'))) || [];
}

/** @returns {Promise<string[]>} */
async function labelsBeside(spec, host) {
  const files = await besides(spec, host);
  const stem = nameOf(spec).replace(/\.[^.]*$/, '');
  const own = ['.labels.txt', '-labels.txt', '_labels.txt', '.labels.json', '-labels.json', '_labels.json'].map((end) => stem + end);
  return [...own, ...LABEL_NAMES].flatMap((name) => files.filter((file) => nameOf(file) === name));
}

/**
 * The network of a file of weights: a JSON file of its name, or the only such in a folder that holds no
 * other weights.
 */
async function configBeside(spec, host) {
  const files = await besides(spec, host);
  const stem = nameOf(spec).replace(/\.[^.]*$/, '').replace(/[._-]?weights$/i, '');
  const alone = files.filter((file) => /\.(h5|hdf5?|keras)$/i.test(file)).length <= 1;
  const candidates = files.filter((file) => /\.json$/i.test(file) && (alone || nameOf(file).replace(/\.json$/i, '') === stem))
    .slice(0, MOST_FILES);
  const kinds = await Promise.all(candidates.map(async (file) => (await detectSpec(file, host)).found.kind));
  const found = candidates.filter((_, i) => kinds[i] === 'keras-json');
  return found.length === 1 ? found[0] : undefined;
}

/* ---- Cards -------------------------------------------------------------------------------------------- */

/** Fields of a card: one of them makes one. */
const CARD_FIELDS = ['file', 'download', 'input', 'labels', 'shards', 'layer', 'head'];

/**
 * @param {Uint8Array} bytes
 * @param {string} name  path or address
 * @returns {any}  null: it is a TensorFlow.js model, which goes by the same name
 */
export function parseCard(bytes, name) {
  const found = detectBytes(bytes.subarray(0, HEAD_BYTES), { size: bytes.length, name: baseName(name) });
  if (['tfjs', 'tfjs-graph'].includes(found.kind)) return null;
  if (found.kind === 'html' && /^https?:/i.test(name)) throw pageInstead(name);
  if (!['card', 'json', 'labels'].includes(found.kind)) throw refuse(found, baseName(name), 'model');
  let card;
  try {
    card = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new GradCamError('file', `${baseName(name)} is not JSON: ${cause.message}.`, { cause });
  }
  if (!card || !CARD_FIELDS.some((field) => Object.hasOwn(card, field))) throw refuse(found, baseName(name), 'model');
  return checked(card, baseName(name));
}

function checked(card, name) {
  try {
    return checkCard(card, name);
  } catch (error) {
    throw asGradCamError(error);
  }
}

/** A card comes as an object, or as the file model.json. */
async function readCard(given, host, signal) {
  // A card has a field bytes, too: a number.
  const isFile = [given, given?.bytes].some((one) => one instanceof Uint8Array || one instanceof Blob) || typeof given === 'string' ||
    given?.opened !== undefined;
  if (!isFile) return given === undefined ? undefined : checked(given);
  return parseCard(await readAll(await host.open(given, signal), signal, undefined, MOST_JSON), nameOf(given, 'model.json'));
}

/* ---- Weights ------------------------------------------------------------------------------------------ */

/** The files that make up the external data `location`. */
function pieces(location, { onnx, weights, card, keepAs }, host) {
  const given = new Map(weights.map((file) => [nameOf(file), file]));
  const parts = listed(location, card, given);
  return parts.map(({ file, sha256, bytes }) => {
    const own = given.get(baseName(file));
    if (own) return { spec: own, sha256, bytes };
    // The name stands in a file that nobody has vouched for: never outside its own folder.
    if (typeof onnx !== 'string' || /^([\\/]|[a-z]+:)|(^|[\\/])\.\.([\\/]|$)/i.test(file)) {
      throw notGiven(file);
    }
    return { spec: host.beside(onnx, file), of: onnx, sha256, bytes, keepAs };
  });
}

const notGiven = (file) => new GradCamError('file', `The model keeps weights in the file "${file.slice(-80)}"; give it too, ` +
  'with the others: all files of the model at once, model.json included.');

/** The card's shards; without a card, what was given as name-000.bin, name-001.bin, ... */
function listed(location, card, given) {
  if (card.external === location && card.shards?.length) return card.shards;
  const numbered = [...given.keys()].filter((name) => /-\d{3}\.bin$/.test(name)).sort();
  // One that is missing among them would shift all that follow.
  const gap = numbered.findIndex((name, i) => Number(name.slice(-7, -4)) !== i);
  if (gap >= 0) throw notGiven(numbered[gap].replace(/\d{3}\.bin$/, `${String(gap).padStart(3, '0')}.bin`));
  return given.has(location) || !numbered.length ? [{ file: location }]
    : numbered.map((file) => ({ file }));
}
