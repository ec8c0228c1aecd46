/**
 * A thousand explanations in one process: memory stays flat after the first ten.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { GradCam } from '../../web/node.js';
import { data, squeezenet, withoutData } from './shared.mjs';
import { tinyNetwork, tinyPicture } from './tiny.mjs';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const PLAIN = { preprocess: 'rgb,mean=127.5,std=127.5', threads: 1 };

test('the WebAssembly memory after 1,000 different pictures', async () => {
  const cam = await GradCam.load(tinyNetwork().onnx, PLAIN);
  const sizes = [];
  for (let i = 0; i < 1000; ++i) {
    const picture = tinyPicture(200 + (i % 7), 150);
    picture.data.set([i % 256, i >> 8]);
    const { maps } = await cam.explain(picture);
    if (i % 10 === 0) await maps[0].toPNG();
    if (i % 50 === 0) await cam.grid(maps);
    if (i === 10 || i === 999) sizes.push(await cam.memory());
  }
  cam.dispose();
  // A thousand pictures are 120 MB, the maps 13 MB: nothing of either is left behind.
  assert.deepEqual(sizes[1], sizes[0]);
});

test('the process after 1,000 explanations of a real network', { skip: withoutData }, async () => {
  const cam = await GradCam.load(squeezenet.path, { ...squeezenet.options, threads: 1 });
  const photos = await Promise.all(['pier', 'dock', 'goldfish', 'owl', 'bear'].map(
    (name) => readFile(data(`photos/${name}.jpg`))));
  const measured = [];
  for (let i = 0; i < 2000; ++i) {
    // Every fifth time another picture: a forward is most of the cost.
    const { maps } = await cam.explain(photos[Math.floor(i / 5) % photos.length], { classes: [i % 1000] });
    if (i % 100 === 99) await maps[0].toPNG();
    if (i % 100 !== 10) continue;
    collectGarbage();
    const { rss, heapUsed } = process.memoryUsage();
    measured.push({ rss, heapUsed, engine: (await cam.memory()).heap });
  }
  cam.dispose();
  const list = (key) => measured.map((one) => (one[key] / 1e6).toFixed(1)).join(', ');
  // What the engine and the script hold does not grow after the first ten.
  for (const { engine } of measured) assert.equal(engine, measured[0].engine, `engine, MB: ${list('engine')}`);
  const script = Math.max(...measured.map(({ heapUsed }) => heapUsed)) - measured[0].heapUsed;
  assert.ok(script < 2e6, `script, MB: ${list('heapUsed')}`);
  // What the process holds comes to rest while the allocators of two threads fill their pools: the
  // second thousand against the first.
  const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
  const resident = measured.map(({ rss }) => rss);
  const grown = middle(resident.slice(10)) - middle(resident.slice(1, 10));
  assert.ok(grown < 24e6, `grew by ${(grown / 1e6).toFixed(0)} MB: ${list('rss')}`);
});

test('loading and disposing again and again', async () => {
  const { onnx } = tinyNetwork();
  const round = async () => {
    const cam = await GradCam.load(onnx, PLAIN);
    await cam.explain(tinyPicture());
    cam.dispose();
  };
  for (let i = 0; i < 10; ++i) await round();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 30; ++i) await round();
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 150e6, `30 engines left ${(grown / 1e6).toFixed(0)} MB behind`);
});
