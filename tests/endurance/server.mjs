/** A server of this machine with what `fetch` and the hub's names ask for, so slow that a blow falls into the download. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { OnnxGraph } from '../../models/onnx/graph.js';
import { tfjs } from '../models/forms.mjs';
import { shared } from '../models/support.mjs';

const PIECE = 1 << 16;
const PIECE_MS = 2;

/** A network of one pixel's colours, with weights that nobody needs: several pieces of what is kept. */
function hubNetwork() {
  const graph = new OnnxGraph('net');
  graph.input('pixel_values', [1, 3, 8, 8]);
  graph.constant('w', 'float32', [2, 3, 1, 1], [1, 0, 0, 0, 0, 1]);
  const conv = graph.add('Conv', 'conv', ['pixel_values', 'w'], { kernel_shape: [1, 1], group: 1 });
  const pooled = graph.add('Reshape', 'pooled', [graph.add('GlobalAveragePool', 'average', [conv]), graph.ints('shape', [1, 2])]);
  const ballast = graph.constant('ballast', 'float32', [1500000, 2], Float32Array.from({ length: 3000000 }, (_, i) => i % 7));
  const unused = graph.add('ReduceMean', 'mean', [graph.add('Gemm', 'wide', [pooled, ballast], { transB: 1 })], { axes: [1], keepdims: 1 });
  const nothing = graph.add('Mul', 'nothing', [unused, graph.constant('zero', 'float32', [], [0])]);
  graph.outputs.push({ name: graph.add('Add', 'logits', [pooled, nothing]), dims: [1, 2] });
  return graph.encode();
}

const json = (value) => Buffer.from(JSON.stringify(value));

/** @returns {Promise<{origin: string, keras: boolean, close: () => void}>}  keras: a published Keras file is at hand */
export async function slowServer() {
  const keras = await readFile(shared('weights', 'mobilenet_0.75_224.h5')).catch(() => null);
  const hub = '/org/net/resolve/main/';
  const files = {
    '/keras/mobilenet_1_0_224_tf.h5': keras, // it has no published digest: another width stands in
    ...Object.fromEntries(Object.entries(tfjs({ shards: 3 })).map(([name, bytes]) => [`/tfjs/${name}`, bytes])),
    [`${hub}onnx/model.onnx`]: hubNetwork(),
    [`${hub}config.json`]: json({ id2label: { 0: 'reddish', 1: 'bluish' }, label2id: {} }),
    [`${hub}preprocessor_config.json`]: json({ do_normalize: true, do_rescale: true, size: { height: 8, width: 8 }, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] }),
  };
  const server = createServer(async (request, response) => {
    const bytes = files[request.url];
    if (!bytes) return void response.writeHead(404).end();
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from ? 206 : 200, { etag: '"one"', 'content-length': bytes.length - from,
      ...(from ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}) });
    if (request.method === 'HEAD') return void response.end();
    for (let at = from; at < bytes.length && !response.destroyed; at += PIECE) {
      response.write(bytes.subarray(at, at + PIECE));
      await new Promise((done) => { setTimeout(done, PIECE_MS); });
    }
    response.end();
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    keras: keras !== null,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
