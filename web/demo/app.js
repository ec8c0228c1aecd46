/**
 * The page: takes pictures in, asks the model, shows what comes back. Uses the package's public API
 * alone. What is shown follows from one state (state.js): render() is the only place that shows it.
 */
import { GradCam, GradCamError, tools } from '../index.js';
import { Address } from './address.js';
import { Ask } from './ask.js';
import { Camera } from './camera.js';
import { folderOf, takeFiles } from './intake.js';
import { keep, keyOf, recall } from './kept.js';
import { isNamed, ModelList } from './models.js';
import { clearPredictions, showPredictions } from './predictions.js';
import { showProof } from './proof.js';
import { readCaptions, SAMPLES } from './samples.js';
import { saveAs } from './save.js';
import { Settings } from './settings.js';
import { Sheet } from './sheet.js';
import { MOST_PICTURE_PIXELS, Stage } from './stage.js';
import * as states from './state.js';
import { Suggestions } from './suggestions.js';
import { thumbnail } from './thumbnails.js';
import { Wall } from './wall.js';
import { fillIn, inWords, say, sentences } from './words.js';

const byId = (id) => document.getElementById(id);
fillIn(document);
const stage = new Stage(byId('frame'), byId('scale'), (share) => onSetting('wipe', share.toFixed(2)));
const sheet = new Sheet(byId('sheet'), chooseClass);
const ask = new Ask(byId('ask'));
const camera = new Camera(byId('cameras'), () => tell(say('page.camera.other.failed'), { bad: true }));
const settings = new Settings(byId('settings'), (name, value) => guard(() => onSetting(name, value)));
const models = new ModelList(byId('models'), byId('model'), (name) => openModel(name));
const address = new Address((link, files) => guard(() => arrive(() => follow(link, files))));

/** @type {import('./state.js').State} */
let state = states.startState(address.link.settings);

/** A link's wishes for a model that has not been asked for yet. @type {import('./state.js').Link | null} */
let waitingLink = null;

/** How many links are being followed: meanwhile what is on the screen is not yet what they say. */
let arriving = 0;

function set(next) {
  state = next;
  render();
}

/* ---- Words for the reader ---------------------------------------------------------------------- */

function tell(text, { bad = false } = {}) {
  byId('status').textContent = text;
  byId('status').toggleAttribute('data-bad', bad);
}

/** Runs work; its failure becomes a sentence on the page. */
async function guard(work) {
  try {
    return await work();
  } catch (error) {
    if (error.code === 'cancelled') return undefined;
    tell(inWords(error), { bad: true });
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
      if (kind === 'load' && progress.total > 4e6) tell(say('page.loaded', megabytes(progress)));
    });
  } finally {
    clearTimeout(timer);
    if (waiting[kind] === controller) waiting[kind] = null;
    byId('working').hidden = !waiting.load && !waiting.explain;
  }
}

const megabytes = ({ file, loaded, total }) => ({ file, loaded: (loaded / 1e6).toFixed(0), total: (total / 1e6).toFixed(0) });

byId('cancel').addEventListener('click', () => {
  const load = waiting.load;
  (load ?? waiting.explain)?.abort();
  tell(load ? say('page.cancelled.load') : say('page.cancelled'));
});

/* ---- What is on the screen --------------------------------------------------------------------- */

/** What each part of the screen was last drawn from. */
const drawn = new Map();

/** Draws a part anew where something that it follows from is another. */
function draw(part, values, work) {
  const before = drawn.get(part);
  if (before && values.every((value, i) => Object.is(value, before[i]))) return;
  drawn.set(part, values);
  work();
}

/**
 * Where all classes share one scale, a map is as strong as its class is probable: the raw value at the colours'
 * end, for each map. Of values without probabilities, the strongest place of all.
 * @param {import('../index.js').HeatMap[]} maps
 */
function commonScale(maps) {
  const best = Math.max(...maps.map(({ probability }) => probability ?? 0));
  const most = Math.max(...maps.map(({ max }) => max));
  return (map) => (map.probability === null || !best ? most : map.max / Math.max(map.probability / best, 1e-6)) || 1;
}

function style() {
  const { answer, settings: { same } } = state;
  const max = same === '1' && answer ? commonScale(answer.maps) : undefined;
  return {
    colormap: state.settings.colormap,
    interpolation: state.settings.interpolation,
    fade: state.settings.fade === '1' ? tools.FADE : 0,
    opacity: Number(state.settings.alpha),
    ...(max === undefined ? {} : { max }),
  };
}

function render() {
  const { model, answer, shown, ask } = state;
  const { settings: wishes } = state;
  if (model) draw('model', [model], showModel);
  draw('compare menu', [model, answer?.maps], fillCompare);
  draw('controls', [wishes, model], showControls);
  const pressed = camera.running ? null : ask.picture;
  draw('pictures', [pressed, gallery.length], () => showPressed(pressed));
  const live = answer?.picture.live;
  if (answer && !live) draw('picture', [answer.result.picture], () => stage.setPicture(answer.result.picture, answer.pixels, answer.picture.name));
  else drawn.delete('picture');
  if (!answer) {
    draw('nothing', [ask.picture, state.good?.picture], () => {
      stage.clear({ empty: !state.good || ask.picture !== state.good.picture });
      sheet.clear();
      clearPredictions(byId('predictions'));
      byId('wipe').hidden = true;
      byId('doubt').hidden = true;
      byId('caption').textContent = '';
    });
    for (const part of ['heat', 'tiles', 'list']) drawn.delete(part);
  } else {
    drawn.delete('nothing');
    const map = states.mapOf(state);
    const other = states.comparedOf(state);
    const { colormap, interpolation, fade, alpha, boxes, view, wipe } = wishes;
    const scale = wishes.same ? answer.maps : null;
    draw('heat', [map, other?.map, colormap, interpolation, fade, boxes, view, scale], () => {
      const look = style();
      stage.show(map, { ...look, colours: model.cam.colormap(look.colormap), boxes: boxes === '1' }, other, view);
      byId('wipe').hidden = !other || view === 'beside' || view === 'difference';
    });
    draw('opacity', [alpha], () => stage.setOpacity(Number(alpha)));
    draw('wipe', [wipe], () => {
      byId('wipe').value = wipe;
      stage.setWipe(Number(wipe));
    });
    draw('list', [answer.maps, shown], () => showPredictions(byId('predictions'), answer.maps, shown, chooseClass, model.groups));
    draw('words', [answer.result], () => showDoubt(answer));
    if (!live || sheetIsDue()) {
      draw('tiles', [answer.maps, colormap, interpolation, fade, alpha, scale], () => sheet.show(model, answer.maps, stage.picture, style(), Boolean(live)));
    }
    sheet.press(shown);
  }
  if (model) wall.show(gallery, `${modelNumber(model)} ${JSON.stringify(states.askedOf(state))}`, wallStyle());
  const pending = waiting.explain || arriving || live || (!answer && ask.picture);
  if (model && !pending) address.write(states.writeLink(state, waitingLink), filesOf(state));
}

/** Of a model, for as long as the page is open. */
const numbers = new WeakMap();
let modelsSeen = 0;
function modelNumber(model) {
  if (!numbers.has(model)) numbers.set(model, modelsSeen += 1);
  return numbers.get(model);
}

/** Each picture of the wall has its own scale: its map's. */
function wallStyle() {
  const { max, ...rest } = style();
  return rest;
}

/** What the address cannot name, for the history of this visit. */
const filesOf = ({ answer, model }) => ({
  picture: answer && !answer.picture.sample && !answer.picture.address ? answer.picture : null,
  model: typeof model.source === 'string' ? null : model.source,
});

/** Beside the answer: that it is a guess, and what a sample is there for. */
function showDoubt({ model, picture, result }) {
  const strange = result.warnings.some(({ name }) => name === 'unfamiliar');
  byId('doubt').hidden = !strange;
  byId('doubt').textContent = strange ? say('page.doubt', { name: model.cam.model.name }) : '';
  const caption = (model.source === 'pocket' && picture.sample && captions.get(picture.sample)) || '';
  byId('caption').textContent = caption;
}

/** What the network knows and how often it is right, as its card says. */
function showKnowledge({ limits, accuracy, model: { name } }) {
  const right = accuracy?.imagenet_sample?.[name];
  const percent = (share) => Math.round(100 * share);
  const words = right ? say('page.knows.all', { first: percent(right[0]), five: percent(right[1]) }) : '';
  const [first = '', ...others] = limits;
  byId('knows').querySelector('p').textContent = [first, words].filter(Boolean).join(' ') || say('page.knows.nobody', { name });
  byId('knows').querySelector('details').hidden = !others.length;
  byId('knows').querySelector('ul').replaceChildren(...others.map((textContent) => Object.assign(document.createElement('li'), { textContent })));
}

const layerText = (layer) => (layer.tokens ? say('page.layer.tokens', layer) : say('page.layer', layer));

function showModel() {
  const { cam, source } = state.model;
  globalThis.gradcam = cam; // for those who open the console
  models.press(source);
  const { name, classes, engine, input } = cam.model;
  byId('model-name').textContent = name;
  showKnowledge(cam);
  byId('about').textContent = say('page.model.about', { classes, pixels: input.join('×'), layers: cam.layers().length, engine });
  settings.fill('colormap', cam.colormaps().map((value) => (
    { value, text: ['viridis', 'cividis'].includes(value) ? say('page.colours.all.eyes', { name: value }) : value })));
  settings.fill('method', cam.methods().map(({ name: value, title }) => ({ value, text: title })));
  const { heads } = cam.model;
  byId('head').hidden = heads.length < 2;
  settings.fill('head', [{ value: '', text: say('page.head.usual') },
    ...heads.map(({ name: value, kind, dims }) => ({ value, text: `${value} (${[kind, dims.join('×')].join(' ').trim()})` }))]);
  settings.fill('layer', [{ value: '', text: say('page.layer.usual', { layer: cam.defaultLayer }) },
    ...cam.layers().map((layer) => ({ value: layer.name, text: layerText(layer) }))]);
}

/** What the map on show can be compared with. */
function fillCompare() {
  const { model, answer } = state;
  if (!model) return;
  const listed = answer?.maps.map((map) => map.class.id) ?? [];
  const chosen = states.comparedClass(state);
  const ids = chosen === null || listed.includes(chosen) ? listed : [...listed, chosen];
  settings.fill('compare', [{ value: '', text: say('page.compare.nothing') },
    ...ids.map((id) => ({ value: `class:${id}`, text: say('page.compare.class', { name: model.cam.labels[id] }) })),
    ...model.cam.layers().map((layer) => ({ value: `layer:${layer.name}`, text: say('page.compare.layer', { layer: layerText(layer) }) }))]);
}

function showControls() {
  const { model, settings: wishes } = state;
  settings.show(wishes);
  if (!model) return;
  const layers = model.cam.layers();
  const at = layers.findIndex((layer) => (wishes.layer ? layer.name === wishes.layer : layer.default));
  Object.assign(byId('depth'), { max: layers.length - 1, value: at });
  byId('depth').setAttribute('aria-valuetext', at >= 0 ? layerText(layers[at]) : '');
  const { height, width, channels } = layers[at] ?? {};
  byId('layer-size').textContent = height ? say('page.layer.size', { height, width, channels }) : '';
  const method = model.cam.methods().find(({ name }) => name === wishes.method);
  byId('method-name').textContent = method?.title ?? '';
  byId('paper').textContent = method?.paper ?? '';
}

function showPressed(picture) {
  for (const button of byId('gallery').children) {
    button.setAttribute('aria-pressed', String(gallery[button.dataset.at] === picture));
  }
  for (const button of byId('samples').children) {
    button.setAttribute('aria-pressed', String(picture?.sample === button.dataset.sample));
  }
}

/* ---- The model ---------------------------------------------------------------------------------- */

/**
 * What the reader chose for one model alone: how pixels are prepared, the output, the names of its
 * classes; and whether the first was asked in this visit. By the model's key.
 * @type {Map<string, {preprocess: string, head?: string, labels?: string[], asked?: boolean}>}
 */
const choices = new Map();
const choicesOf = (key) => choices.get(key) ?? { preprocess: recall(key) };
const chooseFor = (key, change) => choices.set(key, { ...choicesOf(key), ...change });
/** Names and addresses of models of this visit, which a link need not ask for. */
const opened = new Set(['pocket']);

/**
 * @param {any} source  as for GradCam.load()
 * @param {import('./state.js').Link | null} [link]  what is wished for it
 * @param {() => import('./state.js').State} [base]   what it comes into
 * @param {File} [names]  of its classes, that came with it
 */
async function loadModel(source, link = null, base = () => state, names = undefined) {
  if (!waiting.explain) tell(say('page.loading'));
  // Whoever wishes for something else meanwhile ends all of it, the digest and the preprocessing too.
  const { cam, key, preprocess, head, guessed } = await withProgress('load', async (signal, onProgress) => {
    const key = await keyOf(source);
    const first = !choices.has(key);
    const { preprocess: chosen, head: output = '', labels } = choicesOf(key);
    // An address says it of a model that it names; of files it knows nothing.
    const preprocess = typeof source !== 'string' || !link ? chosen : link.settings.preprocess || (first ? chosen : '');
    const head = typeof source !== 'string' || !link ? output : link.settings.head;
    const cam = await GradCam.load(source, { signal, onProgress, labels: names ?? labels, head: head || undefined });
    const guessed = cam.model.preprocess?.from === 'guess';
    try {
      // Of one that has another output, that may be chosen.
      if (cam.model.heads.every(({ kind }) => WITHOUT_CLASSES.includes(kind))) throw noClasses(cam.model);
      if (preprocess) await cam.setPreprocess(preprocess);
      if (signal.aborted) throw new GradCamError('cancelled', say('page.cancelled'));
    } catch (error) {
      cam.dispose();
      throw error;
    }
    return { cam, key, preprocess, head, guessed };
  });
  opened.add(source);
  chooseFor(key, { preprocess, head, ...(names ? { labels: cam.labels } : {}) });
  ask.close();
  const before = state.model;
  set(states.withModel(base(), { cam, source, key, preprocess, head, guessed, groups: cam.groups }, link));
  before?.cam.dispose();
  sayModel();
}

/**
 * loadModel() for a link, which may wish what the model does not have.
 * @param {any} source
 * @param {import('./state.js').Link} link
 * @param {() => import('./state.js').State} [base]
 * @param {File} [names]
 * @returns {Promise<import('./state.js').Wrong[]>}  what it does not have
 */
async function loadLinked(source, link, base, names) {
  const { head } = link.settings;
  try {
    await loadModel(source, link, base, names);
  } catch (error) {
    if (!head || error.code === 'cancelled') throw error;
    // An output that is not there would leave the page without a model.
    await loadModel(source, { ...link, settings: { ...link.settings, head: '' } }, base, names);
  }
  return states.unknownTo(link, state.model);
}

function sayModel() {
  const { warnings, model } = state.model.cam;
  tell(sentences([say('page.model', model), ...warnings.map(inWords), state.ask.picture ? '' : say('page.waits')]));
}

byId('depth').addEventListener('input', ({ target }) => {
  const layer = state.model?.cam.layers()[target.value];
  if (layer) guard(() => onSetting('layer', layer.default ? '' : layer.name));
});

/** What was dropped together is asked about once, when all of it is there. */
async function explainWith(pictures) {
  if (pictures.length) await guard(() => addPictures(pictures));
  else await explain();
}

/**
 * @param {string | File | File[]} source  a name or address, or the files of a model, its weights and card too
 * @param {{names?: File, pictures?: import('./state.js').Picture[]}} [others]  what came with it: names of its classes, pictures
 */
const openModel = (source, { names, pictures = [] } = {}) => guard(async () => {
  const link = waitingLink && states.means(waitingLink.model, source) ? waitingLink : null;
  const wrong = [];
  const load = async (file) => {
    if (link) wrong.push(...await loadLinked(source, link, undefined, file));
    else await loadModel(source, null, undefined, file);
  };
  let refused = null; // the names, which the model can do without
  await orPictures(pictures, () => load(names).catch(async (error) => {
    if (!names || error.code === 'cancelled') throw error;
    await load();
    refused = error;
  })).catch((error) => {
    models.press(state.model?.source);
    const [file] = [source].flat();
    throw file instanceof File && error.code !== 'cancelled' ? naming(file.name, error) : error;
  });
  waitingLink = null;
  await explainWith(pictures);
  sayWrong(wrong);
  if (refused) tell(sentences([inWords(refused), byId('status').textContent]), { bad: true });
  else if (names) sayNames(names);
});

/** Names of the classes, for the model that is there. @param {File} file @param {import('./state.js').Picture[]} pictures  that came with it */
const openLabels = (file, pictures) => guard(async () => {
  if (!state.model) {
    await explainWith(pictures);
    return;
  }
  await orPictures(pictures, () => loadModel(state.model.source, linkNow(), undefined, file));
  await explainWith(pictures);
  sayNames(file);
});

/** What the answer says stays behind it. */
const sayNames = (file) => tell(sentences([say('page.labels.taken', { file: file.name }), byId('status').textContent]));

/** The pictures of a model that cannot be opened are shown all the same. */
async function orPictures(pictures, work) {
  try {
    await work();
  } catch (error) {
    if (pictures.length) await explainWith(pictures);
    throw error;
  }
}

byId('onnx').addEventListener('change', ({ target }) => {
  if (target.files.length) takeAll([...target.files]);
  target.value = '';
});
byId('model-open').addEventListener('click', () => {
  const wanted = byId('model-url').value.trim();
  if (wanted) openModel(wanted);
});

/* ---- Pictures ------------------------------------------------------------------------------------ */

/** @type {import('./state.js').Picture[]} */
const gallery = [];

/**
 * Opens the first of them that is a picture; the others wait in the gallery.
 * @param {import('./state.js').Picture[]} pictures
 */
async function addPictures(pictures) {
  gallery.push(...pictures.filter((picture) => !gallery.some(({ image }) => image === picture.image)));
  showGallery();
  const failed = [];
  for (const picture of pictures) {
    try {
      await choose(picture);
      break;
    } catch (error) {
      if (!OF_A_PICTURE.includes(error.code)) throw error;
      failed.push(error);
    }
  }
  if (failed.length === pictures.length) throw failed[0];
  if (failed.length) tell(sentences(failed.map(inWords)), { bad: true });
}

/** Codes of errors that come of the picture. */
const OF_A_PICTURE = ['image', 'memory', 'file'];

/** @param {import('./state.js').Picture} picture */
async function choose(picture) {
  const last = stopCamera();
  set(states.withPicture(state, picture));
  try {
    await explain();
  } catch (error) {
    if (!OF_A_PICTURE.includes(error.code)) throw error;
    forget(picture);
    if (state.answer?.picture.live) await keepFrame(last);
    throw picture.sample ? error : naming(picture.name, error);
  }
}

/** The same error, with the name of the file that it is about. */
function naming(name, error) {
  if (error.message.includes(name)) return error;
  return Object.assign(new Error(`${name}: ${inWords(error)}`, { cause: error }), { code: error.code });
}

/** A file that is no picture does not stay among them. */
function forget(picture) {
  const at = gallery.indexOf(picture);
  if (at < 0) return;
  gallery.splice(at, 1);
  showGallery();
}

function pictureButton({ image, name }, alt) {
  const picture = image instanceof Blob ? thumbnail(image, alt) : Object.assign(new Image(), { alt, loading: 'lazy', src: image.src ?? image });
  const button = Object.assign(document.createElement('button'), { type: 'button', title: name });
  button.append(picture);
  return button;
}

/** Their buttons, so that a picture is read once. @type {WeakMap<import('./state.js').Picture, HTMLButtonElement>} */
const buttons = new WeakMap();

function showGallery() {
  byId('gallery').replaceChildren(...(gallery.length < 2 ? [] : gallery.map((picture, at) => {
    if (!buttons.has(picture)) {
      const button = pictureButton(picture, picture.name);
      button.addEventListener('click', () => guard(() => choose(picture)));
      buttons.set(picture, button);
    }
    const button = buttons.get(picture);
    button.dataset.at = String(at);
    return button;
  })));
  drawn.delete('pictures');
  render();
}

const samples = SAMPLES.map(({ name, url }) => ({ sample: name, name: name.replaceAll('_', ' '), image: url }));

byId('samples').append(...samples.map((picture) => {
  const button = pictureButton(picture, say('page.sample', { name: picture.name }));
  button.dataset.sample = picture.sample;
  button.addEventListener('click', () => guard(() => choose(picture)));
  return button;
}));

/** What a sample is there for, by its name. @type {Map<string, string>} */
const captions = new Map();

const IS_MODEL = /\.(onnx|h5|hdf5|keras|ort|tflite|pb|pth?|safetensors|mlmodel|zip)$/i;
const OF_A_MODEL = /\.(onnx|h5|hdf5|keras|ort|tflite|pb|pth?|safetensors|mlmodel|zip|data|bin|json)$/i;
const IS_LABELS = /\.(txt|csv|json)$/i;

/** Everything that was dropped, pasted or chosen at once. @param {File[]} files */
async function takeAll(files) {
  const images = files.filter(({ name, type }) => !OF_A_MODEL.test(name) && (type.startsWith('image/') || !IS_LABELS.test(name)));
  const pictures = images.map((image) => ({ image, name: image.name, folder: folderOf(image) }));
  const others = files.filter((file) => !images.includes(file));
  const labels = others.filter(({ name }) => IS_LABELS.test(name));
  if (others.some(({ name }) => IS_MODEL.test(name)) || others.length > labels.length) {
    const files = others.filter(({ name }) => OF_A_MODEL.test(name));
    await openModel(files.length === 1 ? files[0] : files, { names: others.find(({ name }) => /\.(txt|csv)$/i.test(name)), pictures });
  } else if (labels.length) await openLabels(labels[0], pictures);
  else if (pictures.length) await guard(() => addPictures(pictures));
}

takeFiles({ frame: byId('frame'), input: byId('file') }, takeAll, (text) => guard(() => openAddress(text)), tell);

byId('address').addEventListener('submit', (event) => {
  event.preventDefault();
  const wanted = byId('url').value.trim();
  if (wanted) guard(() => openAddress(wanted));
});

/** @param {string} text  the address of a picture */
async function openAddress(text) {
  const before = gallery.find((picture) => picture.address === text);
  if (before) {
    await choose(before);
    return;
  }
  // As an <img>: scripts of this page may not fetch from anywhere.
  const image = Object.assign(new Image(), { crossOrigin: 'anonymous', src: text });
  tell(say('page.fetching'));
  const shown = text.startsWith('data:') ? say('page.address.this') : text;
  await image.decode().catch((cause) => {
    throw new Error(say('page.address.none', { shown }), { cause });
  });
  const { pathname } = new URL(text, document.baseURI);
  await addPictures([{ image, name: text.startsWith('data:') ? 'picture' : decodeURIComponent(pathname.split('/').at(-1)) || text,
    address: /^https?:/.test(image.src) ? image.src : undefined }]);
}

const wall = new Wall(byId('wall'), {
  async look(picture) {
    const { model } = state;
    const result = await model.cam.explain(picture.image, { ...optionsOf({ ...states.askedOf(state), top: '2' }), picture: false });
    return { model, result: havingMaps(model, result) };
  },
  idle: () => Boolean(state.model && state.answer) && !camera.running && !waiting.explain && !waiting.load,
  choose(picture) {
    guard(() => choose(picture));
    byId('frame').scrollIntoView({ block: 'nearest' });
  },
  words: inWords,
});

/* ---- The camera ---------------------------------------------------------------------------------- */

const LIVE = { name: 'camera', image: null, live: true };

/** @returns {{image: ImageData, name: string} | null}  the last picture of the camera, if it ran */
function stopCamera() {
  const last = camera.stop();
  byId('camera').setAttribute('aria-pressed', 'false');
  byId('camera').textContent = say('page.camera');
  byId('rate').textContent = '';
  return last && { image: last, name: 'camera' };
}

/** The camera's last picture stays, as a picture like any other; without one, the picture before it. */
async function keepFrame(last) {
  if (last) await choose(last);
  else if (state.answer?.picture.live) await explain();
}

byId('camera').addEventListener('click', () => guard(async () => {
  if (camera.running) {
    const last = stopCamera();
    await keepFrame(last);
    if (!last) tell(say('page.camera.off'));
    return;
  }
  if (!state.model) {
    tell(say('page.wait.model'));
    return;
  }
  waiting.explain?.abort();
  byId('camera').setAttribute('aria-pressed', 'true');
  byId('camera').textContent = say('page.camera.stop');
  tell(say('page.camera.waiting'));
  const rate = { since: 0, frames: 0 };
  try {
    await camera.start(askFrame, ({ model, asked, result }, frame) => {
      if (!rate.since) {
        // A camera chosen before the first answer may have said something of its own.
        if (byId('status').textContent === say('page.camera.waiting')) tell(say('page.camera.runs'));
        rate.since = performance.now();
      }
      showFrame(model, asked, result, frame);
      rate.frames += 1;
      const seconds = (performance.now() - rate.since) / 1000;
      if (seconds < 1) return;
      byId('rate').textContent = say('page.camera.rate', { rate: (rate.frames / seconds).toFixed(0) });
      Object.assign(rate, { since: performance.now(), frames: 0 });
    });
  } catch (error) {
    const last = stopCamera();
    await guard(() => keepFrame(last));
    // WebKit without a camera says that too much is asked of it.
    const none = ['NotFoundError', 'OverconstrainedError'].includes(error.name);
    tell(none ? say('page.camera.none') : { NotAllowedError: say('page.camera.not.allowed'), NotReadableError: say('page.camera.busy') }[error.name] ?? error.message, { bad: true });
  }
}));

/** What the model says of one picture of the camera; where the model is changed meanwhile, the new one. */
async function askFrame(frame) {
  for (;;) {
    const { model } = state;
    const asked = states.askedOf(state);
    try {
      const result = havingMaps(model, await model.cam.explain(frame, { ...optionsOf(asked), picture: false }));
      const wanted = states.missing(state, result.maps).filter((id) => id < model.cam.model.classes);
      if (wanted.length) {
        const more = await model.cam.explain(frame, { ...optionsOf(asked), classes: wanted, picture: false });
        result.maps.push(...more.maps);
      }
      if (model === state.model) return { model, asked, result };
    } catch (error) {
      if (model === state.model) throw error;
    }
  }
}

const SHEET_EVERY = 250; // ms, for pictures of the camera
let sheetShown = 0;

/** For a camera: whether the tiles are old enough, or of other classes. */
function sheetIsDue() {
  const now = performance.now();
  if (now - sheetShown < SHEET_EVERY && state.answer.maps.map((map) => map.class.id).join() === sheet.classes) return false;
  sheetShown = now;
  return true;
}

/** One picture of the camera: the class on show stays, as a row of its own where it is not among the best. */
function showFrame(model, asked, result, frame) {
  if (model !== state.model) return;
  stage.setFrame(frame, frame.width, frame.height);
  set(states.withAnswer(state, { model, picture: LIVE, asked, result, maps: result.maps }));
}

/* ---- Explaining ---------------------------------------------------------------------------------- */

/** The settings as explain() wants them. */
const optionsOf = ({ top, method, score, layer, fit }) => ({
  top: Math.max(1, Math.min(20, Math.round(Number(top)) || 5)),
  method,
  score,
  layer: layer || undefined,
  fit: fit || undefined,
});

/** What an output gives that has no map to show: a network that segments, one that finds boxes. */
const WITHOUT_CLASSES = ['picture', 'table', 'features'];
const noClasses = ({ name, head }) => Object.assign(new Error(say('page.no.classes', { name, head })), { code: 'unsupported' });

function havingMaps({ cam }, result) {
  if (result.maps.length) return result;
  throw noClasses(cam.model);
}

/** Maps of more classes; they share the picture of the first ones, which is not sent again. */
async function bring(model, picture, asked, result, ids, control) {
  const more = await model.cam.explain(picture.image, { ...optionsOf(asked), classes: ids, picture: false, ...control });
  more.picture.data = result.picture.data;
  result.maps = [...result.maps, ...more.maps];
}

let turn = 0;
let timeSaid = 0;

/** A job on its way: how long it takes, and what it says so far where its picture is on show. */
function showEarly(picture, { early, secondsLeft }) {
  if (secondsLeft > 2 && performance.now() - timeSaid > 2000) {
    timeSaid = performance.now();
    tell(say('page.looking.left', { name: picture.name, seconds: secondsLeft }));
  }
  if (!early?.maps.length || state.answer?.picture !== picture) return;
  const map = early.maps.find(({ class: { id } }) => id === state.shown) ?? early.maps[0];
  const look = style();
  stage.show(map, { ...look, colours: state.model.cam.colormap(look.colormap), boxes: false });
  drawn.delete('heat'); // whatever the job ends in is drawn anew
}

/**
 * The picture anew: another one, or other settings. What fails is withdrawn.
 * @param {{again?: boolean}} [options]  again: in the place of a wish that failed
 */
async function explain({ again = false } = {}) {
  // The first load of the bundled model was cancelled: what is wished for needs one.
  if (!state.model && state.ask.picture && !waiting.load && !arriving) await loadModel('pocket');
  const { model } = state;
  const { picture } = state.ask;
  if (!model || !picture || camera.running) return; // it waits until both are there
  const mine = ++turn;
  const asked = states.askedOf(state);
  tell(say('page.looking', { name: picture.name }));
  try {
    const result = await withProgress('explain', async (signal, onProgress) => {
      const best = havingMaps(model, await model.cam.explain(picture.image, { ...optionsOf(asked), signal, early: true,
        onProgress: (progress) => {
          onProgress(progress);
          if (mine === turn && model === state.model && !signal.aborted) showEarly(picture, progress);
        } }));
      for (let ids; (ids = states.missing(state, best.maps)).length && model === state.model;) {
        await bring(model, picture, asked, best, ids, { signal, onProgress });
      }
      return best;
    });
    const pixels = await tools.reduce(result.picture, MOST_PICTURE_PIXELS);
    if (mine !== turn || model !== state.model) return; // another one came meanwhile
    set(states.withAnswer(state, { model, picture, asked, result, pixels, maps: result.maps }));
  } catch (error) {
    if (mine !== turn || model !== state.model) return;
    set(states.withdrawn(state));
    if (!state.answer && !again) await explainInstead(picture, asked);
    throw error;
  }
  await compareLayers();
  sayAnswer();
  if (model.guessed && !model.preprocess && !choicesOf(model.key).asked) guard(askPreprocess);
}

/** A model that has not answered yet shows what was answered before it, by the usual method where need be. */
async function explainInstead(picture, asked) {
  const fails = () => state.ask.picture === picture && Object.entries(states.askedOf(state)).every(([name, value]) => value === asked[name]);
  if (fails()) set(states.withSettings(state, { method: states.DEFAULTS.method }));
  if (!fails()) await guard(() => explain({ again: true }));
}

function sayAnswer() {
  const { model, result } = state.answer;
  const { forward, backward } = result.timings;
  // That it is unfamiliar stands beside the answer.
  tell(sentences([say('page.model', model.cam.model), say('page.answered', { forward, backward, heatmaps: result.maps.length }),
    ...result.warnings.filter(({ name }) => name !== 'unfamiliar').map(inWords)]));
}

/** A class that is not among the best; the network does not run forward again. */
async function explainClass(id) {
  const { answer } = state;
  if (!state.model || !answer) {
    tell(say('page.choose.first'));
    return;
  }
  const { extra } = state;
  if (!answer.maps.some((map) => map.class.id === id)) {
    set({ ...state, extra: [...extra, id] });
    if (answer.picture.live || waiting.explain) { // what comes next brings it
      set({ ...state, ask: { ...state.ask, shown: id } });
      return;
    }
    try {
      await withProgress('explain', (signal, onProgress) => (
        bring(answer.model, answer.picture, answer.asked, answer.result, [id], { signal, onProgress })));
    } catch (error) {
      if (state.answer === answer) set({ ...state, extra });
      throw error;
    }
    if (state.answer !== answer) return;
    set(states.withMaps(state, answer.result.maps));
  }
  await chooseClass(id);
}

/** Another class on show: nothing is computed anew, but for the other layer that it is compared at. */
async function chooseClass(id) {
  set(states.withShown(state, id));
  await guard(compareLayers);
}

/** Brings the map at the layer to compare with. */
async function compareLayers() {
  const { answer, shown } = state;
  const layer = states.comparedLayer(state);
  if (layer === null || !answer || states.comparedOf(state)) return;
  if (answer.picture.live) {
    tell(say('page.compare.still'));
    return;
  }
  try {
    const { maps: [map] } = await answer.model.cam.explain(answer.picture.image,
      { ...optionsOf(answer.asked), classes: [shown], layer, picture: false });
    set({ ...state, other: { answer, shown, layer, map } });
  } catch (error) {
    if (state.answer !== answer) return;
    set(states.withSettings(state, { compare: '' }));
    throw error;
  }
}

/** A control has another value: as little as possible is done anew. */
async function onSetting(name, value) {
  set(states.withSettings(state, { [name]: value }));
  if (!state.model) return;
  if (name === 'preprocess') await prepareAs(value);
  else if (name === 'head') await takeHead(value);
  else if (['method', 'score', 'layer', 'top', 'fit'].includes(name)) await explain();
  else if (name === 'compare') {
    const id = states.comparedClass(state);
    if (id !== null && state.answer && !state.answer.picture.live && states.missing(state, state.answer.maps).length) await explain();
    await compareLayers();
  }
}

/** How pixels are prepared: for this model alone. @param {string} preprocess  '': as the model says, or a guess */
async function prepareAs(preprocess) {
  const { model } = state;
  const { source, key, preprocess: before, guessed } = model;
  const now = linkNow();
  const link = { ...now, settings: { ...now.settings, preprocess } };
  try {
    if (preprocess) await model.cam.setPreprocess(preprocess);
    chooseFor(key, { preprocess });
    if (guessed) keep(key, preprocess);
    if (!preprocess) await loadModel(source, link);
    else if (state.model === model) {
      set(states.withModel(state, { ...model, preprocess }, link));
      sayModel();
    }
  } catch (error) {
    chooseFor(key, { preprocess: before });
    if (state.model === model) set(states.withSettings(state, { preprocess: before }));
    throw error;
  }
  await explain();
}

/** Another output of the model: other classes, so nothing that was said of the former ones stays. */
async function takeHead(head) {
  const { source, key, head: before } = state.model;
  const { labels } = choicesOf(key);
  const link = states.withoutModel(linkNow(), state.model);
  chooseFor(key, { head, labels: undefined });
  try {
    await loadModel(source, { ...link, settings: { ...link.settings, head } });
  } catch (error) {
    chooseFor(key, { head: before, labels });
    set(states.withSettings(state, { head: before }));
    throw error;
  }
  await explain();
}

/** Where nothing says how the model wants its pictures, the reader sees which answer is right. */
async function askPreprocess() {
  const { model, answer } = state;
  if (!model || answer?.model !== model || answer.picture.live) {
    tell(say('page.choose.first'));
    return;
  }
  chooseFor(model.key, { asked: true });
  const mode = await ask.open({ now: model.cam.model.preprocess.mode, picture: stage.picture,
    answers: async (one, signal) => (await model.cam.previews(answer.picture.image, { top: 3, modes: [one], signal }))[0].predictions });
  if (mode && model === state.model) await onSetting('preprocess', mode);
}

byId('compare-answers').addEventListener('click', () => guard(askPreprocess));

/** What is on the screen, as a link would say it. */
const linkNow = () => states.readLink(states.writeLink(state));

/* ---- Links, back and forward ---------------------------------------------------------------------- */

async function arrive(work) {
  arriving += 1;
  try {
    await work();
  } finally {
    arriving -= 1;
    render();
  }
}

/** How many links were followed. */
let followed = 0;

/** Shows what a link says. @param {import('./state.js').Link} given @param {{picture?: any, model?: any}} [files] */
async function follow(given, files = {}) {
  const mine = ++followed;
  const last = stopCamera();
  try {
    await followLink(mine, given, files);
  } finally {
    if (mine === followed && !waiting.explain && state.answer?.picture.live) await keepFrame(last); // it led to nothing
  }
}

/** @param {number} mine  of the links that were followed @param {import('./state.js').Link} given @param {{picture?: any, model?: any}} files */
async function followLink(mine, given, files) {
  const [link, wrong] = havingNames(given);
  const sample = samples.find((one) => one.sample === link.sample);
  const here = state.model && states.means(link.model, state.model.source) ? state.model.source : null;
  const source = files.model ?? here ?? (link.model || 'pocket');
  const known = opened.has(source);
  waitingLink = known ? null : link;
  const { model } = state;
  const stays = source === model?.source;
  // What is meant for a model that is not here waits until that one is.
  const own = known ? link : states.withoutModel(link, model);
  if (typeof source !== 'string' && stays) Object.assign(own.settings, { preprocess: model.preprocess, head: model.head }); // no address says it
  const wished = () => ({ ...state, settings: own.settings, extra: own.extra,
    ask: { picture: sample ?? files.picture ?? state.ask.picture, shown: own.shown } });
  if (known && (!stays || ['preprocess', 'head'].some((name) => own.settings[name] !== model[name]))) wrong.push(...await loadLinked(source, own, wished));
  else {
    waiting.load?.abort(); // another model, which was wished for before this one
    wrong.push(...states.unknownTo(own, model));
    set(states.fitting(wished()));
  }
  if (!sample && link.picture && state.ask.picture?.address !== link.picture) await openAddress(link.picture);
  else if (differs(state)) await explain();
  else if (state.answer) {
    if (waiting.explain) { // it is for a link that is left already
      turn += 1;
      waiting.explain.abort();
      sayAnswer();
    }
    set(states.withShown(state, state.ask.shown ?? state.answer.maps[0].class.id)); // what of the link fits
    await compareLayers();
  }
  if (mine !== followed) return; // another link has the word
  sayWaiting();
  sayWrong(wrong);
}

/** What was said last of a link. */
let wrongSaid = '';

/** What of a link could not be followed; the rest of it counts. @param {import('./state.js').Wrong[]} wrong */
function sayWrong(wrong) {
  const before = byId('status').textContent;
  if (!wrong.length) { // nothing of the link before stays, where this one had nothing to ask
    if (wrongSaid && before.startsWith(wrongSaid)) tell(before.slice(wrongSaid.length).trim());
    return;
  }
  const { name: model } = state.model?.cam.model ?? { name: '' };
  const short = (value) => (value.length > 60 ? `${value.slice(0, 59)}…` : value);
  wrongSaid = sentences([...wrong.slice(0, 3).map(({ name, value }) => say('page.link.wrong', { name, value: short(value), model })),
    wrong.length > 3 ? say('page.link.wrong.more', { count: wrong.length - 3 }) : '']);
  tell(sentences([wrongSaid, before]), { bad: true });
}

/** What a link says of pictures and models that nobody here has. @param {import('./state.js').Link} link @returns {[import('./state.js').Link, import('./state.js').Wrong[]]} */
function havingNames(link) {
  const wrong = [...link.wrong];
  const known = { ...link };
  if (link.sample && !samples.some(({ sample }) => sample === link.sample)) {
    wrong.push({ name: 'sample', value: link.sample });
    known.sample = '';
  }
  // What looks like a name, and like no file's, must be a name that is known.
  if (/^[\w-]*$|^[\w.-]+_[\d.]+$/.test(link.model) && link.model && !isNamed(link.model)) {
    wrong.push({ name: 'model', value: link.model });
    Object.assign(known, states.withoutModel(known, state.model));
  }
  return [known, wrong];
}

/** Nobody's link makes a browser fetch hundreds of megabytes. */
function sayWaiting() {
  if (!waitingLink) return;
  const { model } = waitingLink;
  byId('model').open = true;
  const file = states.fileNamed(model);
  tell(file ? say('page.link.file', { file }) : say('page.link.model', { model }));
  if (!file && !isNamed(model)) byId('model-url').value = model;
}

/** Whether what is asked for is not what was answered. */
function differs({ answer, ask: { picture }, ...rest }) {
  if (!picture) return false;
  if (!answer || answer.picture !== picture) return true;
  const asked = states.askedOf(rest);
  return Object.keys(asked).some((name) => asked[name] !== answer.asked[name]) || states.missing(state, answer.maps).length > 0;
}

/* ---- Wiring -------------------------------------------------------------------------------------- */

byId('wipe').addEventListener('input', ({ target }) => onSetting('wipe', target.value));

const suggestions = new Suggestions(byId('search'), byId('class'), byId('suggestions'),
  () => state.model?.cam.labels ?? [], (id) => guard(() => explainClass(id)));
byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const wanted = byId('class').value.trim();
  if (!wanted) return;
  if (!state.model) tell(say('page.wait.model'));
  else {
    guard(() => {
      const id = suggestions.find(wanted);
      return id === null ? tell(suggestions.words(wanted)) : explainClass(id ?? state.model.cam.findClass(wanted));
    });
  }
});

byId('save').addEventListener('click', ({ target }) => guard(async () => {
  const what = target.dataset.save;
  if (!what) return;
  if (what === 'link') {
    address.settle();
    try {
      await navigator.clipboard.writeText(location.href);
      tell(say('page.link.copied'));
    } catch {
      tell(say('page.link.here', { link: location.href }));
    }
    return;
  }
  const { answer, model } = state;
  if (!answer?.result.picture.data) {
    tell(camera.running ? say('page.save.camera') : say('page.choose.first'));
    return;
  }
  await new Promise((done) => { setTimeout(done); }); // the button is seen to be pressed first
  const { opacity: alpha, ...look } = style();
  await saveAs(what, { cam: model.cam, source: model.source, result: answer.result, map: states.mapOf(state), name: answer.picture.name,
    style: { ...look, alpha }, settings: { ...state.settings, ...answer.asked },
    asSeen: state.settings.boxes === '1' || states.comparedOf(state) ? () => stage.toCanvas() : null });
}));

// A card that lies over the page goes at Esc, and when something else is pressed.
document.addEventListener('keydown', ({ key }) => {
  if (key !== 'Escape' || !byId('proof').open) return;
  byId('proof').open = false;
  byId('proof').querySelector('summary').focus();
});
document.addEventListener('pointerdown', ({ target }) => {
  if (byId('proof').open && !byId('proof').contains(target)) byId('proof').open = false;
});

showProof({ hosts: byId('hosts'), fetched: byId('fetched') });
render();
{
  const [link, wrong] = havingNames(address.link);
  // A page that opens answers at once: with what the link wishes, else with a sample.
  const sample = samples.find((one) => one.sample === link.sample) ?? (link.picture ? undefined : samples[0]);
  if (sample) set(states.withPicture(state, sample));
  waitingLink = ['', 'pocket'].includes(link.model) ? null : link;
  await arrive(async () => {
    await guard(async () => wrong.push(...await loadLinked('pocket', waitingLink ? states.withoutModel(link) : link)));
    await guard(async () => {
      if (sample) return explain();
      try {
        return await openAddress(link.picture);
      } catch (error) {
        await choose(samples[0]); // rather than an empty frame
        throw error;
      }
    });
  });
  sayWaiting();
  sayWrong(wrong);
}

readCaptions().then((all) => {
  for (const [sample, caption] of all) {
    captions.set(sample, caption);
    byId('samples').querySelector(`[data-sample="${sample}"]`).title = caption;
  }
  drawn.delete('words');
  render();
});

// The page works without a network afterwards; where that cannot be had, nothing is lost.
navigator.serviceWorker?.register(new URL('../offline.js', import.meta.url).href).catch(() => {});
