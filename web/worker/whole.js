/**
 * The worker in one script: package/worker.mjs makes web/dist/worker.js of this and of all that it needs.
 * Its page tells it where the package's other files are (LoadArgs.files).
 */
import { readCard } from '../../models/architectures.js';
import { givePackages } from '../../models/packages.js';
import { isModelName } from '../files/files.js';
import { browserHost } from './host-browser.js';
import { serve } from './protocol.js';
import { createService } from './service.js';

/** @type {import('./host-browser.js').Host} */
const host = {
  ...browserHost,

  async findCard(model, options) {
    if (!isModelName(model) || options.modelsUrl || !options.files) return browserHost.findCard(model, options);
    const card = await readCard(model);
    return card && { card, onnx: options.files.models[model] };
  },
};

/** ImageNet's names, put here by package/worker.mjs. */
const NAMES = '';

/** Answers what comes through the port. @param {Parameters<typeof serve>[0]} port */
export const answer = (port) => serve(port, createService(host, { wasm: '', imagenet: new TextEncoder().encode(NAMES) }));

// Threads run this script too, and have other work to do.
const isThread = globalThis.name?.startsWith('em-pthread');

/** Answers the page that started this worker. @param {Record<string, any>} [packages]  that were bundled with it */
export function answerHere(packages = {}) {
  givePackages(packages);
  if (isThread) return;
  answer({
    post: (message, transfer = []) => globalThis.postMessage(message, { transfer }),
    onMessage: (listener) => globalThis.addEventListener('message', ({ data }) => listener(data)),
  });
}

// The name that page-bundled.js gives: whoever imports this for its functions has another.
if (globalThis.name === 'gradcam') answerHere();
