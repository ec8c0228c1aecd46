/**
 * Several files that are one model: a ZIP archive, a folder (Node), or a file and what lies beside it.
 *
 * Archives are untrusted: an entry is unpacked into memory when it is asked for, at most as large as the
 * archive says it is, and what would be a bomb is refused before. Nothing is ever written.
 *
 * @typedef {object} Bundle
 * @property {string} name       for messages
 * @property {string[]} names    of the files in it; empty where that cannot be known
 * @property {(name: string) => Promise<Uint8Array | undefined>} read  undefined: there is no such file
 */
import { ModelError } from './errors.js';
import { whyNot } from './leftovers.js';
import { loadPackage } from './packages.js';

/** Of an archive, and of all that is unpacked from it. */
const LARGEST = 2 ** 30;
/** Deflate cannot do better than 1032; weights and JSON stay far below this. */
const STEEPEST = 200;
/** What is smaller does no harm, however well it packs. */
const HARMLESS = 16 * 2 ** 20;

/** So many bytes out of so few are a bomb. */
export const isBomb = (unpacked, packed) => unpacked > HARMLESS && unpacked > STEEPEST * packed;
const MOST_ENTRIES = 10000;

const isNoise = (name) => /(^|\/)(__MACOSX\/|\.DS_Store$|\._)/.test(name) || name.endsWith('/');

/** Anything outside the bundle's own folder is not in it. */
export const isInside = (name) => !/^([\\/]|[a-z]+:)|(^|[\\/])\.\.([\\/]|$)/i.test(name);

/** All of a path (Node), Blob or byte array. */
export async function readBytes(source, name, limit = LARGEST) {
  let size = source.length;
  if (typeof source === 'string') {
    const { stat } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
    ({ size } = await stat(source));
  } else if (!(source instanceof Uint8Array)) ({ size } = source);
  if (size > limit) {
    throw new ModelError('unsupported', `${name.slice(-80)} has ${(size / 2 ** 20).toFixed(0)} MB; files of this kind are read up to ` +
      `${limit / 2 ** 20} MB.`);
  }
  if (source instanceof Uint8Array) return source;
  if (typeof source !== 'string') return new Uint8Array(await source.arrayBuffer());
  const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
  const bytes = await readFile(source);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * @param {string | Blob | Uint8Array} source
 * @param {string} name
 * @param {string} [packagesUrl]
 * @returns {Promise<Bundle>}
 */
export async function openZip(source, name, packagesUrl) {
  const { unzipSync } = await loadPackage('fflate', packagesUrl);
  const bytes = await readBytes(source, name);
  const broken = (cause) => new ModelError('format', `${name.slice(-80)} is damaged or cut off: ${
    cause.message.slice(0, 80)}. Download it again.`, { cause });
  /** @type {Map<string, {entry: string, packed: number, size: number}>} */
  const entries = new Map();
  try {
    unzipSync(bytes, { filter: ({ name: entry, size: packed, originalSize: size }) => {
      if (!isNoise(entry) && entries.size < MOST_ENTRIES) entries.set(entry.replaceAll('\\', '/'), { entry, packed, size });
      return false;
    } });
  } catch (cause) {
    throw broken(cause);
  }
  let unpacked = 0;
  return {
    name,
    names: [...entries.keys()],
    async read(wanted) {
      const found = entries.get(wanted);
      if (!found) return undefined;
      unpacked += found.size;
      if (unpacked > LARGEST || isBomb(found.size, Math.min(found.packed, bytes.length))) {
        throw new ModelError('format', `${name.slice(-80)}: unpacked, ${wanted.slice(-60)} would have ${
          (found.size / 2 ** 20).toFixed(0)} MB, too much for its ${found.packed} bytes or to be read here.`);
      }
      let part;
      try {
        part = unzipSync(bytes, { filter: (file) => file.name === found.entry })[found.entry];
      } catch (cause) {
        throw broken(cause);
      }
      if (part?.length !== found.size) throw broken(new Error(`${wanted.slice(-60)} is incomplete`));
      return part;
    },
  };
}

/** A folder's files, its folders left out. Node. @returns {Promise<Bundle>} */
export async function openFolder(path, name) {
  const { readdir } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
  const entries = await readdir(path, { withFileTypes: true });
  const { ownFiles } = await import('./own.js');
  return { name, names: await ownFiles(path, entries), read: besidePath(path) };
}

/** Reads files of a folder by their names. @param {string} folder @param {string} [base]  the file that names them */
const besidePath = (folder, base) => async (wanted) => {
  if (!isInside(wanted)) return undefined;
  const { join } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:path');
  const { whyNotOwn } = await import('./own.js');
  const path = join(folder, wanted);
  const other = await whyNotOwn(folder, path, base);
  if (other) throw new ModelError('format', `${wanted.slice(-80)} is ${other}: put the file itself there.`);
  try {
    return await readBytes(path, wanted);
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(cause.code)) return undefined;
    throw cause instanceof ModelError ? cause
      : new ModelError('format', `${wanted.slice(-80)} cannot be read: ${whyNot(cause)}.`, { cause });
  }
};

/**
 * One file, and what lies beside it: in its folder (Node), or where the caller looks.
 * @param {string | Blob | Uint8Array} source
 * @param {string} name
 * @param {(name: string) => Promise<Uint8Array | undefined>} [beside]
 * @returns {Promise<Bundle>}
 */
export async function openBeside(source, name, beside) {
  let look = beside;
  if (!look && typeof source === 'string') {
    const { dirname } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:path');
    look = besidePath(dirname(source), source);
  }
  return {
    name,
    names: [],
    read: async (wanted) => (wanted === name ? readBytes(source, name) : isInside(wanted) ? look?.(wanted) : undefined),
  };
}

/** A bundle seen from a folder inside of it. @returns {Bundle} */
export function within(bundle, folder) {
  if (folder === '') return bundle;
  return {
    name: bundle.name,
    names: bundle.names.filter((name) => name.startsWith(folder)).map((name) => name.slice(folder.length)),
    read: (name) => bundle.read(folder + name),
  };
}

/** A file's JSON. */
export function parseJson(bytes, name) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new ModelError('format', `${name.slice(-80)} is no whole JSON: ${cause.message.slice(0, 80)}. Download it again.`, { cause });
  }
}
