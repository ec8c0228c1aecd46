/** onnxruntime-web, its WebAssembly backend. It has no gradients. */
import { inBrowser, noise, readBytes, readShards, time } from '../environment.mjs';

/** @param {object} network  @param {{threads: number}} settings */
export async function load(network, { threads }) {
  const ort = await import(inBrowser ? '../node_modules/onnxruntime-web/dist/ort.wasm.min.mjs' : 'onnxruntime-web');
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  const externalData = network.shards.length ? [{ path: 'weights.bin', data: await readShards(network.shards) }] : [];
  const session = await ort.InferenceSession.create(await readBytes(network.path),
    { executionProviders: ['wasm'], externalData });
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', noise(network.dims), network.dims) };
  const run = async () => (await session.run(feeds))[session.outputNames[0]].data;
  return {
    facts: () => ({ engine: `onnxruntime-web ${ort.env.versions.web}`, threads: ort.env.wasm.numThreads }),
    output: async () => Array.from(await run()),
    forward: () => time(run),
  };
}
