/**
 * Networks of today's kinds as PyTorch's exporter writes them, against PyTorch's float64 numbers
 * (tests/golden/make_exports.py): logits within 1e-4, Grad-CAM of the best class at a convolution
 * within 1e-3 of its largest value, LeGrad and attention rollout of transformers too. And the shared cases that could not be loaded once.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import test from 'node:test';
import { GradCam } from '../../web/node.js';
import { data, root } from './shared.mjs';

const folder = resolve(root, 'tests/golden/exports');
const networks = JSON.parse(readFileSync(resolve(folder, 'exports.json'), 'utf8'));

/** The picture of make_exports.py. */
function picture(size) {
  const [height, width] = Array.isArray(size) ? size : [size, size];
  const pixels = new Uint8ClampedArray(height * width * 4).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        pixels[(y * width + x) * 4 + c] = (71 * y + 37 * x + 101 * c + 13 * x * y) % 256;
      }
    }
  }
  return { width, height, data: pixels };
}

const furthest = (got, wanted) => wanted.reduce((most, value, i) => (
  Math.max(most, Math.abs(got[i] - value))), got.length === wanted.length ? 0 : Infinity);

for (const network of networks) {
  for (const [variant, threads] of [['simd', 1], ['relaxed', 2]]) {
    test(`${network.name}, ${variant}, ${threads} threads`, async () => {
      const cam = await GradCam.load(resolve(folder, `${network.name}.onnx`),
        { variant, threads, preprocess: 'torch' });
      try {
        const image = picture(network.side);
        const { scores } = await cam.scores(image);
        const off = furthest(scores, network.logits);
        assert.ok(off <= 1e-4, `logits are off by ${off}`);
        const { maps: [map] } = await cam.explain(image,
          { classes: [network.class], layer: network.layer, method: 'gradcam', score: 'logit' });
        assert.deepEqual([map.height, map.width], network.shape);
        // Above 0, where there is something: the rest is not part of Grad-CAM.
        const wanted = network.map.map((value) => Math.max(0, value));
        const scale = Math.max(...network.map.map(Math.abs));
        const apart = furthest(Array.from(map.raw, (value) => Math.max(0, value)), wanted);
        assert.ok(apart <= 1e-3 * scale, `the map is off by ${apart} of ${scale}`);
        const before = await cam.scores(image);
        for (const [method, values] of Object.entries(network.attention ?? {})) {
          const { maps: [seen], warnings } = await cam.explain(image, { classes: [network.class], method });
          assert.deepEqual([seen.height, seen.width], network.shape, method);
          const most = Math.max(...values);
          const error = furthest(seen.raw, values);
          assert.ok(error <= 1e-3 * most, `${method} is off by ${error} of ${most}: ${warnings}`);
        }
        assert.deepEqual(await cam.scores(image), before, 'scores after explaining');
        // What stands between picture and map, channel by channel: tokens without a position are left out.
        const { layer, activations, weights } = await cam.steps(image, { class: network.class, layer: network.layer });
        const cells = layer.height * layer.width;
        assert.equal(activations.length, layer.channels * cells);
        const sums = Array.from({ length: cells }, (_, i) => Math.max(0, weights.reduce((sum, w, k) => sum + w * activations[k * cells + i], 0)));
        assert.ok(furthest(sums, wanted) <= 1e-3 * scale, `the steps' sum is off by ${furthest(sums, wanted)} of ${scale}`);
      } finally {
        cam.dispose();
      }
    });
  }
}

// ---- Shared cases: logits by PyTorch, from their READMEs ------------------------------------------

const cases = resolve(data('.'), '../cases');
const skip = existsSync(cases) ? false
  : `SKIPPED: the shared cases are not at ${cases} (GRADCAM_SHARED says where)`;
const logits = (text) => text.split(' ').map(Number);

const known = [
  ['cbam-reducemax/cbam.onnx', 'rgb64.png', 'torch',
    logits('0.28742 -0.17416 0.14498 -0.23825 0.20791')],
  ['channel-gather/bgr_index.onnx', 'rgb64.png', 'none', { 2: 0.27864, 1: 0.17905 }],
];

for (const name of ['vit_small64_erf', 'vit_small64_tanh', 'convnext_small_tanhgelu']) {
  known.push([`${name}/model.onnx`, 'in.png', 'torch', `${name}/right.txt`]);
}

for (const [model, image, preprocess, right] of known) {
  test(`case ${model}`, { skip }, async () => {
    const file = resolve(cases, model);
    const wanted = typeof right === 'string'
      ? logits(readFileSync(resolve(cases, right), 'utf8').trim().split('\n')[1]) : right;
    const cam = await GradCam.load(file, { preprocess });
    try {
      const { scores } = await cam.scores(resolve(file, '..', image));
      for (const [id, value] of Object.entries(wanted)) {
        assert.ok(Math.abs(scores[id] - value) <= 1e-4, `class ${id}: ${scores[id]}, not ${value}`);
      }
    } finally {
      cam.dispose();
    }
  });
}

for (const name of ['Gelu', 'Mish', 'ReduceMax', 'ln17', 'bit_groupnorm', 'cosine']) {
  test(`case unsupported-operators/${name}: loads and is explained`, { skip }, async () => {
    const cam = await GradCam.load(resolve(cases, 'unsupported-operators', `${name}.onnx`),
      { preprocess: 'torch' });
    try {
      const [side] = cam.model.input;
      const { maps: [map], warnings } = await cam.explain(picture(side), { top: 1 });
      assert.ok(map.raw.some((value) => value !== 0), `an empty map: ${warnings}`);
    } finally {
      cam.dispose();
    }
  });
}
