/**
 * What the worker needs from its host, that is, its environment, in a browser. host-node.js is its twin.
 *
 * @typedef {import('../files/sources.js').Finder & Environment} Host
 *
 * @typedef {object} Environment
 * @property {() => number} processors   how many threads could run at once
 * @property {() => void} prepare     called before WebAssembly features are looked for
 * @property {(url: string, options?: {signal?: AbortSignal, rewrite?: ((bytes: Uint8Array) => Uint8Array) | null}) =>
 *   Promise<WebAssembly.Module>} compile  rewrite: what is to be done to the file before
 * @property {(spec: import('./protocol.js').FileSpec) => string | Blob | Uint8Array | null} local
 *   the file in a form that models/ can read here and there; null: it must come by open()
 * @property {(folder: string) => Promise<string[] | null>} list  addresses of the files in a folder;
 *   null: it is none, or nobody can tell
 * @property {(size: number | null) => {update: (bytes: Uint8Array) => any, hex: () => string | Promise<string>}} sha256
 *   of a file of so many bytes, where that is known
 * @property {(bytes: Uint8Array) => Promise<import('./protocol.js').Pixels | null>} decode
 *   for formats that the engine does not read
 */
import { openKept } from '../files/cache.js';
import { sha256 } from '../files/digest.js';
import { GradCamError } from '../base/errors.js';
import { isModelName, MOST_JSON, openGiven, openUrl, readAll } from '../files/files.js';
import { pageInstead } from '../files/refuse.js';
import { parseCard } from '../files/sources.js';
import { readRows, whole } from '../paint/pieces.js';

/** @param {string} file  as a reader knows it @param {any} cause */
export function notCompiled(file, cause) {
  if (cause instanceof GradCamError || cause.name === 'AbortError') return cause;
  if (cause instanceof RangeError) {
    return new GradCamError('memory', `There is not enough memory to compile the engine (${cause.message}). ` +
      'Close other tabs or programs and try again.', { cause });
  }
  return new GradCamError('file', `${file} is damaged: ${cause.message}. Install the package anew.`, { cause });
}

/** Addresses have many spellings of "..": what comes out is looked at. */
export function besideUrl(base, file) {
  const [url, folder] = [file, '.'].map((part) => {
    try {
      return new URL(part, base).href;
    } catch {
      return null;
    }
  });
  if (folder === null) throw new GradCamError('file', `The file "${file.slice(-80)}" cannot be found beside a model without an address: give it too.`);
  if (!url?.startsWith(folder)) throw new GradCamError('file', `"${file.slice(-80)}" is not the name of a file beside the model.`);
  return url;
}

/** @returns {Host} */
export const browserHost = {
  processors: () => navigator.hardwareConcurrency || 1,

  prepare() {},

  async compile(url, { signal, rewrite } = {}) {
    const file = `The engine (${url})`;
    const response = await fetch(url, { signal }).catch((cause) => {
      throw new GradCamError('network', `${file} could not be fetched: ${cause.message}. ` +
        'Say where gradcam.wasm is with the option wasmUrl.', { cause });
    });
    if (!response.ok) {
      throw new GradCamError('network', `${file} is not there: the server answered ` +
        `${response.status}. Say where gradcam.wasm is with the option wasmUrl.`);
    }
    // Streaming wants the type application/wasm, which not every server gives.
    const type = response.headers.get('content-type') ?? 'no type';
    try {
      if (!rewrite && type.startsWith('application/wasm')) return await WebAssembly.compileStreaming(response);
      const bytes = new Uint8Array(await response.arrayBuffer());
      return await WebAssembly.compile(rewrite ? rewrite(bytes) : bytes);
    } catch (cause) {
      if (!(cause instanceof WebAssembly.CompileError)) throw notCompiled(file, cause);
      // Many servers of applications answer with their start page where they have nothing.
      throw new GradCamError('network', `${file} is not a WebAssembly file, the server sent ${type}: ` +
        `${cause.message}. Say where gradcam.wasm is with the option wasmUrl.`, { cause });
    }
  },

  async open(spec, signal, keepAs) {
    if (typeof spec === 'string') {
      if (keepAs === 'etag') {
        const { cacheStore, openTagged } = await import('../files/tagged.js');
        return openTagged(spec, await cacheStore(spec), signal);
      }
      return keepAs ? openKept(spec, keepAs, signal) : openUrl(spec, signal);
    }
    return openGiven(spec);
  },

  local(spec) {
    if (typeof spec === 'string' || 'opened' in spec) return null;
    return spec instanceof Uint8Array || spec instanceof Blob ? spec : spec.bytes;
  },

  list: async () => null,

  hub: 'https://huggingface.co',

  beside: besideUrl,

  vouch: async () => {},

  async findCard(model, { modelsUrl, signal }) {
    const named = isModelName(model);
    const isFolder = /^[^?#]*\/$/.test(model);
    if (!named && !isFolder && !/\.json([?#].*)?$/.test(model)) return null;
    const folder = modelsUrl ?? new URL('../../models/', import.meta.url).href;
    const address = named ? `${folder.replace(/\/*$/, '/')}${model}/model.json`
      : isFolder ? `${model}model.json` : model;
    try {
      const card = parseCard(await readAll(await openUrl(address, signal), signal, undefined, MOST_JSON), address);
      return card && { card, onnx: card.file && new URL(card.file, address).href };
    } catch (error) {
      if (!named || error.code === 'cancelled') throw error;
      const where = `Say where the models lie with the option modelsUrl${modelsUrl ? '' : ', or give the model as a file'}.`;
      if (error.code !== 'network') throw error.remedy === undefined && /HTML/.test(error.message) ? pageInstead(address, where) : error;
      throw new GradCamError('argument', `There is no model named "${model.slice(0, 60)}": ${error.reason.slice(0, 150).replace(/\.$/, '')}. ${where}`, { cause: error });
    }
  },

  download: async (published, options) => (await import('../files/download.js')).downloadPublished(published, options),

  sha256,

  async decode(bytes) {
    if (typeof createImageBitmap !== 'function' || typeof OffscreenCanvas !== 'function') return null;
    const bitmap = await createImageBitmap(new Blob([bytes])).catch(() => null);
    if (!bitmap) return null;
    const { width, height } = bitmap;
    try {
      return whole(readRows(bitmap, width, height, (columns, rows) => new OffscreenCanvas(columns, rows)));
    } finally {
      bitmap.close();
    }
  },
};
