/**
 * A large published file, kept piece by piece while it comes (Cache API), so that a download which was
 * stopped or broke off goes on where it ended, also at the next visit. Runs in the worker of a browser;
 * models/fetch.js does the same for Node.
 *
 * The pieces stay until all have come and the digest is found wrong: then none does. Without a cache
 * (a page without https, no room) they are held in memory alone.
 */
import { cancelled, checkSignal, GradCamError } from '../base/errors.js';
import { baseName } from './files.js';
import { Md5 } from './md5.js';

const NAME = 'gradcam-downloads';
const PIECE = 4 << 20;

/**
 * @typedef {object} Published   as a model's card has it
 * @property {string} url
 * @property {string} [md5]
 * @property {number} [bytes]
 *
 * @param {Published} published
 * @param {{keep?: boolean, signal?: AbortSignal, onProgress?: (progress: import('./files.js').Progress) => void}} [options]
 * @returns {Promise<File>}
 */
export async function downloadPublished({ url, md5, bytes }, { keep = true, signal, onProgress } = {}) {
  const name = baseName(url);
  const store = await openStore(keep ? url : null);
  const sum = md5 ? new Md5() : null;
  const parts = [];
  let loaded = 0;
  let total = bytes ?? null;
  const report = () => onProgress?.({ file: name, loaded, total });
  const add = async (/** @type {Blob} */ part) => {
    checkSignal(signal);
    sum?.update(new Uint8Array(await part.arrayBuffer()));
    parts.push(part);
    loaded += part.size;
    report();
  };

  for (;;) {
    const part = await store.get(parts.length);
    if (!part) break;
    await add(part);
    // Only the last piece is shorter than the others.
    if (part.size < PIECE) total = loaded;
  }
  if (loaded === 0 || loaded !== total) {
    const { response, skip: before } = await request(url, name, loaded, signal);
    let skip = before;
    // The card's word on the length is better than a server's, which may count compressed bytes.
    const length = response.headers.get('content-encoding') ? null : Number(response.headers.get('content-length')) || null;
    total ??= length === null ? null : length + (skip ? 0 : loaded);
    const arrived = async (/** @type {Uint8Array[]} */ pieces) => {
      const part = new Blob(pieces);
      await store.put(parts.length, part);
      await add(part);
    };
    let waiting = [];
    let size = 0;
    const reader = response.body?.getReader() ?? NOTHING;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        let at = Math.min(skip, value.length);
        skip -= at;
        while (at < value.length) {
          const taken = value.slice(at, at + PIECE - size);
          waiting.push(taken);
          size += taken.length;
          at += taken.length;
          if (size < PIECE) continue;
          await arrived(waiting);
          [waiting, size] = [[], 0];
        }
      }
    } catch (cause) {
      if (signal?.aborted) throw cancelled(signal.reason);
      if (cause instanceof GradCamError) throw cause;
      throw new GradCamError('network', `${name} broke off after ${megabytes(loaded)}${total ? ` of ${megabytes(total)}` : ''}: ` +
        `${cause.message}. Load it again; it goes on from there.`, { cause });
    } finally {
      reader.cancel().catch(() => {});
    }
    if (size) await arrived(waiting);
  }

  const found = sum?.hex();
  if (found !== md5 || (bytes && loaded !== bytes)) {
    await store.clear();
    throw new GradCamError('model', `${name} is not the file its card speaks of: ` +
      `${found === md5 ? `it has ${loaded} bytes, expected ${bytes}` : `its MD5 is ${found}, expected ${md5}`}. Load it again.`);
  }
  return new File(parts, name);
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;

/** An answer without a body. */
const NOTHING = { read: async () => ({ done: true, value: undefined }), cancel: async () => {} };

/** The rest of the file, or all of it: then `skip` bytes are known already. */
async function request(url, name, from, signal) {
  const ask = async (headers) => fetch(url, { headers, signal }).catch((cause) => {
    if (signal?.aborted) throw cancelled(signal.reason);
    throw new GradCamError('network', `${name} could not be fetched: ${cause.message}. There is no network, or ` +
      `${new URL(url).host} lets no page read its files. Download ${url} by hand and open that file instead.`, { cause });
  });
  let response = await ask(from ? { Range: `bytes=${from}-` } : {});
  const [, start] = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '') ?? [];
  // A part of compressed bytes, or another part than was asked for, does not go on where it stopped.
  const usable = !response.headers.get('content-encoding') && (start === undefined || Number(start) === from);
  if (response.status === 206 && !usable) {
    await response.body?.cancel();
    response = await ask({});
  }
  // A server may not know of ranges and begin anew; or there is nothing behind what is here: the digest decides.
  if (response.ok) return { response, skip: response.status === 206 ? 0 : from };
  if (response.status === 416 && from) return { response: new Response(null), skip: 0 };
  throw new GradCamError('network', `${name} could not be fetched from ${url.slice(0, 160)}: the server answered ` +
    `${response.status}.`);
}

/** Pieces by number. @param {string | null} url  null: nothing is kept */
async function openStore(url) {
  let cache = url && /^https?:/.test(url) && globalThis.caches ? await caches.open(NAME).catch(() => null) : null;
  const key = (number) => {
    const address = new URL(url);
    address.searchParams.set('piece', String(number));
    return address.href;
  };
  return {
    get: async (number) => (await cache?.match(key(number)).catch(() => null))?.blob() ?? null,
    async put(number, part) {
      // Without room the rest is not kept either: pieces with a gap between them help nobody.
      await cache?.put(key(number), new Response(part)).catch(() => {
        cache = null;
      });
    },
    async clear() {
      if (!cache) return;
      for (const { url: kept } of await cache.keys()) {
        const address = new URL(kept);
        const number = address.searchParams.get('piece');
        if (number !== null && kept === key(number)) await cache.delete(kept);
      }
    },
  };
}
