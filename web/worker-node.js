/** The worker's script in Node. */
import { parentPort } from 'node:worker_threads';
import { nodeHost } from './worker/host-node.js';
import { serve } from './worker/protocol.js';
import { createService } from './worker/service.js';

serve({
  post: (message, transfer) => parentPort.postMessage(message, transfer),
  onMessage: (listener) => parentPort.on('message', listener),
}, createService(nodeHost, {
  wasm: new URL('./dist/gradcam.wasm', import.meta.url).href,
  imagenet: new URL('../models/labels/imagenet.json', import.meta.url).href,
}));
