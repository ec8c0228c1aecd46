/**
 * Makes `<grad-cam>` known to the page:
 *
 *     <script type="module" src=".../gradcam-wasm/web/element/define.js"></script>
 *     <grad-cam src="dog.jpg" model="pocket" top="3"><img src="dog.jpg" alt="a dog"></grad-cam>
 */
import { GradCamElement } from './grad-cam.js';
import { entry } from './models.js';

entry.load = () => import('../index.js');

// A server that renders pages imports this too, and has no elements.
if (globalThis.customElements && !customElements.get('grad-cam')) customElements.define('grad-cam', GradCamElement);

export { GradCamElement };
