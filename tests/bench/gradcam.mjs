/** Contender: this project's engine, with fused multiply-add or without. argv: variant, threads. */
import { readFileSync } from 'node:fs';
import { nodeHost } from '../../web/host-node.js';
import { withoutRelaxedSimd } from '../../web/relaxed.js';
import { Engine, Parcel } from '../../web/wasm.js';
import { serve, time } from './contender.mjs';
import { input } from './networks.mjs';

const [variant, threads] = process.argv.slice(2);

serve(async (network) => {
  nodeHost.prepare();
  const { href } = new URL('../../web/dist/gradcam.wasm', import.meta.url);
  const module = await nodeHost.compile(href, { rewrite: variant === 'simd' ? withoutRelaxedSimd : null });
  const engine = await Engine.create({ module, threads: Number(threads) });
  const model = engine.createModel();
  const bytes = readFileSync(network.path);
  const parcel = new Parcel(engine, bytes.length, network.name);
  parcel.write(0, bytes);
  model.load(parcel);
  let offset = 0; // of the one logical file that the shards make up
  for (const shard of network.shards) {
    const piece = readFileSync(shard);
    model.push(model.externals()[0].location, offset, piece);
    offset += piece.length;
  }
  model.finish();
  const shape = model.shape(model.inputName());
  model.setInput(model.inputName(), input(shape));
  const targets = Array.from({ length: 8 }, (_, id) => {
    const row = new Float32Array(model.classCount);
    row[id] = 1;
    return row;
  });
  const explain = (count) => {
    const task = model.startTask('gradcam', null, 'logit', targets.slice(0, count));
    while (!task.done) task.step();
    task.free();
  };
  return {
    forward: () => time(() => model.forward()),
    maps1: () => time(() => explain(1)),
    maps8: () => time(() => explain(8)),
  };
});
