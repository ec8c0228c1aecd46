/**
 * Networks of other kinds than a convolutional classifier: without a spatial layer, with windows of
 * attention, with an output that only picks the largest score.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import test from 'node:test';
import { OnnxGraph } from '../../models/onnx/graph.js';
import { readOnnx } from '../../models/onnx/read.js';
import { GradCam } from '../../web/node.js';
import { root } from './shared.mjs';
import { tinyPicture } from './tiny.mjs';

const exported = (name) => resolve(root, `tests/golden/exports/${name}.onnx`);

/** A graph with weights that look random. */
function graphOf(name, outputs) {
  const graph = new OnnxGraph(name);
  const weight = (tensor, dims) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    graph.weight(tensor, 'float32', dims);
    graph.initializers.get(tensor).data = new Uint8Array(
      Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * 12.9898)).buffer);
    return tensor;
  };
  graph.input('input', [1, 3, 8, 8]);
  graph.outputs.push(...outputs);
  return { graph, weight };
}

async function withModel(bytes, options, use) {
  const cam = await GradCam.load(bytes, { preprocess: 'torch', threads: 1, ...options });
  try {
    await use(cam);
  } finally {
    cam.dispose();
  }
}

test('a network without a spatial layer: maps to the input, words for the others', async () => {
  const { graph, weight } = graphOf('perceptron', [{ name: 'logits', dims: [1, 4] }]);
  graph.add('Flatten', 'f', ['input']);
  graph.add('Gemm', 'h', ['f', weight('w1', [16, 192])], { transB: 1 });
  graph.add('Relu', 'r', ['h']);
  graph.add('Gemm', 'logits', ['r', weight('w2', [4, 16])], { transB: 1 });
  await withModel(graph.encode(), {}, async (cam) => {
    assert.deepEqual([cam.layers(), cam.defaultLayer], [[], null]);
    const options = { steps: 8, samples: 20, smooth: 2 };
    for (const method of ['gradient', 'gradientxinput', 'guided', 'smoothgrad', 'integrated', 'occlusion', 'rise']) {
      const { maps: [map] } = await cam.explain(tinyPicture(8, 8), { top: 1, method, options });
      assert.deepEqual([map.height, map.width], [8, 8], method);
      assert.ok(map.raw.some((value) => value !== 0), `${method}: an empty map`);
    }
    for (const method of ['gradcam', 'guidedgradcam', 'scorecam', 'eigencam']) {
      await assert.rejects(cam.explain(tinyPicture(8, 8), { top: 1, method }), /no layer with height and width.*; use gradient, occlusion or rise/, method);
    }
    await assert.rejects(cam.explain(tinyPicture(8, 8), { top: 1, method: 'legrad' }), /has no attention/);
  });
});

test('layers are tensors of the file, under their names; tokens say that they are', async () => {
  for (const name of ['swin', 'vit', 'convnext', 'maxvit', 'cbam', 'clip']) {
    const file = readOnnx(readFileSync(exported(name)));
    const tensors = new Set(file.nodes.flatMap(({ outputs }) => outputs));
    await withModel(exported(name), {}, (cam) => {
      const strangers = cam.layers().map((layer) => layer.name).filter((layer) => !tensors.has(layer));
      assert.deepEqual(strangers, [], name);
      assert.equal(cam.layers().some(({ tokens }) => tokens), name === 'vit' || name === 'clip', name);
    });
  }
});

test('a tensor that is read in two orders of axes is no layer: either has a part of its gradient', async () => {
  const file = readOnnx(readFileSync(exported('maxvit')));
  const turned = file.nodes.filter(({ op, outputs: [name] }) => op === 'Reshape' &&
    ['Pad', 'BatchNormalization'].every((reader) => file.nodes.some(({ op: by, inputs }) => by === reader && inputs.includes(name))));
  assert.equal(turned.length, 1);
  await withModel(exported('maxvit'), {}, (cam) => {
    assert.ok(!cam.layers().some(({ name }) => name === turned[0].outputs[0]));
  });
});

test("Swin: its pictures are layers at every stage; LeGrad says that it sees windows", async () => {
  await withModel(exported('swin'), {}, async (cam) => {
    const sizes = new Set(cam.layers().map(({ height, width, channels }) => `${height}x${width}x${channels}`));
    for (const size of ['8x8x8', '4x4x16']) assert.ok(sizes.has(size), `${size}, not only ${[...sizes]}`);
    const before = cam.layers().filter(({ op, height }) => op === 'Add' && height === 8);
    const { maps: [map] } = await cam.explain(tinyPicture(16, 16), { top: 1, layer: before.at(-1).name });
    assert.deepEqual([map.height, map.width], [8, 8]);
    await assert.rejects(cam.explain(tinyPicture(16, 16), { top: 1, method: 'legrad' }), /within windows of 4 tokens/);
  });
});

test('grid: said, and refused where it does not fit', async () => {
  await withModel(exported('deit'), { grid: [2, 10, 2] }, async (cam) => {
    for (const method of ['gradcam', 'rollout']) {
      const { maps: [map] } = await cam.explain(tinyPicture(20, 16), { top: 1, method });
      assert.deepEqual([map.height, map.width], [2, 10], method);
    }
  });
  await assert.rejects(GradCam.load(exported('deit'), { grid: [3, 10, 2] }), /no tensor of the model holds the 32 tokens/);
  await assert.rejects(GradCam.load(exported('deit'), { grid: [3] }), /grid/);
});

for (const [kind, more] of [['ArgMax', []], ['TopK', []], ['ArgMax', [{ name: 'logits', dims: [1, 5] }]]]) {
  test(`an output that only picks the largest: ${kind}${more.length ? ' beside the scores' : ''}`, async () => {
    const { graph, weight } = graphOf('picks', [{ name: 'best', dims: [1] }, ...more]);
    graph.add('Conv', 'c', ['input', weight('w1', [4, 3, 3, 3])], { kernel_shape: [3, 3] });
    graph.add('GlobalAveragePool', 'p', ['c']);
    graph.add('Flatten', 'f', ['p']);
    graph.add('Gemm', 'logits', ['f', weight('w2', [5, 4])], { transB: 1 });
    graph.add(kind, 'a', ['logits'], kind === 'ArgMax' ? { axis: 1, keepdims: 0 } : { axis: 1 });
    graph.add('Cast', 'best', ['a'], { to: 1 });
    await withModel(graph.encode(), {}, async (cam) => {
      assert.deepEqual([cam.model.head, cam.model.classes], ['logits', 5]);
      assert.equal(cam.warnings.some(({ text }) => /only picks the largest/.test(text)), !more.length);
      const { maps } = await cam.explain(tinyPicture(8, 8), { top: 2 });
      assert.equal(maps.length, 2);
    });
  });
}
