/**
 * Reading HDF5 files, in Node and in browsers, through h5wasm (loaded only when a file is opened).
 *
 * Node paths are read from disk piece by piece; in a browser's worker a File is read piece by piece
 * too; elsewhere the file's bytes are copied into h5wasm's memory. Data sets come back as
 * Float32Array, whole or by ranges, so that no more than one range is ever held.
 */
import { ModelError } from '../errors.js';
import { loadPackage } from '../packages.js';

const inNode = typeof process !== 'undefined' && Boolean(process.versions?.node);
const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

let fileNumber = 0;

/** h5wasm's two builds: one that sees Node's file system, one with a file system in memory. */
async function loadH5wasm(onDisk, packagesUrl) {
  const module = await loadPackage(onDisk ? 'h5wasm/node' : 'h5wasm', packagesUrl);
  const library = module.default;
  const wasm = await library.ready;
  // Errors as exceptions; the default prints a page of C positions to the console.
  wasm.activate_throwing_error_handler?.();
  return { library, fs: wasm.FS };
}

/**
 * @typedef {object} Dataset
 * @property {number[]} shape
 * @property {(ranges?: number[][]) => Float32Array} read  ranges: [start, end] per axis
 */

export class Hdf5File {
  constructor(file, name, close) {
    this.file = file;
    this.name = name;
    this.close = close;
  }

  /** Names of what a group holds; empty when there is no such group. */
  children(path) {
    const group = path === '' ? this.file : this.file.get(path);
    return typeof group?.keys === 'function' ? group.keys() : [];
  }

  /** An attribute's value: a string, a number, or an array; undefined when there is none. */
  attribute(path, name) {
    const owner = path === '' ? this.file : this.file.get(path);
    return owner?.attrs?.[name]?.value ?? undefined;
  }

  /** Shape of a data set, undefined when there is none. */
  shape(path) {
    const { shape } = this.file.get(path) ?? {};
    return Array.isArray(shape) ? shape : undefined;
  }

  /** @returns {Dataset | undefined} */
  dataset(path) {
    const found = this.file.get(path);
    if (typeof found?.slice !== 'function' || !Array.isArray(found.shape)) return undefined;
    const where = `${this.name}, data set "${path}"`;
    // h5wasm knows no 16-bit floats; Keras stores float32 even under mixed precision.
    if (found.metadata.type !== 1 || ![4, 8].includes(found.metadata.size)) {
      throw new ModelError('unsupported', `${where}: weights must be 32 or 64-bit floats, found ` +
        `${found.metadata.size * 8} bits of type ${found.metadata.type}. Save the model in float32.`);
    }
    return {
      shape: found.shape,
      read: (ranges) => {
        try {
          const values = found.slice(ranges ?? found.shape.map(() => []));
          return values instanceof Float32Array ? values : Float32Array.from(values);
        } catch (cause) {
          throw new ModelError('format', `${where} cannot be read: the file is damaged or ` +
            'truncated. Download or save it again.', { cause });
        }
      },
    };
  }
}

/**
 * What can be said of a file from its first bytes: a clear message beats the library's.
 * The superblock holds the length the file should have (HDF5 File Format Specification, III.A).
 */
function checkHead(head, size, name) {
  if (!SIGNATURE.every((byte, i) => head[i] === byte)) {
    throw new ModelError('format', `${name} is not an HDF5 file: its first bytes are not HDF5's. ` +
      'Give a Keras .h5, .hdf5 or .keras file.');
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const version = head[8];
  const at = { 0: [13, 40], 1: [13, 44], 2: [9, 28], 3: [9, 28] }[version];
  if (!at || head[at[0]] !== 8 || head.length < at[1] + 8) return;
  const expected = Number(view.getBigUint64(at[1], true));
  if (expected > size) {
    throw new ModelError('format', `${name} is truncated: it should hold ${expected} bytes but ` +
      `has ${size}. Download it again.`);
  }
}

/**
 * @param {string | Blob | Uint8Array} source  a path (Node), a File or Blob, or bytes
 * @param {{name?: string, packagesUrl?: string}} [options]
 * @returns {Promise<Hdf5File>}
 */
export async function openHdf5(source, { name, packagesUrl } = {}) {
  if (typeof source === 'string') return openPath(source, name ?? source);
  const title = name ?? source.name ?? 'the file';
  const isBlob = typeof Blob !== 'undefined' && source instanceof Blob;
  if (!isBlob && !(source instanceof Uint8Array)) {
    throw new ModelError('argument', 'A Keras file is given as a path (Node), a File or Blob, or ' +
      'a Uint8Array.');
  }
  const head = isBlob ? new Uint8Array(await source.slice(0, 64).arrayBuffer())
    : source.subarray(0, 64);
  checkHead(head, isBlob ? source.size : source.length, title);
  const { library, fs } = await loadH5wasm(false, packagesUrl);
  const id = `gradcam-${fileNumber++}`;
  let path;
  let release;
  const canMount = isBlob && fs.filesystems?.WORKERFS && typeof FileReaderSync !== 'undefined';
  if (canMount) {
    fs.mkdir(`/${id}`);
    fs.mount(fs.filesystems.WORKERFS, { blobs: [{ name: 'file', data: source }] }, `/${id}`);
    path = `/${id}/file`;
    release = () => {
      fs.unmount(`/${id}`);
      fs.rmdir(`/${id}`);
    };
  } else {
    path = `/${id}`;
    fs.writeFile(path, isBlob ? new Uint8Array(await source.arrayBuffer()) : source);
    release = () => fs.unlink(path);
  }
  return openWith(library, path, title, release);
}

async function openPath(path, name) {
  if (!inNode) {
    throw new ModelError('argument', 'A path can be opened in Node only; in a browser give a File.');
  }
  const { open } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
  const head = new Uint8Array(64);
  let size;
  try {
    const handle = await open(path, 'r');
    try {
      ({ size } = await handle.stat());
      await handle.read(head, 0, head.length, 0);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new ModelError('format', `${name} cannot be read: ${cause.message}.`, { cause });
  }
  checkHead(head, size, name);
  const { library } = await loadH5wasm(true);
  return openWith(library, path, name, () => {});
}

function openWith(library, path, name, release) {
  let file;
  try {
    file = new library.File(path, 'r');
  } catch (cause) {
    release();
    throw new ModelError('format', `${name} cannot be opened as HDF5: it is damaged or truncated. ` +
      'Download or save it again.', { cause });
  }
  return new Hdf5File(file, name, () => {
    file.close();
    release();
  });
}
