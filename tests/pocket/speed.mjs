// Times of forward passes, one thread of plain SIMD, alternating in one run, best of 30, and the ratio of second to first:
//   node tests/pocket/speed.mjs ../shared/data/onnx/mobilenet_0.75_224.onnx [MODEL]      (MODEL: pocket)
// The pictures change from call to call, since a picture's forward pass is kept for later maps.
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GradCam } from '../../web/node.js';

const at = (path) => fileURLToPath(new URL(`../../models/pocket/${path}`, import.meta.url));
const pictures = ['golf_ball', 'flower', 'church', 'parachute'].map((n) => at(`samples/${n}.jpg`));
const [peer, model = at('pocket.onnx')] = process.argv.slice(2);
if (!peer) throw new Error('name the file of MobileNet 0.75');

const files = [peer, model];
const cams = [];
for (const file of files) {
  cams.push(await GradCam.load(file, { threads: 1, variant: 'simd', ...(file.endsWith('.onnx') && { preprocess: 'tf' }) }));
}
const best = files.map(() => Infinity);
for (let i = 0; i < 30; i++) {
  for (const [k, cam] of cams.entries()) {
    const { timings } = await cam.explain(pictures[i % pictures.length], { top: 1 });
    best[k] = Math.min(best[k], timings.forward);
  }
}
for (const cam of cams) cam.dispose();
console.log(`${files.map((file, k) => `${basename(file)} ${best[k].toFixed(1)} ms`).join(', ')}, ratio ${(best[1] / best[0]).toFixed(2)}`);
