/** The networks that are compared: ONNX files beside the repository, see ../shared/data/onnx. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const shared = process.env.GRADCAM_SHARED ?? fileURLToPath(new URL('../../../shared', import.meta.url));

export const networks = [
  { name: 'SqueezeNet 1.1', file: 'squeezenet1_1.onnx', dims: [1, 3, 224, 224] },
  { name: 'GoogLeNet', file: 'bvlc_googlenet.onnx', dims: [1, 3, 224, 224] },
  { name: 'MobileNet 0.75', file: 'mobilenet_0.75_224.onnx', dims: [1, 3, 224, 224] },
].map((network) => ({ ...network, path: join(shared, 'data/onnx', network.file) }))
  .filter(({ path }) => existsSync(path));

/** The same pseudo-random input for every contender: zero mean, unit scale, smooth enough to be a picture. */
export function* input(dims) {
  let state = 1;
  const count = dims.reduce((a, b) => a * b);
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 31 - 1;
  }
}
