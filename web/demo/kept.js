/**
 * What a reader said about one model is kept for that model: known by its address or, where it came as
 * files, by what is in them. A browser that keeps nothing asks again at the next visit.
 */

const SAMPLE = 1 << 20; // bytes at the beginning, the middle and the end of a file

const partsOf = (file) => (file.size <= 3 * SAMPLE ? [file]
  : [0, (file.size - SAMPLE) >> 1, file.size - SAMPLE].map((at) => file.slice(at, at + SAMPLE)));

/**
 * @param {string | File | File[]} source
 * @returns {Promise<string>}  the same for the same model, and for no other
 */
export async function keyOf(source) {
  if (typeof source === 'string') return source;
  const files = [source].flat();
  // Pages without https cannot make digests.
  if (!crypto.subtle) return files.map(({ name, size, lastModified }) => `${name} ${size} ${lastModified}`).join('\n');
  const content = await new Blob(files.flatMap((file) => [`${file.size} `, ...partsOf(file)])).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  return `sha256:${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

const entryOf = (key) => `gradcam preprocess ${key}`;

/** @param {string} key @returns {string}  how its pictures are prepared, as was chosen; else '' */
export function recall(key) {
  try {
    return localStorage.getItem(entryOf(key)) ?? '';
  } catch {
    return '';
  }
}

/** @param {string} key @param {string} preprocess  '': nothing is kept any more */
export function keep(key, preprocess) {
  try {
    if (preprocess) localStorage.setItem(entryOf(key), preprocess);
    else localStorage.removeItem(entryOf(key));
  } catch { /* the choice holds for this visit */ }
}
