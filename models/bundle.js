/**
 * Several files that are one model: a ZIP archive, a folder (Node), or a file and what lies beside it.
 *
 * Archives are untrusted: a member is unpacked into memory when it is asked for, in small steps, at most as large as the
 * archive says it is; one that announces or turns out to be a bomb is refused. Nothing is ever written.
 *
 * @typedef {object} Bundle
 * @property {string} name       for messages
 * @property {string[]} names    of the files in it; empty where that cannot be known
 * @property {(name: string) => Promise<Uint8Array | undefined>} read  undefined: there is no such file
 */
import { ModelError } from './errors.js';
import { whyNot } from './leftovers.js';
import { loadPackage } from './packages.js';
import { packedBytes, zipMembers } from './zip.js';

/** Of an archive, and of all that is unpacked from it. */
const LARGEST = 2 ** 30;
/** Deflate cannot do better than 1032; weights and JSON stay far below this. */
const STEEPEST = 200;
/** What is smaller does no harm, however well it packs. */
const HARMLESS = 16 * 2 ** 20;

/** So many bytes out of so few are a bomb. */
const isBomb = (unpacked, packed) => unpacked > HARMLESS && unpacked > STEEPEST * packed;
const megabytes = (bytes) => `${Math.round(bytes / 2 ** 20)} MB`;

/** Of the packed bytes of a member that are inflated at a time: each can become a thousand. */
export const STEP = 1 << 14;

/**
 * What is wrong with a member of an archive, as its bytes come out; null: nothing.
 * @param {string} member
 * @param {number} unpacked   bytes so far, or those that it announces
 * @param {number} packed     of which they came
 * @param {{announced?: number, most?: number}} limits
 */
export function whyTooMuch(member, unpacked, packed, { announced = Infinity, most = LARGEST } = {}) {
  if (unpacked > announced) return `${member.slice(-60)} has more than the ${announced} bytes that the archive announces`;
  if (unpacked > most || isBomb(unpacked, packed)) return `${member.slice(-60)} unpacks to more than ${megabytes(unpacked)} out of ${packed} bytes`;
  return null;
}

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
 * An archive, whose members are inflated one at a time, in small steps: one that has more than it announces, or far more
 * than it is worth, is given up where that shows.
 * @param {string | Blob | Uint8Array} source
 * @param {string} name
 * @param {string} [packagesUrl]
 * @returns {Promise<Bundle>}
 */
export async function openZip(source, name, packagesUrl) {
  const { Inflate } = await loadPackage('fflate', packagesUrl);
  const bytes = await readBytes(source, name);
  const broken = (why, cause) => new ModelError('format', `${name.slice(-80)} is damaged or cut off: ${why.slice(0, 160)}. Download it again.`, { cause });
  const members = zipMembers(bytes);
  if (members === null) throw broken('its list of files is not at its end');
  const entries = new Map(members.filter((member) => !isNoise(member.name)).map((member) => [member.name, member]));
  let unpacked = 0;
  return {
    name,
    names: [...entries.keys()],
    async read(wanted) {
      const found = entries.get(wanted);
      if (!found) return undefined;
      const packed = packedBytes(bytes, found);
      if (packed === null) throw broken(`${wanted.slice(-60)} does not lie where the archive says`);
      unpacked += found.size;
      const wrong = whyTooMuch(wanted, found.size, packed.length, { most: LARGEST - (unpacked - found.size) });
      if (wrong) throw new ModelError('format', `${name.slice(-80)}: ${wrong}, too much to be read here.`);
      if (found.method !== 0 && found.method !== 8) throw broken(`${wanted.slice(-60)} is packed in a way that is not read (${found.method})`);
      if (found.method === 0) {
        if (packed.length !== found.size) throw broken(`${wanted.slice(-60)} is incomplete`);
        return packed.slice();
      }
      return inflateMember(Inflate, wanted, packed, found.size, broken);
    },
  };
}

/** The room is asked for as announced, which has been looked at, and filled as the bytes come. */
function inflateMember(Inflate, member, packed, size, broken) {
  const out = new Uint8Array(size);
  let at = 0;
  const inflate = new Inflate((piece) => {
    const wrong = whyTooMuch(member, at + piece.length, packed.length, { announced: size });
    if (wrong) throw broken(wrong);
    out.set(piece, at);
    at += piece.length;
  });
  try {
    for (let start = 0; start === 0 || start < packed.length; start += STEP) {
      inflate.push(packed.subarray(start, start + STEP), start + STEP >= packed.length);
    }
  } catch (cause) {
    throw cause instanceof ModelError ? cause : broken(`${member.slice(-60)}: ${cause.message}`, cause);
  }
  if (at !== size) throw broken(`${member.slice(-60)} is incomplete`);
  return out;
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
