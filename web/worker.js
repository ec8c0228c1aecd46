/** The worker, in a browser. */
import { browserHost } from './host-browser.js';
import { serve } from './protocol.js';
import { createService } from './service.js';

// Bundled, this is also the script of the engine's threads, which have other work to do.
const isThread = globalThis.name.startsWith('em-pthread');

if (!isThread) serve({
  post: (message, transfer = []) => globalThis.postMessage(message, { transfer }),
  onMessage: (listener) => globalThis.addEventListener('message', ({ data }) => listener(data)),
}, createService(browserHost));
