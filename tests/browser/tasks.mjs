/**
 * How long the page's main thread is busy at a time, in headless Chromium: `node tests/browser/tasks.mjs`
 * prints the longest task of each of the things below, with a photo of 12 and one of 24 megapixels, beside
 * the aim of 50 ms. Nothing fails: times of a shared machine prove little.
 */
import { launch, serve, withoutBrowser } from './browser.mjs';

const AIM = 50;

if (withoutBrowser) {
  console.error(withoutBrowser);
  process.exit(1);
}
const browser = await launch();
const server = await serve();

/** A photo of that size, drawn and encoded by another page, as the bytes of a JPEG. */
async function photo(width, height) {
  const page = await browser.newPage();
  const bytes = await page.evaluate(async ([columns, rows]) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: columns, height: rows });
    const pen = canvas.getContext('2d');
    for (let i = 0; i < 400; ++i) {
      pen.fillStyle = `hsl(${(37 * i) % 360} 60% 50%)`;
      pen.fillRect((i * 617) % columns, (i * 389) % rows, columns / 8, rows / 8);
    }
    const blob = await new Promise((done) => { canvas.toBlob(done, 'image/jpeg', 0.9); });
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, [width, height]);
  await page.close();
  return Buffer.from(bytes);
}

/** The longest task of the page while `work` runs, in ms, and all above the aim. */
async function longest(page, work) {
  await page.evaluate(() => {
    window.tasks = [];
    window.watch = new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration)));
    window.watch.observe({ type: 'longtask' });
  });
  await work();
  await page.waitForTimeout(300);
  return page.evaluate(() => {
    window.watch.disconnect();
    return window.tasks;
  });
}

const report = (name, tasks) => console.log(`${name.padEnd(34)} ${tasks.length
  ? `longest ${Math.max(...tasks).toFixed(0)} ms, ${tasks.length} above ${AIM} ms` : `none above ${AIM} ms`}`);

const explained = (page) => page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent), null, { timeout: 120000 });

for (const [width, height] of [[4000, 3000], [6000, 4000]]) {
  const megapixels = `${(width * height) / 1e6} MP`;
  const buffer = await photo(width, height);
  const page = await browser.newPage();
  await page.goto(`${server.origin}/web/demo/`);
  await page.waitForFunction(() => /forward/.test(document.getElementById('status').textContent));
  await page.waitForTimeout(500);
  report(`${megapixels} dropped`, await longest(page, async () => {
    await page.setInputFiles('#file', { name: 'large.jpg', mimeType: 'image/jpeg', buffer });
    await explained(page);
  }));
  report(`${megapixels} another class`, await longest(page, () => page.click('#predictions li:nth-child(2) button')));
  report(`${megapixels} overlay saved`, await longest(page, async () => {
    const download = page.waitForEvent('download');
    await page.click('[data-save=overlay]');
    await download;
  }));
  await page.evaluate(async (bytes) => {
    window.picture = new Blob([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], { type: 'image/jpeg' });
    [window.map] = (await window.gradcam.explain(window.picture, { top: 1 })).maps;
  }, buffer.toString('base64'));
  await page.waitForTimeout(500);
  report(`${megapixels} toCanvas()`, await longest(page, () => page.evaluate(() => window.map.toCanvas().painted)));
  report(`${megapixels} toCanvas, pytorch-grad-cam`, await longest(page, () => page.evaluate(
    () => window.map.toCanvas({ preset: 'pytorch-grad-cam' }).painted)));
  report(`${megapixels} heat alone`, await longest(page, () => page.evaluate(() => window.map.toCanvas({ picture: false }).painted)));
  report(`${megapixels} an <img>`, await longest(page, () => page.evaluate(async () => {
    const image = Object.assign(new Image(), { src: URL.createObjectURL(window.picture) });
    await window.gradcam.explain(image, { top: 1 });
  })));
  await page.close();
}
await browser.close();
await server.close();
