/**
 * How fast the page is on this machine, in headless Chromium: `node tests/browser/speed.mjs`. Prints
 *
 *   cold page    from the navigation, with an empty cache, to a sample's heatmap on the screen; and the
 *                bytes of all answers until then
 *   class        from a click on another class to its heatmap: the script's own time, and to the frame
 *   camera       pictures explained in a second, from Chromium's fake camera
 *
 * each beside its aim. Nothing fails: times of a shared machine prove little.
 */
import { launch, serve, withoutBrowser } from './browser.mjs';

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
await browser.close();
await server.close();

const of = (aim) => `(aim ${aim})`;
console.log(`cold page  ${median(painted.cold).toFixed(0)} ms ${of('1500 or less')}, ` +
  `${(median(painted.bytes) / 1e6).toFixed(2)} MB ${of('4.40 or less')}; median of ${ROUNDS}, best ${Math.min(...painted.cold).toFixed(0)} ms`);
console.log(`class      ${median(painted.script).toFixed(1)} ms of script, ${median(painted.frame).toFixed(1)} ms to the frame ${of('30 or less')}`);
console.log(`camera     ${median(camera)} pictures a second on ${threads} threads ${of('20 or more')}`);
