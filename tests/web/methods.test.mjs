/**
 * Methods, options and targets through the API. Their values are held to PyTorch in tests/cam; here:
 * that each arrives, tells its progress, can be stopped, and leaves the others as they were.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { GradCam } from '../../web/node.js';
import { tinyNetwork, tinyPicture } from './tiny.mjs';

describe('methods', () => {
  let cam;
  const picture = tinyPicture(20, 20);
  before(async () => {
    cam = await GradCam.load(tinyNetwork().onnx, { preprocess: 'tf', threads: 1, labels: ['a', 'b', 'c', 'd', 'e'] });
  });
  after(() => cam.dispose());

  test('every method that the engine lists gives finite maps', async () => {
    assert.ok(cam.methods().length >= 10);
    for (const { name } of cam.methods()) {
      if (['legrad', 'rollout'].includes(name)) { // what they read, this network has not
        await assert.rejects(cam.explain(picture, { method: name }), { code: 'unsupported', message: /has no attention.*use gradcam/ });
        continue;
      }
      const { maps, method } = await cam.explain(picture, { method: name, options: { samples: 20, steps: 8 } });
      assert.equal(method, name);
      assert.equal(maps.length, 5);
      for (const { raw, width, height } of maps) {
        assert.equal(raw.length, width * height);
        assert.ok(raw.every(Number.isFinite), name);
      }
    }
  });

  test('options count for one explanation only', async () => {
    const rise = (options) => cam.explain(picture, { method: 'rise', classes: [0], options });
    const usual = (await rise({ samples: 30 })).maps[0].raw;
    const other = (await rise({ samples: 30, seed: 7 })).maps[0].raw;
    assert.notDeepEqual(other, usual);
    assert.deepEqual((await rise({ samples: 30 })).maps[0].raw, usual);
    await assert.rejects(rise({ sample: 30 }), (error) => error.code === 'argument' && /sample/.test(error.message));
    await assert.rejects(rise({ samples: -1 }), { code: 'argument' });
  });

  test('one that goes on from the gradient another left gives the same to the bit', async () => {
    const layer = cam.layers().at(-1).name;
    const at = async (from, method) => (await from.explain(picture, { method, layer })).maps.map(({ raw }) => raw);
    const alone = await GradCam.load(tinyNetwork().onnx, { preprocess: 'tf', threads: 1, labels: ['a', 'b', 'c', 'd', 'e'] });
    try {
      for (const method of ['gradcam++', 'hirescam', 'layercam']) {
        await at(alone, 'gradient'); // what is kept of the method before is forgotten
        await at(alone, 'finercam');
        const expected = await at(alone, method);
        await at(cam, 'gradcam');
        assert.deepEqual(await at(cam, method), expected, method);
      }
    } finally {
      alone.dispose();
    }
  });

  test('progress, and stopping on the way', async () => {
    const seen = [];
    await cam.explain(picture, { method: 'rise', options: { samples: 50 },
      onProgress: ({ file, loaded, total }) => seen.push([file, loaded, total]) });
    assert.ok(seen.length > 1);
    const [file, loaded, total] = seen.at(-1);
    assert.deepEqual([file, loaded], ['rise', total]);

    const plain = (await cam.explain(picture, { classes: [0] })).maps[0].raw;
    const controller = new AbortController();
    let steps = 0;
    await assert.rejects(cam.explain(picture, { method: 'rise', options: { samples: 100000 }, signal: controller.signal,
      onProgress: () => {
        steps += 1;
        if (steps === 3) controller.abort();
      } }), { code: 'cancelled' });
    const start = performance.now();
    const again = await cam.explain(picture, { classes: [0] });
    assert.ok(performance.now() - start < 2000, 'the worker has stopped');
    assert.deepEqual(again.maps[0].raw, plain);
  });

  test('early pictures and the time left, while it goes on', async () => {
    const controller = new AbortController();
    const seen = [];
    const started = performance.now();
    await assert.rejects(cam.explain(picture, { method: 'rise', classes: [1, 0], options: { samples: 100000 }, early: true,
      signal: controller.signal,
      onProgress: (progress) => {
        if (progress.early) seen.push(progress);
        if (seen.length > 1 && progress.secondsLeft) {
          seen.push(progress);
          controller.abort();
        }
      } }), { code: 'cancelled' });
    const { early, loaded } = seen[0];
    assert.equal(early.method, 'rise');
    assert.deepEqual(early.maps.map((map) => map.class.id), [1, 0]);
    assert.ok(early.maps[0].toImageData().data.length);
    // The masks so far are those of a shorter job.
    const { maps } = await cam.explain(picture, { method: 'rise', classes: [1, 0], options: { samples: loaded } });
    maps.forEach((map, index) => {
      const most = map.raw.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      map.raw.forEach((value, i) => assert.ok(Math.abs(value - early.maps[index].raw[i]) < 1e-5 * most));
    });
    const last = seen.at(-1);
    const even = (performance.now() - started) / 1000 / last.loaded * (last.total - last.loaded);
    assert.ok(last.secondsLeft > even / 20 && last.secondsLeft < even * 20, `${last.secondsLeft} s of about ${even}`);
  });

  test('no early pictures unasked, and no guess of the time in the first moment', async () => {
    const seen = [];
    await cam.explain(picture, { method: 'rise', options: { samples: 3 }, onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(seen.map(({ loaded, total, secondsLeft, early }) => ({ loaded, total, secondsLeft, early })),
      [1, 2, 3].map((loaded) => ({ loaded, total: 3, secondsLeft: null, early: undefined })));
  });

  test('sums and differences of classes', async () => {
    const { maps: [sum, difference, not, a, b] } = await cam.explain(picture,
      { classes: [{ plus: ['a', 'b'] }, { plus: 'a', minus: 'b' }, { minus: [1] }, 'a', 'b'] });
    assert.deepEqual([sum, difference, not].map((map) => map.class.name), ['a + b', 'a \u2212 b', '\u2212 b']);
    assert.equal(sum.probability, null);
    // The score is linear here, so the maps add up.
    a.raw.forEach((value, i) => {
      assert.ok(Math.abs(sum.raw[i] - (value + b.raw[i])) < 1e-6);
      assert.ok(Math.abs(difference.raw[i] - (value - b.raw[i])) < 1e-6);
      assert.ok(Math.abs(not.raw[i] + b.raw[i]) < 1e-6);
    });
    assert.ok(Math.abs(difference.score - (a.score - b.score)) < 1e-5);
    await assert.rejects(cam.explain(picture, { classes: [{}] }), { code: 'argument' });
  });

  test('several layers fused: the mean of their normalised maps', async () => {
    const explain = (layer) => cam.explain(picture, { classes: [0, 1, 2, 3, 4], layer });
    const [conv, relu, both] = [await explain('conv'), await explain('relu'), await explain(['conv', 'relu'])];
    both.maps.forEach((map, j) => map.raw.forEach((value, i) => {
      const mean = (conv.maps[j].normalized[i] + relu.maps[j].normalized[i]) / 2;
      assert.ok(Math.abs(value - mean) < 1e-5);
    }));
  });
});
