/**
 * gradcam-wasm in a browser: what a network sees in a picture, and where it looks.
 *
 *     import { GradCam } from 'gradcam-wasm';
 *     const cam = await GradCam.load('pocket');
 *     const { predictions, maps } = await cam.explain(file);
 *     document.body.append(maps[0].toCanvas());
 */
import { GradCamBase } from './api.js';
import { browserPlatform } from './platform-browser.js';

export class GradCam extends GradCamBase {
  static platform = browserPlatform;
}
export { GradCamError } from './errors.js';
export { PRESETS } from './presets.js';
