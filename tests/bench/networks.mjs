/**
 * The networks that are compared: ONNX files beside the repository (../shared/data/onnx), and VGG16
 * and Xception with synthetic weights, made here once and kept in .cache/: speed does not depend on
 * the weights' values.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert, folderSink } from '../../models/index.js';
import { writeSynthetic } from '../models/synthetic.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const shared = process.env.GRADCAM_SHARED ?? join(root, '../shared');
const cache = join(process.env.GRADCAM_CACHE ?? join(root, '.cache'), 'bench');

const networks = [
  { name: 'SqueezeNet 1.1', file: 'squeezenet1_1.onnx', dims: [1, 3, 224, 224] },
  { name: 'GoogLeNet', file: 'bvlc_googlenet.onnx', dims: [1, 3, 224, 224] },
  { name: 'MobileNet 0.75', file: 'mobilenet_0.75_224.onnx', dims: [1, 3, 224, 224] },
  { name: 'VGG16', arch: 'vgg16', dims: [1, 3, 224, 224] },
  { name: 'Xception', arch: 'xception', dims: [1, 3, 299, 299] },
];

/** An .onnx file and its shards of external data, as `gradcam convert` writes them. */
async function synthetic(arch) {
  const folder = join(cache, arch);
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true });
    process.stderr.write(`making ${arch} with synthetic weights\n`);
    const source = join(cache, `${arch}.h5`);
    await writeSynthetic(arch, source);
    await convert({ source, arch, out: await folderSink(folder) });
    await rm(source);
  }
  const { file, shards } = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8'));
  return { path: join(folder, file), shards: shards.map((shard) => join(folder, shard.file)) };
}

/** The networks whose name contains `part`; those whose file is not to be had are left out, and named. */
export async function findNetworks(part) {
  const found = [];
  for (const network of networks) {
    if (!network.name.toLowerCase().includes(part.toLowerCase())) continue;
    const files = network.arch ? await synthetic(network.arch)
      : { path: join(shared, 'data/onnx', network.file), shards: [] };
    if (existsSync(files.path)) found.push({ ...network, ...files });
    else process.stderr.write(`${network.name} is left out: ${network.file} is not there\n`);
  }
  return found;
}

/** The same pseudo-random input for every contender. */
export function input(dims) {
  let state = 1;
  return Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
