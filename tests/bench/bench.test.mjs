// What the benchmark's figures rest on, without timing anything.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { goalTable, missedList, singleGoalTable } from './goals.mjs';
import { layersOf } from './layers.mjs';
import { fuse, readOnnx } from './onnx.mjs';
import { drawPicture } from './picture.mjs';
import { folderRooflineTable } from './roofline.mjs';

const pocket = () => readOnnx(readFileSync(new URL('../../models/pocket/pocket.onnx', import.meta.url)));

test('the ONNX reader: nodes, attributes, int8 weights', () => {
  const graph = pocket();
  const count = (op) => graph.nodes.filter((node) => node.op === op).length;
  assert.deepEqual([count('Conv'), count('Clip'), count('Gemm')], [27, 27, 1]);
  assert.deepEqual([graph.input, graph.output], ['input', 'logits']);
  const stem = graph.nodes.find(({ op }) => op === 'Conv');
  assert.deepEqual(stem.attributes.pads, [0, 0, 1, 1]);
  const { dims, values } = graph.constants.get(`${stem.inputs[1]}.int8`);
  assert.equal(values.length, dims.reduce((a, b) => a * b));
  // each channel's largest weight is 127 steps
  const row = values.length / dims[0];
  for (let k = 0; k < dims[0]; ++k) assert.equal(Math.max(...values.slice(k * row, (k + 1) * row).map(Math.abs)), 127);
  assert.equal(graph.constants.get(`${stem.inputs[1]}.scale`).values.length, dims[0]);
});

test('fusing: every ReLU6 becomes part of the convolution before it', () => {
  const { nodes } = fuse(pocket());
  assert.equal(nodes.filter(({ op }) => op === 'Clip').length, 0);
  assert.ok(nodes.filter(({ op }) => op === 'Conv').every(({ activation }) => activation === 'relu6'));
  assert.equal(nodes.find(({ op }) => op === 'Gemm').activation, 'linear');
});

test('work of a layer, by hand: VGG16\'s block1_conv2 and a pooling', async () => {
  const attributes = { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] };
  const shape = [1, 64, 224, 224];
  const nodes = [{ op: 'Conv', inputs: ['x'], output: 'y', attributes, activation: 'relu' },
    { op: 'MaxPool', inputs: ['y'], output: 'z', attributes: { kernel_shape: [2, 2], strides: [2, 2] } }];
  const shapes = { x: shape, y: shape, z: [1, 64, 112, 112] };
  const [conv, pool] = await layersOf({ nodes }, async (names) => names.map((name) => shapes[name]));
  assert.equal(conv.flops, 3_699_376_128); // 2 * 224^2 * 64 * 64 * 9
  assert.equal(conv.bytes, 4 * (2 * 224 * 224 * 64 + 64 * 64 * 9 + 64));
  assert.deepEqual([pool.flops, pool.pads], [0, [0, 0, 0, 0]]);
});

const row = (contender, toRival) => ({ network: 'VGG16', runtime: 'Node 99', threads: 1, contender, toRival });

test('a goal that is missed is called missed', () => {
  const table = goalTable([row('gradcam simd', 0.5), row('gradcam relaxed', 0.26)]);
  assert.match(table, /VGG16 forward, plain SIMD[^\n]*\| <= 0\.5 \| 0\.50 met \|/);
  assert.match(table, /VGG16 forward, relaxed SIMD: of the better[^\n]*\| <= 0\.25 \| \*\*0\.26 missed\*\* \|/);
  assert.equal(goalTable([{ ...row('gradcam simd', 0.5), network: 'pocket' }]), '');
  assert.match(singleGoalTable([{ text: 'a', least: 20, digits: 0, found: 12 }]), /\| a \| >= 20 \| \*\*12 missed\*\* \|/);
});

test('a folder\'s networks: each has its goals, their median one, and what is missed is named with why', () => {
  const zoo = (network, toRival) => ({ ...row('gradcam relaxed', toRival), network, zoo: true });
  const table = goalTable([zoo('resnet18', 0.3), zoo('anet', 0.61), zoo('vit_b_16', 0.7)]);
  assert.match(table, /Median of the 3 networks[^\n]*\| <= 0\.42 \| \*\*0\.61 missed\*\* \|/);
  assert.match(table, /resnet18 forward: [^\n]*\| <= 0\.6 \| 0\.30 met \|/);
  assert.match(table, /vit_b_16 forward: [^\n]*\| <= 0\.6 \| \*\*0\.70 missed/);
  assert.match(table, /vit_b_16 forward, a transformer's goal \| <= 0\.8 \| 0\.70 met \|/);
  const list = missedList([table]).split('\n');
  assert.equal(list.length, 3);
  assert.match(list.at(-1), /^- vit_b_16 forward[^\n]*: products of rows/);
  assert.match(list[1], /anet forward[^\n]*: not explained yet\.$/);
  assert.equal(missedList([goalTable([zoo('resnet18', 0.3)])]), '');
});

test('the picture has a bar for every row and a mark for every goal', () => {
  const svg = drawPicture([row('gradcam simd', 0.5), row('gradcam relaxed', 1.2)], 'Node 99');
  assert.equal(svg.match(/<rect class="[a-d]" x="150"/g).length, 2);
  assert.equal(svg.match(/stroke-width="2"\/>\n/g).length, 2);
});

test('a kind of layer beside its roof: the peak where it multiplies much, else the memory', () => {
  const ceilings = { flops: 50e9, bandwidth: 10e9 };
  const row = { network: 'net', forward: 10, times: 3, ceilings };
  const table = folderRooflineTable([
    { ...row, contender: '1x1 convolutions', ms: 4, flops: 100e6, bytes: 4e6 },
    { ...row, contender: 'depthwise', ms: 1, flops: 10e6, bytes: 5e6 },
    { ...row, contender: 'max pooling', ms: 1, flops: 0, bytes: 5e6 },
    { ...row, contender: 'all else', ms: 4, times: null, flops: 0, bytes: 0 }]).split('\n').slice(2);
  assert.deepEqual(table, ['| net | 1x1 convolutions | 3 | 4.00 | 40 % | 25.0 | 50 % | 50 % |', '| net | depthwise | 3 | 1.00 | 10 % | 10.0 | 20 % | 50 % |',
    '| net | max pooling | 3 | 1.00 | 10 % |  |  | 50 % |', '| net | all else |  | 4.00 | 40 % |  |  |  |']);
});
