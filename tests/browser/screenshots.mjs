/**
 * Pictures of every state of the page, the lesson and the element into docs/pictures/screens/, with a list
 * of them: `node tests/browser/screenshots.mjs`, after `node emscripten/build.mjs`; `... lesson` takes those of the
 * lesson and the element alone, `... models wall` those of the page's states that are named. Only samples that this
 * project drew, and Chromium's fake camera, are to be seen.
 */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STEPS } from '../../web/element/steps/index.js';
import { launch, root, serve, withoutBrowser } from './browser.mjs';

const FOLDER = join(root, 'docs/pictures/screens');
const [MOST_EACH, MOST_ALL] = [150e3, 2.5e6]; // bytes
const DESK = { width: 960, height: 720 };
const PROJECTOR = { width: 1280, height: 720 };
const PHONE = { width: 390, height: 844 };
const WAIT = { timeout: 60000 };
const LONG = { timeout: 300000 }; // deletion asks 136 times: more than a minute where others use the machine too

if (withoutBrowser) {
  console.error(withoutBrowser);
  process.exit(1);
}
const named = process.argv.slice(2);
const wanted = (name) => !named.length || named.includes(name);
/** What stays from before. @type {Map<string, string>} */
const words = new Map(named.length ? [...(await readFile(join(FOLDER, 'README.md'), 'utf8')).matchAll(/!\[(.*)\]\((.*)\.jpg\)/g)].map(([, said, name]) => [name, said]) : []);
if (!named.length) await rm(FOLDER, { recursive: true, force: true });
await mkdir(FOLDER, { recursive: true });
const browser = await launch();
const server = await serve();

const says = (page, words) => page.waitForFunction(
  (source) => new RegExp(source).test(document.getElementById('status').textContent), words.source, WAIT);

async function take(name, said, page, what = page, options = {}) {
  await page.waitForTimeout(300); // transitions
  await what.screenshot({ path: join(FOLDER, `${name}.jpg`), type: 'jpeg', quality: 33, ...options });
  words.set(name, said);
}

async function open(path, { size = DESK, colorScheme = 'light' } = {}) {
  const context = await browser.newContext({ viewport: size, colorScheme });
  const page = await context.newPage();
  await page.goto(`${server.origin}/web/demo/${path}`);
  return { page, close: () => context.close() };
}

/** One picture of the page: its settings as in a link, and what is done there first. */
async function shoot(name, said, { hash = 'sample=golf_ball_and_flower', act, ready = /forward/, ...options } = {}) {
  if (!wanted(name)) return;
  const { page, close } = await open(hash && `#${hash}`, options);
  await says(page, ready);
  await act?.(page);
  await take(name, said, page);
  await close();
}

const openPart = (selector) => async (page) => {
  await page.locator(selector).locator('summary').click();
  await page.locator(selector).evaluate((details) => details.scrollIntoView({ block: 'center' }));
};
const compare = (view) => async (page) => {
  await page.selectOption('[name=compare]', { index: 2 });
  await page.check(`[value=${view}]`);
};

/* ---- The page ------------------------------------------------------------------------------------ */

const WALL = ['golf_ball', 'flower', 'church', 'parachute', 'clutter', 'sunflower', 'balloons', 'lighthouse'];
await shoot('first', 'As it opens on a projector: a sample, its answers, what they are worth, and a question', { hash: '', size: PROJECTOR });
await shoot('sample', 'A sample: what the network sees, and where');
await shoot('sample-dark', 'The same in the dark', { colorScheme: 'dark' });
await shoot('class', 'Another class, and a value under the pointer', { act: async (page) => {
  await page.click('#predictions button >> nth=1');
  await page.hover('#frame', { position: { x: 200, y: 330 } });
} });
await shoot('search', 'A class that is not among the best, found by its name', { act: async (page) => {
  await page.fill('#class', 'cat');
  await page.press('#class', 'Enter');
  await page.waitForSelector('#suggestions button');
  await page.click('#suggestions button');
  await page.waitForFunction(() => document.querySelectorAll('#sheet button').length === 6);
} });
await shoot('border', 'Two classes, with a border to drag', { act: compare('wipe') });
await shoot('side-by-side', 'Two classes side by side', { act: compare('beside') });
await shoot('one-scale', 'One scale for all classes: a map is as strong as its class is likely', { act: async (page) => {
  await page.check('[name=same]');
  await page.click('#predictions button >> nth=1');
} });
await shoot('difference', 'Two classes, one minus the other', { act: compare('difference') });
await shoot('layer', 'An earlier layer, its cells as they are, and boxes at 15 %',
  { hash: 'sample=golf_ball&layer=block8_pw_relu&interpolation=nearest&boxes=1' });
await shoot('layers', 'Two layers beside each other', { hash: 'sample=golf_ball&compare=layer%3Ablock6_pw_relu' });
await shoot('colours', 'Colours, opacity, interpolation, boxes', { act: openPart('details.settings >> nth=0') });
await shoot('method', 'Methods, each with its paper, and the score', { act: openPart('details.settings >> nth=1') });
await shoot('models', 'Models, known by name or opened as files', { act: async (page) => {
  await page.locator('#model summary').click();
  await page.waitForSelector('#models button');
  await page.locator('#models').evaluate((list) => list.scrollIntoView({ block: 'center' }));
} });
await shoot('proof', 'What the page may speak to, and what it has fetched', { act: async (page) => {
  await page.click('#proof summary');
  await page.waitForSelector('#fetched td');
} });
await shoot('error', 'What is wrong, and what to do', { act: async (page) => {
  await page.fill('#class', 'golfball');
  await page.press('#class', 'Enter');
  await says(page, /Did you mean/);
} });
await shoot('unfamiliar', 'A picture of nothing that the network knows', { hash: '', act: async (page) => {
  const gray = Buffer.from('Qk1CAAAAAAAAADYAAAAoAAAAAgAAAAIAAAABABgAAAAAAAwAAAAAAAAAAAAAAAAAAAAAAAAAf39/f39/AAB/f39/f38AAA==', 'base64');
  await page.setInputFiles('#file', { name: 'grey.bmp', mimeType: 'image/bmp', buffer: gray });
  await page.waitForSelector('#doubt', { state: 'visible' });
} });
await shoot('wall', 'Several pictures on a wall: sorted, judged, to be saved as a table or a sheet', { hash: '', size: PROJECTOR, act: async (page) => {
  await page.setInputFiles('#file', WALL.map((name) => join(root, `models/pocket/samples/${name}.jpg`)));
  await page.waitForFunction(() => /8 of 8 pictures shown/.test(document.querySelector('#wall [role=status]').textContent), null, WAIT);
  await page.selectOption('#wall [name=sort]', 'unsure');
  await page.click('#wall button[aria-label="sunflower.jpg: the answer is wrong"]');
  await page.locator('#wall').evaluate((wall) => wall.scrollIntoView());
} });
await shoot('camera', 'The camera, here Chromium’s fake one', { hash: '', act: async (page) => {
  await page.click('#camera');
  await page.waitForFunction(() => /pictures a second/.test(document.getElementById('rate').textContent), null, WAIT);
} });
await shoot('phone', 'On a phone', { size: PHONE });
await shoot('narrow', 'On 320 pixels', { size: { width: 320, height: 640 }, colorScheme: 'dark' });
await shoot('phone-settings', 'The picture stays in sight', { size: PHONE, colorScheme: 'dark', act: async (page) => {
  await page.selectOption('[name=compare]', { index: 2 });
  await page.evaluate(() => scrollTo(0, 640));
} });

// A download that does not end: the host of the published models never gets to the second half.
if (wanted('download')) {
  const { page, close } = await open('#sample=golf_ball_and_flower');
  await says(page, /forward/);
  await page.locator('#model summary').click();
  await page.waitForSelector('[data-model=xception]');
  await page.evaluate(async () => {
    // What came in an earlier visit lies in the cache, piece by piece; the rest waits for the network.
    const cache = await caches.open('gradcam-downloads');
    const card = await (await fetch('../../models/xception/model.json')).json();
    for (let piece = 0; piece < 11; ++piece) await cache.put(`${card.download.url}?piece=${piece}`, new Response(new Uint8Array(4 << 20)));
  });
  await page.context().route('https://storage.googleapis.com/**', () => {}); // no answer
  await page.click('[data-model=xception]');
  await says(page, /of 92 MB/);
  await page.evaluate(() => scrollTo(0, 0));
  await take('download', 'A model on its way, which can be cancelled and gone on with', page);
  await close();
}

/** The list of all, which may not weigh more than a reader waits for. */
async function finish() {
  await browser.close();
  await server.close();

  let all = 0;
  for (const name of words.keys()) {
    const { size } = await stat(join(FOLDER, `${name}.jpg`));
    all += size;
    if (size > MOST_EACH) console.error(`${name}.jpg has ${size} bytes, more than ${MOST_EACH}`);
  }
  if (all > MOST_ALL) console.error(`all have ${all} bytes, more than ${MOST_ALL}`);
  await writeFile(join(FOLDER, 'README.md'), `# Every state, as \`node tests/browser/screenshots.mjs\` took it\n\n${
    [...words].map(([name, said]) => `${said}\n\n![${said}](${name}.jpg)\n`).join('\n')}`);
  console.log(`${words.size} pictures, ${(all / 1e6).toFixed(2)} MB, in docs/pictures/screens`);
}

if (!wanted('lesson')) {
  await finish();
  process.exit(named.every((name) => words.has(name)) ? 0 : 1);
}

/* ---- The lesson ---------------------------------------------------------------------------------- */

/** The lesson once it is whole: every step has answered, menus are filled, curves are drawn. */
async function openLesson(query, options) {
  const { page, close } = await open(`learn/?${query}`, options);
  await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result) &&
    !document.getElementById('class').disabled && !document.getElementById('layer').disabled, null, LONG);
  if (!/present/.test(query)) await page.evaluate(() => document.getElementById(location.hash.slice(1))?.scrollIntoView({ behavior: 'instant' }));
  if (/#knob/.test(query)) await page.locator('grad-cam[steps=knob]').getByText('The curve').waitFor(LONG);
  return { page, close };
}

{
  const { page, close } = await openLesson('guess=0');
  const step = (name) => page.locator(`grad-cam[steps=${name}]`);
  await take('lesson', 'The lesson: the answer first', page);
  await page.uncheck('#guess'); // its questions would hide what is asked
  await page.selectOption('#path', 'symbols');
  await step('softmax').getByRole('button', { name: 'Saturate' }).click();
  await step('deletion').getByRole('button', { name: 'Measure' }).click();
  await step('deletion').getByText('was asked about').waitFor(LONG);
  await step('sanity').locator('input[type=range]').evaluate((input) => {
    input.value = '4';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await step('sanity').getByText('With 4 layers').waitFor(WAIT);
  await step('bugs').locator('.pair button').first().click();
  await step('occlude').scrollIntoViewIfNeeded();
  const box = await step('occlude').getByRole('application').boundingBox();
  await page.mouse.move(box.x + 0.6 * box.width, box.y + 0.3 * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.9 * box.width, box.y + 0.45 * box.height, { steps: 6 });
  await page.mouse.up();
  await page.waitForTimeout(1000);
  // The knob turned, its curve measured, and what excites the channel.
  await step('knob').locator('canvas.plot').scrollIntoViewIfNeeded();
  await step('knob').locator('.turn').evaluate((input) => {
    input.value = '0.6';
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await step('knob').getByText(/^Adding .* The curve/).waitFor(LONG);
  await step('knob').getByRole('button', { name: 'Look through all samples' }).click();
  await step('knob').getByText('in 10 samples').waitFor(LONG);
  await page.mouse.move(2, 2);
  // Its bar, which stays in sight, would lie over the steps.
  await page.$eval('.controls', (bar) => { bar.style.position = 'static'; });
  for (const { name, title } of STEPS) await take(`step-${name}`, `Step: ${title}`, page, page.locator('main > section').filter({ has: step(name) }));
  await close();
}
for (const [name, query, said, options, act] of [
  ['lesson-dark', 'guess=0#knob', 'The lesson in the dark', { colorScheme: 'dark' }],
  ['lesson-question', '#sum', 'A question before the step', {}],
  ['lesson-phone', 'sample=flower', 'The lesson on a phone', { size: PHONE }],
  ['lesson-phone-dark', 'sample=flower&guess=0#alpha', 'A step on a phone, in the dark', { size: PHONE, colorScheme: 'dark' }],
  ['lesson-short', 'path=short&guess=0#sum', 'Five steps without a formula, for the youngest', {}],
  ['presenter', 'sample=golf_ball&guess=0&present=1#sum', 'One step on the whole screen, for a class', { size: PROJECTOR }],
  ['presenter-dark', 'sample=golf_ball&guess=0&present=1#alpha', 'The same in the dark', { size: PROJECTOR, colorScheme: 'dark' }],
  ['lesson-link', 'sample=church&guess=0', 'Picture, class and step as a link and as a QR code', {}, async (page) => {
    await page.click('#share');
    await page.waitForFunction(() => document.getElementById('qr').width > 400, null, WAIT);
  }],
  ['handout', 'sample=golf_ball&guess=0', 'The handout, from a dark page', { size: { width: 720, height: 1000 }, colorScheme: 'dark' }, async (page) => {
    await page.emulateMedia({ media: 'print' });
    await page.waitForFunction(() => {
      dispatchEvent(new Event('beforeprint'));
      return !document.getElementById('handout-code').hidden;
    }, null, WAIT);
  }],
]) {
  const { page, close } = await openLesson(query, options);
  await act?.(page);
  await take(name, said, page);
  await close();
}

/* ---- The element, in somebody else's page ---------------------------------------------------------- */

for (const colorScheme of ['light', 'dark']) {
  const context = await browser.newContext({ viewport: DESK, colorScheme });
  const page = await context.newPage();
  const sample = (name) => `/models/pocket/samples/${name}.jpg`;
  await page.route('**/web/embedded.html', (route) => route.fulfill({ contentType: 'text/html', body: `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
    <style>body { margin: 2rem; font: 1rem/1.5 Georgia, serif } main { display: grid; grid-template-columns: 1fr 1fr; gap: 2rem }</style>
    <script type="module" src="/web/element/define.js"></script><h1>Somebody’s page</h1><main>
    <div><p>An address:</p><grad-cam src="${sample('golf_ball_and_flower')}" target="daisy"></grad-cam></div>
    <div><p>A picture between the tags, other colours:</p><grad-cam colormap="inferno" opacity="0.8" top="2"><img src="${sample('church')}" alt="a church" width="400"></grad-cam></div>
    </main><grad-cam src="${sample('golf_ball')}" steps="alpha" loading="eager"></grad-cam>` }));
  await page.goto(`${server.origin}/web/embedded.html`);
  await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result), null, LONG);
  await take(colorScheme === 'light' ? 'element' : 'element-dark', colorScheme === 'light' ? 'The element in somebody’s page' : 'The same in the dark', page, page, { fullPage: true });
  await context.close();
}

await finish();
