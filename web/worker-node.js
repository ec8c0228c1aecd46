/** The worker, in Node. */
import { parentPort } from 'node:worker_threads';
import { nodeHost } from './host-node.js';
import { serve } from './protocol.js';
import { createService } from './service.js';

serve({
  post: (message, transfer) => parentPort.postMessage(message, transfer),
  onMessage: (listener) => parentPort.on('message', listener),
}, createService(nodeHost));
