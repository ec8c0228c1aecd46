/**
 * The lesson: one picture, one class and one layer for all its `<grad-cam>` elements. The steps themselves
 * are the element's; this file only keeps the elements together. Its settings stand in the address, so
 * that a view can be linked.
 */
import '../../element/define.js';
import { tools } from '../../index.js';
import { captionSamples, SAMPLES } from '../samples.js';
import { paintBefore } from './paint.js';
import { askBefore, Score } from './predict.js';
import { createLink, createPresenter, drawCodeNow, loadCodes } from './present.js';
import { fillIn } from '../words.js';

const { say } = tools;

fillIn(document);

/** Where the steps about gradients begin: behind it lie layers that bend, so that gradients vary over positions. */
const EARLIER = 'block12_pw_relu';
const EARLIER_STEPS = ['gradients', 'knob'];

const MOST_SIDE = 1024; // pixels: larger photos only make the page slow

const byId = (id) => document.getElementById(id);
const elements = [...document.querySelectorAll('grad-cam')];
const [hero] = elements;
const sampleUrl = (wanted) => SAMPLES.find(({ name }) => name === wanted).url;

/* ---- One state for all elements ------------------------------------------------------------------ */

const state = { sample: SAMPLES[0].name, image: null, class: '', layer: '', colormap: 'viridis', path: '', guess: '' };
let reduced = ''; // what was done to a photo that is too large
let from = null; // the picture's address, if it is neither a sample nor a file

function readAddress() {
  const given = new URLSearchParams(location.search);
  if (SAMPLES.some(({ name }) => name === given.get('sample'))) state.sample = given.get('sample');
  for (const key of ['class', 'layer', 'colormap', 'path', 'guess']) if (given.get(key)) state[key] = given.get(key);
  if (!['short', 'symbols'].includes(state.path)) state.path = '';
  // The page's policy lets it read pictures of its own host alone.
  const address = given.get('picture') && new URL(given.get('picture'), location.href);
  if (address && address.origin === location.origin) from = address.href;
  return given.has('present');
}

function writeAddress() {
  const words = new URLSearchParams();
  if (from) words.set('picture', from);
  else if (!state.image) words.set('sample', state.sample);
  for (const key of ['class', 'layer']) if (state[key]) words.set(key, state[key]);
  if (state.colormap !== 'viridis') words.set('colormap', state.colormap);
  for (const key of ['path', 'guess']) if (state[key]) words.set(key, state[key]);
  if (presenter.on) words.set('present', '1');
  history.replaceState(null, '', `?${words}${location.hash}`);
}

function attribute(element, name, value) {
  if (value) element.setAttribute(name, value);
  else element.removeAttribute(name);
}

/** Gives every element what the state says; the elements do the rest. */
function apply() {
  for (const element of elements) {
    attribute(element, 'target', state.class);
    const step = element.getAttribute('steps');
    attribute(element, 'layer', state.layer || (EARLIER_STEPS.includes(step) ? EARLIER : ''));
    attribute(element, 'symbols', { symbols: 'open', short: 'none' }[state.path]);
    attribute(element, 'colormap', state.colormap);
    if (state.image) element.image = state.image;
    else {
      if (element.image) element.image = null;
      attribute(element, 'src', from ?? sampleUrl(state.sample));
    }
  }
  for (const button of byId('samples').children) {
    button.setAttribute('aria-pressed', String(!state.image && !from && button.dataset.sample === state.sample));
  }
  writeAddress();
}

/* ---- Picture ------------------------------------------------------------------------------------- */

/** Another picture: the class on show was the old one's. */
function choosePicture(change) {
  Object.assign(state, { image: null, class: '' }, change);
  reduced = '';
  from = null;
  byId('status').textContent = say('lesson.computing');
  apply();
}

async function takeFile(file) {
  if (!file) return;
  try {
    const whole = await createImageBitmap(file);
    const scale = Math.min(1, MOST_SIDE / Math.max(whole.width, whole.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(whole.width * scale));
    canvas.height = Math.max(1, Math.round(whole.height * scale));
    const pen = canvas.getContext('2d');
    pen.imageSmoothingQuality = 'high';
    pen.drawImage(whole, 0, 0, canvas.width, canvas.height);
    const { width: wide, height: high } = whole;
    whole.close();
    const { width, height } = canvas;
    choosePicture({ image: pen.getImageData(0, 0, width, height) });
    if (scale < 1) reduced = say('lesson.reduced', { wide, high, width, height });
  } catch {
    byId('status').textContent = file.name ? say('lesson.unread', { file: file.name }) : say('lesson.unread.this');
  }
}

byId('file').addEventListener('change', ({ target }) => {
  takeFile(target.files[0]);
  target.value = '';
});
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault();
  takeFile(event.dataTransfer.files[0]);
});
document.addEventListener('paste', (event) => takeFile(event.clipboardData.files[0]));

byId('samples').append(...SAMPLES.map(({ name: sample }) => {
  const title = sample.replaceAll('_', ' ');
  const button = Object.assign(document.createElement('button'), { type: 'button', title });
  button.dataset.sample = sample;
  button.append(Object.assign(new Image(), { src: sampleUrl(sample), alt: say('page.sample', { name: title }), width: 60, height: 45 }));
  button.addEventListener('click', () => choosePicture({ sample }));
  return button;
}));

captionSamples(byId('samples'));

/* ---- Class and layer ----------------------------------------------------------------------------- */

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
  select.disabled = false;
}

/** From the first step's answer: it has the probabilities of every class. */
const informed = elements.find((element) => element.getAttribute('steps') === 'picture');
informed.addEventListener('result', ({ detail: steps }) => {
  const { predictions, timings } = steps.explanation;
  fill(byId('class'), predictions.map(({ id, name, group, probability }) => [String(id), say('element.share', {
    name: tools.withKind({ name, group }), percent: say('percent', { share: probability }) })]),
    String(steps.class.id));
  const ms = timings.forward + timings.backward;
  byId('status').textContent = tools.sentences([ms >= 1 ? say('lesson.network', { ms: ms.toFixed(0) }) : '', reduced]);
});
informed.setAttribute('loading', 'eager');

hero.addEventListener('result', async () => {
  if (!byId('layer').disabled) return;
  const layers = (await hero.cam).layers();
  fill(byId('layer'), layers.map((layer) => [layer.default ? '' : layer.name,
    say(layer.default ? 'lesson.layer.default' : 'lesson.layer', { ...layer, shape: `${layer.height}×${layer.width}×${layer.channels}` })]), state.layer);
});

for (const element of elements) {
  element.addEventListener('change', ({ detail }) => {
    state.class = String(detail.id);
    apply();
  });
  element.addEventListener('error', ({ detail }) => { byId('status').textContent = detail.message; });
}
for (const key of ['class', 'layer']) {
  byId(key).addEventListener('change', ({ target }) => {
    state[key] = target.value;
    apply();
  });
}

/** Other colours are painted by this thread: an element a task, from the one on the screen on. */
async function recolour() {
  const { colormap } = state;
  writeAddress();
  const seen = elements.findIndex((element) => element.getBoundingClientRect().bottom > 0);
  for (let i = 0; i < elements.length && state.colormap === colormap; ++i) {
    attribute(elements[(Math.max(0, seen) + i) % elements.length], 'colormap', colormap);
    await new Promise((done) => { setTimeout(done); });
  }
}
byId('colormap').addEventListener('change', ({ target }) => {
  state.colormap = target.value;
  recolour();
});

/* ---- Paths ---------------------------------------------------------------------------------------- */

const allSections = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('main > section')]);
const inPath = () => allSections.filter((section) => state.path !== 'short' || section.hasAttribute('data-core'));

/** Shows the sections of the path, and numbers them anew. */
function layPath() {
  document.body.dataset.path = state.path;
  const path = inPath();
  let step = 0;
  for (const section of allSections) {
    section.hidden = !path.includes(section);
    links.get(section.id).parentElement.hidden = section.hidden;
    const number = section.querySelector('.number');
    if (number && !section.hidden) number.textContent = String(++step);
  }
  byId('trust').hidden = state.path === 'short';
  byId('path').value = state.path;
  presenter.again();
}

/* ---- Guesses --------------------------------------------------------------------------------------- */

const score = new Score(showScore);
const questions = [paintBefore(hero, score), ...allSections.map((section) => askBefore(section, score))];

function layGuesses() {
  const on = state.guess !== '0';
  byId('guess').checked = on;
  questions.forEach((question) => question.setOn(on));
}

function showScore() {
  const { list } = score;
  byId('score-words').textContent = list.length ? say('score.words', { right: list.filter(({ right }) => right).length, of: list.length })
    : say('score.none');
  byId('score-list').replaceChildren(...list.map(({ title, right }) => {
    const item = document.createElement('li');
    item.textContent = right ? say('score.right', { title }) : say('score.wrong', { title });
    item.toggleAttribute('data-right', right);
    return item;
  }));
  byId('again').disabled = !list.length;
}
document.querySelector('grad-cam[steps=bugs]').addEventListener('answered', ({ detail }) => {
  score.add(`bug ${detail.number}`, say('score.bug', { number: detail.number }), detail.right);
});
byId('again').addEventListener('click', () => {
  score.clear();
  questions.forEach((question) => question.again());
});
byId('guess').addEventListener('change', ({ target }) => {
  state.guess = target.checked ? '' : '0';
  layGuesses();
  writeAddress();
});
byId('path').addEventListener('change', ({ target }) => {
  state.path = target.value;
  layPath();
  apply();
});

/* ---- In a class ------------------------------------------------------------------------------------ */

const presenter = createPresenter(inPath, () => writeAddress(), () => informed.result?.explanation.picture);
informed.addEventListener('result', presenter.drawPicture);
/** The one a third of the window down, where people read. */
const sectionOnShow = () => (presenter.on ? presenter.section
  : inPath().find((section) => section.getBoundingClientRect().bottom > innerHeight / 3) ?? inPath().at(-1));
byId('present').addEventListener('click', () => (presenter.on ? presenter.stop() : presenter.start(sectionOnShow().id)));
/** An address for others of what is on show. */
function addressOf(section) {
  const address = new URL(location.href);
  address.hash = section?.id ?? '';
  address.searchParams.delete('present'); // who follows it reads at their own pace
  if (informed.result) address.searchParams.set('class', String(informed.result.class.id));
  if (state.image) {
    address.searchParams.delete('sample');
    address.searchParams.delete('class');
  }
  return address.href;
}
createLink(() => {
  const section = sectionOnShow();
  return { address: addressOf(section), own: Boolean(state.image), section: section.dataset.short };
});
byId('print').addEventListener('click', async () => {
  await loadCodes().catch(() => {}); // the address is printed all the same
  print();
});
addEventListener('beforeprint', () => {
  const { result } = informed;
  byId('handout').textContent = result ? say('print.head', { picture: state.image ? say('print.own') : (from ?? state.sample.replaceAll('_', ' ')),
    name: result.class.name, p: say('percent', { share: result.map.probability }), layer: result.layer.name }) : '';
  const address = addressOf(presenter.on ? presenter.section : null);
  byId('handout-link').textContent = state.image ? say('print.linkOwn', { address }) : say('print.link', { address });
  byId('handout-code').hidden = !drawCodeNow(byId('handout-code'), address);
  byId('handout-code').setAttribute('aria-label', say('link.code', { address }));
});

/* ---- Contents, and how to embed a step ------------------------------------------------------------ */

for (const section of document.querySelectorAll('main > section')) {
  const link = Object.assign(document.createElement('a'), { href: `#${section.id}`, textContent: section.dataset.short });
  const item = document.createElement('li');
  item.append(link);
  byId('toc').append(item);
  const step = section.querySelector('grad-cam')?.getAttribute('steps');
  if (!step) continue;
  const code = `<script type="module" src="${new URL('../../element/define.js', import.meta.url).href}"></script>\n` +
    `<grad-cam src="PICTURE.jpg" steps="${step}"></grad-cam>`;
  const details = document.createElement('details');
  details.className = 'embed';
  details.append(Object.assign(document.createElement('summary'), { textContent: say('lesson.embed') }),
    Object.assign(document.createElement('pre'), { textContent: code, tabIndex: 0 }));
  section.append(details);
}

const links = new Map([...byId('toc').querySelectorAll('a')].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute('aria-current');
    links.get(target.id).setAttribute('aria-current', 'step');
  }
}, { rootMargin: '-30% 0px -65% 0px' });
document.querySelectorAll('main > section').forEach((section) => seen.observe(section));

// Once the first answer is there, all steps are made, also those that nobody has scrolled to: a jump to one
// of them, or a print, finds it whole.
const wakeAll = () => elements.forEach((element) => element.setAttribute('loading', 'eager'));
informed.addEventListener('result', () => setTimeout(wakeAll), { once: true });
// Who prints by the browser's own menu gives no time to fetch what draws the code.
elements.at(-1).addEventListener('result', () => loadCodes().catch(() => {}), { once: true });
addEventListener('beforeprint', wakeAll);

for (const element of elements) {
  if (element.getAttribute('steps') === 'knob') element.setAttribute('samples', SAMPLES.map(({ url }) => url).join('|'));
}
const presenting = readAddress();
byId('colormap').value = state.colormap;
showScore();
layPath();
layGuesses();
apply();
if (presenting) presenter.start(location.hash.slice(1));
