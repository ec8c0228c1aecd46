/**
 * The networks that are compared: the bundled one, ONNX files beside the repository
 * (../shared/data/onnx), and VGG16 and Xception with synthetic weights, made here once and kept in
 * the cache: speed does not depend on the weights' values.
 */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { cache, root } from '../../emscripten/tools.mjs';
import { convert, folderSink } from '../../models/index.js';
import { writeSynthetic } from '../models/synthetic.mjs';
import { readOnnx } from './onnx.mjs';

const shared = process.env.GRADCAM_SHARED ?? join(root, '../shared');
const folder = join(cache, 'bench');

const networks = [
  { name: 'VGG16', arch: 'vgg16', dims: [1, 3, 224, 224] },
  { name: 'Xception', arch: 'xception', dims: [1, 3, 299, 299] },
  { name: 'MobileNet-0.75', file: join(shared, 'data/onnx/mobilenet_0.75_224.onnx'), dims: [1, 3, 224, 224] },
  { name: 'GoogLeNet', file: join(shared, 'data/onnx/bvlc_googlenet.onnx'), dims: [1, 3, 224, 224] },
  { name: 'SqueezeNet', file: join(shared, 'data/onnx/squeezenet1_1.onnx'), dims: [1, 3, 224, 224] },
  { name: 'pocket', file: join(root, 'models/pocket/pocket.onnx'), dims: [1, 3, 224, 224] },
];

/** A Keras file in the layout of the official one. @param {'vgg16' | 'xception'} arch */
export async function kerasFile(arch) {
  const path = join(folder, `${arch}.h5`);
  if (!existsSync(path)) {
    await mkdir(folder, { recursive: true });
    process.stderr.write(`making ${arch} with synthetic weights\n`);
    await writeSynthetic(arch, `${path}.part`);
    await rename(`${path}.part`, path);
  }
  return path;
}

/** An .onnx file and its shards of external data, as `gradcam convert` writes them. */
async function converted(arch) {
  const out = join(folder, arch);
  const card = join(out, 'model.json'); // written last
  if (!existsSync(card)) await convert({ source: await kerasFile(arch), arch, out: await folderSink(out) });
  const { file, shards } = JSON.parse(await readFile(card, 'utf8'));
  return { path: join(out, file), shards: shards.map((shard) => join(out, shard.file)) };
}

/** The networks whose name contains `part`; those whose file is not to be had are left out, and named. */
export async function findNetworks(part, say) {
  const found = [];
  for (const network of networks) {
    if (!network.name.toLowerCase().includes(part.toLowerCase())) continue;
    const files = network.arch ? await converted(network.arch) : { path: network.file, shards: [] };
    if (existsSync(files.path)) found.push({ ...network, ...files });
    else say(`SKIPPED: ${network.name}: there is no ${relative(root, network.file)}`);
  }
  return found;
}

/**
 * The .onnx files of a folder whose name contains `part`, small ones first: tests/zoo/export.py makes
 * such a folder. Those whose input has an open axis are left out, and named. A name loses "-13", the
 * opset. `zoo`: what has the goals of twenty networks.
 */
export function networksOf(zoo, part, say) {
  const files = readdirSync(zoo).filter((file) => file.endsWith('.onnx') && file.toLowerCase().includes(part.toLowerCase()));
  const size = (file) => statSync(join(zoo, file)).size;
  return files.sort((a, b) => size(a) - size(b)).flatMap((file) => {
    const { dims } = readOnnx(readFileSync(join(zoo, file)));
    if (dims.some((length) => !length)) {
      say(`SKIPPED: ${file}: its input has an open axis (${dims.map((length) => length ?? '?').join('x')})`);
      return [];
    }
    return [{ name: file.replace(/(-13)?\.onnx$/, ''), path: join(zoo, file), shards: [], dims, zoo: true }];
  });
}
