// TensorFlow Lite's ImageNet models on the shared photos: each photo's best class and its probability, against an independent
// forward in PyTorch (tests/golden/make_photos.py).
import assert from 'node:assert/strict';
import test from 'node:test';
import { withoutData } from '../web/shared.mjs';
import { answers, golden, MODELS } from './photos.mjs';

/** What anybody would call them. */
const NAMED = { 'pier.jpg': 'pier', 'goldfish.jpg': 'goldfish', 'zebra.jpg': 'zebra', 'bear.jpg': 'brown bear', 'hot_dog.jpg': 'hotdog', 'red_panda.jpg': 'lesser panda',
  'elephant.jpg': 'African elephant', 'camera.jpg': 'reflex camera', 'siamese.jpg': 'Siamese cat' };

for (const model of MODELS) {
  test(`${model} on photos: PyTorch's classes and probabilities`, { skip: withoutData }, async (t) => {
    const expected = (await golden())[model];
    const found = await answers(model, Object.keys(expected));
    let most = 0;
    for (const { photo, id, probability } of found) {
      const [wanted, likely] = expected[photo];
      assert.equal(id, wanted, photo);
      most = Math.max(most, Math.abs(probability - likely));
    }
    t.diagnostic(`${found.length} photos, off by at most ${most.toExponential(1)}`);
    assert.ok(most <= 1e-3);
    if (!/0\.75|tf2/.test(model)) return; // the smallest guesses, mcunet's file seems to hold no trained weights
    for (const [photo, name] of Object.entries(NAMED)) assert.equal(found.find((one) => one.photo === photo).name.split(',')[0], name, photo);
  });
}
