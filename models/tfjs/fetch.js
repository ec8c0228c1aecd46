/**
 * Models that are published as TensorFlow.js, converted into a folder of this machine. Node only.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCard } from '../architectures.js';
import { isInside } from '../bundle.js';
import { convert } from '../convert.js';
import { ModelError } from '../errors.js';
import { folderSink } from '../sinks.js';

/** The card of a model that is published so; undefined: it is none. @param {string} name */
export async function tfjsCard(name) {
  if (!/^[\w.-]+$/.test(name) || !isInside(name)) return undefined;
  const card = await readCard(name).catch(() => undefined);
  return /\/model\.json$/.test(card?.download?.url ?? '') ? card : undefined;
}

/**
 * @param {any} published  its card
 * @param {import('../fetch.js').FetchOptions} options
 * @returns {Promise<{folder: string, card: object, cached: boolean}>}
 */
export async function fetchTfjs({ name, download, ...card }, { cacheDir, mirror, weights = 'f32', force = false, onProgress, signal }) {
  const folder = join(cacheDir, name);
  if (!force) {
    const there = await readFile(join(folder, 'model.json'), 'utf8').then(JSON.parse).catch(() => null);
    if (there?.weights === weights) return { folder, card: there, cached: true };
  }
  const read = async (file) => {
    if (mirror !== undefined && !/^https?:\/\//i.test(mirror)) return readFile(join(mirror, file)).catch(() => undefined);
    const address = new URL(file, mirror === undefined ? download.url : `${mirror.replace(/\/+$/, '')}/`).href;
    const failed = (why, cause) => new ModelError('network', `${address.slice(0, 160)} could not be downloaded: ${String(why).slice(0, 60)}. Check the ` +
      'connection and try again.', { cause });
    try {
      const response = await fetch(address, { signal });
      if (response.status === 404) return undefined;
      if (!response.ok) throw failed(`the server answered ${response.status}`);
      const bytes = new Uint8Array(await response.arrayBuffer());
      onProgress?.({ file, loaded: bytes.length, total: bytes.length });
      return bytes;
    } catch (cause) {
      if (cause instanceof ModelError || signal?.aborted) throw cause;
      throw failed(cause.cause?.message ?? cause.message, cause);
    }
  };
  const source = await read('model.json');
  if (!source) throw new ModelError('argument', `${mirror ?? download.url} holds no model.json. Put the published files there, under their own names.`);
  const { card: made } = await convert({ source, fileName: 'model.json', name, weights, signal, onProgress, card,
    beside: (file) => (isInside(file) ? read(file) : Promise.resolve(undefined)), out: await folderSink(folder, { overwrite: true }) });
  return { folder, card: made, cached: false };
}
