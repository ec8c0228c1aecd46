/**
 * The page: takes pictures in, asks the model, shows what comes back. Uses the package's public API
 * alone.
 */
import { GradCam } from '../index.js';
import { takePictures } from './intake.js';
import { showPredictions } from './predictions.js';
import { Stage } from './stage.js';

const SAMPLES = ['golf_ball_and_flower', 'golf_ball', 'flower', 'parachute', 'church'];
const TOP = 5;

const byId = (id) => document.getElementById(id);
const stage = new Stage(byId('frame'), byId('picture'), byId('heat'));

const state = {
  /** @type {GradCam | null} */ cam: null,
  /** What the model was loaded from. */ source: 'pocket',
  /** @type {Blob | string | null} */ image: null,
  name: '',
  /** @type {import('../api.js').Explanation | null} */ result: null,
  /** The class on show, by id. */ shown: 0,
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
    if (error.code !== 'cancelled') say(error.message, { bad: true });
    return undefined;
  }
}

/* ---- The model ---------------------------------------------------------------------------------- */

let loading = null; // an AbortController while a model comes in

async function loadModel(source) {
  loading?.abort();
  loading = new AbortController();
  const { signal } = loading;
  const progress = byId('progress');
  progress.hidden = false;
  progress.removeAttribute('value');
  say('Loading the model …');
  try {
    const cam = await GradCam.load(source, {
      signal,
      preprocess: byId('preprocess').value || undefined,
      onProgress: ({ loaded, total }) => {
        if (total) progress.value = loaded / total;
      },
    });
    state.cam?.dispose();
    state.cam = cam;
    state.source = source;
    say(`${cam.model.name}: ${cam.model.classes} classes, ${cam.model.threads} ` +
      `${cam.model.threads === 1 ? 'thread' : 'threads'}.`);
    fillChoices(cam);
  } finally {
    if (loading?.signal === signal) progress.hidden = true;
  }
}

function fillChoices(cam) {
  const options = (select, values, chosen) => byId(select).replaceChildren(
    ...values.map(({ value, text = value }) => new Option(text, value, false, value === chosen)));
  options('colormap', cam.colormaps().map((value) => ({ value })), byId('colormap').value || 'turbo');
  options('layer', [{ value: '', text: `automatic (${cam.defaultLayer})` },
    ...cam.layers().map(({ name, height, width, channels }) => (
      { value: name, text: `${name}  ${height}×${width}×${channels}` }))], '');
  byId('classes').replaceChildren(...cam.labels.map((label) => new Option(label)));
}

/* ---- The picture ------------------------------------------------------------------------------- */

/** @param {Blob | string} image @param {string} name */
async function explain(image, name) {
  state.image = image;
  state.name = name;
  if (!state.cam) return; // it waits until the model is there
  say(`Looking at ${name} …`);
  const result = await state.cam.explain(image, { top: TOP, layer: byId('layer').value || undefined });
  if (image !== state.image) return; // another one came meanwhile
  state.result = result;
  state.shown = result.maps[0].class.id;
  stage.setPicture(result.picture, name);
  show();
  const { decode, forward, backward } = result.timings;
  const total = decode + forward + backward;
  say([`${total.toFixed(0)} ms: forward ${forward.toFixed(0)}, ${result.maps.length} heatmaps ` +
    `${backward.toFixed(0)}.`, ...result.warnings.map(({ text }) => `${text}.`)].join(' '));
}

/** A map for a class that is not among the first ones; the network does not run forward again. */
async function explainClass(wanted) {
  const { cam, image, result } = state;
  if (!cam || !result) return;
  const id = cam.findClass(wanted);
  if (!result.maps.some((map) => map.class.id === id)) {
    const more = await cam.explain(image, { classes: [id], layer: byId('layer').value || undefined });
    result.maps.push(...more.maps);
  }
  state.shown = id;
  show();
}

function show() {
  const { result, shown } = state;
  const map = result.maps.find((one) => one.class.id === shown);
  stage.showMap(map, { colormap: byId('colormap').value, opacity: Number(byId('alpha').value) });
  showPredictions(byId('predictions'), result.maps, shown, (id) => {
    state.shown = id;
    show();
  });
}

/* ---- Wiring -------------------------------------------------------------------------------------- */

const again = () => guard(() => state.image && explain(state.image, state.name));

const OF_A_MODEL = /\.(onnx|h5|hdf5|keras|data|bin|json)$/i;

takePictures({ frame: byId('frame'), input: byId('file') }, (files) => (
  files.some(({ name }) => OF_A_MODEL.test(name)) ? openModel(files)
    : guard(() => explain(files[0], files[0].name))));

/** @param {File[]} files  an ONNX or Keras file, with its weights and card where it has such */
async function openModel(files) {
  await guard(async () => {
    await loadModel(files);
    const { name } = files.find((file) => /\.(onnx|h5|hdf5|keras)$/i.test(file.name));
    const option = new Option(name, 'file', true, true);
    byId('model').querySelector('[value=file]')?.remove();
    byId('model').append(option);
    await again();
  });
}

byId('onnx').addEventListener('change', ({ target }) => openModel([...target.files]));
byId('model').addEventListener('change', ({ target }) => guard(async () => {
  if (target.value === 'file') return;
  await loadModel(target.value);
  await again();
}));
byId('preprocess').addEventListener('change', () => guard(async () => {
  await loadModel(state.source);
  await again();
}));
byId('layer').addEventListener('change', again);
byId('colormap').addEventListener('change', () => state.result && show());
byId('alpha').addEventListener('input', ({ target }) => stage.setOpacity(Number(target.value)));
byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const wanted = byId('class').value.trim();
  if (wanted) guard(() => explainClass(wanted));
});

byId('samples').append(...SAMPLES.map((name) => {
  const url = new URL(`../../models/pocket/samples/${name}.jpg`, import.meta.url).href;
  const title = name.replaceAll('_', ' ');
  const button = Object.assign(document.createElement('button'), { type: 'button', title });
  button.append(Object.assign(new Image(), { src: url, alt: `Sample: ${title}` }));
  button.addEventListener('click', () => guard(() => explain(url, title)));
  return button;
}));

await guard(() => loadModel('pocket'));
await again();
