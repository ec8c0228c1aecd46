/**
 * Files whose digest nobody knows beforehand, kept under the tag (ETag) that their server gives them: those of the
 * Hugging Face hub. Runs in the worker.
 *
 * A file is kept piece by piece while it comes. One that broke off goes on where it ended, at once and at the next visit;
 * one that is whole is used again while the server says the same tag, or says nothing because there is no network.
 * Requests are such that a page may make them of another host without asking first: a range, and no other header.
 */
import { cancelled, checkSignal, GradCamError } from '../base/errors.js';
import { baseName, responseChunks } from './files.js';

export const PIECE = 4 << 20;
const ATTEMPTS = 3;
const WAIT_MS = 400;

/**
 * @typedef {{etag: string, size: number | null, pieces: number, whole: boolean}} Kept
 *
 * @typedef {object} PieceStore   for one address
 * @property {() => Promise<Kept | null>} read        what is there
 * @property {(kept: Kept) => Promise<any>} write
 * @property {(number: number) => Promise<Uint8Array | null>} get
 * @property {(number: number, piece: Uint8Array) => Promise<any>} put
 * @property {() => Promise<any>} clear
 *
 * @param {string} url
 * @param {PieceStore | null} store  null: nothing is kept
 * @param {AbortSignal} [signal]
 * @returns {Promise<import('./files.js').OpenFile>}
 */
export async function openTagged(url, store, signal) {
  const name = baseName(url);
  const kept = await store?.read().catch(() => null) ?? null;
  if (kept?.whole) {
    const tag = await currentTag(url, signal);
    if (tag === undefined || tag === kept.etag) return { name, size: kept.size, chunks: keptChunks(store, kept, url) };
    await store.clear();
  }
  const begun = kept && !kept.whole ? kept : null;
  const source = await request(url, begun ? begun.pieces * PIECE : 0, begun?.etag, signal);
  if (begun && !source.from) await store.clear();
  return { name, size: source.size, chunks: arriving(url, source, store, begun && source.from ? begun.pieces : 0, signal) };
}

/** The tag that the server has now; null: it says none, undefined: it cannot be asked. */
async function currentTag(url, signal) {
  try {
    const response = await fetch(url, { method: 'HEAD', signal });
    return response.ok ? response.headers.get('etag') : response.status >= 500 ? undefined : null;
  } catch (cause) {
    if (signal?.aborted) throw cancelled(cause);
    return undefined;
  }
}

const failure = (url, why, cause) => new GradCamError('network', `${baseName(url).slice(-60)} could not be fetched from ${url.slice(0, 140)}: ${why}.`, { cause });

/**
 * The file's bytes from `from` on, where they are still those of the tag; else all of them: `from` is 0 then.
 * @returns {Promise<{response: Response, from: number, size: number | null, etag: string | null, resumes: boolean}>}
 */
async function request(url, from, tag, signal) {
  const ask = (headers) => fetch(url, { headers, signal }).catch((cause) => {
    if (signal?.aborted) throw cancelled(cause);
    throw failure(url, String(cause.cause?.message ?? cause.message).slice(0, 80), cause);
  });
  let response = await ask(from ? { Range: `bytes=${from}-` } : {});
  const starts = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]);
  if (from && response.status !== 200 && !(response.status === 206 && starts === from && response.headers.get('etag') === tag)) {
    await response.body?.cancel();
    response = await ask({});
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw failure(url, `the server answered ${response.status}`, `the server answered ${response.status}`);
  }
  const start = response.status === 206 ? from : 0;
  const length = response.headers.get('content-encoding') ? null : response.headers.get('content-length');
  const etag = response.headers.get('etag');
  return { response, from: start, size: length === null ? null : start + Number(length), etag, resumes: length !== null && etag !== null && !etag.startsWith('W/') };
}

async function* keptChunks(store, kept, url) {
  for (let n = 0; n < kept.pieces; n++) {
    const piece = await store.get(n);
    if (!piece) {
      await store.clear();
      throw failure(url, 'a part of what was kept of it is gone; load it again');
    }
    yield piece;
  }
}

/** Kept pieces, then those that come, which are kept on their way. */
async function* arriving(url, source, store, pieces, signal) {
  const { etag, size, resumes } = source;
  let keeping = store && etag !== null ? store : null;
  const put = async (number, piece, whole) => {
    try {
      await keeping?.put(number, piece);
      if (keeping && (whole || resumes)) await keeping.write({ etag, size, pieces: number + 1, whole });
    } catch {
      await keeping?.clear().catch(() => {}); // no room: a part with gaps helps nobody
      keeping = null;
    }
  };
  if (pieces) yield* keptChunks(store, { pieces }, url);
  const waiting = new Uint8Array(PIECE);
  let held = 0;
  let loaded = pieces * PIECE;
  let { response } = source;
  for (let attempt = 0; ;) {
    try {
      for await (const chunk of responseChunks(response, (cause) => (signal?.aborted ? cancelled(cause) : cause))) {
        checkSignal(signal);
        attempt = 0;
        for (let at = 0; at < chunk.length;) {
          const taken = chunk.subarray(at, at + PIECE - held);
          waiting.set(taken, held);
          held += taken.length;
          at += taken.length;
          if (held === PIECE) {
            await put(pieces++, waiting.slice(), false);
            held = 0;
          }
        }
        loaded += chunk.length;
        yield chunk;
      }
      if (size === null || loaded >= size) break;
      throw new Error(`it ended after ${loaded} of ${size} bytes`);
    } catch (cause) {
      if (signal?.aborted || cause instanceof GradCamError) throw cause;
      if (!resumes || ++attempt === ATTEMPTS) throw failure(url, `${String(cause.message).slice(0, 80)}. Load it again; it goes on from there`, cause);
      await new Promise((done) => { setTimeout(done, WAIT_MS * attempt); });
      const next = await request(url, loaded, etag, signal);
      if (next.from !== loaded) throw failure(url, 'the file has changed meanwhile; load it again');
      ({ response } = next);
    }
  }
  if (size !== null && loaded > size) throw failure(url, `it has ${loaded} bytes instead of ${size}`);
  await put(pieces, waiting.slice(0, held), true);
}

/** A store in the browser's Cache API; null: there is none. @param {string} url @returns {Promise<PieceStore | null>} */
export async function cacheStore(url) {
  const cache = /^https?:/.test(url) && globalThis.caches ? await caches.open('gradcam-hub').catch(() => null) : null;
  if (!cache) return null;
  const key = (part) => {
    const address = new URL(url);
    address.searchParams.set('gradcam-part', part);
    return address.href;
  };
  return {
    read: async () => (await cache.match(key('kept')))?.json() ?? null,
    write: (kept) => cache.put(key('kept'), new Response(JSON.stringify(kept))),
    get: async (n) => {
      const found = await cache.match(key(String(n)));
      return found ? new Uint8Array(await found.arrayBuffer()) : null;
    },
    put: (n, piece) => cache.put(key(String(n)), new Response(piece)),
    async clear() {
      for (const { url: kept } of await cache.keys(url, { ignoreSearch: true })) {
        if (new URL(kept).searchParams.has('gradcam-part')) await cache.delete(kept);
      }
    },
  };
}
