/**
 * The page: takes pictures in, asks the model, shows what comes back. Uses the package's public API
 * alone.
 */
import { GradCam } from '../index.js';
import { Camera } from './camera.js';
import { takePictures } from './intake.js';
import { showPredictions } from './predictions.js';
import { bundle, download, npy } from './save.js';
import { Settings } from './settings.js';
import { Stage } from './stage.js';

const SAMPLES = ['golf_ball_and_flower', 'golf_ball', 'flower', 'parachute', 'church'];
const OF_A_MODEL = /\.(onnx|h5|hdf5|keras|data|bin|json)$/i;

const byId = (id) => document.getElementById(id);
const stage = new Stage(byId('frame'));
const camera = new Camera();
const settings = new Settings(byId('settings'), (name) => guard(() => onSetting(name)));

const state = {
  /** @type {GradCam | null} */ cam: null,
  /** What the model was loaded from. */ source: 'pocket',
  /** @type {{image: any, name: string} | null} */ picture: null,
  /** @type {import('../api.js').Explanation | null} */ result: null,
  /** The map of the class or layer to compare with. */ other: null,
  /** The class on show, by id. */ shown: 0,
  /** Classes that were asked for beside the best ones. @type {Set<number>} */ asked: new Set(),
};

/* ---- Words for the reader ---------------------------------------------------------------------- */

function say(text, { bad = false } = {}) {
  byId('status').textContent = text;
  byId('status').toggleAttribute('data-bad', bad);
}

/** Runs work; its failure becomes a sentence on the page. */
async function guard(work) {
  try {
    return await work();
  } catch (error) {
    if (error.code === 'cancelled') return undefined;
    say(error.message, { bad: true });
    return undefined;
  }
}

let working = null; // the AbortController of what is being waited for

/** Runs work(signal, onProgress) with a bar that can be cancelled; ends what ran before. */
async function withProgress(work) {
  working?.abort();
  const controller = new AbortController();
  working = controller;
  const bar = byId('progress');
  bar.removeAttribute('value');
  // What is quick needs no bar, and must not make the page jump.
  const timer = setTimeout(() => {
    byId('working').hidden = false;
  }, 250);
  try {
    return await work(controller.signal, ({ loaded, total }) => {
      if (total) bar.value = loaded / total;
    });
  } finally {
    clearTimeout(timer);
    if (working === controller) {
      byId('working').hidden = true;
      working = null;
    }
  }
}

byId('cancel').addEventListener('click', () => {
  working?.abort();
  say('Cancelled.');
});

/* ---- The model ---------------------------------------------------------------------------------- */

/** @param {any} source  as for GradCam.load() */
async function loadModel(source) {
  say('Loading the model …');
  const cam = await withProgress((signal, onProgress) => GradCam.load(source, { signal, onProgress,
    preprocess: settings.get('preprocess') || undefined }));
  state.cam?.dispose();
  Object.assign(state, { cam, source, result: null, other: null });
  state.asked.clear();
  const { name, classes, threads, engine, input } = cam.model;
  byId('model-name').textContent = name;
  byId('about').textContent = `${input.join('×')} pixels, ${cam.layers().length} layers. Engine ${engine}.`;
  byId('classes').replaceChildren(...cam.labels.map((label) => new Option(label)));
  settings.fill('colormap', cam.colormaps().map((value) => (
    { value, text: ['viridis', 'cividis'].includes(value) ? `${value} (for colour-blind eyes)` : value })));
  settings.fill('method', cam.methods().map(({ name: value, title }) => ({ value, text: title })));
  settings.fill('layer', [{ value: '', text: `the usual one (${cam.defaultLayer})` },
    ...cam.layers().map((layer) => ({ value: layer.name, text: layerText(layer) }))]);
  fillCompare();
  moveDepth();
  say(`${name}: ${classes} classes, ${threads} ${threads === 1 ? 'thread' : 'threads'}.`);
}

const layerText = ({ name, height, width, channels }) => `${name}  ${height}×${width}×${channels}`;

/** The slider follows the menu of layers. */
function moveDepth() {
  const layers = state.cam.layers();
  const wanted = settings.get('layer');
  const at = layers.findIndex((layer) => (wanted ? layer.name === wanted : layer.default));
  Object.assign(byId('depth'), { max: layers.length - 1, value: at });
  byId('depth').setAttribute('aria-valuetext', at >= 0 ? layerText(layers[at]) : '');
}

byId('depth').addEventListener('input', ({ target }) => {
  const layer = state.cam?.layers()[target.value];
  if (!layer) return;
  settings.set('layer', layer.default ? '' : layer.name);
  guard(() => onSetting('layer'));
});

/** @param {File[]} files  an ONNX or Keras file, with its weights and card where it has such */
const openModel = (files) => guard(async () => {
  await loadModel(files);
  await explain();
});

byId('onnx').addEventListener('change', ({ target }) => openModel([...target.files]));
byId('pocket').addEventListener('click', () => openModel('pocket'));
byId('model-open').addEventListener('click', () => {
  if (byId('model-url').value) openModel(byId('model-url').value);
});

/* ---- Pictures ------------------------------------------------------------------------------------ */

const gallery = [];

/** @param {{image: any, name: string}[]} pictures */
function addPictures(pictures) {
  stopCamera();
  for (const picture of pictures) {
    if (!gallery.some(({ image }) => image === picture.image)) gallery.push(picture);
  }
  showGallery();
  return choose(pictures[0]);
}

function choose(picture) {
  state.picture = picture;
  for (const button of byId('gallery').children) {
    button.setAttribute('aria-pressed', String(button.dataset.at === String(gallery.indexOf(picture))));
  }
  return guard(explain);
}

function thumbnail({ image, name }, alt) {
  const picture = Object.assign(new Image(), { alt, loading: 'lazy' });
  const own = image instanceof Blob;
  picture.src = own ? URL.createObjectURL(image) : image.src ?? image;
  if (own) picture.addEventListener('load', () => URL.revokeObjectURL(picture.src), { once: true });
  const button = Object.assign(document.createElement('button'), { type: 'button', title: name });
  button.append(picture);
  return button;
}

function showGallery() {
  byId('gallery').replaceChildren(...(gallery.length < 2 ? [] : gallery.map((picture, at) => {
    const button = thumbnail(picture, picture.name);
    button.dataset.at = String(at);
    button.addEventListener('click', () => choose(picture));
    return button;
  })));
}

byId('samples').append(...SAMPLES.map((sample) => {
  const name = sample.replaceAll('_', ' ');
  const image = new URL(`../../models/pocket/samples/${sample}.jpg`, import.meta.url).href;
  const button = thumbnail({ image, name }, `Sample: ${name}`);
  button.addEventListener('click', () => {
    stopCamera();
    choose({ image, name });
  });
  return button;
}));

takePictures({ frame: byId('frame'), input: byId('file') }, (files) => (
  files.some(({ name }) => OF_A_MODEL.test(name)) ? openModel(files)
    : addPictures(files.map((image) => ({ image, name: image.name })))));

byId('address').addEventListener('submit', (event) => {
  event.preventDefault();
  const address = byId('url').value;
  if (!address) return;
  // As an <img>: scripts of this page may not fetch from anywhere.
  const image = Object.assign(new Image(), { crossOrigin: 'anonymous', src: address });
  addPictures([{ image, name: address.split('/').at(-1) || address }]);
});

/* ---- The camera ---------------------------------------------------------------------------------- */

function stopCamera() {
  if (camera.running) camera.stop();
  byId('camera').setAttribute('aria-pressed', 'false');
}

byId('camera').addEventListener('click', () => guard(async () => {
  if (camera.running) {
    stopCamera();
    say('The camera is off.');
    return;
  }
  byId('camera').setAttribute('aria-pressed', 'true');
  const rate = { since: performance.now(), frames: 0 };
  try {
    await camera.start(async (frame) => {
      await look(frame);
      rate.frames += 1;
      const seconds = (performance.now() - rate.since) / 1000;
      if (seconds < 1) return;
      say(`${(rate.frames / seconds).toFixed(0)} pictures a second.`);
      Object.assign(rate, { since: performance.now(), frames: 0 });
    });
  } catch (error) {
    stopCamera();
    say(error.name === 'NotAllowedError' ? 'The camera was not allowed.'
      : error.name === 'NotFoundError' ? 'There is no camera.' : error.message, { bad: true });
  }
}));

/** One picture of the camera: the class on show stays, if it is among the best. */
async function look(frame) {
  if (!state.cam) return;
  const result = await state.cam.explain(frame, { ...asked(), classes: undefined, picture: false });
  stage.setFrame(frame, frame.width, frame.height);
  Object.assign(state, { result, other: null });
  if (!result.maps.some((map) => map.class.id === state.shown)) state.shown = result.maps[0].class.id;
  show();
}

/* ---- Explaining ---------------------------------------------------------------------------------- */

/** The settings as explain() wants them. */
const asked = () => ({
  top: Math.max(1, Math.min(20, Number(settings.get('top')) || 5)),
  method: settings.get('method') || undefined,
  score: settings.get('score'),
  layer: settings.get('layer') || undefined,
});

/** The picture anew: another one, or other settings. */
async function explain() {
  const { cam, picture } = state;
  if (!cam || !picture) return; // it waits until both are there
  say(`Looking at ${picture.name} …`);
  const [result, more] = await withProgress(async (signal, onProgress) => {
    const best = await cam.explain(picture.image, { ...asked(), signal, onProgress });
    const missing = [...state.asked].filter((id) => !best.maps.some((map) => map.class.id === id));
    return [best, missing.length ? await cam.explain(picture.image,
      { ...asked(), classes: missing, picture: false, signal, onProgress }) : null];
  });
  if (picture !== state.picture || cam !== state.cam) return; // another one came meanwhile
  result.maps.push(...(more?.maps ?? []));
  if (state.result?.picture.data === undefined || picture !== state.from) state.shown = result.maps[0].class.id;
  Object.assign(state, { result, from: picture });
  if (!result.maps.some((map) => map.class.id === state.shown)) state.shown = result.maps[0].class.id;
  stage.setPicture(result.picture, picture.name);
  fillCompare();
  await compare();
  show();
  const { decode, forward, backward } = result.timings;
  const total = decode + forward + backward;
  say([`${total.toFixed(0)} ms: forward ${forward.toFixed(0)}, ${result.maps.length} heatmaps ` +
    `${backward.toFixed(0)}.`, ...result.warnings.map(({ text }) => `${text}.`)].join(' '));
}

/** A class that is not among the best; the network does not run forward again. */
async function explainClass(wanted) {
  const { cam, result, picture } = state;
  if (!cam || !result) return;
  const id = cam.findClass(wanted);
  if (!result.maps.some((map) => map.class.id === id)) {
    const more = await withProgress((signal, onProgress) => cam.explain(picture.image,
      { ...asked(), classes: [id], picture: false, signal, onProgress }));
    result.maps.push(...more.maps);
    state.asked.add(id);
    fillCompare();
  }
  state.shown = id;
  await compare();
  show();
}

/** What the map on show can be compared with. */
function fillCompare() {
  const classes = state.result?.maps.map((map) => (
    { value: `class:${map.class.id}`, text: `the class ${map.class.name}` })) ?? [];
  settings.fill('compare', [{ value: '', text: 'nothing' }, ...classes,
    ...state.cam.layers().map((layer) => ({ value: `layer:${layer.name}`, text: `the layer ${layerText(layer)}` }))]);
}

/** Brings the map to compare with. */
async function compare() {
  const [, kind, value] = /^(\w+):(.*)$/.exec(settings.get('compare')) ?? [];
  const { cam, result, picture, shown } = state;
  if (!kind || !result) {
    state.other = null;
  } else if (kind === 'class') {
    state.other = result.maps.find((map) => map.class.id === Number(value)) ?? null;
  } else {
    const { maps: [map] } = await cam.explain(picture.image,
      { ...asked(), classes: [shown], layer: value, picture: false });
    state.other = map;
  }
}

function show() {
  const { result, shown, other } = state;
  if (!result) return;
  const map = result.maps.find((one) => one.class.id === shown);
  const view = settings.get('view');
  stage.show(map, {
    colormap: settings.get('colormap'),
    interpolation: settings.get('interpolation'),
    opacity: Number(settings.get('alpha')),
    boxes: settings.get('boxes') === '1',
  }, other, view);
  byId('wipe').hidden = !other || view !== 'wipe';
  showPredictions(byId('predictions'), result.maps, shown, (id) => {
    state.shown = id;
    if (settings.get('compare').startsWith('layer:')) guard(async () => {
      await compare();
      show();
    });
    else show();
  });
  const method = state.cam.methods().find(({ name }) => name === result.method);
  byId('paper').textContent = method?.paper ?? '';
}

/** A control has another value: as little as possible is done anew. */
async function onSetting(name) {
  if (name === 'alpha') {
    stage.setOpacity(Number(settings.get('alpha')));
  } else if (name === 'preprocess') {
    await loadModel(state.source);
    await explain();
  } else if (['method', 'score', 'layer', 'top'].includes(name)) {
    if (name === 'layer' && state.cam) moveDepth();
    if (!camera.running) await explain();
  } else {
    if (name === 'compare') await compare();
    show();
  }
}

/* ---- Wiring -------------------------------------------------------------------------------------- */

byId('settings').addEventListener('submit', (event) => event.preventDefault());
byId('wipe').addEventListener('input', ({ target }) => stage.setWipe(Number(target.value)));
byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const wanted = byId('class').value.trim();
  if (wanted) guard(() => explainClass(wanted));
});

const SAVE = {
  overlay: async (map, style, stem) => download(`${stem}-${map.class.id}.png`, await map.toPNG(style), 'image/png'),
  grid: async (map, style, stem) => download(`${stem}-grid.png`, await state.cam.grid(state.result.maps, style), 'image/png'),
  json: async (map, style, stem) => download(`${stem}.json`,
    `${JSON.stringify(state.result.report({ file: state.picture.name }))}\n`, 'application/json'),
  npy: async (map, style, stem) => download(`${stem}-${map.class.id}.npy`, npy(map.raw, [map.height, map.width])),
  bundle: async (map, style, stem) => download(`${stem}-gradcam.zip`, await bundle({ cam: state.cam,
    result: state.result, name: state.picture.name, style, settings: settings.all() })),
};

byId('save').addEventListener('click', ({ target }) => guard(async () => {
  const what = target.dataset.save;
  if (what === 'link') {
    await navigator.clipboard.writeText(settings.link());
    say('The link to these settings is in the clipboard. It holds no picture.');
    return;
  }
  if (!what || !state.result?.picture.data) return;
  const map = state.result.maps.find((one) => one.class.id === state.shown);
  const style = { colormap: settings.get('colormap'), alpha: Number(settings.get('alpha')),
    interpolation: settings.get('interpolation') };
  await SAVE[what](map, style, state.picture.name.replace(/\.\w+$/, '').replace(/\W+/g, '-'));
}));

await guard(() => loadModel('pocket'));
await guard(explain);

// What has been loaded works without a network afterwards; where that cannot be had, nothing is lost.
navigator.serviceWorker?.register(new URL('../offline.js', import.meta.url).href).catch(() => {});
