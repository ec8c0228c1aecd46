/**
 * Files from anywhere, as pieces that come one after the other. Runs in the worker; paths are Node's
 * own business (worker/host-node.js).
 *
 * What names a file: an address, a path, a Blob or bytes.
 * @typedef {string | Blob | Uint8Array | {name: string, bytes: Uint8Array | Blob} | Opened} FileSpec
 *
 * One whose beginning has been looked at: it can be read once.
 * @typedef {{name: string, opened: OpenFile}} Opened
 *
 * @typedef {object} Progress
 * @property {string} file           that is being fetched, or the method whose steps are counted
 * @property {number} loaded         bytes, or steps
 * @property {number | null} total   null where the server does not tell
 * @property {number | null} [secondsLeft]  of steps: an estimate; null in the first second
 * @property {any} [early]           of steps, where explain() has the option `early`: the Explanation so far
 *
 * @typedef {object} OpenFile
 * @property {string} name
 * @property {number | null} size    bytes, where known beforehand
 * @property {boolean} [hint]        the size is a server's word: with a content encoding, which it may hide from
 *   another origin, it counts other bytes
 * @property {AsyncIterable<Uint8Array> | Iterable<Uint8Array>} chunks
 * @property {true} [stored]              it was kept from an earlier time (cache.js)
 * @property {boolean} [checked]          its pieces fail where they are not what was kept: no digest is needed
 * @property {() => Promise<any>} [keep]  once read and found right: keeps it; gives why not, or null
 * @property {() => Promise<any>} [drop]  it is not right: nothing of it stays
 */
import { cancelled, checkSignal, GradCamError } from '../base/errors.js';

const PIECE = 1 << 20;

/** Of a file that is read whole: a device, a pipe or a server may never end. */
const MOST = 2 ** 30;
/** Of JSON and lists of names. */
export const MOST_JSON = 2 ** 26;

/** A bare word, as opposed to a path or an address. mobilenet_0.75 is one, net.pb is not. */
export const isModelName = (text) => /^[\w][\w.-]*$/.test(text) && !/\.[a-z]\w*$/i.test(text);

/** The last part of a path or address. */
export function baseName(path) {
  const clean = path.replace(/[?#].*$/, '');
  return clean.slice(Math.max(clean.lastIndexOf('/'), clean.lastIndexOf('\\')) + 1) || path;
}

/**
 * @param {string} url absolute
 * @param {AbortSignal} [signal]
 * @returns {Promise<OpenFile>}
 */
export async function openUrl(url, signal) {
  const name = url.startsWith('data:') ? 'data:' : baseName(url);
  const failed = (cause) => {
    if (signal?.aborted) return cancelled(cause);
    return new GradCamError('network', `${name} could not be fetched from ${url.slice(0, 200)}: ` +
      `${cause?.cause?.message ?? cause?.message ?? cause}.`, { cause });
  };
  const response = await fetch(url, { signal }).catch((cause) => {
    throw failed(cause);
  });
  if (!response.ok) throw failed(`the server answered ${response.status}`);
  // With a content encoding, Content-Length counts the compressed bytes.
  const length = response.headers.get('content-encoding') ? null
    : response.headers.get('content-length');
  return {
    name,
    size: Number(length) || null,
    hint: true,
    chunks: responseChunks(response, failed),
  };
}

/** The pieces of an answer; `failed` makes an error of what stops it. */
export async function* responseChunks(response, failed) {
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw failed(cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** @param {Blob} blob @param {string} [name] @returns {OpenFile} */
export function openBlob(blob, name = /** @type {File} */ (blob).name ?? 'the file') {
  return {
    name,
    size: blob.size,
    chunks: (async function* () {
      for (let at = 0; at < blob.size; at += PIECE) {
        try {
          yield new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer());
        } catch (cause) {
          throw new GradCamError('file', `${name} cannot be read; choose it again.`, { cause });
        }
      }
    })(),
  };
}

/** @param {Uint8Array} bytes @returns {OpenFile} */
export function openBytes(bytes, name = 'the file') {
  return { name, size: bytes.byteLength, chunks: [bytes] };
}

/** What came as it is, not as an address. @param {Exclude<FileSpec, string>} spec @returns {OpenFile} */
export function openGiven(spec) {
  if ('opened' in spec) return spec.opened;
  if (spec instanceof Uint8Array) return openBytes(spec);
  if (spec instanceof Blob) return openBlob(spec);
  return spec.bytes instanceof Blob ? openBlob(spec.bytes, spec.name) : openBytes(spec.bytes, spec.name);
}

/**
 * Looks at a file's beginning.
 * @param {OpenFile} file
 * @param {number} count  bytes
 * @returns {Promise<{head: Uint8Array, file: OpenFile}>}  file: as it was, from its beginning on
 */
export async function peek(file, count) {
  const rest = file.chunks[Symbol.asyncIterator]?.() ?? file.chunks[Symbol.iterator]();
  const pieces = [];
  let size = 0;
  while (size < count) {
    const { done, value } = await rest.next();
    if (done) break;
    pieces.push(value);
    size += value.byteLength;
  }
  const chunks = (async function* () {
    yield* pieces;
    for (;;) {
      const { done, value } = await rest.next();
      if (done) return;
      yield value;
    }
  })();
  const begin = { ...file, size: size < count ? size : file.size, chunks: pieces };
  return { head: (await readAll(begin)).subarray(0, count), file: size < count ? { ...file, size, hint: false, chunks } : { ...file, chunks } };
}

/**
 * The whole file in memory.
 * @param {OpenFile} file
 * @param {AbortSignal} [signal]
 * @param {(loaded: number) => void} [onBytes]
 * @param {number} [most]
 * @returns {Promise<Uint8Array>}
 */
export async function readAll(file, signal, onBytes, most = MOST) {
  const pieces = [];
  let size = 0;
  for await (const piece of file.chunks) {
    checkSignal(signal);
    pieces.push(piece);
    size += piece.byteLength;
    if (size > most) throw new GradCamError('file', `${file.name.slice(-80)} has more than ${most / 2 ** 20} MB: it is too large to be read here, or never ends.`);
    onBytes?.(size);
  }
  if (pieces.length === 1) return pieces[0];
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/** @param {OpenFile} file @param {AbortSignal} [signal] */
export async function readJson(file, signal) {
  const text = new TextDecoder().decode(await readAll(file, signal, undefined, MOST_JSON));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new GradCamError('file', `${file.name} is not JSON: ${cause.message}`, { cause });
  }
}
