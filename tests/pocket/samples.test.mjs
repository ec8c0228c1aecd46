// What the embedded default says of the drawn samples: the page, the README and the first command show them.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import assert from 'node:assert/strict';
import { GradCam } from '../../web/node.js';

const at = (path) => fileURLToPath(new URL('../../models/pocket/' + path, import.meta.url));
const { labels, layer } = JSON.parse(readFileSync(at('model.json'), 'utf8'));
const load = () => GradCam.load(at('model.json'), { threads: 1 });

for (const name of ['golf_ball', 'flower', 'parachute', 'church']) {
  test(`${name}.jpg is a ${name}, with half of the probability at least`, async () => {
    const cam = await load();
    const { predictions } = await cam.explain(at(`samples/${name}.jpg`), { top: 1 });
    assert.equal(labels[predictions[0].id], name);
    assert.ok(predictions[0].probability > 0.5, `${predictions[0].probability}`);
    cam.dispose();
  });
}

test('switching the class moves the heatmap from the golf ball (left) to the flower (right)', async () => {
  const cam = await load();
  const { maps, predictions } = await cam.explain(at('samples/golf_ball_and_flower.jpg'), {
    top: 2,
    classes: ['golf_ball', 'flower'].map((name) => labels.indexOf(name)),
  });
  const [ball, flower] = maps.map(({ normalized, width }) => {
    const sum = normalized.reduce((a, b) => a + b, 0);
    return normalized.reduce((a, v, i) => a + v * (((i % width) + 0.5) / width), 0) / sum;
  });
  assert.deepEqual(predictions.map((p) => labels[p.id]).sort(), ['flower', 'golf_ball']);
  assert.ok(flower - ball > 0.2, `centres of the maps at ${ball} and ${flower} of the width`);
  cam.dispose();
});
