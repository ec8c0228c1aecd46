/**
 * The parts of a .keras file: a ZIP archive with config.json, metadata.json and model.weights.h5.
 *
 * The archive is read through fflate, in small pieces, each of which can become a thousand times as much. In Node
 * the weights go to a temporary file, so that a large archive never stands in memory; elsewhere they are kept as
 * bytes. No part may have more bytes than the archive announces, nor far more than it has packed.
 */
import { STEP, whyTooMuch } from '../bundle.js';
import { ModelError } from '../errors.js';
import { clearLeftovers, partName, whyNot } from '../leftovers.js';
import { loadPackage } from '../packages.js';

const WANTED = ['config.json', 'metadata.json', 'model.weights.h5'];
const JSON_LIMIT = 64 * 1024 * 1024;
const WEIGHTS_LIMIT = 4 * 2 ** 30;

/** Pieces of a path, Blob or byte array, in order. */
async function* pieces(source) {
  if (typeof source === 'string') {
    const { createReadStream } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs');
    yield* createReadStream(source, { highWaterMark: 1 << 20 });
  } else if (source instanceof Uint8Array) {
    for (let at = 0; at < source.length; at += 1 << 20) yield source.subarray(at, at + (1 << 20));
  } else {
    for (let at = 0; at < source.size; at += 1 << 20) {
      yield new Uint8Array(await source.slice(at, at + (1 << 20)).arrayBuffer());
    }
  }
}

/** Where the weights go while they are unpacked. */
async function weightsTarget(onDisk) {
  if (!onDisk) {
    const parts = [];
    return {
      add: (bytes) => parts.push(bytes.slice()),
      finish: () => new Blob(parts),
      remove: () => {},
    };
  }
  const { mkdir, rm } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
  const { openSync, writeSync, closeSync } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs');
  const { tmpdir } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:os');
  const { join } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:path');
  await clearLeftovers(tmpdir(), 'gradcam-keras');
  const folder = join(tmpdir(), partName('gradcam-keras'));
  await mkdir(folder, { mode: 0o700 });
  const path = join(folder, 'model.weights.h5');
  let handle = openSync(path, 'w');
  const close = () => {
    if (handle !== undefined) closeSync(handle);
    handle = undefined;
  };
  return {
    add: (bytes) => {
      for (let at = 0; at < bytes.length;) at += writeSync(handle, bytes, at);
    },
    finish: () => {
      close();
      return path;
    },
    remove: async () => {
      close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * @param {string | Blob | Uint8Array} source
 * @param {string} name  for messages
 * @param {string} [packagesUrl]
 * @returns {Promise<{config: object, metadata: object, weights: string | Blob, remove: () => any}>}
 */
export async function openKerasArchive(source, name, packagesUrl) {
  const { Unzip, UnzipInflate, UnzipPassThrough } = await loadPackage('fflate', packagesUrl);
  const target = await weightsTarget(typeof source === 'string');
  const texts = {};
  const complete = new Set();
  let failure;
  let fed = 0;
  const unzip = new Unzip((entry) => {
    if (!WANTED.includes(entry.name)) return;
    let size = 0;
    const begun = fed - STEP; // it began within this piece
    texts[entry.name] = '';
    const decoder = new TextDecoder();
    entry.ondata = (error, bytes, final) => {
      if (error) failure ??= error;
      if (error || failure) return;
      size += bytes.length;
      const wrong = whyTooMuch(entry.name, size, fed - begun, { announced: entry.originalSize, most: WEIGHTS_LIMIT });
      if (wrong) failure ??= new Error(wrong);
      else if (entry.name === 'model.weights.h5') target.add(bytes);
      else if (size > JSON_LIMIT) failure ??= new Error(`${entry.name} is larger than 64 MB`);
      else texts[entry.name] += decoder.decode(bytes, { stream: !final });
      if (final) complete.add(entry.name);
    };
    entry.start();
  });
  unzip.register(UnzipInflate);
  unzip.register(UnzipPassThrough);
  try {
    for await (const piece of pieces(source)) {
      for (let at = 0; at < piece.length && !failure; at += STEP) {
        const step = piece.subarray(at, at + STEP);
        fed += step.length;
        unzip.push(step);
      }
      if (failure) throw failure;
    }
    unzip.push(new Uint8Array(0), true);
    if (failure) throw failure;
    for (const part of ['config.json', 'model.weights.h5']) {
      if (!complete.has(part)) throw new Error(`it holds no complete ${part}`);
    }
    return {
      config: JSON.parse(texts['config.json']),
      metadata: JSON.parse(texts['metadata.json'] || '{}'),
      weights: target.finish(),
      remove: target.remove,
    };
  } catch (cause) {
    await target.remove();
    if (['ENOSPC', 'EDQUOT'].includes(cause.code)) {
      throw new ModelError('storage', `${name.slice(-80)} could not be unpacked: ${whyNot(cause)}. Make room in the folder of temporary files (TMPDIR).`,
        { cause });
    }
    throw new ModelError('format', `${name} is not a sound .keras file: ${cause.message}. ` +
      'Save or download it again.', { cause });
  }
}
