// Time of pocket's forward pass beside MobileNet 0.75's, one thread of plain SIMD, alternating in one run, best of 30:
//   node tests/pocket/speed.mjs ../shared/data/onnx/mobilenet_0.75_224.onnx
// The pictures change from call to call, since a picture's forward pass is kept for later maps.
import { fileURLToPath } from 'node:url';
import { GradCam } from '../../web/node.js';

const at = (path) => fileURLToPath(new URL(`../../models/pocket/${path}`, import.meta.url));
const pictures = ['golf_ball', 'flower', 'church', 'parachute'].map((n) => at(`samples/${n}.jpg`));
const files = [at('pocket.onnx'), process.argv[2]];
if (!files[1]) throw new Error('name the file of MobileNet 0.75');

const models = [];
for (const file of files) models.push(await GradCam.load(file, { threads: 1, variant: 'simd', preprocess: 'tf' }));
const best = [Infinity, Infinity];
for (let i = 0; i < 30; i++) {
  for (const [k, model] of models.entries()) {
    const { timings } = await model.explain(pictures[i % pictures.length], { top: 1 });
    best[k] = Math.min(best[k], timings.forward);
  }
}
for (const model of models) model.dispose();
console.log(`pocket ${best[0].toFixed(1)} ms, MobileNet ${best[1].toFixed(1)} ms, ratio ${(best[0] / best[1]).toFixed(2)}`);
