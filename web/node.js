/**
 * gradcam-wasm in Node: what a network sees in a picture, and where it looks.
 *
 *     import { GradCam } from 'gradcam-wasm';
 *     const cam = await GradCam.load('pocket');
 *     const { predictions, maps } = await cam.explain('photo.jpg');
 *     await writeFile('heatmap.png', await maps[0].toPNG());
 */
import { GradCamBase } from './api.js';
import { nodePlatform } from './platform-node.js';

export class GradCam extends GradCamBase {
  static platform = nodePlatform;
}
export { GradCamError } from './errors.js';
export { PRESETS } from './presets.js';
