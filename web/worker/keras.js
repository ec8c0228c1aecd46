/**
 * Keras, TensorFlow.js and TensorFlow Lite files, turned into ONNX while they are loaded: the graph goes into
 * the engine first, then the weights, one after the other; nothing is written anywhere. Runs in the worker.
 *
 * The converter and, with it, the reader of the format are loaded when the first such file is.
 */
import { readAll, readJson } from '../files/files.js';
import { nameOf } from '../files/sources.js';

/** Weights go into the engine in pieces: each is copied into its memory first. */
const PIECE = 1 << 20;

/**
 * @param {import('../files/sources.js').ModelSource} source
 * @param {object} into
 * @param {(onnx: Uint8Array) => void} into.begin            takes the graph
 * @param {(offset: number, bytes: Uint8Array) => void} into.push  takes a part of the weights
 * @param {import('./host-browser.js').Host} host
 * @param {import('./protocol.js').LoadArgs} args
 * @param {{signal: AbortSignal, onProgress: (progress: any) => void}} context
 * @returns {Promise<any>} the card: name, input, labels, layer, ...
 */
export async function loadKeras(source, { begin, push }, host, args, { signal, onProgress }) {
  const { convert } = await import('../../models/convert.js');
  const config = args.config ?? source.config;
  const name = nameOf(source.onnx, 'the file');
  let position = 0;
  const out = {
    async put(file, bytes) {
      if (file.endsWith('.onnx')) begin(bytes);
      else if (file.endsWith('.bin')) {
        for (let at = 0; at < bytes.length; at += PIECE) {
          push(position + at, bytes.subarray(at, at + PIECE));
        }
        position += bytes.length;
      }
    },
    commit: async () => undefined,
    abort: async () => undefined,
  };
  const { card } = await convert({
    source: await readable(source.onnx, host, { signal, onProgress }),
    fileName: name,
    beside: async (file) => {
      try {
        const [{ spec, of, keepAs }] = source.weights(file);
        if (of !== undefined) await host.vouch(of, /** @type {string} */ (spec));
        return await readAll(await host.open(spec, signal, keepAs), signal, (loaded) => onProgress({ file, loaded, total: null }));
      } catch (error) {
        if (signal.aborted) throw error;
        return undefined; // the converter knows what it needs
      }
    },
    arch: args.arch ?? source.arch,
    weights: args.weights,
    config: config && await readConfig(config, host, signal),
    inputSize: args.inputSize,
    fakeQuantize: args.fakeQuantize,
    inputShape: Object.values(args.inputShape ?? {})[0],
    head: args.head,
    packagesUrl: args.packagesUrl,
    card: source.card,
    unsigned: true,
    out,
    onProgress,
    signal,
  });
  return card;
}

/** A network as to_json() writes it: an object, its text, or a file of that. */
async function readConfig(config, host, signal) {
  if (typeof config === 'string' && /^\s*\{/.test(config)) return JSON.parse(config);
  const isFile = typeof config === 'string' || config instanceof Uint8Array || config instanceof Blob || config.bytes !== undefined ||
    config.opened !== undefined;
  return isFile ? readJson(await host.open(config, signal), signal) : config;
}

/** What the converter can read piece by piece where there is such a thing, else all of it. */
async function readable(spec, host, { signal, onProgress }) {
  const local = host.local(spec);
  if (local) return local;
  const file = await host.open(spec, signal);
  return readAll(file, signal, (loaded) => onProgress({ file: file.name, loaded, total: file.size }));
}
