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

  for (const which of [0, -6]) {
    test(`layer ${which}, changed: the score moves by the gradient, and what was asked before is unharmed`, async () => {
      const layer = which ? cam.layers().at(which).name : cam.defaultLayer;
      const plain = await cam.steps(picture, { class: 'daisy', layer });
      const { height, width } = plain.layer;
      const size = height * width;
      const channel = plain.weights.indexOf(Math.max(...plain.weights));
      let cell = 0; // of the largest gradient
      const slope = (i) => plain.gradients[channel * size + i];
      for (let i = 0; i < size; ++i) if (slope(i) > slope(cell)) cell = i;
      const at = [Math.floor(cell / width), cell % width];
      const add = 0.05;
      const one = await cam.steps(picture, { class: 'daisy', layer, change: { channel, add, at } });
      const found = (one.map.score - plain.map.score) / add;
      assert.ok(Math.abs(found - slope(cell)) < 0.03 * slope(cell), `${found}, gradient ${slope(cell)}`);
      const differ = one.activations.reduce((count, value, i) => count + Number(value !== plain.activations[i]), 0);
      assert.equal(differ, 1);
      assert.ok(Math.abs(one.activations[channel * size + cell] - plain.activations[channel * size + cell] - add) < 1e-6);

      // The other way, everywhere in the channel: Z times alpha.
      const all = await cam.steps(picture, { class: 'daisy', layer, change: { channel, add: -0.01 } });
      const whole = (plain.map.score - all.map.score) / 0.01;
      assert.ok(Math.abs(whole - size * plain.weights[channel]) < 0.03 * whole, `${whole}, ${size * plain.weights[channel]}`);
      assert.notDeepEqual(all.map.raw, plain.map.raw);

      // Another layer from a changed state, explain() after it, and the same as in the beginning.
      const earlier = cam.layers().at(-8).name;
      const other = await cam.steps(picture, { class: 'daisy', layer: earlier, change: { channel: 0, add: 0 } });
      assert.deepEqual(other.map.score, plain.map.score);
      await cam.steps(picture, { class: 'daisy', layer, change: { channel, add: 3 } });
      assert.deepEqual((await cam.explain(picture, { classes: ['daisy'], layer })).maps[0].raw, plain.map.raw);
      assert.deepEqual(await cam.steps(picture, { class: 'daisy', layer }).then(({ map, gradients }) => [map.score, gradients]),
        [plain.map.score, plain.gradients]);
    });
  }

  test('a change that cannot be', async () => {
    for (const [change, message] of [[{ channel: 768, add: 1 }, /channels 0 to 767/], [{ channel: 1, add: 1, at: [0, 14] }, /14 columns/],
      [{ channel: 1 }, /must be \{channel, add/], [{ channel: 1, add: 1, at: 3 }, /must be/], [{ channel: 1, add: 1, times: 2 }, /must be/]]) {
      await assert.rejects(cam.steps(picture, { change }), (error) => error.code === 'argument' && message.test(error.message));
    }
  });

  test('trace: a convolution of the picture by hand, and what a cell of the last layer sees', async () => {
    const stem = await cam.trace(picture, { layer: 'stem', channel: 3, at: [50, 20] });
    const at = [...stem.gradient.keys()].filter((i) => stem.gradient[i] !== 0);
    const rows = at.map((i) => Math.floor(i / stem.width) % stem.height);
    const columns = at.map((i) => i % stem.width);
    // 3 x 3, stride 2, padded behind, as Keras's MobileNet does: rows 100 to 102, columns 40 to 42.
    assert.deepEqual([Math.min(...rows), Math.max(...rows), Math.min(...columns), Math.max(...columns)], [100, 102, 40, 42]);
    assert.ok(at.length <= 27);
    // The same weights and bias everywhere: the sum by hand is the activation of another cell.
    const dot = (one) => one.input.reduce((sum, x, i) => sum + x * one.gradient[i], 0);
    const other = await cam.trace(picture, { layer: 'stem', channel: 3, at: [10, 90] });
    assert.ok(Math.abs((stem.value - dot(stem)) - (other.value - dot(other))) < 1e-4);
    const { activations } = await cam.steps(picture, { layer: 'stem' });
    assert.ok(Math.abs(activations[3 * 112 * 112 + 50 * 112 + 20] - stem.value) < 1e-5);
    assert.ok(stem.input.every((x) => x >= -1.001 && x <= 1.001));

    const cell = await cam.trace(picture, { at: [7, 7] });
    assert.ok(cell.gradient.filter((g) => g !== 0).length > 10000);
    const deep = await cam.steps(picture);
    const all = deep.activations.reduce((sum, a, i) => sum + (i % 196 === 7 * 14 + 7 ? a : 0), 0);
    assert.ok(Math.abs(all - cell.value) < 1e-3 * all);
    await assert.rejects(cam.trace(picture, { at: [14, 0] }), /14 rows/);
    await assert.rejects(cam.trace(picture), /needs a position/);
    await assert.rejects(cam.trace(picture, { at: [0, 0], channel: 768 }), /channels 0 to 767/);
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
