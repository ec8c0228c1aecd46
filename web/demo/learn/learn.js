/**
 * The lesson: one picture, one class and one layer for all its `<grad-cam>` elements. The steps themselves
 * are the element's; this file only keeps the elements together. Its settings stand in the address, so
 * that a view can be linked.
 */
import '../../element/define.js';
import { captionSamples, SAMPLES } from '../samples.js';

const MOST_SIDE = 1024; // pixels: larger photos only make the page slow

const byId = (id) => document.getElementById(id);
const elements = [...document.querySelectorAll('grad-cam')];
const [hero] = elements;
const sampleUrl = (wanted) => SAMPLES.find(({ name }) => name === wanted).url;

/* ---- One state for all elements ------------------------------------------------------------------ */

const state = { sample: SAMPLES[0].name, image: null, class: '', layer: '', colormap: 'viridis' };

function readAddress() {
  const given = new URLSearchParams(location.search);
  if (SAMPLES.some(({ name }) => name === given.get('sample'))) state.sample = given.get('sample');
  for (const key of ['class', 'layer', 'colormap']) if (given.get(key)) state[key] = given.get(key);
}

function writeAddress() {
  const words = new URLSearchParams();
  if (!state.image) words.set('sample', state.sample);
  for (const key of ['class', 'layer']) if (state[key]) words.set(key, state[key]);
  if (state.colormap !== 'viridis') words.set('colormap', state.colormap);
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
    attribute(element, 'layer', state.layer);
    attribute(element, 'colormap', state.colormap);
    if (state.image) element.image = state.image;
    else {
      if (element.image) element.image = null;
      attribute(element, 'src', sampleUrl(state.sample));
    }
  }
  for (const button of byId('samples').children) {
    button.setAttribute('aria-pressed', String(!state.image && button.dataset.sample === state.sample));
  }
  writeAddress();
}

/* ---- Picture ------------------------------------------------------------------------------------- */

/** Another picture: the class on show was the old one's. */
function choosePicture(change) {
  Object.assign(state, { image: null, class: '' }, change);
  byId('status').textContent = 'Computing …';
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
    whole.close();
    choosePicture({ image: pen.getImageData(0, 0, canvas.width, canvas.height) });
  } catch {
    byId('status').textContent = `${file.name || 'This file'} is not a picture that the browser can read.`;
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
  button.append(Object.assign(new Image(), { src: sampleUrl(sample), alt: `Sample: ${title}`, width: 60, height: 45 }));
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
  fill(byId('class'), predictions.map(({ id, name, probability }) => [String(id), `${name}, ${(100 * probability).toFixed(1)} %`]),
    String(steps.class.id));
  const ms = timings.forward + timings.backward;
  byId('status').textContent = ms >= 1 ? `Network forward and backward: ${ms.toFixed(0)} ms.` : '';
});
informed.setAttribute('loading', 'eager');

/** Whether there is anything to cut off depends on picture, class and layer. */
elements.find((element) => element.getAttribute('steps') === 'relu').addEventListener('result', ({ detail: { map } }) => {
  const below = map.raw.filter((value) => value < 0).length;
  byId('negative').textContent = below ? `Here that is ${below} of ${map.raw.length} places.`
    : 'Here there is nothing to cut off; for another class there may be.';
});

hero.addEventListener('result', async () => {
  if (!byId('layer').disabled) return;
  const layers = (await hero.cam).layers();
  fill(byId('layer'), layers.map((layer) => [layer.default ? '' : layer.name,
    `${layer.name}, ${layer.height} × ${layer.width} × ${layer.channels}${layer.default ? ' (default)' : ''}`]), state.layer);
});

for (const element of elements) {
  element.addEventListener('change', ({ detail }) => {
    state.class = String(detail.id);
    apply();
  });
  element.addEventListener('error', ({ detail }) => { byId('status').textContent = detail.message; });
}
for (const key of ['class', 'layer', 'colormap']) {
  byId(key).addEventListener('change', ({ target }) => {
    state[key] = target.value;
    apply();
  });
}

/* ---- Contents, and how to embed a step ------------------------------------------------------------ */

for (const section of document.querySelectorAll('main > section')) {
  const link = Object.assign(document.createElement('a'), { href: `#${section.id}`, textContent: section.dataset.short });
  const item = document.createElement('li');
  item.append(link);
  byId('toc').append(item);
  const step = section.querySelector('grad-cam').getAttribute('steps');
  if (!step) continue;
  const code = `<script type="module" src="${new URL('../../element/define.js', import.meta.url).href}"></script>\n` +
    `<grad-cam src="PICTURE.jpg" steps="${step}"></grad-cam>`;
  const details = document.createElement('details');
  details.className = 'embed';
  details.append(Object.assign(document.createElement('summary'), { textContent: 'Embed this step' }),
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
addEventListener('beforeprint', wakeAll);

readAddress();
byId('colormap').value = state.colormap;
apply();
