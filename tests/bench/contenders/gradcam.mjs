/** This project's engine, as it is compiled or rewritten for plain SIMD. */
import { inBrowser, noise, readBytes, time } from '../environment.mjs';
import { withoutRelaxedSimd } from '../../../web/worker/relaxed.js';
import { Engine, Parcel } from '../../../web/worker/wasm.js';

const CLASSES = 8;

async function compile(variant) {
  const url = new URL('../../../web/dist/gradcam.wasm', import.meta.url).href;
  const { nodeHost, browserHost } = await import(inBrowser ? '../../../web/worker/host-browser.js' : '../../../web/worker/host-node.js');
  const host = nodeHost ?? browserHost;
  host.prepare();
  return host.compile(url, { rewrite: variant === 'simd' ? withoutRelaxedSimd : null });
}

/** @param {{variant: 'simd' | 'relaxed', threads: number}} settings */
export async function startEngine({ variant, threads }) {
  return Engine.create({ module: await compile(variant), threads });
}

/** Loads a network as the package's worker does: weights piece by piece. */
async function loadModel(engine, network) {
  const model = engine.createModel();
  if (network.batch) model.setInputShape(null, network.dims);
  const bytes = await readBytes(network.path);
  const parcel = new Parcel(engine, bytes.length, network.name);
  parcel.write(0, bytes);
  model.load(parcel);
  let offset = 0; // of the one logical file that the shards make up
  for (const shard of network.shards) {
    const piece = await readBytes(shard);
    model.push(model.externals()[0].location, offset, piece);
    offset += piece.length;
  }
  model.finish();
  model.setInput(model.inputName(), noise(network.dims));
  return model;
}

/** @param {object} network  @param {{variant: 'simd' | 'relaxed', threads: number}} settings */
export async function load(network, settings) {
  const engine = await startEngine(settings);
  const model = await loadModel(engine, network);
  const explain = (method, first, count) => {
    const targets = Array.from({ length: count }, (_, index) => {
      const row = new Float32Array(model.classCount);
      row[first + index] = 1;
      return row;
    });
    const task = model.startTask(method, null, 'logit', targets);
    while (!task.done) task.step();
    task.free();
  };
  const layers = model.layers();
  return {
    facts: () => ({ engine: `gradcam-wasm ${engine.version}`, threads: engine.threads, layer: layers[model.defaultLayer].name }),
    shapes: (names) => names.map((name) => model.shape(name)),
    output: () => {
      model.forward();
      return Array.from(model.read(model.outputName()));
    },
    forward: () => time(() => model.forward()),
    // The first map is of another class than the eight, so that none finds its gradient there already.
    maps1: () => time(() => explain('gradcam', CLASSES, 1)),
    maps8: () => time(() => explain('gradcam', 0, CLASSES)),
    inputGradient: () => time(() => explain('gradient', CLASSES + 1, 1)),
  };
}
