/**
 * What a reader waits for in a browser, by the package's public interface and on the page itself, with
 * VGG16 in float32: loading it from the browser's cache, the first explanation beside the second, and
 * another class. `node tests/bench/page.mjs [ROUNDS]` prints the figures.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './compare.mjs';
import { chromium, close, firefox, folderAddress, origin } from './hosts/browsers.mjs';
import { findNetworks } from './networks.mjs';

const SAMPLE = 'models/pocket/samples/church.jpg';

/** Loads a card's model `loads` times, and explains two pictures with the last; seconds, then ms. */
const LOAD = `
  const [card, sample, loads] = args;
  const { GradCam } = await import('/web/index.js');
  const picture = await (await fetch(sample)).blob();
  // Another picture of the same size, so that nothing is remembered.
  const bitmap = await createImageBitmap(picture);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d');
  context.scale(-1, 1);
  context.drawImage(bitmap, -bitmap.width, 0);
  const mirrored = await canvas.convertToBlob();
  const times = { loads: [], first: 0, second: 0 };
  for (let i = 0; i < loads; ++i) {
    const start = performance.now();
    const cam = await GradCam.load(card);
    times.loads.push((performance.now() - start) / 1000);
    if (i === loads - 1) {
      const timed = async (image) => {
        const begun = performance.now();
        await cam.explain(image, { top: 5 });
        return performance.now() - begun;
      };
      [times.first, times.second] = [await timed(picture), await timed(mirrored)];
    }
    cam.dispose();
  }
  return times;`;

/** Ms from the press on each of the classes on show to the frame that has its heatmap. */
const SWITCH = `
  const [card, presses] = args;
  const by = (id) => document.getElementById(id);
  const until = async (holds) => {
    for (let i = 0; !holds(); ++i) {
      if (i > 3000) throw new Error(by('status').textContent);
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  await until(() => /forward/.test(by('status').textContent));
  by('model-url').value = card;
  by('model-open').click();
  await until(() => /vgg16/i.test(by('model-name').textContent) && /forward/.test(by('status').textContent));
  const times = [];
  for (let i = 0; i < presses; ++i) {
    await new Promise((done) => setTimeout(done, 150));
    const buttons = [...document.querySelectorAll('#predictions button')];
    const start = performance.now();
    buttons[(i + 1) % buttons.length].click();
    times.push(await new Promise((done) => requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => done(performance.now() - start);
      port2.postMessage(0);
    })));
  }
  return times;`;

/** @returns {Promise<{browser: string, load: number, first: number, second: number, ratio: number, press: number}[]>} */
export async function measurePage({ quick, progress }, rounds = quick ? 1 : 5) {
  const [network] = await findNetworks('VGG16', () => {});
  if (!network || !existsSync(network.path)) throw new Error('VGG16 is not to be had');
  const rows = [];
  for (const host of [chromium, firefox].filter(({ missing }) => !missing)) {
    const times = { load: [], first: [], second: [], ratio: [], press: [] };
    const browser = await host.open({ profile: true });
    try {
      const card = `${await folderAddress(dirname(network.path))}model.json`;
      const sample = `${await origin()}/${SAMPLE}`;
      for (let round = -1; round < rounds; round++) {
        progress(`page: VGG16 in ${host.name}, ${round < 0 ? 'filling the cache' : `round ${round + 1} of ${rounds}`}`);
        await browser.goto(`${await origin()}/`); // a page of its own each time: its code is cold
        const { loads, first, second } = await browser.run(LOAD, card, sample, 1);
        if (round < 0) continue;
        times.load.push(...loads);
        times.first.push(first);
        times.second.push(second);
        times.ratio.push(first / second);
      }
      progress(`page: VGG16 in ${host.name}, another class`);
      await browser.goto(`${await origin()}/web/demo/#sample=church`);
      times.press = await browser.run(SWITCH, card, quick ? 10 : 40);
    } finally {
      await browser.close();
    }
    rows.push({ browser: host.name, ...Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)])) });
  }
  return rows;
}

export const pageGoals = (rows) => rows.flatMap(({ browser, load, ratio, press }) => [
  { text: `VGG16 f32: loading from the cache, ${browser}, seconds`, found: load, most: 1.5 },
  { text: `VGG16: the first explanation, of the second's time, ${browser}`, found: ratio, most: 1.3 },
  { text: `VGG16: another class on the page, from the press to the painted frame, ${browser}, ms`, found: press, most: 25, digits: 1 },
]);

export const pageTable = (rows) => ['| browser | load from the cache s | first explanation ms | second ms | another class ms |', '|---|---|---|---|---|',
  ...rows.map((r) => `| ${r.browser} | ${r.load.toFixed(2)} | ${r.first.toFixed(0)} | ${r.second.toFixed(0)} | ${r.press.toFixed(1)} |`)].join('\n');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const rows = await measurePage({ quick: false, progress: (text) => process.stderr.write(`${text}\n`) }, Number(process.argv[2] ?? 5));
  await close();
  console.log(pageTable(rows));
}
