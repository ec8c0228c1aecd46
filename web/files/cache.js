/**
 * Model files that the browser keeps from one visit to the next (Cache API), by address and digest.
 *
 * A file is stored while it is read, and only becomes visible once its digest has been found right
 * (keep); one that is read back is checked like any other. Where there is no cache (a page without
 * https) or no room, the file is fetched and used all the same.
 */
import { baseName, openUrl, responseChunks } from './files.js';

const NAME = 'gradcam-models';

const DIGEST = 'gradcam-sha256';

/** The address that a file is stored under: fragments do not count there, queries do. */
export function keyOf(url, sha256) {
  const key = new URL(url);
  key.hash = '';
  key.searchParams.set(DIGEST, sha256);
  return key.href;
}

/** The same file by an earlier digest; an address with another query is another file. */
export function isOlder(url, key) {
  const [one, other] = [url, key].map((address) => {
    const bare = new URL(address);
    bare.searchParams.delete(DIGEST);
    return bare.href;
  });
  return one === other && url !== key;
}

/**
 * @param {string} url absolute
 * @param {string} sha256
 * @param {AbortSignal} [signal]
 * @returns {Promise<import('./files.js').OpenFile>}
 */
export async function openKept(url, sha256, signal) {
  const cache = /^https?:/.test(url) && globalThis.caches
    ? await caches.open(NAME).catch(() => null) : null;
  if (!cache) return openUrl(url, signal);
  const key = keyOf(url, sha256);
  const hit = await cache.match(key).catch(() => undefined);
  if (hit) {
    return {
      name: baseName(url),
      size: Number(hit.headers.get('content-length')) || null,
      hint: true,
      chunks: responseChunks(hit, (cause) => cause),
      stored: true,
      drop: () => cache.delete(key),
    };
  }
  const file = await openUrl(url, signal);
  return { ...file, ...storing(cache, key, file) };
}

/** The same pieces, which go into the cache on their way. */
function storing(cache, key, { chunks, size }) {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  const headers = size === null ? {} : { 'content-length': String(size) };
  let trouble = null;
  const stored = cache.put(key, new Response(readable, { headers })).catch((error) => {
    trouble ??= error;
  });
  const pass = async (piece) => {
    if (trouble) return;
    const written = writer.write(piece).catch((error) => {
      trouble ??= error;
    });
    await Promise.race([written, stored]); // a cache that gave up reads no more
  };
  return {
    chunks: (async function* () {
      for await (const piece of chunks) {
        await pass(piece.slice());
        yield piece;
      }
    })(),
    /** @returns {Promise<any>} why it could not be kept, or null */
    async keep() {
      await Promise.race([writer.close().catch(() => {}), stored]);
      await stored;
      if (!trouble) await forgetOthers(cache, key);
      return trouble;
    },
    async drop() {
      trouble ??= new Error('dropped');
      await writer.abort(trouble).catch(() => {});
      await stored;
    },
  };
}

/** What was at the same address before, with another digest. */
async function forgetOthers(cache, key) {
  for (const request of await cache.keys(key, { ignoreSearch: true })) {
    if (isOlder(request.url, key)) await cache.delete(request);
  }
}
