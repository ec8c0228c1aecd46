/**
 * TensorFlow.js, TensorFlow Lite and ZIP files with damaged bytes, and sound JSON that makes no sense, the hub's too: each is
 * converted or refused with a ModelError in a sentence, soon; damaged bytes never by an accident of the language.
 */
import { zipSync } from 'fflate';
import { hubCard } from '../../models/hub.js';
import { convert, memorySink, ModelError } from '../../models/index.js';
import { given, tflite, tfjs } from '../models/forms.mjs';
import { blame, damage, distort, fuzz } from './mutate.mjs';

const encode = (json) => new TextEncoder().encode(JSON.stringify(json));
const files = tfjs({ shards: 2 });
const layers = JSON.parse(new TextDecoder().decode(files['model.json']));
const text = (words) => ({ s: btoa(words) });
const list = (...values) => ({ list: { i: values.map(String) } });
const constant = (name) => ({ name, op: 'Const' });
const graph = { format: 'graph-model', modelTopology: { node: [
  { name: 'x', op: 'Placeholder', attr: { shape: { shape: { dim: [-1, 8, 8, 3].map((size) => ({ size: String(size) })) } } } },
  ...['w', 'b', 'shape', 'v', 'one', 'zero', 'm'].map(constant),
  { name: 'conv', op: '_FusedConv2D', input: ['x', 'w', 'b'], attr: { strides: list(1, 2, 2, 1), dilations: list(1, 1, 1, 1), padding: text('SAME'),
    data_format: text('NHWC'), fused_ops: { list: { s: [btoa('BiasAdd'), btoa('Relu')] } } } },
  { name: 'size', op: 'Shape', input: ['conv'] },
  { name: 'batch', op: 'StridedSlice', input: ['size', 'zero', 'one', 'one'], attr: { shrink_axis_mask: { i: '1' } } },
  { name: 'pack', op: 'Pack', input: ['batch', 'm'] },
  { name: 'flat', op: 'Reshape', input: ['conv', 'pack'] },
  { name: 'product', op: 'MatMul', input: ['flat', 'v'] },
  { name: 'scores', op: 'Softmax', input: ['product'] },
] }, weightsManifest: [{ paths: ['w.bin'], weights: [['w', [3, 3, 3, 2]], ['b', [2]], ['v', [32, 4]], ['shape', [2]], ['one', [1]], ['zero', [1]], ['m', []]]
  .map(([name, shape]) => ({ name, shape, dtype: /^(one|zero|m|shape)$/.test(name) ? 'int32' : 'float32' })) }] };
const values = new Uint8Array(4 * (54 + 2 + 128 + 2 + 1 + 1 + 1));
const view = new DataView(values.buffer);
view.setInt32(values.length - 12, 1, true); // one
view.setInt32(values.length - 4, -1, true); // m
const graphFiles = { 'model.json': encode(graph), 'w.bin': values };

const lites = ['float32', 'float16', 'int8'].map((weights) => tflite({ weights }));
const zips = [zipSync(files), zipSync({ 'keras.txt': values, 'net.tflite': lites[0] }), zipSync({ ...files, 'metadata.json': encode({ tmVersion: '2', labels: ['a'] }) })];

const MAKE = {
  tflite: (dice) => ({ source: damage(dice.of(lites), dice), fileName: 'net.tflite', fakeQuantize: dice.below(2) === 1 }),
  zip: (dice) => ({ source: damage(dice.of(zips), dice), fileName: 'net.zip' }),
  layers: (dice) => given({ ...files, 'model.json': encode(distort(layers, dice)) }),
  graph: (dice) => given({ ...graphFiles, 'model.json': encode(distort(graph, dice)) }),
  shard: (dice) => given({ ...files, 'group1-shard1of2.bin': damage(files['group1-shard1of2.bin'], dice) }),
};

const hub = [{ architectures: ['Net'], id2label: { 0: 'reddish', 1: 'bluish' }, label2id: {}, num_channels: 3, problem_type: 'single_label_classification' },
  { do_normalize: true, do_rescale: true, do_resize: true, do_center_crop: true, crop_size: { height: 8, width: 8 }, size: { shortest_edge: 10 },
    image_mean: [0.5, 0.25, 0.5], image_std: [0.5, 0.5, 0.25], resample: 3, rescale_factor: 1 / 255, crop_pct: 0.9, do_flip_channel_order: false }];

/** Labels are texts, the picture's numbers are numbers, whatever the hub's two files hold. */
function checkHub(dice) {
  const given = distort(hub, dice);
  const { labels = [], input } = hubCard(given?.[0], given?.[1]);
  const good = labels.every((name) => typeof name === 'string') && (!input || ([input.mean, input.std].every((list) => list.length > 0 &&
    list.length <= 4 && list.every(Number.isFinite)) && input.std.every((value) => value !== 0) &&
    [input.height ?? 1, input.width ?? 1].every((size) => Number.isInteger(size) && size > 0)));
  if (!good) throw blame(JSON.stringify(given), `hub: ${JSON.stringify({ labels, input }).slice(0, 400)}`);
}

const count = { converted: 0, refused: 0 };
await Promise.all([{ source: lites[2], fileName: 'net.tflite' }, { source: zips[2], fileName: 'net.zip' }, given(files), given(graphFiles)]
  .map((sound) => convert({ ...sound, out: memorySink() })));

await fuzz(async (dice) => {
  if (dice.below(6) === 0) {
    checkHub(dice);
    return;
  }
  const kind = dice.of(Object.keys(MAKE));
  const options = MAKE[kind](dice);
  const start = performance.now();
  try {
    await convert({ ...options, out: memorySink() });
    count.converted += 1;
  } catch (error) {
    // JSON may hold anything anywhere; bytes are checked one by one.
    const accident = /makes no sense/.test(error.message) && !['layers', 'graph'].includes(kind);
    // eslint-disable-next-line no-control-regex
    if (!(error instanceof ModelError) || accident || error.message.length > 300 || /[\0-\x1f]/.test(error.message)) {
      throw blame(options.source, `${kind}: ${error?.stack ?? error} ${error?.cause?.stack ?? ''}`);
    }
    count.refused += 1;
  }
  if (performance.now() - start > 10000) throw blame(options.source, `${kind}: takes for ever`);
});
console.log(JSON.stringify(count));
