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

/**
 * @typedef {import('./api/results.js').Explanation} Explanation
 * @typedef {import('./api/results.js').HeatMap} HeatMap
 * @typedef {import('./api/results.js').Steps} Steps
 * @typedef {import('./files/files.js').Progress} Progress
 */
export { GradCamError } from './base/errors.js';
export { PRESETS } from './api/presets.js';
export * as tools from './api/tools.js';
