/**
 * Not a contender: single layers in this project's engine, and what this runtime can do at most, for
 * the roofline.
 */
import { OnnxGraph } from '../../../models/onnx/graph.js';
import { Parcel } from '../../../web/worker/wasm.js';
import { noise, time } from '../environment.mjs';
import { startEngine } from './gradcam.mjs';
import { ceilings } from '../ceilings.mjs';

const CHUNK = 1 << 22; // floats

/** @param {import('../layers.mjs').Layer} layer  @returns the ONNX graph of that layer alone, and its weights' sizes */
function graphOf({ kind, H, W, C, K, kernel, strides, pads, groups, activation }) {
  const graph = new OnnxGraph('layer');
  const input = graph.input('x', kind === 'fc' ? [1, C] : [1, C, H, W]);
  const sizes = [];
  const weight = (name, dims) => {
    const length = 4 * dims.reduce((a, b) => a * b);
    const offset = sizes.reduce((sum, size) => sum + size, 0);
    graph.weight(name, 'float32', dims);
    graph.initializers.get(name).external = { offset, length };
    sizes.push(length);
    return name;
  };
  let y;
  if (kind === 'pool') y = graph.add('MaxPool', 'y', [input], { kernel_shape: kernel, strides, pads });
  else if (kind === 'fc') y = graph.add('Gemm', 'y', [input, weight('w', [K, C]), weight('b', [K])], { transB: 1 });
  else y = graph.add('Conv', 'y', [input, weight('w', [K, C / groups, ...kernel]), weight('b', [K])], { kernel_shape: kernel, strides, pads, group: groups });
  if (activation === 'relu') y = graph.add('Relu', 'relu', [y]);
  graph.outputs.push({ name: y, dims: kind === 'fc' ? [1, K] : [1, K, 1, 1] });
  return { graph, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** @param {null} _  @param {{variant: 'simd' | 'relaxed', threads: number}} settings */
export async function load(_, settings) {
  const engine = await startEngine(settings);
  const weights = noise([CHUNK]).map((value) => value / 32);
  return {
    ceilings: () => ceilings(settings.variant === 'relaxed'),
    layer(layer, runs) {
      const { graph, bytes } = graphOf(layer);
      const file = graph.encode();
      const model = engine.createModel();
      const parcel = new Parcel(engine, file.length, 'a layer');
      parcel.write(0, file);
      model.load(parcel);
      for (let at = 0; at < bytes; at += 4 * CHUNK) {
        model.push('weights.bin', at, weights.subarray(0, Math.min(CHUNK, (bytes - at) / 4)));
      }
      model.finish();
      model.setInput('x', noise(model.shape('x')));
      return timeSteadily(model, runs);
    },
  };
}

async function timeSteadily(model, runs) {
  const times = [];
  for (let run = -3; run < runs; run++) {
    const ms = await time(() => model.forward());
    if (run >= 0) times.push(ms);
  }
  model.free();
  return times.sort((a, b) => a - b)[runs >> 1];
}
