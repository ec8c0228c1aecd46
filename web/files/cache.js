/**
 * Model files that the browser keeps from one visit to the next (Cache API), by address and digest.
 *
 * A file is stored while it is read, and only becomes visible once its digest has been found right
 * (keep). Beside it lies its fingerprint, by which it is checked when it is read back: a digest takes two
 * thirds of the time of loading, and whoever can write to a page's cache on purpose could write both. Where
 * there is no cache (a page without https) or no room, the file is fetched and used all the same.
 */
import { Fingerprint } from './digest.js';
import { baseName, openUrl, responseChunks } from './files.js';

const NAME = 'gradcam-models';
const PRINTS = 'gradcam-model-prints';

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
  const [cache, prints] = /^https?:/.test(url) && globalThis.caches
    ? await Promise.all([NAME, PRINTS].map((name) => caches.open(name))).catch(() => []) : [];
  if (!cache) return openUrl(url, signal);
  const key = keyOf(url, sha256);
  const [hit, print] = await Promise.all([cache, prints].map((store) => store.match(key).catch(() => undefined)));
  if (hit) {
    const known = await print?.text().catch(() => '');
    const found = new Fingerprint();
    return {
      name: baseName(url),
      size: Number(hit.headers.get('content-length')) || null,
      hint: true,
      chunks: checked(responseChunks(hit, (cause) => cause), found, known),
      stored: true,
      checked: known !== undefined,
      async keep() {
        if (known === undefined) await writePrint(prints, key, found); // an earlier version kept it
        return null;
      },
      drop: () => Promise.all([cache, prints].map((store) => store.delete(key))),
    };
  }
  const file = await openUrl(url, signal);
  return { ...file, ...storing(cache, prints, key, file) };
}

/** Where there is no room for it, the digest is taken again, the next time. */
const writePrint = (prints, key, found) => prints.put(key, new Response(found.text())).catch(() => {});

/** The pieces, which must have this fingerprint in the end, where one is known. */
async function* checked(chunks, found, known) {
  for await (const piece of chunks) {
    found.update(piece);
    yield piece;
  }
  if (known !== undefined && found.text() !== known) throw new Error('it is not what was kept');
}

/** The same pieces, which go into the cache on their way. */
function storing(cache, prints, key, { chunks, size }) {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  const headers = size === null ? {} : { 'content-length': String(size) };
  const found = new Fingerprint();
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
        found.update(piece);
        yield piece;
      }
    })(),
    /** @returns {Promise<any>} why it could not be kept, or null */
    async keep() {
      await Promise.race([writer.close().catch(() => {}), stored]);
      await stored;
      if (!trouble) {
        await writePrint(prints, key, found);
        await Promise.all([cache, prints].map((store) => forgetOthers(store, key)));
      }
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
