/**
 * gradcam-wasm in a browser: what a network sees in a picture, and where it looks.
 *
 *     import { GradCam } from 'gradcam-wasm';
 *     const cam = await GradCam.load('pocket');
 *     const { predictions, maps } = await cam.explain(file);
 *     document.body.append(maps[0].toCanvas());
 */
import { GradCamBase } from './api/gradcam.js';
import { entryPage } from './api/page-browser.js';

export class GradCam extends GradCamBase {
  static page = entryPage(import.meta.url,
    // Bundlers look for exactly this form.
    () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }));
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
