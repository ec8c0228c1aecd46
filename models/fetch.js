/**
 * Official weights from their published address, converted into a folder of this machine: `fetchModel`.
 * Node only.
 *
 * A download that breaks off is taken up again where it stopped, within one call and in the next: the
 * bytes so far lie in <cacheDir>/.downloads/<file>.part. Nothing else is left behind by a failure. Of two
 * runs at once one waits for the other, and finds what it brought.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { architecture } from './architectures.js';
import { convert } from './convert.js';
import { ModelError, checkSignal } from './errors.js';
import { holding } from './leftovers.js';
import { folderSink } from './sinks.js';
import { fetchTfjs, tfjsCard } from './tfjs/fetch.js';

const ATTEMPTS = 4;
const WAIT_MS = 500;

/**
 * @typedef {object} FetchOptions
 * @property {string} cacheDir  the model lands in cacheDir/name
 * @property {string} [mirror]  a folder or address that holds the official file
 * @property {'f32' | 'f16' | 'int8'} [weights]
 * @property {boolean} [force]  fetch and convert again even if it is there
 * @property {(progress: {file: string, loaded: number, total: number | null}) => void} [onProgress]
 * @property {AbortSignal} [signal]
 */

/**
 * @param {string} name  'vgg16', 'xception', ...
 * @param {FetchOptions} options
 * @returns {Promise<{folder: string, card: object, cached: boolean}>}
 */
export async function fetchModel(name, options) {
  const { cacheDir, mirror, weights = 'f32', force = false, onProgress, signal } = options;
  const tfjs = await tfjsCard(name);
  if (tfjs) return fetchTfjs(tfjs, options);
  const arch = architecture(name);
  if (arch.name !== name) {
    throw new ModelError('argument', `${name} is not offered by name; get its Keras file and run: ` +
      `npx gradcam-wasm convert FILE.h5 --arch ${name} -o DIR`);
  }
  const published = await arch.card();
  const folder = join(cacheDir, name);
  const kept = async () => {
    const there = await readFile(join(folder, 'model.json'), 'utf8').then(JSON.parse).catch(() => null);
    return there?.weights === weights ? { folder, card: there, cached: true } : undefined;
  };
  const found = force ? undefined : await kept();
  if (found) return found;
  const { url, md5, bytes } = published.download;
  const file = basename(new URL(url).pathname);
  const progress = (loaded, total) => onProgress?.({ file, loaded, total: total ?? bytes ?? null });
  const store = join(cacheDir, '.downloads');
  const bring = async () => {
    // What another run brought while this one waited for it.
    const brought = force ? undefined : await kept();
    if (brought) return brought;
    let source;
    let fetched = false;
    if (mirror !== undefined && !/^https?:\/\//i.test(mirror)) {
      source = await fromFolder(mirror, file, { md5, progress, signal });
    } else {
      const address = mirror === undefined ? url : `${mirror.replace(/\/+$/, '')}/${file}`;
      source = await download(address, store, file, { md5, bytes, progress, signal });
      fetched = true;
    }
    const { card } = await convert({
      source,
      name,
      arch: name,
      weights,
      signal,
      onProgress,
      out: await folderSink(folder, { overwrite: true }),
      card: { source: url, licence: published.licence, original: { file, md5: md5 ?? null } },
    });
    if (fetched) await rm(source, { force: true });
    return { folder, card, cached: false };
  };
  await makeFolder(store);
  return holding(join(store, `${file}.lock`), bring, signal).catch((error) => {
    checkSignal(signal);
    throw error;
  });
}

async function makeFolder(folder) {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new ModelError('storage', `The folder ${folder} cannot be made: ${cause.message}.`, { cause });
  }
}

async function fromFolder(folder, file, { md5, progress, signal }) {
  const path = join(folder, file);
  const info = await stat(path).catch(() => null);
  if (!info) {
    throw new ModelError('argument', `The mirror ${folder} holds no ${file}. Put the official file ` +
      'there, under its own name.');
  }
  await checkFile(path, file, md5, (loaded) => progress(loaded, info.size), signal);
  return path;
}

async function checkFile(path, file, md5, onBytes, signal) {
  const found = await md5Of(path, onBytes, signal);
  if (md5 && found !== md5) throw wrongDigest(file, found, md5);
}

/**
 * @param {string} path
 * @param {(loaded: number) => void} [onBytes]
 * @param {AbortSignal} [signal]
 */
export async function md5Of(path, onBytes, signal) {
  const hash = createHash('md5');
  let loaded = 0;
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
    checkSignal(signal);
    hash.update(piece);
    onBytes?.(loaded += piece.length);
  }
  return hash.digest('hex');
}

const wrongDigest = (file, found, md5) => new ModelError('digest', `${file} is not the official file: ` +
  `its MD5 is ${found}, expected ${md5}. Download it again, or give the right mirror.`);

async function download(address, store, file, { md5, bytes, progress, signal }) {
  const part = join(store, `${file}.part`);
  const target = join(store, file);
  for (let attempt = 1; ; attempt++) {
    try {
      await downloadOnce(address, part, { bytes, progress, signal });
      break;
    } catch (error) {
      checkSignal(signal);
      if (error instanceof ModelError && error.code !== 'network') throw error;
      if (attempt === ATTEMPTS || error.final) throw error;
      await wait(WAIT_MS * attempt, undefined, { signal }).catch(() => checkSignal(signal));
    }
  }
  try {
    await checkFile(part, file, md5, undefined, signal);
  } catch (error) {
    if (error.code === 'digest') await rm(part, { force: true });
    throw error;
  }
  await rename(part, target);
  await rm(`${part}.tag`, { force: true });
  return target;
}

/** Brings the file's missing bytes; throws `network` errors that another attempt may mend. */
async function downloadOnce(address, part, { bytes, progress, signal }) {
  const have = await stat(part).then((info) => info.size, () => 0);
  const tag = await readFile(`${part}.tag`, 'utf8').catch(() => '');
  // The bytes at hand belong to the file named by the tag; without one the MD5 decides.
  // Compressed on the way, its parts would not fit together.
  const headers = { 'accept-encoding': 'identity', ...(have ? { range: `bytes=${have}-`, ...(tag ? { 'if-range': tag } : {}) } : {}) };
  let response;
  try {
    response = await fetch(address, { headers, signal });
  } catch (cause) {
    throw networkError(address, cause.cause?.message ?? cause.message, cause);
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (response.status === 416) {
    await response.body?.cancel();
    if (bytes !== undefined && have === bytes) return;
    await rm(part, { force: true });
    throw networkError(address, 'what was downloaded before does not fit the file any more');
  }
  if (!response.ok) {
    await response.body?.cancel();
    const error = networkError(address, `the server answered ${response.status}`);
    error.final = response.status >= 400 && response.status < 500;
    throw error;
  }
  const encoded = response.headers.get('content-encoding') ?? 'identity';
  const resumed = response.status === 206 && Number(range?.[1]) === have && encoded === 'identity';
  if (response.status === 206 && !resumed) {
    await response.body?.cancel();
    await rm(part, { force: true });
    throw networkError(address, 'the server sent another part than was asked for');
  }
  const start = resumed ? have : 0;
  const length = encoded !== 'identity' ? NaN
    : Number(response.headers.get('content-length') ?? NaN);
  const total = Number.isFinite(length) ? start + length : bytes;
  const etag = response.headers.get('etag') ?? '';
  let handle;
  let loaded = start;
  try {
    handle = await open(part, resumed ? 'a' : 'w');
    if (etag && !etag.startsWith('W/')) await writeFile(`${part}.tag`, etag);
    progress(loaded, total);
    for await (const piece of bodyPieces(response, address)) {
      for (let at = 0; at < piece.length;) at += (await handle.write(piece, at)).bytesWritten;
      loaded += piece.length;
      progress(loaded, total);
    }
  } catch (error) {
    if (error instanceof ModelError) throw error;
    await handle?.close();
    handle = undefined;
    await rm(part, { force: true });
    throw new ModelError('storage', `${part} cannot be written: ${
      error.code === 'ENOSPC' ? 'the disk is full' : error.message}. What was downloaded has been ` +
      'removed.', { cause: error });
  } finally {
    await handle?.close();
  }
  if (total !== undefined && loaded < total) {
    throw networkError(address, `it ended after ${loaded} of ${total} bytes`);
  }
}

async function* bodyPieces(response, address) {
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw networkError(address, `it broke off (${cause.message})`, cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const networkError = (address, why, cause) => new ModelError('network', `${address} could not be ` +
  `downloaded: ${why}. Check the connection and try again: it goes on where it stopped. Without a ` +
  'network, give the file with --mirror DIR.', { cause });
