/**
 * Files of unknown kind at the door: damaged ones of every kind are detected as something, read or refused
 * with a ModelError, and their messages stay short and printable; labels never throw.
 */
import { OnnxGraph } from '../../models/onnx/graph.js';
import { chooseOutput, detectBytes, ModelError, outputsOfOnnx, parseLabels, pictureOfOnnx, readOnnx, refusal } from '../../models/index.js';
import { blame, damage, fuzz } from './mutate.mjs';

const text = (words) => new TextEncoder().encode(words);

/** A small network with what the readers look at: scaling, two outputs, constants of several types. */
function network() {
  const graph = new OnnxGraph('net');
  graph.input('x', [1, 3, 8, 8]);
  graph.constant('mean', 'float32', [3, 1, 1], [0.4, 0.5, 0.6]);
  graph.constant('w', 'float32', [2, 3, 1, 1], [1, 2, 3, 4, 5, 6]);
  const scaled = graph.add('Sub', 'scaled', ['x', 'mean']);
  const conv = graph.add('Conv', 'conv', [scaled, 'w'], { kernel_shape: [1, 1], group: 1 });
  const pooled = graph.add('GlobalAveragePool', 'pooled', [conv]);
  const flat = graph.add('Reshape', 'flat', [pooled, graph.ints('shape', [1, 2])]);
  graph.outputs.push({ name: flat, dims: [1, 2] });
  graph.outputs.push({ name: graph.add('Softmax', 'scores', [flat], { axis: 1 }), dims: [1, 2] });
  return graph.encode();
}

const onnx = network();
const SEEDS = [
  onnx, text('{"0": "cat", "1": "dog"}'), text('id,name\n0,"a, b"\n1,c\n'), text('0 cat\r\n1 dog\r\n'), text('["a", "b"]'),
  text('version https://git-lfs.github.com/spec/v1\noid sha256:00'), text('<!DOCTYPE html><html>'),
  text('{"format":"layers-model","modelTopology":{},"weightsManifest":[]}'), Uint8Array.from([28, 0, 0, 0, 84, 70, 76, 51, 0]),
  Uint8Array.from([0x50, 0x4b, 5, 6, ...new Array(18).fill(0)]), Uint8Array.from([0x80, 2, 0x8a, 10]),
];

/** Runs it; only a ModelError may come out. */
function tried(input, what, run) {
  try {
    return run();
  } catch (error) {
    if (error instanceof ModelError && error.message.length <= 300) return undefined;
    throw blame(input, `${what}: ${error?.stack ?? error}`);
  }
}

await fuzz(async (dice) => {
  const input = damage(dice.of(SEEDS), dice);
  const start = performance.now();
  const found = tried(input, 'detect', () => detectBytes(input, { name: dice.of(['a.h5', 'b.onnx', '', 'c.pt']) }));
  const words = refusal(found, { name: 'x', wanted: dice.of(['model', 'picture', 'labels']), place: dice.of(['cli', 'page']) });
  // eslint-disable-next-line no-control-regex
  if (words.length > 300 || /undefined|[\0-\x1f]/.test(words)) throw blame(input, `says ${words}`);
  const { names, warnings } = parseLabels(input, { classes: dice.below(5) });
  if (!names.every((name) => typeof name === 'string') || warnings.some((warning) => warning.text.length > 300)) {
    throw blame(input, `labels: ${JSON.stringify([names, warnings]).slice(0, 500)}`);
  }
  const file = tried(input, 'ONNX', () => readOnnx(input));
  if (file) {
    tried(input, 'picture', () => pictureOfOnnx(file));
    tried(input, 'outputs', () => chooseOutput(outputsOfOnnx(file)));
  }
  if (performance.now() - start > 5000) throw blame(input, 'takes for ever');
});
