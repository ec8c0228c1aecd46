/** The worker, in a browser. */
import { browserHost } from './host-browser.js';
import { serve } from './protocol.js';
import { createService } from './service.js';

serve({
  post: (message, transfer = []) => globalThis.postMessage(message, { transfer }),
  onMessage: (listener) => globalThis.addEventListener('message', ({ data }) => listener(data)),
}, createService(browserHost));
