// What the embedded default says of the drawn samples: the page, the README and the first command show them.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import assert from 'node:assert/strict';
import { GradCam } from '../../web/node.js';

const at = (path) => fileURLToPath(new URL('../../models/pocket/' + path, import.meta.url));
const { samples, labels, layer, unfamiliar } = JSON.parse(readFileSync(at('model.json'), 'utf8'));
const load = () => GradCam.load(at('model.json'), { threads: 1 });

test('every sample is on the card, with a caption', () => {
  assert.deepEqual(samples.map(({ file }) => file).sort(), readdirSync(at('samples')).map((name) => `samples/${name}`).sort());
  for (const { file, caption } of samples) assert.ok(caption.length > 5, file);
});

test('every sample is what the card says, and none is unfamiliar', async () => {
  const cam = await load();
  for (const { file, class: name, caption } of samples) {
    const { scores, probabilities } = await cam.scores(at(file));
    const best = scores.indexOf(Math.max(...scores));
    assert.equal(labels[best], name, file);
    if (caption.startsWith('Right')) assert.ok(probabilities[best] > 0.5, `${file}: ${probabilities[best]}`);
    assert.ok(scores[best] > unfamiliar.below, `${file}: ${scores[best]}`);
  }
  cam.dispose();
});

test('a picture of nothing is unfamiliar', async () => {
  const cam = await load();
  const grey = { data: new Uint8ClampedArray(64 * 64 * 4).fill(128), width: 64, height: 64 };
  const { scores } = await cam.scores(grey);
  assert.ok(Math.max(...scores) < unfamiliar.below, `${Math.max(...scores)}`);
  cam.dispose();
});

test('whoever names no layer gets the smoothed map of 14x14 cells, with the card and without', async () => {
  for (const [file, options] of [['model.json', {}], ['pocket.onnx', { preprocess: 'tf' }]]) {
    const cam = await GradCam.load(at(file), { threads: 1, ...options });
    assert.equal(cam.defaultLayer, layer);
    const { maps } = await cam.explain(at('samples/church.jpg'), { top: 1 });
    assert.deepEqual([maps[0].width, maps[0].height], [14, 14]);
    cam.dispose();
  }
});

test('switching the class moves the heatmap from the golf ball (left) to the daisy (right)', async () => {
  const cam = await load();
  const { maps, predictions } = await cam.explain(at('samples/golf_ball_and_flower.jpg'), { top: 2, classes: ['golf ball', 'daisy'] });
  const [ball, flower] = maps.map(({ normalized, width }) => {
    const sum = normalized.reduce((a, b) => a + b, 0);
    return normalized.reduce((a, v, i) => a + v * (((i % width) + 0.5) / width), 0) / sum;
  });
  assert.deepEqual(predictions.map(({ name }) => name), ['golf ball', 'daisy']);
  assert.ok(flower - ball > 0.2, `centres of the maps at ${ball} and ${flower} of the width`);
  cam.dispose();
});
