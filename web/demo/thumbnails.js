/** Pictures at the size of a tile: decoded beside the page, one at a time, and only what is seen. */

const WIDTH = 112; // pixels: two for each of a button's

/**
 * @param {Blob | string | CanvasImageSource} image
 * @param {{resizeWidth: number, resizeHeight?: number}} size
 * @returns {Promise<ImageBitmap | null>}  null where the browser cannot read it
 */
export async function small(image, size) {
  try {
    const source = typeof image === 'string' ? await (await fetch(image)).blob() : image;
    return await createImageBitmap(/** @type {any} */ (source), { ...size, resizeQuality: 'medium' });
  } catch {
    return null;
  }
}

/** What is waiting; a photo of a phone is a hundred megabytes while it is decoded. @type {Promise<void>} */
let last = Promise.resolve();

/** What each canvas is to show. @type {WeakMap<Element, Blob>} */
const wanted = new WeakMap();

/** Made with the first: Node reads this file too. @type {IntersectionObserver | null} */
let watcher = null;

function whenSeen(entries) {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    last = last.then(() => draw(/** @type {HTMLCanvasElement} */ (target)));
  }
}

async function draw(canvas) {
  const bitmap = await small(wanted.get(canvas), { resizeWidth: WIDTH });
  if (!bitmap) return;
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  bitmap.close();
}

/** A canvas that shows the file's picture once it is seen. @param {Blob} file @param {string} name */
export function thumbnail(file, name) {
  const canvas = document.createElement('canvas');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', name);
  wanted.set(canvas, file);
  watcher ??= new IntersectionObserver(whenSeen);
  watcher.observe(canvas);
  return canvas;
}
