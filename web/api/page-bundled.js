/**
 * The page's side where a bundler has put the application together: the worker is a file beside it, as is.
 * And where no worker can be started: then the other side is in the same thread.
 */
import { GradCamError } from '../base/errors.js';
import { browserPage, startWorker, portOf } from './page-browser.js';

/** Some bundlers (Next.js) put a path in the place of an address. */
const absolute = (files) => JSON.parse(JSON.stringify(files), (_, value) => (typeof value === 'string' ? browserPage.absolute(value) : value));

/** @param {(folder?: string) => import('../worker/protocol.js').OwnFiles} ownFiles */
const filesBy = (ownFiles) => (baseUrl) => absolute(ownFiles(baseUrl && `${baseUrl}`.replace(/\/*$/, '/')));

/**
 * @param {(folder?: string) => import('../worker/protocol.js').OwnFiles} ownFiles
 * @param {() => Worker} withHdf5   starts the worker that reads HDF5 files
 * @returns {import('./page-browser.js').Page}
 */
export const bundledPage = (ownFiles, withHdf5) => ({
  ...browserPage,
  files: filesBy(ownFiles),
  spawn: ({ files, worker }) => (worker ? portOf(worker()) : startWorker(files.worker)),
  spawnWithHdf5: ({ worker }) => (worker ? null : portOf(withHdf5())),
});

/**
 * @param {(folder?: string) => import('../worker/protocol.js').OwnFiles} ownFiles
 * @param {(port: any) => void} answer   the worker's end
 * @returns {import('./page-browser.js').Page}
 */
export const inPlacePage = (ownFiles, answer) => ({
  ...browserPage,
  threads: 1,
  files: filesBy(ownFiles),
  spawn() {
    let toPage = (_) => {};
    let toWorker = (_) => {};
    let open = true;
    const later = (listener, message) => queueMicrotask(() => open && listener(message));
    answer({ post: (message) => later(toPage, message), onMessage: (listener) => { toWorker = listener; } });
    return {
      post: (message) => later(toWorker, message),
      onMessage: (listener) => { toPage = listener; },
      onError() {},
      busy() {},
      close() { open = false; },
    };
  },
});
