// The topologies held for weights-only files: their parameter counts are the published ones, their
// layers are where people look for them, and each runs in the engine.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { ARCHITECTURES, architecture, readCard } from '../../models/index.js';
import { recognise } from '../../models/architectures.js';
import { readModelConfig } from '../../models/keras/config.js';
import { Emitter } from '../../models/keras/emitter.js';
import { importModel } from '../../models/keras/import.js';
import { weightNames } from '../../models/keras/layers.js';
import { uniform } from './noise.mjs';
import { runConverted, shared, without } from './support.mjs';

/** Counts that keras.io publishes (EfficientNet's with its 7 numbers of normalization). */
const PARAMETERS = {
  vgg16: 138357544, xception: 22910480, vgg19: 143667240, resnet50: 25636712, mobilenet: 4253864,
  mobilenetv2: 3538984, densenet121: 8062504, inceptionv3: 23851784, efficientnetb0: 5330571,
};
/** len(model.layers) in Keras. */
const LAYERS = {
  vgg16: 23, xception: 134, vgg19: 26, resnet50: 177, mobilenet: 91, mobilenetv2: 156, densenet121: 429,
  inceptionv3: 313, efficientnetb0: 241,
};

/** The card's layer: [C, H, W]. */
const LOOKED_AT = {
  vgg16: [512, 14, 14], xception: [2048, 10, 10], vgg19: [512, 14, 14], resnet50: [2048, 7, 7],
  mobilenet: [1024, 7, 7], mobilenetv2: [1280, 7, 7], densenet121: [1024, 7, 7],
  inceptionv3: [2048, 8, 8], efficientnetb0: [1280, 7, 7],
};

/** Weights without a file: whatever shape the topology asks for, as noise that keeps signals alive. */
class Noise extends Emitter {
  shapes = [];

  shaped(layer, index, shape) {
    this.shapes.push(shape);
    const kind = weightNames(layer)[index];
    const positive = ['gamma', 'moving_variance', 'variance'].includes(kind);
    const spread = shape.length > 1
      ? Math.sqrt(6 / shape.slice(0, -1).reduce((a, d) => a * d, 1)) : 0.1;
    const values = (count) => uniform(`${layer.name}/${kind}`, count, spread, positive ? 1 : 0);
    return {
      shape,
      read: (ranges = shape.map((d) => [0, d])) =>
        values(ranges.reduce((count, [a, b]) => count * (b - a), 1)),
    };
  }

  dataset(layer, index) {
    // Normalization reads its three means and deviations without a shape.
    return this.shaped(layer, index, [3]);
  }
}

function build(name) {
  const model = readModelConfig(architecture(name).config());
  const emitter = new Noise(name, { file: { name }, weights: new Map(), kerasMajor: 2, form: 'f32' });
  return { model, emitter, ...importModel(model, { emitter }) };
}

for (const name of ARCHITECTURES) {
  test(`${name} has the published number of parameters`, async () => {
    const { model, emitter, graph } = build(name);
    const normalization = name === 'efficientnetb0' ? 7 : 0;
    const found = emitter.shapes.reduce((sum, shape) => sum + shape.reduce((a, d) => a * d, 1), 0);
    assert.equal(found + normalization, PARAMETERS[name]);
    assert.equal(model.layers.length, LAYERS[name]);
    const card = await readCard(name);
    assert.ok(graph.nodes.some((node) => node.name === card.layer), card.layer);
    assert.match(card.download.url, /^https:\/\/storage\.googleapis\.com\/(tensorflow\/)?keras-applications\//);
    const names = model.layers.filter((layer) => weightNames(layer).length).map((layer) => ({ name: layer.name }));
    assert.deepEqual(recognise(names), { name, exact: true });
  });
}

for (const name of ARCHITECTURES.filter((each) => !each.startsWith('vgg'))) {
  test(`${name} runs in the engine, its layers alive`, async () => {
    const { graph, emitter, input: [H, W, C] } = build(name);
    for (const job of emitter.jobs) {
      const values = await job.read(0, job.rows);
      graph.initializers.get(job.name).data = new Uint8Array(values.buffer);
    }
    const card = await readCard(name);
    const files = new Map([['net.onnx', graph.encode()]]);
    const picture = uniform(`${name}/picture`, H * W * C, 1);
    const scaled = name === 'efficientnetb0' ? picture.map((v) => 128 + 100 * v) : picture;
    const run = await runConverted(files, { file: 'net.onnx', shards: [] }, scaled);
    try {
      const [channels, height, width] = LOOKED_AT[name];
      const activation = run.read(card.layer);
      assert.equal(activation.length, channels * height * width);
      const alive = activation.filter((v) => v !== 0).length / activation.length;
      assert.ok(alive > 0.2 && activation.every(Number.isFinite), `${alive} alive`);
      const p = run.read(run.outputs[0]);
      assert.equal(p.length, 1000);
      assert.ok(Math.abs(p.reduce((a, v) => a + v, 0) - 1) < 1e-3);
    } finally {
      run.free();
    }
  });
}

test('a MobileNet of another width has the layers of the published configuration', {
  skip: without(shared('weights', 'mobilenet_0.75_224.model_config.json')),
}, () => {
  const stored = readModelConfig(readFileSync(shared('weights', 'mobilenet_0.75_224.model_config.json'), 'utf8'));
  const own = readModelConfig(architecture('mobilenet_0.75').config());
  const facts = ({ layers }) => layers.filter((layer) => weightNames(layer).length)
    .map(({ name, config }) => [name, config.filters, config.kernel_size, config.strides, config.epsilon]);
  assert.deepEqual(facts(own), facts(stored));
});
