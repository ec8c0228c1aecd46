/**
 * What the worker needs from its host, in Node. host-browser.js is its twin and says what each
 * part is for. Here an address is a path, or a URL.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { modelFolders } from '../../models/folders.js';
import { whyNot } from '../../models/leftovers.js';
import { ownFiles, readFound, whyNotOwn } from '../../models/own.js';
import { GradCamError } from '../base/errors.js';
import { isModelName, openGiven, openUrl } from '../files/files.js';
import { besideUrl, browserHost, notCompiled } from './host-browser.js';
import { parseCard } from '../files/sources.js';

const isUrl = (address) => /^[a-z][a-z0-9+.-]+:/i.test(address) && !/^[a-z]:[\\/]/i.test(address);

async function openPath(path, name = basename(path)) {
  const info = await stat(path).catch((cause) => {
    throw new GradCamError('file', `${path}: ${cause.code === 'ENOENT' ? 'there is no such file' : whyNot(cause)}.`, { cause });
  });
  if (info.isDirectory()) throw new GradCamError('file', `${path} is a folder, not a file.`);
  const chunks = (async function* () {
    try {
      yield* createReadStream(path, { highWaterMark: 1 << 20 });
    } catch (cause) {
      throw new GradCamError('file', `${path} cannot be read: ${whyNot(cause)}.`, { cause });
    }
  })();
  return { name, size: info.isFile() ? info.size : null, chunks };
}

/** @type {import('./host-browser.js').Host} */
export const nodeHost = {
  processors: availableParallelism,

  prepare() {
    // Node 20 has relaxed SIMD behind a flag; later ones have it, and know the flag no more.
    if (process.versions.node.startsWith('20.')) {
      setFlagsFromString('--experimental-wasm-relaxed-simd');
    }
  },

  async compile(url, { signal, rewrite } = {}) {
    if (!url.startsWith('file:')) return browserHost.compile(url, { signal, rewrite });
    const path = fileURLToPath(url);
    const bytes = await readFile(path).catch((cause) => {
      throw new GradCamError('file', `The engine is not there: ${path}. In a checkout, build it: ` +
        'npm run build.', { cause });
    });
    try {
      return await WebAssembly.compile(rewrite ? rewrite(bytes) : bytes);
    } catch (cause) {
      throw notCompiled(`The engine (${path})`, cause);
    }
  },

  async open(spec, signal, keepAs) {
    if (typeof spec === 'string') {
      if (keepAs === 'etag' && /^https?:/.test(spec)) {
        const [{ openTagged }, { folderStore }] = await Promise.all([import('../files/tagged.js'), import('../files/tagged-node.js')]);
        return openTagged(spec, folderStore(spec), signal);
      }
      if (spec.startsWith('file:')) return openPath(fileURLToPath(spec));
      return isUrl(spec) ? openUrl(spec, signal) : openPath(spec);
    }
    return openGiven(spec);
  },

  local(spec) {
    if (typeof spec === 'string') {
      return spec.startsWith('file:') ? fileURLToPath(spec) : isUrl(spec) ? null : spec;
    }
    if (spec instanceof Uint8Array) return spec;
    if ('opened' in spec) return null;
    return spec instanceof Blob || spec.bytes instanceof Blob ? null : spec.bytes;
  },

  hub: process.env.HF_ENDPOINT || browserHost.hub, // a mirror, as the hub's own tools know it

  beside: (base, file) => (isUrl(base) ? besideUrl(base, file) : join(dirname(base), file)),

  async vouch(base, file) {
    const [from, path] = [base, file].map(nodeHost.local);
    const other = from === null || path === null ? null : await whyNotOwn(dirname(from), path, from);
    if (other) throw new GradCamError('file', `${path.slice(-120)} is ${other}: put the file itself there.`);
  },

  async list(folder) {
    const path = folder.startsWith('file:') ? fileURLToPath(folder) : folder;
    const entries = await readdir(path, { withFileTypes: true }).catch((cause) => {
      if (['ENOTDIR', 'ENOENT'].includes(cause.code)) return null;
      throw new GradCamError('file', `The folder ${path} cannot be read: ${whyNot(cause)}.`, { cause });
    });
    return entries && (await ownFiles(path, entries)).map((name) => join(path, name));
  },

  async findCard(model, options) {
    if (isUrl(model)) return browserHost.findCard(model, options);
    const at = async (path) => {
      const text = await readFound(path);
      if (text === null) return null;
      const card = parseCard(text, path);
      return card && { card, onnx: card.file && join(dirname(path), card.file) };
    };
    // What lies beside a model under a card's name may be anything.
    const beside = (path) => at(path).catch(() => null);
    if (isModelName(model)) {
      // A fetched model's card says more than the one shipped, which only tells where to fetch it.
      for (const folder of modelFolders().reverse()) {
        const found = await at(join(folder, model, 'model.json'));
        if (found) return found;
      }
    }
    if (/\.json$/i.test(model)) return at(model);
    const folder = await beside(join(model, 'model.json'));
    if (folder) return folder;
    // A card beside the file: net.json beside net.onnx, or a model.json that names it.
    const own = await beside(model.replace(/\.onnx$/i, '') + '.json');
    const shared = own ?? await beside(join(dirname(model), 'model.json'));
    return own || shared?.card.file === basename(model) ? { card: shared.card, onnx: model } : null;
  },

  download: null, // `gradcam fetch`, that is models/fetch.js, does it

  sha256() {
    const hash = createHash('sha256');
    return { update: (bytes) => hash.update(bytes), hex: () => hash.digest('hex') };
  },

  decode: async () => null,
};
