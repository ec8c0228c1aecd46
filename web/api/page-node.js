/**
 * What the public API needs on the page's side, in Node: the thread that calls GradCam.
 * page-browser.js is its twin and says what each part is for.
 */
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { GradCamError } from '../base/errors.js';

/**
 * @param {URL} script  of the worker
 * @returns {import('./page-browser.js').Page}
 */
export const nodePage = (script) => ({
  spawn() {
    // Not the process's own flags: some, like --input-type, stop a worker from starting.
    const worker = new Worker(script, { execArgv: [] });
    let closed = false;
    return {
      post: (message, transfer) => worker.postMessage(message, transfer),
      onMessage: (listener) => worker.on('message', listener),
      onError: (listener) => {
        worker.on('error', listener);
        worker.on('exit', () => closed || listener('it ended by itself'));
      },
      // A GradCam that nobody disposed of must not keep the process alive.
      busy: (busy) => (busy ? worker.ref() : worker.unref()),
      close() {
        closed = true;
        worker.terminate();
      },
    };
  },

  absolute(address) {
    if (address instanceof URL) return address.href;
    return /^[a-z][a-z0-9+.-]+:(\/\/|.*,)/i.test(address) ? address : resolve(address);
  },

  // Node sends a File as a Blob, without its name.
  sendable: (file) => ('name' in file ? { name: file.name, bytes: file } : file),

  snapshot: async () => null,

  canvas() {
    throw new GradCamError('unsupported', 'There are no canvases in Node; use toPNG() or toImageData().');
  },
});
