// Real Keras files, as people have them: predictions and maps of five networks on five photos against
// PyTorch's (float64), from the .h5 itself through convert and the public API.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { convert, folderSink, ModelError } from '../../models/index.js';
import { distance, shared, temporary, without } from './support.mjs';

const NAMES = ['fer2013_big_XCEPTION', 'gender_mini_XCEPTION', 'vww_96', 'pretrainedResnet_cifar10',
  'mobilenet_0.75_224'];
const goldenPath = shared('golden', 'golden.json');
const reference = existsSync(goldenPath)
  ? JSON.parse(readFileSync(goldenPath, 'utf8')).reference.models : [];

/** Photos as PNG, whose pixels no JPEG decoder can change. */
function pngOf(photo) {
  const stem = photo.replace(/\.\w+$/, '');
  return [shared('golden', 'decoded', `${stem}.png`), shared('photos', `${stem}.png`)].find(existsSync);
}

const cardOf = ({ input, classes }) => ({
  input: { order: input.order.toLowerCase(), mean: input.mean, std: input.std, resize: 'bilinear' },
  labels: Array.isArray(classes) ? classes : 'imagenet',
});

for (const name of NAMES) {
  const expected = reference.find(({ model }) => model === name);
  const file = expected && shared(expected.weights);
  const skip = expected ? without(file) : `shared data not there: ${goldenPath}`;
  test(`${name}: logits and maps are PyTorch's`, { skip }, async (t) => {
    const { GradCam } = await import('../../web/node.js');
    const folder = join(await temporary(t), 'net');
    const { card } = await convert({ source: file, out: await folderSink(folder), card: cardOf(expected) });
    assert.equal(card.output, 'probabilities');
    const cam = await GradCam.load(join(folder, 'model.json'), { variant: 'simd', threads: 1 });
    t.after(() => cam.dispose());
    let compared = 0;
    for (const { photo, top5, maps } of expected.photos) {
      const png = pngOf(photo);
      if (!png) continue;
      for (const { layer, class: id, score, shape, float32_error: noise, map } of maps) {
        const result = await cam.explain(png, { top: 1000, classes: [id], layer, score });
        const scores = new Map(result.predictions.map((p) => [p.id, p.score]));
        const offScore = distance(top5.map((p) => scores.get(p.class)), top5.map((p) => p.logit));
        assert.ok(offScore <= 1e-4, `${photo}: logits off by ${offScore}`);
        assert.equal(result.predictions[0].id, top5[0].class);
        const found = result.maps[0];
        assert.deepEqual([found.height, found.width], shape);
        const off = distance(found.raw.map((value) => Math.max(value, 0)), map);
        assert.ok(off <= Math.max(1e-3, 4 * noise), `${photo}, ${layer}, class ${id}, ${score}: off by ${off}`);
        compared += 1;
      }
    }
    assert.ok(compared >= 40, `${compared} maps compared`);
  });
}

test('a file without a model is recognised by its layers, and its width by its shapes', {
  skip: without(shared('weights', 'mobilenet_0.75_224.h5')),
}, async (t) => {
  const source = shared('weights', 'mobilenet_0.75_224.h5');
  const folder = await temporary(t);
  const { card } = await convert({ source, out: await folderSink(join(folder, 'a')) });
  assert.equal(card.name, 'mobilenet_0.75');
  assert.deepEqual(card.input, { order: 'rgb', mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5],
    resize: 'nearest', width: 224, height: 224, channels: 3, mode: 'tf', from: 'network' });
  const config = readFileSync(shared('weights', 'mobilenet_0.75_224.model_config.json'), 'utf8');
  const own = await convert({ source, config, out: await folderSink(join(folder, 'b')) });
  assert.deepEqual(own.card.shards.map(({ bytes }) => bytes), card.shards.map(({ bytes }) => bytes));
  await assert.rejects(convert({ source, arch: 'mobilenet_1.0', out: await folderSink(join(folder, 'c')) }),
    (error) => error instanceof ModelError && error.code === 'mismatch' && /width \(alpha\)/.test(error.message));
  assert.ok(!existsSync(join(folder, 'c')));
});
