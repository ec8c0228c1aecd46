/**
 * gradcam-wasm in an application that is bundled: what `import 'gradcam-wasm'` means to Vite, webpack and
 * their like. The same as index.js, which is for pages that take the files as they are.
 */
import { GradCamBase } from './api/gradcam.js';
import { bundledPage } from './api/page-bundled.js';
import { leftBehind, ownFiles } from './own.js';

export class GradCam extends GradCamBase {
  static page = bundledPage(ownFiles, () => {
    const folder = leftBehind(import.meta.url);
    if (folder) return new Worker(`${folder}web/worker-hdf5.js`, { type: 'module' });
    // Bundlers look for exactly this form.
    return new Worker(new URL('./worker-hdf5.js', import.meta.url), { type: 'module' });
  });
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
