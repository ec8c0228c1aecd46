/**
 * gradcam-wasm where no worker can be started, in a service worker above all: the engine runs in the very
 * thread that calls it, on that one thread, and holds it up while it works. HDF5 files are not read here.
 *
 *     import { GradCam } from 'gradcam-wasm/in-place';
 */
import { GradCamBase } from './api/gradcam.js';
import { inPlacePage } from './api/page-bundled.js';
import { answer } from './dist/worker.js';
import { ownFiles } from './own.js';

export class GradCam extends GradCamBase {
  static page = inPlacePage(ownFiles, answer);
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
