/**
 * How fast the page is on this machine, in headless Chromium: `node tests/browser/speed.mjs`. Prints
 *
 *   cold page    from the navigation, with an empty cache, to a sample's heatmap on the screen; and the
 *                bytes of all answers until then
 *   class        from a click on another class to its heatmap: the script's own time, and to the frame
 *   camera       pictures explained in a second, from Chromium's fake camera
 *   controls     for every control of the page and of the lesson, and each step that a presenter's key brings,
 *                pressed or changed as a reader does: from the event to the next paint, as browsers count INP
 *                (Event Timing, in steps of 8 ms), and the main thread's longest task meanwhile in ms of the
 *                processor, which counts where others use the machine too
 *
 * each beside its aim. Nothing fails: times of a shared machine prove little.
 */
import { join } from 'node:path';
import { launch, root, serve, withoutBrowser } from './browser.mjs';
import { tasksOf } from './trace.mjs';

const ROUNDS = 5;
const CAMERA_SECONDS = 6;
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

if (withoutBrowser) {
  console.error(withoutBrowser);
  process.exit(1);
}
const browser = await launch();
const server = await serve();
const address = `${server.origin}/web/demo/`;
const explained = (page) => page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));

/** What is not pressed: what opens a dialog of the system, leaves the page, or fetches; the camera has its own line. */
const NOT_PRESSED = 'input[type=file], a, #camera, #cameras, #models button:not([data-model=pocket]), #model-open, #ask *, #address *';

/**
 * Every control that is there and seen, those within elements too, by the number it is given.
 * @returns {Promise<number>}  how many
 */
const numberControls = (page, no) => page.evaluate((not) => {
  window.interactions = [];
  new PerformanceObserver((list) => window.interactions.push(...list.getEntries().filter(({ interactionId }) => interactionId)
    .map(({ duration }) => duration))).observe({ type: 'event', durationThreshold: 16 });
  const within = (root) => [...root.querySelectorAll('*')].flatMap((one) => [one, ...(one.shadowRoot ? within(one.shadowRoot) : [])]);
  window.controls = within(document).filter((one) => one.matches('button, select, input, summary') && !one.matches(not) && one.checkVisibility());
  // Those of the steps first: another picture or layer makes these anew.
  window.controls.sort((a, b) => Number(a.getRootNode() === document) - Number(b.getRootNode() === document));
  window.controls.forEach((one, i) => { one.dataset.control = String(i); });
  return window.controls.length;
}, no);

/** An interaction's time to the next paint and its longest task. */
async function timed(page, name, work) {
  await page.evaluate(() => { window.interactions.length = 0; });
  const tasks = await tasksOf(browser, page, work, { rest: 400 });
  return { name, cpu: tasks[0]?.cpu ?? 0, ms: await page.evaluate(() => Math.max(0, ...window.interactions)) };
}

/** @returns {Promise<{name: string, ms: number, cpu: number}[]>}  every control with the longest interaction */
async function pressEverything(page, no) {
  const found = [];
  const count = await numberControls(page, no);
  for (let i = 0; i < count; ++i) {
    const control = page.locator(`[data-control="${i}"]`);
    // What was pressed before may have folded it away.
    await page.evaluate((at) => {
      const fold = window.controls[at].closest('details:not(#proof)');
      if (fold) fold.open = true;
    }, i);
    if (!await control.isVisible()) continue; // something else took its place
    const { kind, name } = await control.evaluate((one) => ({
      kind: one.matches('select') ? 'select' : one.matches('input[type=range]') ? 'range' : one.matches('input:not([type=checkbox], [type=radio])') ? 'text' : 'press',
      name: (one.getAttribute('aria-label') || one.name || one.title || one.textContent || one.id).replace(/\s+/g, ' ').trim().slice(0, 60) }));
    if (kind !== 'press') await control.focus();
    found.push(await timed(page, name, async () => {
      if (kind === 'press') await control.click({ timeout: 5000 }).catch(() => {});
      else await page.keyboard.press(kind === 'text' ? '1' : kind === 'range' ? 'ArrowRight' : 'ArrowDown');
    }));
    const cancel = page.locator('#cancel'); // a method of hundreds of passes
    if (await cancel.count() && await cancel.isVisible()) await cancel.click();
  }
  return found;
}

async function pressPage() {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${address}#sample=golf_ball_and_flower&compare=class:985`);
  await explained(page);
  await page.setInputFiles('#file', ['golf_ball', 'flower', 'church'].map((name) => join(root, `models/pocket/samples/${name}.jpg`)));
  await page.waitForFunction(() => /3 of 3 pictures shown/.test(document.querySelector('#wall [role=status]').textContent));
  await page.evaluate(() => {
    document.querySelectorAll('details').forEach((one) => { one.open = true; });
    document.getElementById('proof').open = false; // it lies over the others
  });
  const found = await pressEverything(page, NOT_PRESSED);
  await page.close();
  return found;
}

/** The lesson as one page, then step after step as a lecturer's key brings them. */
async function pressLesson() {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${address}learn/?guess=0`);
  await page.waitForFunction(() => [...document.querySelectorAll('grad-cam')].every((one) => one.result), null, { timeout: 120000 });
  const found = await pressEverything(page, 'input[type=file], a, #present, #leave, #presenter *, #print, #share, dialog *');
  await page.click('#present');
  const steps = await page.$$eval('main > section', (all) => all.filter((one) => !one.hidden).length);
  for (let i = 0; i < 2 * steps; ++i) found.push(await timed(page, `presenter, key ${i + 1}`, () => page.keyboard.press('ArrowRight')));
  await page.close();
  return found;
}

const painted = { cold: [], bytes: [], script: [], frame: [] };
let threads;
for (let round = 0; round < ROUNDS; ++round) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const responses = [];
  page.on('response', (response) => responses.push(response));
  await page.goto(`${address}#sample=golf_ball_and_flower`, { waitUntil: 'commit' });
  await explained(page);
  painted.cold.push(await page.evaluate(() => new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
  })));
  const lengths = await Promise.all(responses.map((response) => response.headerValue('content-length')));
  painted.bytes.push(lengths.reduce((sum, length) => sum + Number(length ?? 0), 0));
  threads = await page.evaluate(() => window.gradcam.model.threads);
  for (let i = 0; i < 10; ++i) {
    const [script, frame] = await page.evaluate((at) => new Promise((done) => {
      const start = performance.now();
      document.querySelectorAll('#predictions button')[at].click();
      const spent = performance.now() - start;
      requestAnimationFrame(() => setTimeout(() => done([spent, performance.now() - start])));
    }), (i + 1) % 5);
    painted.script.push(script);
    painted.frame.push(frame);
  }
  await context.close();
}

const page = await browser.newPage();
await page.goto(address);
await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
await page.click('#camera');
const camera = [];
await page.waitForFunction(() => /pictures a second/.test(document.getElementById('rate').textContent));
for (let second = 0; second < CAMERA_SECONDS; ++second) {
  await page.waitForTimeout(1100); // it is counted every second
  camera.push(Number.parseInt(await page.textContent('#rate'), 10));
}
await page.close();
const places = { page: await pressPage(), lesson: await pressLesson() };
await browser.close();
await server.close();

const of = (aim) => `(aim ${aim})`;
console.log(`cold page  ${median(painted.cold).toFixed(0)} ms ${of('1500 or less')}, ` +
  `${(median(painted.bytes) / 1e6).toFixed(2)} MB ${of('4.40 or less')}; median of ${ROUNDS}, best ${Math.min(...painted.cold).toFixed(0)} ms`);
console.log(`class      ${median(painted.script).toFixed(1)} ms of script, ${median(painted.frame).toFixed(1)} ms to the frame ${of('30 or less')}`);
console.log(`camera     ${median(camera)} pictures a second on ${threads} threads ${of('20 or more')}`);
for (const [place, controls] of Object.entries(places)) {
  controls.sort((a, b) => b.ms - a.ms);
  const over = controls.filter(({ ms }) => ms > 100).length;
  const busiest = Math.max(...controls.map(({ cpu }) => cpu));
  console.log(`controls   of the ${place}: ${controls.length} pressed, the slowest ${controls[0].ms} ms ${of('100 or less')}, ${over} above; longest task ${busiest.toFixed(0)} ms of the processor`);
  for (const { name, ms, cpu } of controls) console.log(`           ${(ms ? `${ms} ms` : 'below 16 ms').padEnd(12)} ${cpu.toFixed(0).padStart(3)} ms  ${name}`);
}
