/**
 * What "Sanity Checks for Saliency Maps" (Adebayo et al., arXiv:1810.03292) found, on ImageNet networks:
 * with the upper layers made random Grad-CAM's map is another one, while guided backpropagation
 * hardly changes: it shows the picture's edges, whatever the network knows.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GradCam } from '../../web/node.js';
import { rankCorrelation } from '../../web/cli/trust.js';
import { data, decodedPhoto, preprocessOf, reference, withoutData } from './shared.mjs';

const PHOTOS = ['pier.jpg', 'dock.jpg', 'goldfish.jpg'];
const NAMES = ['squeezenet1_1', 'bvlc_googlenet', 'mobilenet_0.75_224'];
const METHODS = ['gradcam', 'guided'];

/** The maps of each photo as they are compared: the positive part of Grad-CAM, the size of a gradient. */
async function mapsOf(cam, classes) {
  const found = { gradcam: [], guided: [] };
  for (const [i, photo] of PHOTOS.entries()) {
    for (const method of METHODS) {
      const { maps: [{ raw }] } = await cam.explain(decodedPhoto(photo),
        { method, classes: [classes[i]], picture: false });
      found[method].push(raw.map((value) => (method === 'gradcam' ? Math.max(value, 0) : Math.abs(value))));
    }
  }
  return found;
}

for (const name of NAMES) {
  test(`${name}: with a quarter of its layers random`, { skip: withoutData }, async (t) => {
    const model = reference.models.find((one) => one.model === name);
    const classes = PHOTOS.map((photo) => model.photos.find((one) => one.photo === photo).top5[0].class);
    const cam = await GradCam.load(data(model.onnx), { preprocess: preprocessOf(model.input) });
    t.after(() => cam.dispose());
    const learned = await mapsOf(cam, classes);
    await cam.randomise(Math.round((await cam.weightLayers()).length / 4), 1);
    const random = await mapsOf(cam, classes);
    const [gradcam, guided] = METHODS.map((method) => PHOTOS
      .map((_, i) => rankCorrelation(learned[method][i], random[method][i]))
      .reduce((a, b) => a + b) / PHOTOS.length);
    t.diagnostic(`rank correlation: Grad-CAM ${gradcam.toFixed(2)}, guided backpropagation ${guided.toFixed(2)}`);
    assert.ok(gradcam < 0.3, `Grad-CAM ${gradcam}`);
    assert.ok(guided > 0.65, `guided backpropagation ${guided}`);
  });
}
