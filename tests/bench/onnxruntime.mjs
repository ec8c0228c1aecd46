/** Contender: onnxruntime-web, its WebAssembly backend. argv: threads. */
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
import { serve, time } from './contender.mjs';
import { input } from './networks.mjs';

const [threads] = process.argv.slice(2);

serve(async (network) => {
  ort.env.wasm.numThreads = Number(threads);
  ort.env.logLevel = 'error';
  const externalData = network.shards.length
    ? [{ path: 'weights.bin', data: Buffer.concat(network.shards.map((shard) => readFileSync(shard))) }] : [];
  const session = await ort.InferenceSession.create(readFileSync(network.path),
    { executionProviders: ['wasm'], externalData });
  const dims = network.dims;
  const tensor = new ort.Tensor('float32', input(dims), dims);
  return { forward: () => time(() => session.run({ [session.inputNames[0]]: tensor })) };
});
