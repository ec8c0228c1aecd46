/**
 * The models of a page's elements: elements that name the same model share one worker with one copy
 * of the weights. The last one to let go ends the worker, a moment later: elements are moved.
 */
const LINGER = 2000; // ms

/** The package's tools; there once loadTools() is done, hence wherever a model is. @type {typeof import('../index.js').tools} */
export let tools;

/** Where GradCam comes from, which the element's entry says. @type {{load: () => Promise<typeof import('../index.js')>}} */
export const entry = { load: () => Promise.reject(new Error('Import gradcam-wasm/element.')) };

/** The package without its engine, which a model brings: its words, above all. */
export async function loadTools() {
  const loaded = await entry.load();
  tools = loaded.tools;
  return loaded;
}

/** By model. @type {Map<string, Shared>} */
const held = new Map();

/**
 * @typedef {object} Shared
 * @property {Promise<import('../index.js').GradCam>} cam
 * @property {Set<Holder>} holders
 * @property {AbortController} controller
 *
 * @typedef {object} Holder
 * @property {Promise<import('../index.js').GradCam>} cam
 * @property {() => void} release   call it once
 */

/**
 * @param {string} model   a name or an address, as GradCam.load takes it
 * @param {(progress: import('../index.js').Progress) => void} onProgress
 * @returns {Holder}
 */
export function holdModel(model, onProgress) {
  const shared = held.get(model) ?? start(model);
  const holder = { onProgress, cam: shared.cam, release: () => release(model, shared, holder) };
  shared.holders.add(holder);
  return holder;
}

function start(model) {
  const controller = new AbortController();
  const holders = new Set();
  // Loaded late: a page whose elements are out of sight needs none of it yet.
  const cam = loadTools().then(({ GradCam }) => GradCam.load(model, {
    signal: controller.signal,
    onProgress: (progress) => holders.forEach((holder) => holder.onProgress(progress)),
  }));
  const shared = { cam, holders, controller };
  held.set(model, shared);
  cam.catch(() => held.get(model) === shared && held.delete(model)); // the next one tries again
  return shared;
}

function release(model, shared, holder) {
  shared.holders.delete(holder);
  setTimeout(() => {
    if (shared.holders.size || held.get(model) !== shared) return;
    held.delete(model);
    shared.controller.abort();
    shared.cam.then((cam) => cam.dispose(), () => {});
  }, LINGER);
}

/** Steps of a picture that several elements of a page show: computed once. */
const known = new WeakMap();
const MOST_KNOWN = 4;

/**
 * @param {import('../index.js').GradCam} cam
 * @param {any} image
 * @param {{class?: string | number, layer?: string}} options
 * @returns {Promise<import('../index.js').Steps>}
 */
export function sharedSteps(cam, image, options) {
  // What can be drawn anew is another picture each time.
  if (image?.getContext || image?.videoWidth !== undefined) return cam.steps(image, options);
  if (!known.has(cam)) known.set(cam, []);
  const list = known.get(cam);
  const same = list.find((entry) => entry.image === image && entry.class === options.class &&
    entry.layer === options.layer);
  if (same) return same.steps;
  const entry = { image, ...options, steps: cam.steps(image, options) };
  list.unshift(entry);
  list.length = Math.min(list.length, MOST_KNOWN);
  entry.steps.catch(() => list.splice(list.indexOf(entry), 1));
  return entry.steps;
}
