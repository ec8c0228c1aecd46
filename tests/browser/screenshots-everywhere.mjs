/**
 * Pictures of the page's main states in Firefox and WebKit, to be looked at beside Chromium's in
 * docs/pictures/screens: `node tests/browser/screenshots-everywhere.mjs [FOLDER [ONLY]]`, default build/screens; on a
 * desk, a phone and a projector, light and dark. ONLY: those with this part of their name, `webkit-wall`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { root, serve } from './browser.mjs';
import { sampleFile, status, WAIT } from './demo.mjs';
import { fit } from './driven.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { launchWebKit, withoutWebKit } from './webkit.mjs';

const FOLDER = resolve(process.argv[2] ?? join(root, 'build/screens'));
const ONLY = process.argv[3] ?? '';
const SIZES = { desk: [960, 720], projector: [1280, 720], phone: [390, 844] };

const BROWSERS = [
  // No window of its is narrower than 500 pixels of the screen: a phone's are more of them each.
  { name: 'firefox', skip: withoutFirefox, launch: (dark, size) => launchFirefox({ 'layout.css.prefers-color-scheme.content-override': dark ? 0 : 1,
    'layout.css.devPixelsPerPx': size === 'phone' ? '1.5' : '1.0' }) },
  { name: 'webkit', skip: withoutWebKit, launch: (dark) => launchWebKit(dark ? { GTK_THEME: 'Adwaita:dark' } : {}) },
];

const compare = (view) => async (page) => {
  await page.selectOption('[name=compare]', { index: 2 });
  await page.$eval(`[value=${view}]`, (choice) => choice.click());
};
const fold = (selector) => (page) => page.$eval(selector, (details) => {
  details.open = true;
  details.scrollIntoView({ block: 'center', behavior: 'instant' });
});

/** What is done first, by the state's name. @type {Record<string, {sizes: string[], dark?: boolean, hash?: string, act?: (page: any) => Promise<any>}>} */
const STATES = {
  first: { sizes: ['projector', 'phone'], hash: '' },
  sample: { sizes: ['desk', 'phone'], dark: true },
  border: { sizes: ['desk'], act: compare('wipe') },
  'side-by-side': { sizes: ['desk', 'phone'], act: compare('beside') },
  boxes: { sizes: ['desk'], hash: 'sample=golf_ball&layer=block8_pw_relu&interpolation=nearest&boxes=1' },
  colours: { sizes: ['desk', 'phone'], dark: true, act: fold('details.settings') },
  models: { sizes: ['desk'], act: fold('#model') },
  proof: { sizes: ['desk', 'phone'], act: fold('#proof') },
  error: { sizes: ['desk'], dark: true, act: async (page) => {
    await page.fill('#class', 'golfball');
    await page.press('#class', 'Enter');
    await status(page, /Did you mean/);
  } },
  wall: { sizes: ['projector', 'phone'], hash: '', dark: true, act: async (page) => {
    await page.setInputFiles('#file', ['golf_ball', 'flower', 'church', 'parachute', 'clutter', 'sunflower', 'balloons', 'lighthouse'].map(sampleFile));
    await page.waitForFunction(() => /8 of 8 pictures shown/.test(document.querySelector('#wall [role=status]').textContent), null, WAIT);
    await page.$eval('#wall', (wall) => wall.scrollIntoView({ behavior: 'instant' }));
  } },
};

async function take(browser, file, size, hash, act) {
  const page = await browser.newPage();
  await page.goto(`${server.origin}/web/demo/${hash && `#${hash}`}`);
  await fit(browser, page, SIZES[size]);
  await status(page, /forward/);
  await act?.(page);
  await page.waitForTimeout(500);
  const shown = await page.evaluate(() => [innerWidth, innerHeight]);
  if (shown.join() !== SIZES[size].join()) console.error(`${file}: in ${shown.join('x')} instead of ${SIZES[size].join('x')}`);
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
for (const { name, skip, launch } of BROWSERS) {
  if (skip) {
    console.error(skip);
    continue;
  }
  for (const dark of [false, true]) {
    const wanted = Object.entries(STATES).flatMap(([state, { sizes, dark: both, ...how }]) => (dark && !both ? []
      : sizes.map((size) => ({ file: `${name}-${state}-${size}${dark ? '-dark' : ''}.png`, size, ...how })))).filter(({ file }) => file.includes(ONLY));
    if (!wanted.length) continue;
    for (const { file, size, hash = 'sample=golf_ball_and_flower', act } of wanted) {
      // One picture, one browser: one that has shown several sizes sometimes stands still.
      const browser = await launch(dark, size);
      try {
        await soon(take(browser, file, size, hash, act));
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
