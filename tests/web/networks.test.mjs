/**
 * Whole networks against PyTorch's float64 numbers: the same pixels give the same top five, the
 * probabilities within 1e-4 and the maps within 1e-3 of their maximum (or ten times float32's own
 * error, where the file states more), with both kinds of WebAssembly SIMD, on 1 and 2 threads. From the JPEG
 * itself the same class, within 0.02: decoders differ by a few levels.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { GradCam } from '../../web/node.js';
import { data, decodedPhoto, preprocessOf, reference, withoutData } from './shared.mjs';

const PHOTOS = ['pier.jpg', 'dock.jpg', 'both.png', 'elephant.jpg', 'goldfish.jpg'];
const NAMES = ['squeezenet1_1', 'bvlc_googlenet', 'mobilenet_0.75_224', 'fer2013_big_XCEPTION'];
const models = reference.models.filter(({ model }) => NAMES.includes(model));

test('the shared data has the four networks', { skip: withoutData }, () => {
  assert.deepEqual(models.map(({ model }) => model), NAMES);
});

for (const variant of ['simd', 'relaxed']) {
  for (const threads of [1, 2]) {
    for (const model of withoutData ? NAMES.map((name) => ({ model: name })) : models) {
      test(`${model.model}, ${variant}, ${threads} threads`, { skip: withoutData }, async () => {
        const cam = await GradCam.load(data(model.onnx),
          { variant, threads, preprocess: preprocessOf(model.input) });
        try {
          assert.equal(cam.model.engine.endsWith(variant === 'simd' ? ' simd' : ' relaxed-simd'), true);
          assert.equal(cam.model.threads, threads);
          for (const photo of model.photos.filter((one) => PHOTOS.includes(one.photo))) {
            await comparePhoto(cam, model, photo);
          }
        } finally {
          cam.dispose();
        }
      });
    }
  }
}

async function comparePhoto(cam, model, expected) {
  const pixels = decodedPhoto(expected.photo);
  const { predictions } = await cam.explain(pixels, { top: 5, classes: [] });
  assert.deepEqual(predictions.map(({ id }) => id), expected.top5.map((one) => one.class),
    `${expected.photo}: top five`);
  predictions.forEach(({ probability, id }, i) => {
    const wanted = expected.top5[i].probability;
    assert.ok(Math.abs(probability - wanted) <= 1e-4, `${expected.photo}, class ${id}: ` +
      `probability ${probability}, expected ${wanted}`);
  });
  for (const map of expected.maps) await compareMap(cam, model, expected, map);

  if (!expected.photo.endsWith('.jpg')) return;
  const fromJpeg = await cam.explain(data(`photos/${expected.photo}`), { top: 1, classes: [] });
  const [best] = fromJpeg.predictions;
  assert.equal(best.id, expected.top5[0].class, `${expected.photo}: class from the JPEG`);
  assert.ok(Math.abs(best.probability - expected.top5[0].probability) <= 0.02,
    `${expected.photo}: probability from the JPEG ${best.probability}`);
}

async function compareMap(cam, model, photo, expected) {
  const { onnx_tensor: layer } = model.layers.find(({ name }) => name === expected.layer);
  const { maps: [map] } = await cam.explain(decodedPhoto(photo.photo),
    { classes: [expected.class], layer, score: expected.score });
  const where = `${photo.photo}, class ${expected.class}, ${expected.layer}, ${expected.score}`;
  assert.deepEqual([map.height, map.width], expected.shape, where);
  const max = expected.map.reduce((most, value) => Math.max(most, value), 0);
  // A softmax map may come without the factor that all of it shares.
  const scale = expected.score === 'softmax' ? max / map.max : 1;
  const worst = expected.map.reduce((most, value, i) => (
    Math.max(most, Math.abs(Math.max(0, map.raw[i]) * scale - value))), 0);
  const allowed = Math.max(1e-3, 10 * expected.float32_error);
  assert.ok(worst / max <= allowed, `${where}: off by ${worst / max} of the maximum, allowed ${allowed}`);
}
