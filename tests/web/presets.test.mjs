/**
 * Every preset against what its origin gives for the same network and picture: predictions, classes,
 * the normalised map and every pixel of the overlay (tests/golden/make_presets.py: PyTorch, numpy, PIL).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { GradCam, PRESETS } from '../../web/node.js';
import { tinyNetwork, tinyPicture } from './tiny.mjs';

const golden = JSON.parse(readFileSync(new URL('../golden/presets.json', import.meta.url)));
const [height, width] = golden.picture;

describe('presets', () => {
  let cam;
  before(async () => {
    cam = await GradCam.load(tinyNetwork().onnx, { preprocess: 'tf', resize: 'nearest', threads: 1 });
  });
  after(() => cam.dispose());

  test('each has its golden values', () => {
    assert.deepEqual(Object.keys(golden.presets), Object.keys(PRESETS));
  });

  for (const [preset, expected] of Object.entries(golden.presets)) {
    test(preset, async () => {
      const { predictions, maps } = await cam.explain(tinyPicture(width, height), { preset, top: 3 });
      assert.deepEqual(predictions.map(({ id }) => id), expected.predictions.map(([id]) => id));
      predictions.forEach(({ probability }, i) => (
        assert.ok(Math.abs(probability - expected.predictions[i][1]) < 1e-5)));
      assert.deepEqual(maps.map((map) => map.class.id), expected.classes);
      maps.forEach((map, i) => {
        const wanted = expected.normalized[i];
        const most = Math.max(...wanted.map(Math.abs));
        const off = Math.max(...wanted.map((value, at) => Math.abs(value - map.normalized[at])));
        assert.ok(off <= 1e-4 * most, `map ${i}: off by ${off} of ${most}`);
      });
      const { data } = maps[0].toImageData();
      const off = expected.overlay.map((value, i) => (
        Math.abs(value - data[4 * Math.floor(i / 3) + (i % 3)])));
      // Where a value lies between two of the 256 colours, rounding may choose either: jet's are up to
      // 4 levels apart, twice that where the result is rescaled.
      assert.ok(Math.max(...off) <= 8, `a pixel differs by ${Math.max(...off)} levels`);
      const mean = off.reduce((sum, value) => sum + value, 0) / off.length;
      assert.ok(mean <= 0.6, `pixels differ by ${mean} levels on average`);
    });
  }

  test('the PNG is the same picture', async () => {
    const { maps: [map] } = await cam.explain(tinyPicture(width, height), { preset: 'torch-cam', top: 1 });
    const again = await cam.explain(await map.toPNG(), { top: 1 });
    const { data } = map.toImageData();
    assert.ok(again.picture.data.every((value, i) => Math.abs(value - data[i]) <= 1));
  });

  test('post-2020: maps of the raw picture, or not; asked again, the network does not run again', async () => {
    const picture = tinyPicture(width, height);
    const raw = await cam.explain(picture, { preset: 'post-2020', top: 3 });
    assert.ok(raw.warnings.some(({ name }) => name === 'raw-input'));
    const again = await cam.explain(picture, { preset: 'post-2020', top: 3, classes: [4] });
    assert.equal(again.timings.forward, 0);
    assert.deepEqual(again.predictions, raw.predictions);
    const right = await cam.explain(picture, { preset: 'post-2020', top: 3, mapInput: 'preprocessed' });
    assert.deepEqual(right.predictions, raw.predictions);
    assert.deepEqual(right.maps.map((map) => map.class.id), right.predictions.map(({ id }) => id));
    assert.ok(right.warnings.every(({ name }) => name !== 'raw-input'));
    const bare = await cam.explain(picture, { preprocess: 'none', resize: 'nearest', score: 'softmax', classes: [4] });
    assert.deepEqual(again.maps[0].raw, bare.maps[0].raw);
    await assert.rejects(cam.explain(picture, { mapInput: 'cooked' }), { code: 'argument' });
  });
});
