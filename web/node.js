/**
 * gradcam-wasm in Node: what a network sees in a picture, and where it looks.
 *
 *     import { GradCam } from 'gradcam-wasm';
 *     const cam = await GradCam.load('pocket');
 *     const { predictions, maps } = await cam.explain('photo.jpg');
 *     await writeFile('heatmap.png', await maps[0].toPNG());
 */
import { GradCamBase } from './api/gradcam.js';
import { nodePage } from './api/page-node.js';

export class GradCam extends GradCamBase {
  static page = nodePage(new URL('./worker-node.js', import.meta.url));
}
export { GradCamError } from './base/errors.js';
export { PRESETS } from './api/presets.js';
