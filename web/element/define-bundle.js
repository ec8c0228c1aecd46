/**
 * Makes `<grad-cam>` known in an application that is bundled: `import 'gradcam-wasm/element'`. define.js is
 * its twin for pages that take the files as they are.
 */
import { GradCamElement } from './grad-cam.js';
import { entry } from './models.js';

entry.load = () => import('../bundle.js');

// A server that renders pages imports this too, and has no elements.
if (globalThis.customElements && !customElements.get('grad-cam')) customElements.define('grad-cam', GradCamElement);

export { GradCamElement };
