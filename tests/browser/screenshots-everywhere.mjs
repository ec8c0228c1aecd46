/**
 * Pictures of the page's main states in Firefox and WebKit, to be looked at beside Chromium's in
 * docs/pictures/screens: `node tests/browser/screenshots-everywhere.mjs [FOLDER]`, default build/screens; on a desk, a
 * phone and a projector, light and dark.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { root, serve } from './browser.mjs';
import { sampleFile, status, WAIT } from './demo.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { launchWebKit, withoutWebKit } from './webkit.mjs';

const FOLDER = resolve(process.argv[2] ?? join(root, 'build/screens'));
const SIZES = { desk: [960, 720], projector: [1280, 720], phone: [390, 844] };

const BROWSERS = [
  { name: 'firefox', skip: withoutFirefox, launch: (dark) => launchFirefox({ 'layout.css.prefers-color-scheme.content-override': dark ? 0 : 1 }) },
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

await mkdir(FOLDER, { recursive: true });
const server = await serve();
let taken = 0;
for (const { name, skip, launch } of BROWSERS) {
  if (skip) {
    console.error(skip);
    continue;
  }
  for (const dark of [false, true]) {
    const browser = await launch(dark);
    try {
      for (const [state, { sizes, dark: both, hash = 'sample=golf_ball_and_flower', act }] of Object.entries(STATES)) {
        if (dark && !both) continue;
        for (const size of sizes) {
          const [width, height] = SIZES[size];
          const page = await browser.newPage();
          await page.goto(`${server.origin}/web/demo/${hash && `#${hash}`}`);
          // The window has a rim of its own, and need not become as small as a phone.
          await browser.resize(width, height);
          const inner = await page.evaluate(() => [innerWidth, innerHeight]);
          await browser.resize(2 * width - inner[0], 2 * height - inner[1]);
          await status(page, /forward/);
          await act?.(page);
          await page.waitForTimeout(500);
          const shown = await page.evaluate(() => [innerWidth, innerHeight].join('x'));
          if (shown !== `${width}x${height}`) console.error(`${name}: ${state} in ${shown} instead of ${width}x${height}`);
          await writeFile(join(FOLDER, `${name}-${state}-${size}${dark ? '-dark' : ''}.png`), await page.deeds.screenshot());
          taken += 1;
          await page.close();
        }
      }
    } finally {
      await browser.close();
    }
  }
}
await server.close();
console.log(`${taken} pictures in ${FOLDER}`);
