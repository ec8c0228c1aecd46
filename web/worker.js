/** The worker's script in a browser; bundled, also that of the engine's threads. */
import { browserHost } from './worker/host-browser.js';
import { serve } from './worker/protocol.js';
import { createService } from './worker/service.js';

// Threads have other work to do.
const isThread = globalThis.name.startsWith('em-pthread');

if (!isThread) serve({
  post: (message, transfer = []) => globalThis.postMessage(message, { transfer }),
  onMessage: (listener) => globalThis.addEventListener('message', ({ data }) => listener(data)),
}, createService(browserHost, {
  // Written out, because bundlers look for exactly this form.
  wasm: new URL('./dist/gradcam.wasm', import.meta.url).href,
  imagenet: new URL('../models/labels/imagenet.json', import.meta.url).href,
}));
