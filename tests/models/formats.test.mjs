// TensorFlow Lite, TensorFlow.js and Teachable Machine's files: every value against PyTorch's
// (tests/golden/make_formats.py), and what damaged files say.
import assert from 'node:assert/strict';
import test from 'node:test';
import { convert, memorySink } from '../../models/index.js';
import { picture } from './noise.mjs';
import { distance, golden, runConverted, shared, without } from './support.mjs';

/** The picture of noise.mjs as the card wants it, in ONNX's order. */
function inputOf({ width, height, channels, mean, std }, path) {
  const { data } = picture(width);
  // These files do not say how their pictures are scaled; the reference takes 0..1.
  const [less, over] = /^tfjs/.test(path) ? [[0], [255]] : [mean, std];
  return Float32Array.from({ length: channels * height * width }, (_, i) => {
    const c = Math.floor(i / (height * width));
    return (data[(i % (height * width)) * 4 + c] - less[c % less.length]) / over[c % over.length];
  });
}

for (const [path, expected] of Object.entries(golden('formats.json'))) {
  test(`${path} gives PyTorch's values`, { skip: without(shared('wild', path)) }, async (t) => {
    const { card, output: files } = await convert({ source: shared('wild', path), out: memorySink() });
    const run = await runConverted(files, card, inputOf(card.input, path));
    t.after(run.free);
    let found = run.read(run.outputs[0]);
    if (card.head.kind === 'picture') {
      const [h, w, c] = card.head.dims;
      found = Float32Array.from({ length: expected.length }, (_, i) => found[((i * 997) % c) * h * w + Math.floor((i * 997) / c)]);
    }
    const off = distance(found, expected);
    t.diagnostic(`off by ${off.toExponential(1)}`);
    assert.ok(off <= 1e-4, `off by ${off}`);
  });
}
