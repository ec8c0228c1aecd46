/**
 * cam.steps(): the quantities between picture and map, put together by hand as the paper's equations
 * 1 and 2 say, give the map that explain() gives.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GradCam } from '../../web/node.js';
import { tinyNetwork, tinyPicture } from './tiny.mjs';

const models = new URL('../../models/pocket/', import.meta.url);
const picture = fileURLToPath(new URL('samples/golf_ball_and_flower.jpg', models));

describe('cam.steps', () => {
  let cam;
  before(async () => {
    cam = await GradCam.load(fileURLToPath(new URL('model.json', models)));
  });
  after(() => cam.dispose());

  for (const which of [0, -3, -6]) {
    test(`layer ${which}: alpha is the mean gradient, the map their weighted sum`, async () => {
      const layer = which ? cam.layers().at(which).name : undefined;
      const steps = await cam.steps(picture, { class: 'daisy', layer });
      const { height, width, channels: K } = steps.layer;
      const size = height * width;
      assert.equal(steps.class.name, 'daisy');
      assert.equal(steps.activations.length, K * size);
      assert.equal(steps.explanation.predictions.length, cam.model.classes);

      const sum = new Float64Array(size);
      const largest = Math.max(...steps.weights.map(Math.abs));
      for (let k = 0; k < K; ++k) {
        let mean = 0;
        for (let i = 0; i < size; ++i) mean += steps.gradients[k * size + i] / size;
        assert.ok(Math.abs(mean - steps.weights[k]) < 1e-5 * largest, `alpha_${k}`);
        for (let i = 0; i < size; ++i) sum[i] += mean * steps.activations[k * size + i];
      }
      const { maps: [map] } = await cam.explain(picture, { classes: ['daisy'], layer });
      assert.ok(map.max > 0);
      map.raw.forEach((value, i) => assert.ok(Math.abs(value - sum[i]) < 1e-5 * map.max));
      assert.deepEqual(steps.map.raw, map.raw);
    });
  }

  test('the best class and the default layer where none is named', async () => {
    const steps = await cam.steps(picture);
    assert.deepEqual(steps.class.id, steps.explanation.predictions[0].id);
    assert.equal(steps.layer.name, cam.defaultLayer);
  });

  test('unknown names', async () => {
    await assert.rejects(cam.steps(picture, { class: 'unicorn' }), { code: 'argument' });
    await assert.rejects(cam.steps(picture, { layer: 'nowhere' }), { code: 'argument' });
    assert.throws(() => cam.colormap('mud'), { code: 'argument' });
    assert.equal(cam.colormap('cividis').length, 768);
  });

  test('a file that ends in a softmax: no planes of gradients, the same weights and map', async () => {
    const options = { preprocess: 'rgb,mean=127.5,std=127.5', threads: 1 };
    const [plain, soft] = await Promise.all([{}, { softmax: true }].map(async (change) => {
      const one = await GradCam.load(tinyNetwork(change).onnx, options);
      const steps = await one.steps(tinyPicture(), { class: 3, layer: 'relu' });
      one.dispose();
      return steps;
    }));
    assert.ok(plain.gradients && plain.weights.some((value) => value !== 0));
    assert.equal(soft.gradients, null);
    assert.deepEqual(soft.weights, plain.weights);
    assert.deepEqual(soft.map.raw, plain.map.raw);
  });
});
