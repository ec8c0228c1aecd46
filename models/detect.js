/**
 * What is this file? By its bytes; its name is the last hint.
 *
 * `detectBytes` is pure and needs the first kilobytes, for ZIP archives also the last ones (they list
 * what is inside). `detectSource` reads them from a path, a File or bytes. `refusal` says in one sentence
 * what a file is, and in another what to do with it.
 *
 * @typedef {object} Detected
 * @property {string} kind   a key of KINDS, stable
 * @property {'model' | 'weights' | 'picture' | 'labels' | 'other'} role
 * @property {string} what   a noun phrase: "a TensorFlow Lite model"
 * @property {boolean} read  does this project read it, as what its role says?
 * @property {string} advice what to do where it is not read, one sentence; empty where there is nothing
 * @property {string} [remedy]  a setting that helps: see remedies.js
 */
import { ModelError, plainMessage } from './errors.js';
import { readFields } from './onnx/protobuf.js';

/** How much detectBytes wants of a file's beginning and end. */
export const HEAD_BYTES = 65536;
export const TAIL_BYTES = 65536 + 22;

const TO_ONNX_TF = 'Convert it to ONNX with tf2onnx.';
const TO_ONNX_TORCH = 'Load it in PyTorch and export it with torch.onnx.export.';
const SAVE_KERAS = 'Load it in Keras and save it as one file: model.save("net.keras").';
const UNPACK = 'Unpack it and give the file inside.';
const AS_PICTURE = 'Save the picture as JPEG or PNG.';
const AGAIN = 'Download the file itself again, with its "raw" or "download" link.';

/**
 * One row a kind: [role, what, read, advice, remedy]. A format that this project learns to read changes
 * its row here.
 * @type {Record<string, [Detected['role'], string, boolean, string?, string?]>}
 */
export const KINDS = {
  // models
  onnx: ['model', 'an ONNX model', true],
  keras: ['model', 'a Keras model (.keras)', true],
  'keras-h5': ['model', 'a Keras model (HDF5)', true],
  'keras-weights': ['weights', 'Keras weights without their network (HDF5)', true,
    'Give the network beside it, the text that to_json() writes, or save the whole model with model.save().', 'config'],
  hdf5: ['model', 'an HDF5 file', true],
  'matlab-hdf5': ['other', 'a MATLAB file', false, 'Export the network to ONNX with exportONNXNetwork.'],
  'keras-json': ['model', 'a Keras network without weights (to_json)', false,
    'Give it together with its weights file, or save the whole model with model.save().', 'config'],
  tfjs: ['model', 'a TensorFlow.js model (model.json)', true],
  'tfjs-graph': ['model', 'a TensorFlow.js graph model (model.json)', true],
  tflite: ['model', 'a TensorFlow Lite model', true],
  'saved-model': ['model', 'a TensorFlow SavedModel (saved_model.pb)', false, TO_ONNX_TF],
  graphdef: ['model', 'a TensorFlow graph (.pb)', false, TO_ONNX_TF],
  checkpoint: ['weights', 'a TensorFlow checkpoint', false, SAVE_KERAS],
  pytorch: ['weights', 'a PyTorch file (.pt, .pth)', false, TO_ONNX_TORCH],
  torchscript: ['model', 'a TorchScript model (.pt)', false, TO_ONNX_TORCH],
  pickle: ['other', 'a Python pickle', false, 'If it is a PyTorch model, load it there and export it with torch.onnx.export.'],
  safetensors: ['weights', 'weights alone, without a network (safetensors)', false, TO_ONNX_TORCH],
  caffemodel: ['weights', 'a Caffe model (.caffemodel)', false, 'Convert it to ONNX, together with its .prototxt, with caffe2onnx.'],
  prototxt: ['model', 'a Caffe network (.prototxt)', false, 'Convert it to ONNX, together with its .caffemodel, with caffe2onnx.'],
  coreml: ['model', 'a Core ML model (.mlmodel)', false, 'Export the model it was made from to ONNX.'],
  ort: ['model', 'an ONNX Runtime model (.ort)', false, 'Give the .onnx file it was made from.'],
  'onnx-data': ['weights', 'weights that belong to an ONNX file', false, 'Give the .onnx file, with this one beside it.'],
  shard: ['weights', 'weights of a converted model', false, 'Give the folder, or all the model\'s files at once.'],
  'tfjs-weights': ['weights', 'weights of a TensorFlow.js model', false, 'They belong to a model.json: give both at once.'],
  gguf: ['weights', 'a GGUF file of a language model', false, 'It holds no network for pictures.'],
  numpy: ['other', 'a NumPy array (.npy)', false, 'Give the model itself, as ONNX or Keras.'],
  openvino: ['model', 'an OpenVINO network (.xml)', false, 'Give the ONNX file it was made from.'],
  darknet: ['model', 'a Darknet network (.cfg)', false, 'Convert it to ONNX, together with its .weights file.'],
  card: ['model', 'a model card of this project (model.json)', true],
  // archives
  'zip-keras': ['model', 'a ZIP archive with a Keras file inside', true],
  'zip-teachable-keras': ['model', 'a Teachable Machine export (Keras, ZIP)', true],
  'zip-teachable-tfjs': ['model', 'a Teachable Machine export (TensorFlow.js, ZIP)', true],
  'zip-teachable-tflite': ['model', 'a Teachable Machine export (TensorFlow Lite, ZIP)', true],
  'zip-tflite': ['model', 'a ZIP archive with a TensorFlow Lite model inside', true],
  'zip-tfjs': ['model', 'a ZIP archive with a TensorFlow.js model inside', true],
  'zip-saved-model': ['model', 'a ZIP archive with a TensorFlow SavedModel inside', false, `Unpack it. ${TO_ONNX_TF}`],
  'zip-onnx': ['model', 'a ZIP archive with an ONNX model inside', false, UNPACK],
  'zip-coreml': ['model', 'a ZIP archive with a Core ML package inside', false, 'Export the model it was made from to ONNX.'],
  'zip-pictures': ['other', 'a ZIP archive of pictures', false, 'Unpack it and give the pictures.'],
  npz: ['weights', 'NumPy arrays (.npz)', false, 'Give the model itself, as ONNX or Keras.'],
  office: ['other', 'an office document', false, 'Save its picture as JPEG or PNG.'],
  java: ['other', 'a Java or Android archive', false, 'It is neither a model nor a picture.'],
  zip: ['other', 'a ZIP archive without a known model inside', false, UNPACK],
  gzip: ['other', 'a gzip archive', false, UNPACK],
  tar: ['other', 'a tar archive', false, UNPACK],
  archive: ['other', 'a compressed archive', false, UNPACK],
  'folder-model': ['model', 'a folder with a model inside', true],
  folder: ['other', 'a folder without a known model inside', false, 'Give the model\'s file inside it.'],
  // pictures
  jpeg: ['picture', 'a JPEG picture', true],
  png: ['picture', 'a PNG picture', true],
  bmp: ['picture', 'a BMP picture', true],
  gif: ['picture', 'a GIF picture', true],
  webp: ['picture', 'a WebP picture', false, AS_PICTURE],
  heic: ['picture', 'a HEIC picture, as iPhones take them', false, AS_PICTURE],
  avif: ['picture', 'an AVIF picture', false, AS_PICTURE],
  jxl: ['picture', 'a JPEG XL picture', false, AS_PICTURE],
  jp2: ['picture', 'a JPEG 2000 picture', false, AS_PICTURE],
  tiff: ['picture', 'a TIFF picture or a camera\'s raw file', false, AS_PICTURE],
  psd: ['picture', 'a Photoshop document', false, AS_PICTURE],
  ico: ['picture', 'an icon file', false, AS_PICTURE],
  pnm: ['picture', 'a PNM picture', false, AS_PICTURE],
  dicom: ['picture', 'a DICOM picture', false, AS_PICTURE],
  svg: ['picture', 'an SVG drawing', false, 'Save it as PNG, in the size wanted.'],
  pdf: ['other', 'a PDF document', false, 'Save its page or its picture as JPEG or PNG.'],
  video: ['other', 'a video', false, 'Save one of its frames as JPEG or PNG.'],
  audio: ['other', 'a sound file', false, 'Models and pictures are read here, no sounds.'],
  // texts, and what comes in the place of a file
  lfs: ['other', 'a Git LFS pointer: a few lines that stand for the file', false,
    'Download the file itself, or fetch it with Git LFS where the repository was cloned.'],
  'annex-pointer': ['other', 'a git-annex pointer: a line that stands for the file', false, 'Fetch it with git-annex where the repository was cloned.'],
  html: ['other', 'a web page (HTML)', false, AGAIN],
  'server-error': ['other', 'a server\'s message that there is no such file', false, AGAIN],
  notebook: ['other', 'a Jupyter notebook', false, 'Run it and save its model with model.save() or torch.onnx.export.'],
  python: ['other', 'a Python program', false, 'Run it and save its model with model.save() or torch.onnx.export.'],
  labels: ['labels', 'a list of names (JSON)', true],
  json: ['other', 'a JSON file', false, 'Give the model itself, as ONNX or Keras.'],
  xml: ['other', 'an XML file', false, 'Give the model itself, as ONNX or Keras.'],
  text: ['labels', 'a text', true],
  empty: ['other', 'an empty file', false, 'It was not written, or not downloaded; get it again.'],
  blank: ['other', 'a file of zeros', false, 'Its download broke off; get it again.'],
  program: ['other', 'a program', false, 'Give a model or a picture.'],
  protobuf: ['other', 'a protocol buffer of an unknown kind', false, 'If it is a model, export it to ONNX.'],
  unknown: ['other', 'a file of an unknown kind', false, 'Models are read as ONNX or Keras files, pictures as JPEG, PNG, BMP or GIF.'],
};

/** What to type, for who reads it on a command line: in the place of the advice. */
const COMMANDS = {
  'saved-model': 'Convert it: python -m tf2onnx.convert --saved-model FOLDER --output net.onnx',
  'zip-saved-model': 'Unpack it, then: python -m tf2onnx.convert --saved-model FOLDER --output net.onnx',
  graphdef: 'Convert it: python -m tf2onnx.convert --graphdef FILE --output net.onnx --inputs X:0 --outputs Y:0',
  tflite: 'Convert it: python -m tf2onnx.convert --tflite FILE --output net.onnx',
  'zip-tflite': 'Unpack it, then: python -m tf2onnx.convert --tflite FILE --output net.onnx',
  tfjs: 'Convert it: tensorflowjs_converter --input_format=tfjs_layers_model --output_format=keras model.json net.h5',
  'zip-tfjs': 'Unpack it, then: tensorflowjs_converter --input_format=tfjs_layers_model --output_format=keras model.json net.h5',
  lfs: 'Run "git lfs pull" where it was cloned, or download the file itself.',
  'annex-pointer': 'Run "git annex get" where it was cloned, or download the file itself.',
};

/** @param {string} kind @returns {Detected} */
function detected(kind) {
  const [role, what, read, advice = '', remedy] = KINDS[kind];
  return { kind, role, what, read, advice, ...(remedy ? { remedy } : {}) };
}

/**
 * @param {Uint8Array} head  the file's first bytes: 64 KB, or all of it
 * @param {object} [options]
 * @param {number} [options.size]      of the whole file; default: head's
 * @param {Uint8Array} [options.tail]  its last bytes: 64 KB (for ZIP archives)
 * @param {string} [options.name]      its name, the last hint
 * @returns {Detected}
 */
export function detectBytes(head, { size = head.length, tail = head, name = '' } = {}) {
  if (size === 0) return detected('empty');
  return detected(binaryKind(head, size, tail, name) ?? textKind(head, size, name) ?? protobufKind(head, size) ??
    nameKind(name) ?? 'unknown');
}

/**
 * @param {string | Blob | Uint8Array} source  a path (Node), a File, or bytes
 * @param {string} [name]  where the source has none
 * @returns {Promise<Detected>}
 */
export async function detectSource(source, name) {
  if (typeof source === 'string') return detectPath(source, name);
  if (source instanceof Uint8Array) {
    return detectBytes(source.subarray(0, HEAD_BYTES), { size: source.length, tail: source.subarray(-TAIL_BYTES), name });
  }
  const part = async (start, end) => new Uint8Array(await source.slice(start, end).arrayBuffer());
  const { size } = source;
  return detectBytes(await part(0, HEAD_BYTES), { size, tail: await part(Math.max(size - TAIL_BYTES, 0), size),
    name: name ?? /** @type {File} */ (source).name });
}

async function detectPath(path, name = path.split(/[\\/]/).at(-1)) {
  const { open, stat } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
  let handle;
  try {
    const info = await stat(path); // before it is opened: a pipe would wait for its writer
    if (info.isDirectory()) return detected(await pathFolder(path));
    if (!info.isFile()) throw new ModelError('argument', `${name} is a device or a pipe: save what comes from it as a file, and give that.`);
    handle = await open(path, 'r');
    const { size } = info;
    const part = async (start, count) => {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(count), 0, count, start);
      return buffer.subarray(0, bytesRead);
    };
    const head = await part(0, Math.min(size, HEAD_BYTES));
    const count = Math.min(size, TAIL_BYTES);
    return detectBytes(head, { size, tail: await part(size - count, count), name });
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    const { whyNot } = await import('./leftovers.js');
    throw new ModelError('format', `${name || path || 'A file without a name'} cannot be read: ${
      cause.code === 'ENOENT' ? 'there is no such file' : whyNot(cause)}.${/^https?:/i.test(path) ? ' Download it first.' : ''}`, { cause });
  } finally {
    await handle?.close();
  }
}

async function pathFolder(path) {
  const { readdir } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
  const entries = await readdir(path);
  return folderKind(/\.mlpackage[\\/]?$/.test(path) ? [...entries, 'net.mlmodel'] : entries);
}

/**
 * The kind of a folder by what lies in it.
 * @param {string[]} names
 * @returns {string}  a key of KINDS
 */
export function folderKind(names) {
  if (names.includes('saved_model.pb')) return 'saved-model';
  if (names.some((name) => /\.mlmodel$/.test(name))) return 'coreml';
  if (names.includes('model.json') && names.some((name) => /\.onnx$/.test(name))) return 'card';
  if (names.includes('model.json') && names.some((name) => /\.bin$/.test(name))) return 'tfjs';
  if (names.filter((name) => /\.(h5|hdf5|keras|tflite)$/.test(name)).length === 1) return 'folder-model';
  return names.some((name) => /^checkpoint$|\.data-\d+-of-\d+$/.test(name)) ? 'checkpoint' : 'folder';
}

/**
 * Why a file is not what was wanted of it, and what to do: one sentence each, at most 300 characters
 * together. Commands to type are in it for the command line alone; the project's own options never are
 * (see remedies.js for those).
 * @param {Detected} found
 * @param {{name?: string, wanted?: 'model' | 'picture' | 'labels', place?: 'cli' | 'page' | 'api'}} [options]
 * @returns {string}
 */
export function refusal(found, { name = 'The file', wanted = 'model', place = 'page' } = {}) {
  const title = plainMessage(name).slice(-80);
  const other = found.read && found.role !== wanted;
  const nouns = { model: 'a model', picture: 'a picture', labels: 'a list of labels' };
  const not = found.role !== wanted && found.role !== 'weights' && found.kind !== 'folder' ? `, not ${nouns[wanted]}` : '';
  const advice = other && found.role !== 'weights' ? { model: 'Models are read as ONNX, Keras, TensorFlow.js or TensorFlow Lite files.',
    picture: 'Pictures are read as JPEG, PNG, BMP or GIF.', labels: 'Labels are read as text, JSON or CSV.' }[wanted]
    : (place === 'cli' && COMMANDS[found.kind]) || found.advice;
  return plainMessage(`${title} is ${found.what}${not}.${advice ? ` ${advice}` : ''}`);
}

/* ---- by magic numbers -------------------------------------------------------------------------- */

const latin = (bytes, at, length) => String.fromCharCode(...bytes.subarray(at, at + length));

/** [offset, bytes as text, kind] */
const MAGIC = [
  [4, 'TFL3', 'tflite'],
  [4, 'ORTM', 'ort'],
  [0, 'GGUF', 'gguf'],
  [0, '\x93NUMPY', 'numpy'],
  [0, '\xff\xd8\xff', 'jpeg'],
  [0, '\x89PNG\r\n\x1a\n', 'png'],
  [0, 'GIF8', 'gif'],
  [0, '8BPS', 'psd'],
  [0, 'II*\0', 'tiff'], [0, 'MM\0*', 'tiff'], [0, 'II+\0', 'tiff'], [0, 'MM\0+', 'tiff'],
  [0, '\0\0\x01\0', 'ico'],
  [0, '\xff\x0a', 'jxl'], [4, 'JXL ', 'jxl'],
  [4, 'jP  ', 'jp2'], [0, '\xff\x4f\xff\x51', 'jp2'],
  [128, 'DICM', 'dicom'],
  [0, '%PDF-', 'pdf'],
  [0, '\x1f\x8b', 'gzip'],
  [257, 'ustar', 'tar'],
  [0, 'BZh', 'archive'], [0, '\xfd7zXZ\0', 'archive'], [0, '7z\xbc\xaf\x27\x1c', 'archive'],
  [0, 'Rar!', 'archive'], [0, '\x28\xb5\x2f\xfd', 'archive'],
  [0, '\x7fELF', 'program'], [0, '\0asm', 'program'], [0, '\xcf\xfa\xed\xfe', 'program'],
  [0, 'OggS', 'audio'], [0, 'ID3', 'audio'], [0, 'fLaC', 'audio'],
  [0, '\x1a\x45\xdf\xa3', 'video'],
  [0, 'MATLAB 5.0 MAT-file', 'matlab-hdf5'],
];

function binaryKind(head, size, tail, name) {
  const found = MAGIC.find(([at, mark]) => latin(head, at, mark.length) === mark);
  if (found) return found[2];
  if (latin(head, 0, 2) === 'BM' && size >= 26 && head[6] === 0 && head[7] === 0) return 'bmp';
  if (latin(head, 0, 2) === 'MZ' && head.length > 64) return 'program';
  if (latin(head, 0, 4) === 'RIFF') return { WEBP: 'webp', 'AVI ': 'video' }[latin(head, 8, 4)] ?? 'audio';
  if (latin(head, 4, 4) === 'ftyp') return boxKind(head);
  if (/^P[1-7]\s/.test(latin(head, 0, 3))) return 'pnm';
  if (['PK\x03\x04', 'PK\x05\x06'].includes(latin(head, 0, 4))) return zipKind(zipNames(head, tail, size), name);
  // HDF5 may stand behind a user's block of 512 bytes or a multiple.
  const at = [0, 512, 1024, 2048].find((offset) => latin(head, offset, 8) === '\x89HDF\r\n\x1a\n');
  if (at !== undefined) return hdf5Kind(head, at);
  if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) {
    // PyTorch before 1.6: a pickled magic number comes first.
    return latin(head, 2, 12).includes('l\xfc\x9cF\xf9 j\xa8P\x19') ? 'pytorch' : 'pickle';
  }
  if (size > 8 && head.length > 9 && head[8] === 0x7b && head[9] === 0x22 && head[6] === 0 && head[7] === 0) return 'safetensors';
  if (size >= 16 && head.length >= 16 && head.every((byte) => byte === 0)) return 'blank';
  return undefined;
}

/** The brands of a file made of boxes (ISO base media): pictures and videos. */
function boxKind(head) {
  const length = Math.min(new DataView(head.buffer, head.byteOffset).getUint32(0), 256);
  const brands = latin(head, 8, Math.max(length - 8, 4));
  if (/avif|avis/.test(brands)) return 'avif';
  return /hei[cxms]|hev[cxm]|mif1|msf1/.test(brands) ? 'heic' : /^crx /.test(brands) ? 'tiff' : 'video';
}

const attributeThere = (head, name) => latinText(head).includes(name);
const latinText = (bytes) => {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += latin(bytes, at, 8192);
  return text;
};

/** Keras's attributes of the root stand in the first kilobytes; where not, opening the file will tell. */
function hdf5Kind(head, at) {
  if (at > 0 && latin(head, 0, 6) === 'MATLAB') return 'matlab-hdf5';
  if (attributeThere(head, 'model_config')) return 'keras-h5';
  return attributeThere(head, 'layer_names') && !attributeThere(head, 'model_weights') ? 'keras-weights' : 'hdf5';
}

/* ---- ZIP ---------------------------------------------------------------------------------------- */

/** Names of the entries, from the directory at the end, else from the headers at the beginning. */
export function zipNames(head, tail, size) {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let at = tail.length - 22; at >= 0; at -= 1) {
    if (view.getUint32(at, true) !== 0x06054b50) continue;
    const start = view.getUint32(at + 16, true) - (size - tail.length);
    const names = start >= 0 ? entryNames(tail, start, 0x02014b50, 46, [28, 30, 32]) : [];
    if (names.length) return names;
    break;
  }
  return entryNames(head, 0, 0x04034b50, 30, [26, 28]);
}

function entryNames(bytes, start, mark, fixed, lengths) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const names = [];
  let at = start;
  while (at + fixed <= bytes.length && view.getUint32(at, true) === mark && names.length < 10000) {
    const [nameLength, ...more] = lengths.map((place) => view.getUint16(at + place, true));
    names.push(new TextDecoder().decode(bytes.subarray(at + fixed, at + fixed + nameLength)).replaceAll('\\', '/'));
    at += fixed + nameLength + more.reduce((sum, length) => sum + length, 0) +
      (mark === 0x04034b50 ? view.getUint32(at + 18, true) : 0);
  }
  return names;
}

/** The kind of an archive by what is inside. @param {string[]} entries */
function zipKind(entries, name) {
  const names = entries.filter((entry) => !/(^|\/)(__MACOSX\/|\.DS_Store|\._)/.test(entry) && !entry.endsWith('/'));
  const has = (pattern) => names.some((entry) => pattern.test(entry));
  // One that is cut off lists nothing, but its first entries are Keras's.
  if (has(/^config\.json$/) && (has(/^model\.weights\.h5$/) || has(/^metadata\.json$/))) return 'keras';
  if (has(/(^|\/)data\.pkl$/)) return has(/(^|\/)code\//) || has(/(^|\/)constants\.pkl$/) ? 'torchscript' : 'pytorch';
  if (has(/^\[Content_Types\]\.xml$/) || has(/^(mimetype|content\.xml)$/)) return 'office';
  if (has(/^META-INF\/MANIFEST\.MF$|AndroidManifest\.xml$/)) return 'java';
  if (has(/com\.apple\.CoreML\/|\.mlmodel$|\.mlpackage\//)) return 'zip-coreml';
  const labels = has(/(^|\/)labels\.txt$/);
  if (has(/(^|\/)keras_model\.h5$/)) return 'zip-teachable-keras';
  if (has(/(^|\/)model\.json$/) && has(/(^|\/)metadata\.json$/) && has(/\.bin$/)) return 'zip-teachable-tfjs';
  if (has(/(^|\/)model(_unquant|_edgetpu)?\.tflite$/) && labels) return 'zip-teachable-tflite';
  if (has(/\.tflite$/)) return 'zip-tflite';
  if (has(/saved_model\.pb(txt)?$/)) return 'zip-saved-model';
  if (has(/\.onnx$/)) return 'zip-onnx';
  if (has(/(^|\/)model\.json$/) && has(/\.bin$/)) return 'zip-tfjs';
  if (has(/\.(h5|hdf5|keras)$/)) return 'zip-keras';
  if (names.length && names.every((entry) => /\.npy$/.test(entry))) return 'npz';
  if (has(/\.(jpe?g|png|bmp|gif|webp|heic)$/i)) return 'zip-pictures';
  // The directory is out of reach: the name is all there is.
  return names.length ? 'zip' : { keras: 'keras', npz: 'npz', pt: 'pytorch', pth: 'pytorch' }[ending(name)] ?? 'zip';
}

const ending = (name) => /\.([A-Za-z0-9]+)$/.exec(name)?.[1].toLowerCase() ?? '';

/* ---- texts --------------------------------------------------------------------------------------- */

/** The beginning as text; undefined where it is none. */
function textOf(head, size) {
  const wide = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  if (wide) return new TextDecoder(head[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(head);
  const cut = head.length < size ? head.subarray(0, head.length - 4) : head;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(cut, { stream: head.length < size });
    // eslint-disable-next-line no-control-regex
    return /[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text) ? undefined : text;
  } catch {
    // Old Windows and Mac files: letters beyond ASCII, but nothing that texts do not hold.
    return head.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13)) ? latinText(head) : undefined;
  }
}

function textKind(head, size, name) {
  const text = textOf(head, size);
  if (text === undefined) return undefined;
  const start = text.replace(/^\uFEFF/, '').trimStart();
  if (start === '') return 'empty';
  if (start.startsWith('version https://git-lfs.github.com/spec/')) return 'lfs';
  if (/^\/?(\.\.\/)*(\.git\/)?annex\/objects\//.test(start)) return 'annex-pointer';
  if (/^(<!--[\s\S]*?-->\s*)?<(!doctype html|html|head|body|script)\b/i.test(start)) return 'html';
  if (/^<\?xml|^<!doctype|^<[a-z][\w:-]*[\s>]/i.test(start)) {
    if (/<svg[\s>]/i.test(start)) return 'svg';
    return /^(<\?xml[^>]*>\s*)?<net\s+name=/.test(start) ? 'openvino' : /<html[\s>]/i.test(start) ? 'html' : 'xml';
  }
  if (size < 400 && /^("?(error|404|not found|entry not found|access denied|forbidden|invalid username)|\{"?(error|message)"?:)/i.test(start)) {
    return 'server-error';
  }
  if (/^(\{|\[\s*["{[\d\]-])/.test(start)) return jsonKind(start);
  if (/^\s*(name:\s*"|layers?\s*\{|input:\s*")/m.test(start) && /layers?\s*\{/.test(start)) return 'prototxt';
  if (/^\[net(work)?\]/m.test(start) && /^\[convolutional\]/m.test(start)) return 'darknet';
  if (ending(name) === 'py' || /^(import|from) [\w.]+( import| as|$)/m.test(start.slice(0, 2000))) return 'python';
  return 'text';
}

function jsonKind(text) {
  const has = (key) => new RegExp(`"${key}"\\s*:`).test(text);
  if (has('nbformat') || (has('cells') && has('cell_type'))) return 'notebook';
  if (has('modelTopology') || has('weightsManifest')) {
    return /"format"\s*:\s*"graph-model"/.test(text) || /"node"\s*:\s*\[/.test(text) ? 'tfjs-graph' : 'tfjs';
  }
  if (has('class_name') && has('config') && /"class_name"\s*:\s*"(Sequential|Functional|Model)"/.test(text)) return 'keras-json';
  if (has('sha256') && has('input') && (has('file') || has('download'))) return 'card';
  const named = has('id2label') || has('labels') || has('class_names') || /^\[\s*("|\])/.test(text) ||
    /^\{\s*"\d+"\s*:\s*("|\[\s*")/.test(text) || /^\{\s*"[^"]*"\s*:\s*"?\d+"?\s*[,}]/.test(text);
  return named ? 'labels' : 'json';
}

/* ---- protocol buffers ------------------------------------------------------------------------------ */

const printable = (bytes) => bytes.length > 0 && bytes.every((byte) => byte >= 32 && byte < 127);

/** ONNX, SavedModel, GraphDef, Core ML and Caffe: by the first fields of their outermost message. */
function protobufKind(head, size) {
  const fields = [];
  for (const part of readFields(head)) {
    fields.push(part);
    if (fields.length > 40 || part.end > head.length) break;
  }
  const [first, second] = fields;
  if (!first || (first.end > size)) return undefined;
  const find = (field, wire) => fields.find((part) => part.field === field && part.wire === wire);
  if (first.field === 1 && first.wire === 0) {
    if (fields.some(({ field }) => field >= 200) || (second?.field === 2 && second.wire === 2 && second.value[0] === 0x0a &&
        first.value < 20 && second.end < size)) return coreOrTensorFlow(first, second, fields, size);
    if (first.value === 1 && second?.field === 2 && second.wire === 2 && second.value[0] === 0x0a) return 'saved-model';
    const isOnnx = first.value > 0 && first.value < 100 && (find(7, 2) || (find(2, 2) && printable(find(2, 2).value)) || find(8, 2));
    return isOnnx ? 'onnx' : undefined;
  }
  if (first.wire !== 2) return undefined;
  if (first.field === 7 || first.field === 8) return find(8, 2) || find(7, 2) ? 'onnx' : undefined;
  if (first.field !== 1) return undefined;
  // GraphDef: nodes, each with a name and an operator; Caffe: the network's name, then its layers.
  const inner = [...readFields(first.value)];
  const node = inner[0]?.field === 1 && inner[0].wire === 2 && printable(inner[0].value) &&
    inner[1]?.field === 2 && inner[1].wire === 2 && printable(inner[1].value);
  if (node) return 'graphdef';
  return printable(first.value) && (find(2, 2) || find(100, 2)) ? 'caffemodel' : undefined;
}

function coreOrTensorFlow(first, second, fields, size) {
  if (fields.some(({ field }) => field >= 200)) return 'coreml';
  return first.value === 1 && second.end > size / 2 ? 'saved-model' : 'coreml';
}

/* ---- names ----------------------------------------------------------------------------------------- */

const BY_ENDING = {
  pb: 'protobuf', weights: 'darknet', pt: 'pytorch', pth: 'pytorch', pkl: 'pickle', caffemodel: 'caffemodel', mlmodel: 'coreml',
  index: 'checkpoint', ckpt: 'checkpoint', mp3: 'audio', mp4: 'video', mov: 'video',
};

/** Weights without a mark of their own: their names' patterns. */
const BY_PATTERN = [
  [/\.data-\d+-of-\d+$/, 'checkpoint'],
  [/\.onnx[._]data(_\d+)?$|\.onnx\.weights$/, 'onnx-data'],
  [/-weights-\d{3}\.bin$/, 'shard'],
  [/(^|[\\/])(group\d+-shard\d+of\d+|weights)(\.bin)?$/, 'tfjs-weights'],
];

const nameKind = (name) => BY_PATTERN.find(([pattern]) => pattern.test(name))?.[1] ??
  (Object.hasOwn(BY_ENDING, ending(name)) ? BY_ENDING[ending(name)] : undefined);
