/**
 * What the public API needs on the page's side, where GradCam is called: in a browser a page (or a
 * worker of its own). page-node.js is its twin.
 *
 * @typedef {object} Page
 * @property {(how?: {files?: import('../worker/protocol.js').OwnFiles, worker?: () => Worker}) => import('../worker/protocol.js').Port}
 *   spawn  starts the worker; worker: the caller's own way to
 * @property {(how: {worker?: () => Worker}) => import('../worker/protocol.js').Port | null} [spawnWithHdf5]  one that
 *   reads HDF5 files, where the other does not
 * @property {(baseUrl?: string) => import('../worker/protocol.js').OwnFiles} [files]  of the package, where the worker cannot know
 * @property {number} [threads]   how many there can be at most
 * @property {(address: string | URL) => string} absolute  a path or address that means the same in
 *   the worker
 * @property {(file: Blob) => import('../files/files.js').FileSpec} sendable  with its name, if it has one
 * @property {(image: any) => Promise<import('../paint/render.js').Pixels | null>} snapshot  the pixels of
 *   what can be drawn; null for everything else
 * @property {(pixels: import('../paint/render.js').Pixels, rows: Generator<number, void, void>) => any} canvas  painted with the
 *   pixels that rows makes, at once or, where they are many, in pieces: painted is done then
 */
import { GradCamError } from '../base/errors.js';
import { inPieces, readRows, whole } from '../paint/pieces.js';
import { toBytes } from '../paint/pixels.js';

/** So many pixels are painted before anybody could notice. */
const AT_ONCE = 1 << 19;

function newCanvas(width, height) {
  if (typeof document === 'undefined') return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

/**
 * Whether the page's policy asks for workers from blobs: those are bound by it, which a worker that is
 * fetched by its address is not. Bundles have no script worker.js to import.
 * @param {URL} entry
 */
function boundByPolicy(entry) {
  const policy = globalThis.document?.querySelector('meta[http-equiv="Content-Security-Policy" i]')?.getAttribute('content') ?? '';
  return /(^|;)\s*worker-src[^;]*\sblob:/.test(policy) && entry.pathname.endsWith('/index.js');
}

/**
 * A script that imports another one; what is said to it meanwhile is told to that one afterwards. Not by
 * a plain import: a policy takes the address of that for a worker's.
 */
const importLate = (script) => `const early = [];
const keep = (event) => early.push(event.data);
addEventListener('message', keep);
import(${script}).then(() => {
  removeEventListener('message', keep);
  for (const data of early) dispatchEvent(new MessageEvent('message', { data }));
}, (error) => setTimeout(() => { throw error; }));`;

/**
 * A worker must come from the page's own origin, an import need not: on another origin (a CDN, or for a
 * frame without an origin), a small script of our own that imports the worker's. Null where that is not needed.
 * @param {URL} here      address of the package's entry
 * @param {string} script  and of the worker's script
 * @returns {{address: string, type: WorkerType} | null}
 */
function shimOf(here, script) {
  if (!/^https?:$/.test(here.protocol) || (here.origin === globalThis.origin && !boundByPolicy(here))) return null;
  const source = new Blob([importLate(JSON.stringify(script))], { type: 'text/javascript' });
  // Where a frame has no origin, its own blobs are no modules for it in Chromium.
  return { address: URL.createObjectURL(source), type: globalThis.origin === 'null' ? 'classic' : 'module' };
}

const isInstance = (image, ...names) => names.some(
  (name) => typeof globalThis[name] === 'function' && image instanceof globalThis[name]);

/**
 * @param {Worker} worker
 * @param {string} [blob]  address of its script, where that is one of ours
 * @returns {import('../worker/protocol.js').Port}
 */
export const portOf = (worker, blob) => ({
  post: (message, transfer = []) => worker.postMessage(message, transfer),
  onMessage: (listener) => worker.addEventListener('message', ({ data }) => listener(data)),
  onError: (listener) => {
    worker.addEventListener('error', (event) => listener(event.message
      ? event : 'its script could not be loaded'));
    worker.addEventListener('messageerror', () => listener('a message could not be read'));
  },
  busy() {},
  close() {
    worker.terminate();
    if (blob) URL.revokeObjectURL(blob);
  },
});

/** Starts the worker whose script lies at that address, on this page's origin or another. @param {string} address */
export function startWorker(address) {
  const shim = shimOf(new URL(address), address);
  // The name tells the script that it is to answer.
  return shim ? portOf(new Worker(shim.address, { type: shim.type, name: 'gradcam' }), shim.address)
    : portOf(new Worker(address, { type: 'module', name: 'gradcam' }));
}

/**
 * @param {string} entry          address of the package's entry
 * @param {() => Worker} ownWorker  starts the script worker.js beside it
 * @returns {Page}
 */
export const entryPage = (entry, ownWorker) => ({
  ...browserPage,
  spawn({ worker } = {}) {
    if (worker) return portOf(worker());
    const here = new URL(entry);
    // Put together so that no bundler takes it for a file to copy.
    const shim = shimOf(here, here.href.replace(/[^/]*$/, 'worker.js'));
    return shim ? portOf(new Worker(shim.address, { type: shim.type }), shim.address) : portOf(ownWorker());
  },
});

/** What is the same wherever the worker comes from. @type {Omit<Page, 'spawn'>} */
export const browserPage = {
  absolute: (address) => new URL(address, globalThis.document?.baseURI ?? location.href).href,

  sendable: (file) => file,

  async snapshot(image) {
    if (isInstance(image, 'ImageData')) return toBytes(image);
    let size;
    if (isInstance(image, 'HTMLImageElement')) {
      await image.decode().catch((cause) => {
        throw new GradCamError('image', `The image ${image.currentSrc || ''} cannot be decoded.`,
          { cause });
      });
      size = [image.naturalWidth, image.naturalHeight];
    } else if (isInstance(image, 'HTMLVideoElement')) {
      size = [image.videoWidth, image.videoHeight];
    } else if (isInstance(image, 'VideoFrame')) {
      size = [image.displayWidth, image.displayHeight];
    } else if (isInstance(image, 'HTMLCanvasElement', 'OffscreenCanvas', 'ImageBitmap')) {
      size = [image.width, image.height];
    } else {
      return null;
    }
    const [width, height] = size;
    if (!width || !height) {
      throw new GradCamError('image', 'The picture has no pixels yet; wait until it has loaded.');
    }
    // What may be drawn anew meanwhile is read at once; of an image, a copy that stays as it is.
    const copy = isInstance(image, 'HTMLImageElement') && width * height > AT_ONCE
      ? await createImageBitmap(image).catch(() => null) : null;
    const rows = readRows(copy ?? image, width, height, newCanvas);
    try {
      return await (copy ? inPieces(rows) : whole(rows));
    } catch (cause) {
      throw new GradCamError('image', 'The picture comes from another site that does not allow its ' +
        'pixels to be read. Set crossorigin="anonymous" on it, or use a site that allows it.',
      { cause });
    } finally {
      copy?.close();
    }
  },

  canvas({ width, height, data }, rows) {
    const canvas = newCanvas(width, height);
    const pen = canvas.getContext('2d');
    const pixels = new ImageData(data, width, height);
    let from = 0;
    const put = (to) => {
      if (to > from) pen.putImageData(pixels, 0, 0, 0, from, width, to - from);
      from = to;
    };
    if (width * height <= AT_ONCE) {
      whole(rows);
      put(height);
    }
    const painted = width * height <= AT_ONCE ? Promise.resolve() : inPieces(rows, put).then(() => put(height));
    return Object.assign(canvas, { painted });
  },
};
