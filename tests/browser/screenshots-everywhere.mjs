/**
 * Pictures of the page's main states in Firefox and WebKit, to be looked at beside Chromium's in
 * docs/pictures/screens: `node tests/browser/screenshots-everywhere.mjs [FOLDER [ONLY]]`, default build/screens; on a
 * desk, a phone and a projector, light, dark and (Firefox) with forced colours. ONLY: a regular expression, those of
 * this name: `webkit-wall`, `lesson.*phone`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { root, serve } from './browser.mjs';
import { sampleFile, status, WAIT } from './demo.mjs';
import { fit, narrow } from './driven.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { launchWebKit, withoutWebKit } from './webkit.mjs';

const words = process.argv.slice(2);
if (words.some((word) => word.startsWith('-'))) {
  console.log('node tests/browser/screenshots-everywhere.mjs [FOLDER [ONLY]]\nPictures of page and lesson in Firefox and WebKit into FOLDER (build/screens); ONLY: a regular expression of their names.');
  process.exit(words.some((word) => /^-h$|^--help$/.test(word)) ? 0 : 1);
}
const FOLDER = resolve(words[0] ?? join(root, 'build/screens'));
const ONLY = new RegExp(words[1] ?? '');
const SIZES = { desk: [960, 720], projector: [1280, 720], phone: [360, 740] };

const BROWSERS = [
  { name: 'firefox', skip: withoutFirefox, modes: ['', 'dark', 'forced'], launch: (mode) => launchFirefox({
    'layout.css.prefers-color-scheme.content-override': mode === 'dark' ? 0 : 1, 'browser.display.document_color_use': mode === 'forced' ? 2 : 0 }) },
  { name: 'webkit', skip: withoutWebKit, modes: ['', 'dark'], launch: (mode) => launchWebKit(mode ? { GTK_THEME: 'Adwaita:dark' } : {}) },
];

const compare = (view) => async (page) => {
  await page.selectOption('[name=compare]', { index: 2 });
  await page.$eval(`[value=${view}]`, (choice) => choice.click());
};
const fold = (selector) => (page) => page.$eval(selector, (details) => {
  details.open = true;
  details.scrollIntoView({ block: 'center', behavior: 'instant' });
});

/** A step of the lesson, at the top of the window. */
const step = (id) => (page) => page.$eval(`#${id}`, (section) => section.scrollIntoView({ block: 'start', behavior: 'instant' }));
const answer = async (page, id) => {
  await step(id)(page);
  await page.$eval(`#${id} .choice`, (choice) => choice.click());
  await page.waitForFunction((which) => !document.getElementById(which).classList.contains('asking'), id, WAIT);
  await step(id)(page);
};
/** As it is printed: what is for paper counts on the screen. */
const onPaper = (page) => page.evaluate(() => {
  dispatchEvent(new Event('beforeprint'));
  const all = [...document.styleSheets, ...[...document.querySelectorAll('grad-cam')].flatMap((one) => one.shadowRoot.adoptedStyleSheets)];
  for (const rule of new Set(all.flatMap((sheet) => [...sheet.cssRules]))) {
    if (rule.media && /print|screen/.test(rule.media.mediaText)) rule.media.mediaText = rule.media.mediaText === 'print' ? 'screen' : rule.media.mediaText.replace('screen', 'print');
  }
});

/**
 * What is done first, by the state's name; more: in what modes beside the usual one.
 * @type {Record<string, {sizes: string[], more?: string[], hash?: string, lesson?: string, act?: (page: any) => Promise<any>}>}
 */
const STATES = {
  first: { sizes: ['projector', 'phone'], hash: '', more: ['forced'] },
  sample: { sizes: ['desk', 'phone'], more: ['dark'] },
  border: { sizes: ['desk'], act: compare('wipe') },
  'side-by-side': { sizes: ['desk', 'phone'], act: compare('beside') },
  boxes: { sizes: ['desk'], hash: 'sample=golf_ball&layer=block8_pw_relu&interpolation=nearest&boxes=1' },
  colours: { sizes: ['desk', 'phone'], more: ['dark', 'forced'], act: fold('details.settings') },
  models: { sizes: ['desk'], act: fold('#model') },
  proof: { sizes: ['desk', 'phone'], act: fold('#proof') },
  error: { sizes: ['desk', 'phone'], more: ['dark'], act: async (page) => {
    await page.fill('#class', 'golfball');
    await page.press('#class', 'Enter');
    await status(page, /Did you mean/);
  } },
  wall: { sizes: ['projector', 'phone'], hash: '', more: ['dark', 'forced'], act: async (page) => {
    await page.setInputFiles('#file', ['golf_ball', 'flower', 'church', 'parachute', 'clutter', 'sunflower', 'balloons', 'lighthouse'].map(sampleFile));
    await page.waitForFunction(() => /8 of 8 pictures shown/.test(document.querySelector('#wall [role=status]').textContent), null, WAIT);
    await page.$eval('#wall', (wall) => wall.scrollIntoView({ behavior: 'instant' }));
  } },
  'camera-refused': { sizes: ['desk', 'phone'], act: async (page) => {
    await page.evaluate(() => {
      const refuse = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
      Object.defineProperty(navigator, 'mediaDevices', { configurable: true, value: Object.assign(new EventTarget(), { getUserMedia: refuse, enumerateDevices: async () => [] }) });
    });
    await page.$eval('#camera', (button) => button.click());
    await page.waitForFunction(() => document.querySelector('#status[data-bad]'), null, WAIT);
    await page.$eval('#status', (line) => line.scrollIntoView({ block: 'center', behavior: 'instant' }));
  } },
  'lesson-first': { sizes: ['projector', 'phone'], lesson: '', more: ['dark', 'forced'] },
  'lesson-painted': { sizes: ['desk', 'phone'], lesson: '', more: ['dark'], act: async (page) => {
    await page.$eval('.photo', (canvas) => {
      const press = (key) => canvas.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      for (const key of ['ArrowRight', 'ArrowRight', ' ', 'ArrowRight', ' ', 'ArrowUp', ' ', 'ArrowLeft', ' ']) press(key);
    });
    await page.$eval('.painting .choice', (button) => button.click());
    await page.waitForFunction(() => document.querySelector('.painting .verdict').textContent, null, WAIT);
    await page.$eval('.painting', (box) => box.scrollIntoView({ block: 'center', behavior: 'instant' }));
  } },
  'lesson-asked': { sizes: ['desk', 'phone'], lesson: '', act: step('activations') },
  'lesson-trace': { sizes: ['desk', 'phone'], lesson: '', act: (page) => answer(page, 'trace') },
  'lesson-atlas': { sizes: ['desk', 'phone'], lesson: '', more: ['dark'], act: (page) => answer(page, 'gradients') },
  'lesson-knob': { sizes: ['desk', 'phone'], lesson: '', more: ['dark', 'forced'], act: (page) => answer(page, 'knob') },
  'lesson-sum': { sizes: ['desk', 'phone'], lesson: '', act: (page) => answer(page, 'sum') },
  'lesson-cover': { sizes: ['desk', 'phone'], lesson: '', act: (page) => answer(page, 'occlude') },
  'lesson-bugs': { sizes: ['desk', 'phone'], lesson: '', act: step('bugs') },
  'present-asked': { sizes: ['projector'], lesson: '&present=1#gradients', more: ['dark'] },
  'present-answer': { sizes: ['projector', 'phone'], lesson: '&present=1' },
  'present-knob': { sizes: ['projector', 'phone'], lesson: '&present=1&guess=0#knob', more: ['dark', 'forced'] },
  'present-trace': { sizes: ['projector'], lesson: '&present=1&guess=0#trace' },
  link: { sizes: ['projector', 'phone'], lesson: '', act: async (page) => {
    await page.$eval('#share', (button) => button.click());
    await page.waitForFunction(() => document.getElementById('qr').width > 300, null, WAIT);
  } },
  handout: { sizes: ['desk'], lesson: '', act: onPaper },
};

async function take(browser, file, size, { hash = 'sample=golf_ball_and_flower', lesson, act }) {
  const page = await browser.newPage();
  const path = lesson === undefined ? `/web/demo/${hash && `#${hash}`}` : `/web/demo/learn/?sample=golf_ball_and_flower${lesson}`;
  if (size === 'phone') {
    await narrow(page, server.origin, path, SIZES.phone);
  } else {
    await page.goto(`${server.origin}${path}`);
    await fit(browser, page, SIZES[size]);
  }
  if (lesson === undefined) await status(page, /forward/);
  else {
    await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result) &&
      [...document.querySelectorAll('main > section:has(grad-cam[steps]):not(#bugs)')].every((one) => one.querySelector('.choice')), null, WAIT);
  }
  await act?.(page);
  await page.waitForTimeout(lesson === undefined ? 500 : 1500); // the curve of the knob
  const shown = await page.evaluate(() => [innerWidth, innerHeight]);
  if (shown.join() !== SIZES[size].join()) console.error(`${file}: in ${shown.join('x')} instead of ${SIZES[size].join('x')}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) console.error(`${file}: ${wide} pixels wider than the window`);
  await writeFile(join(FOLDER, file), await page.deeds.screenshot());
}

/** What does not come to its end within a minute fails. */
const soon = (work) => new Promise((done, fail) => {
  const timer = setTimeout(() => fail(new Error('not within a minute')), 60000);
  work.then(done, fail).finally(() => clearTimeout(timer));
});

await mkdir(FOLDER, { recursive: true });
const server = await serve();
let taken = 0;
for (const { name, skip, modes, launch } of BROWSERS) {
  if (skip) {
    console.error(skip);
    continue;
  }
  for (const mode of modes) {
    const wanted = Object.entries(STATES).flatMap(([state, { sizes, more = [], ...how }]) => (mode && !more.includes(mode) ? []
      : sizes.map((size) => ({ file: `${name}-${state}-${size}${mode && `-${mode}`}.png`, size, ...how })))).filter(({ file }) => ONLY.test(file));
    for (const { file, size, ...how } of wanted) {
      // One picture, one browser: one that has shown several sizes sometimes stands still.
      const browser = await launch(mode);
      try {
        await soon(take(browser, file, size, how));
        taken += 1;
      } catch ({ message }) {
        console.error(`${file}: ${message}`);
      } finally {
        await browser.close();
      }
    }
  }
}
await server.close();
console.log(`${taken} pictures in ${FOLDER}`);
