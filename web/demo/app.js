/**
 * The page: takes pictures in, asks the model, shows what comes back. Uses the package's public API
 * alone.
 */
import { GradCam, tools } from '../index.js';
import { Camera } from './camera.js';
import { takePictures } from './intake.js';
import { isNamed, ModelList } from './models.js';
import { showPredictions } from './predictions.js';
import { showProof } from './proof.js';
import { SAMPLES } from './samples.js';
import { bundle, download } from './save.js';
import { Settings } from './settings.js';
import { Sheet } from './sheet.js';
import { Stage } from './stage.js';

const OF_A_MODEL = /\.(onnx|h5|hdf5|keras|data|bin|json)$/i;

const byId = (id) => document.getElementById(id);
const stage = new Stage(byId('frame'), byId('scale'), setWipe);
const sheet = new Sheet(byId('sheet'), chooseClass);
const camera = new Camera();
const settings = new Settings(byId('settings'), (name) => guard(() => onSetting(name)));
const models = new ModelList(byId('models'), byId('model'), (name) => openModel(name));

const state = {
  /** @type {GradCam | null} */ cam: null,
  /** What the model was loaded from. */ source: 'pocket',
  /** @type {{image: any, name: string, sample?: string} | null} */ picture: null,
  /** @type {import('../index.js').Explanation | null} */ result: null,
  /** The map of the class or layer to compare with, and the names of both. */ other: null,
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

/** What is being waited for: a model, or an explanation. The first has the bar, where there are both. */
const waiting = { load: null, explain: null };

/**
 * Runs work(signal, onProgress) with a bar that can be cancelled; ends what ran of that kind before.
 * @param {'load' | 'explain'} kind
 */
async function withProgress(kind, work) {
  waiting[kind]?.abort();
  const controller = new AbortController();
  waiting[kind] = controller;
  const bar = byId('progress');
  if (kind === 'load' || !waiting.load) bar.removeAttribute('value');
  // What is quick needs no bar, and must not make the page jump.
  const timer = setTimeout(() => {
    byId('working').hidden = false;
  }, 250);
  try {
    return await work(controller.signal, (progress) => {
      if (controller.signal.aborted || (kind === 'explain' && waiting.load)) return;
      if (progress.total) bar.value = progress.loaded / progress.total;
      if (kind === 'load' && progress.total > 4e6) say(`${progress.file}: ${megabytes(progress)} MB`);
    });
  } finally {
    clearTimeout(timer);
    if (waiting[kind] === controller) waiting[kind] = null;
    byId('working').hidden = !waiting.load && !waiting.explain;
  }
}

const megabytes = ({ loaded, total }) => `${(loaded / 1e6).toFixed(0)} of ${(total / 1e6).toFixed(0)}`;

byId('cancel').addEventListener('click', () => {
  const load = waiting.load;
  (load ?? waiting.explain)?.abort();
  say(load ? 'Cancelled. What has come of a published model is kept; choose it again to go on.' : 'Cancelled.');
});

/* ---- The model ---------------------------------------------------------------------------------- */

/** @param {any} source  as for GradCam.load() */
async function loadModel(source) {
  if (!waiting.explain) say('Loading the model …');
  const cam = await withProgress('load', (signal, onProgress) => GradCam.load(source, { signal, onProgress,
    preprocess: settings.get('preprocess') || undefined }));
  state.cam?.dispose();
  Object.assign(state, { cam, source, result: null, other: null });
  globalThis.gradcam = cam; // for those who open the console
  state.asked.clear();
  models.press(source);
  if (source !== 'pocket') settings.setNamed('model', isNamed(source) ? source : '');
  else if (settings.named('model')) settings.setNamed('model', '');
  const { name, classes, threads, engine, input } = cam.model;
  byId('model-name').textContent = name;
  byId('about').textContent = `${classes} classes, ${input.join('×')} pixels, ${cam.layers().length} layers. Engine ${engine}.`;
  byId('classes').replaceChildren(...cam.labels.map((label) => new Option(label)));
  settings.fill('colormap', cam.colormaps().map((value) => (
    { value, text: ['viridis', 'cividis'].includes(value) ? `${value} (also for colour-blind eyes)` : value })));
  settings.fill('method', cam.methods().map(({ name: value, title }) => ({ value, text: title })));
  settings.fill('layer', [{ value: '', text: `the usual one: ${cam.defaultLayer}` },
    ...cam.layers().map((layer) => ({ value: layer.name, text: layerText(layer) }))]);
  fillCompare();
  moveDepth();
  showMethod();
  say(`${name}: ${classes} classes, ${threads} ${threads === 1 ? 'thread' : 'threads'}.${state.picture ? '' : ' It waits for a picture.'}`);
}

const layerText = ({ name, height, width, channels }) => `${name}, ${height}×${width}×${channels}`;

/** The slider follows the menu of layers. */
function moveDepth() {
  const layers = state.cam.layers();
  const wanted = settings.get('layer');
  const at = layers.findIndex((layer) => (wanted ? layer.name === wanted : layer.default));
  Object.assign(byId('depth'), { max: layers.length - 1, value: at });
  byId('depth').setAttribute('aria-valuetext', at >= 0 ? layerText(layers[at]) : '');
  const { height, width, channels } = layers[at] ?? {};
  byId('layer-size').textContent = height ? `${height} × ${width} cells, ${channels} channels` : '';
}

function showMethod() {
  const method = state.cam.methods().find(({ name }) => name === settings.get('method'));
  byId('method-name').textContent = method?.title ?? '';
  byId('paper').textContent = method?.paper ?? '';
}

byId('depth').addEventListener('input', ({ target }) => {
  const layer = state.cam?.layers()[target.value];
  if (!layer) return;
  settings.set('layer', layer.default ? '' : layer.name);
  guard(() => onSetting('layer'));
});

/** @param {string | File[]} source  a name or address, or the files of a model, its weights and card too */
const openModel = (source) => guard(async () => {
  // How pixels are prepared was said for another network, unless it comes as a bare file.
  if (isNamed(source)) settings.set('preprocess', '');
  try {
    await loadModel(source);
  } catch (error) {
    models.press(state.source);
    throw error;
  }
  await explain();
});

byId('onnx').addEventListener('change', ({ target }) => {
  openModel([...target.files]);
  target.value = '';
});
byId('model-open').addEventListener('click', () => {
  if (byId('model-url').value) openModel(byId('model-url').value);
});

/* ---- Pictures ------------------------------------------------------------------------------------ */

const gallery = [];

/** @param {{image: any, name: string}[]} pictures */
function addPictures(pictures) {
  for (const picture of pictures) {
    if (!gallery.some(({ image }) => image === picture.image)) gallery.push(picture);
  }
  showGallery();
  return choose(pictures[0]);
}

function choose(picture) {
  stopCamera();
  state.picture = picture;
  settings.setNamed('sample', picture.sample ?? '');
  for (const button of byId('gallery').children) {
    button.setAttribute('aria-pressed', String(button.dataset.at === String(gallery.indexOf(picture))));
  }
  for (const button of byId('samples').children) {
    button.setAttribute('aria-pressed', String(button.dataset.sample === picture.sample));
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

const samples = SAMPLES.map(({ name, url }) => ({ sample: name, name: name.replaceAll('_', ' '), image: url }));

byId('samples').append(...samples.map((picture) => {
  const button = thumbnail(picture, `Sample: ${picture.name}`);
  button.dataset.sample = picture.sample;
  button.addEventListener('click', () => choose(picture));
  return button;
}));

takePictures({ frame: byId('frame'), input: byId('file') }, (files) => (
  files.some(({ name }) => OF_A_MODEL.test(name)) ? openModel(files)
    : addPictures(files.map((image) => ({ image, name: image.name })))));

byId('address').addEventListener('submit', (event) => {
  event.preventDefault();
  const address = byId('url').value;
  if (address) guard(() => openAddress(address));
});

async function openAddress(address) {
  // As an <img>: scripts of this page may not fetch from anywhere.
  const image = Object.assign(new Image(), { crossOrigin: 'anonymous', src: address });
  say('Fetching the picture …');
  await image.decode().catch((cause) => {
    throw new Error(`${address} gave no picture that this page may read: it is not there, or its host does not let other ` +
      'pages read it. Save the picture and drop it here.', { cause });
  });
  await addPictures([{ image, name: address.split('/').at(-1) || address }]);
}

/* ---- The camera ---------------------------------------------------------------------------------- */

/** @returns {{image: ImageData, name: string} | null}  the last picture of the camera, if it ran */
function stopCamera() {
  const last = camera.stop();
  byId('camera').setAttribute('aria-pressed', 'false');
  byId('camera').textContent = 'Camera';
  return last && { image: last, name: 'camera' };
}

byId('camera').addEventListener('click', () => guard(async () => {
  if (camera.running) {
    const last = stopCamera(); // it stays, as a picture like any other
    if (last) await choose(last);
    else say('The camera is off.');
    return;
  }
  if (!state.cam) {
    say('Wait until the model is there.');
    return;
  }
  byId('camera').setAttribute('aria-pressed', 'true');
  byId('camera').textContent = 'Stop the camera';
  say('Waiting for the camera …');
  const rate = { since: performance.now(), frames: 0 };
  try {
    await camera.start(ask, (result, frame) => {
      showFrame(result, frame);
      rate.frames += 1;
      const seconds = (performance.now() - rate.since) / 1000;
      if (seconds < 1) return;
      say(`${(rate.frames / seconds).toFixed(0)} pictures a second. Stop the camera to keep the one on show.`);
      Object.assign(rate, { since: performance.now(), frames: 0 });
    });
  } catch (error) {
    stopCamera();
    say({ NotAllowedError: 'The camera was not allowed. Allow it beside the address of this page, and press Camera again.',
      NotFoundError: 'There is no camera.' }[error.name] ?? error.message, { bad: true });
  }
}));

/** What the model says of one picture of the camera; the canvas is read before this returns. */
const ask = (frame) => state.cam.explain(frame, { ...asked(), picture: false });

const SHEET_EVERY = 250; // ms, for pictures of the camera
let sheetShown = 0;

/** One picture of the camera: the class on show stays, if it is among the best. */
function showFrame(result, frame) {
  stage.setFrame(frame, frame.width, frame.height);
  Object.assign(state, { result, other: null, from: null });
  if (!result.maps.some((map) => map.class.id === state.shown)) state.shown = result.maps[0].class.id;
  const now = performance.now();
  const classes = result.maps.map((map) => map.class.id).join();
  if (now - sheetShown > SHEET_EVERY || classes !== sheet.classes) {
    showSheet();
    sheetShown = now;
  }
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
  const [result, more] = await withProgress('explain', async (signal, onProgress) => {
    const best = await cam.explain(picture.image, { ...asked(), signal, onProgress });
    const missing = [...state.asked].filter((id) => !best.maps.some((map) => map.class.id === id));
    return [best, missing.length ? await cam.explain(picture.image,
      { ...asked(), classes: missing, picture: false, signal, onProgress }) : null];
  });
  if (picture !== state.picture || cam !== state.cam) return; // another one came meanwhile
  result.maps.push(...(more?.maps ?? []));
  const another = picture !== state.from;
  Object.assign(state, { result, from: picture });
  if (another || !result.maps.some((map) => map.class.id === state.shown)) state.shown = result.maps[0].class.id;
  stage.setPicture(result.picture, picture.name);
  fillCompare();
  await compare();
  show();
  showSheet();
  const { forward, backward } = result.timings;
  const heatmaps = `${result.maps.length} ${result.maps.length === 1 ? 'heatmap' : 'heatmaps'}`;
  say([`Network forward ${forward.toFixed(0)} ms, ${heatmaps} ${backward.toFixed(0)} ms, here on your machine.`,
    ...result.warnings.map(({ text }) => `${text}.`)].join(' '));
}

/** A class that is not among the best; the network does not run forward again. */
async function explainClass(wanted) {
  const { cam, result, picture } = state;
  if (!cam || !result) {
    say('Choose a picture first.');
    return;
  }
  const id = cam.findClass(wanted);
  if (!result.maps.some((map) => map.class.id === id)) {
    state.asked.add(id);
    if (camera.running) {
      say('Stop the camera to ask for a class that is not in the list.');
      return;
    }
    const more = await withProgress('explain', (signal, onProgress) => cam.explain(picture.image,
      { ...asked(), classes: [id], picture: false, signal, onProgress }));
    result.maps.push(...more.maps);
    fillCompare();
    showSheet();
  }
  await chooseClass(id);
}

/** Another class on show: nothing is computed anew, but for the other layer that it is compared at. */
async function chooseClass(id) {
  state.shown = id;
  if (settings.get('compare')) await guard(compare);
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
  state.other = null;
  if (!kind || !result || camera.running) return;
  if (kind === 'class') {
    const map = result.maps.find((one) => one.class.id === Number(value));
    const own = result.maps.find((one) => one.class.id === shown);
    if (map) state.other = { map, names: [own.class.name, map.class.name] };
  } else {
    const { maps: [map] } = await cam.explain(picture.image,
      { ...asked(), classes: [shown], layer: value, picture: false });
    state.other = { map, names: [result.layer, value] };
  }
}

const style = () => ({
  colormap: settings.get('colormap'),
  interpolation: settings.get('interpolation'),
  fade: settings.get('fade') === '1' ? tools.FADE : 0,
  opacity: Number(settings.get('alpha')),
});

function show() {
  const { result, shown, other, cam } = state;
  if (!result) return;
  const map = result.maps.find((one) => one.class.id === shown);
  const view = settings.get('view');
  const look = style();
  stage.show(map, { ...look, colours: cam.colormap(look.colormap), boxes: settings.get('boxes') === '1' }, other, view);
  byId('wipe').hidden = !other || view !== 'wipe';
  showPredictions(byId('predictions'), result.maps, shown, chooseClass);
  sheet.press(shown);
}

function showSheet() {
  if (!state.result) return;
  sheet.show(state.result.maps, stage.picture, style());
  sheet.press(state.shown);
}

/** A control has another value: as little as possible is done anew. */
async function onSetting(name) {
  if (name === 'alpha') {
    stage.setOpacity(Number(settings.get('alpha')));
    showSheet();
  } else if (name === 'preprocess') {
    await loadModel(state.source);
    await explain();
  } else if (['method', 'score', 'layer', 'top'].includes(name)) {
    if (!state.cam) return;
    if (name === 'layer') moveDepth();
    if (name === 'method') showMethod();
    if (!camera.running) await explain();
  } else {
    if (name === 'compare') await compare();
    show();
    if (!['compare', 'view', 'boxes'].includes(name)) showSheet();
  }
}

/* ---- Wiring -------------------------------------------------------------------------------------- */

function setWipe(share) {
  byId('wipe').value = String(share);
  stage.setWipe(share);
}

byId('settings').addEventListener('submit', (event) => event.preventDefault());
byId('wipe').addEventListener('input', ({ target }) => setWipe(Number(target.value)));
byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const wanted = byId('class').value.trim();
  if (wanted) guard(() => explainClass(wanted));
});

const SAVE = {
  overlay: async (map, look, stem) => download(`${stem}-${map.class.id}.png`, await map.toPNG(look), 'image/png'),
  grid: async (map, look, stem) => download(`${stem}-grid.png`, await state.cam.grid(state.result.maps, look), 'image/png'),
  json: async (map, look, stem) => download(`${stem}.json`,
    `${JSON.stringify(state.result.report({ file: state.picture.name }))}\n`, 'application/json'),
  npy: async (map, look, stem) => download(`${stem}-${map.class.id}.npy`, tools.npy(map.raw, [map.height, map.width])),
  bundle: async (map, look, stem) => download(`${stem}-gradcam.zip`, await bundle({ cam: state.cam, source: state.source,
    result: state.result, name: state.picture.name, style: look, settings: settings.all() })),
};

byId('save').addEventListener('click', ({ target }) => guard(async () => {
  const what = target.dataset.save;
  if (!what) return;
  if (what === 'link') {
    const link = settings.link();
    try {
      await navigator.clipboard.writeText(link);
      say('The link to these settings is in the clipboard. It holds no picture of yours.');
    } catch {
      say(`The link to these settings: ${link}`);
    }
    return;
  }
  if (!state.result?.picture.data) {
    say(camera.running ? 'Stop the camera to keep its picture, then save.' : 'Choose a picture first.');
    return;
  }
  const map = state.result.maps.find((one) => one.class.id === state.shown);
  const { opacity: alpha, ...look } = style();
  await SAVE[what](map, { ...look, alpha }, state.picture.name.replace(/\.\w+$/, '').replace(/\W+/g, '-'));
}));

showProof({ hosts: byId('hosts'), fetched: byId('fetched') });
const linked = samples.find(({ sample }) => sample === settings.named('sample'));
if (linked) choose(linked);
const wantedModel = settings.named('model');
await guard(() => loadModel('pocket'));
await guard(explain);
if (wantedModel && isNamed(wantedModel) && wantedModel !== 'pocket') {
  // Nobody's link makes a browser fetch hundreds of megabytes.
  byId('model').open = true;
  say(`The link was made with ${wantedModel}; choose it under Model to fetch it.`);
}

// The page works without a network afterwards; where that cannot be had, nothing is lost.
navigator.serviceWorker?.register(new URL('../offline.js', import.meta.url).href).catch(() => {});
