/**
 * `node tests/photos/photos.mjs`: what the ImageNet models of TensorFlow Lite see in the shared photos, beside what an
 * independent forward in PyTorch computes (tests/golden/make_photos.py). Writes docs/photos.md, and the expected values anew
 * with --golden (needs python3-torch). The numbers are checked by photos.test.mjs.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GradCam } from '../../web/node.js';
import { data, root } from '../web/shared.mjs';
import { decodePicture } from '../models/support.mjs';

export const MODELS = ['mobilenet_v1_0.25_128_quant', 'mobilenet_v1_0.75_192_quant', 'tf2_mobilenet_v2_1.0_224_ptq', 'mcunetv2_large'];
const GOLDEN = fileURLToPath(new URL('../golden/photos.json', import.meta.url));
const DOCUMENT = join(root, 'docs/photos.md');

export const golden = async () => JSON.parse(await readFile(GOLDEN, 'utf8'));

/** Photos that show something ImageNet has a name for; the table's rows. */
export const photos = async () => (await readdir(data('photos'))).filter((file) => /\.(jpe?g|png|bmp|jfif)$/.test(file)).sort();

/** The best class of each photo. @returns {Promise<{photo: string, id: number, name: string, probability: number}[]>} */
export async function answers(model, list) {
  const cam = await GradCam.load(data(`wild/tflite/${model}.tflite`), { threads: 1, resize: 'bilinear' });
  const found = [];
  for (const photo of list) {
    const { predictions: [best] } = await cam.explain(data(`photos/${photo}`), { top: 1 });
    found.push({ photo, id: best.id, name: best.name, probability: best.probability });
  }
  cam.dispose();
  return found;
}

/** Our decoder's pixels go to PyTorch, which resizes and computes by itself. */
async function makeGolden(list) {
  const folder = await mkdtemp(join(tmpdir(), 'gradcam-photos-'));
  for (const photo of list) {
    const { data: rgba, width, height } = await decodePicture(data(`photos/${photo}`));
    const rgb = Buffer.alloc(width * height * 3);
    for (let i = 0; i < width * height; i++) rgb.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
    await writeFile(join(folder, `${photo}.ppm`), Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), rgb]));
  }
  execFileSync(process.env.PYTHON ?? 'python3', [fileURLToPath(new URL('../golden/make_photos.py', import.meta.url)), data('wild/tflite'), folder, ...MODELS], { stdio: 'inherit' });
  await rm(folder, { recursive: true });
}

async function main() {
  const list = await photos();
  if (process.argv.includes('--golden')) await makeGolden(list);
  const expected = await golden();
  const columns = [];
  for (const model of MODELS) columns.push(await answers(model, list));
  const short = (name) => name.split(',')[0];
  const cell = ({ name, probability }, [id, wanted], own) => `${short(name)} ${(100 * probability).toFixed(1)} %${
    own !== id || Math.abs(wanted - probability) > 1e-3 ? ` (PyTorch: class ${id}, ${(100 * wanted).toFixed(1)} %)` : ''}`;
  const rows = list.map((photo, i) => [photo, ...columns.map((column, m) => cell(column[i], expected[MODELS[m]][photo], column[i].id))]);
  const most = Math.max(...columns.flatMap((column, m) => column.map(({ photo, probability }) => Math.abs(probability - expected[MODELS[m]][photo][1]))));
  const table = [['photo', ...MODELS], ['---', ...MODELS.map(() => '---')], ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
  await writeFile(DOCUMENT, `# TensorFlow Lite's ImageNet models on photos

Written by \`node tests/photos/photos.mjs\`. The most likely class and its probability, as read here: weights dequantised, activations in floats. An independent forward in PyTorch
gives the same class everywhere unless a cell says otherwise; the largest difference of probabilities is ${most.toExponential(0)}. mcunetv2_large's
file gives every class much the same on every photo, in PyTorch too: it seems to hold no trained weights.

${table}
`);
  console.log(`${basename(DOCUMENT)}: ${list.length} photos, ${MODELS.length} models; probabilities at most ${most.toExponential(1)} from PyTorch's`);
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) await main();
