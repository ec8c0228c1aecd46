/**
 * This package's own files, each written out in the form that bundlers look for: they copy the file and
 * put its new address here. The worker comes as one script, made of everything it needs, so that no bundler
 * has to bundle it.
 *
 * @typedef {import('./worker/protocol.js').OwnFiles} OwnFiles
 */

/**
 * Vite's development server puts packages together in a folder of its own and leaves the files they speak
 * of behind; they are where they always were.
 * @param {string} here   address of this script, or of what it has become part of
 * @returns {string | null}  the package's folder, where it has to be said
 */
export function leftBehind(here) {
  const [, modules] = /^(https?:.*\/node_modules\/)\.(?:vite|cache)[^/]*\/.*$/.exec(here) ?? [];
  return modules ? `${modules}gradcam-wasm/` : null;
}

/** @param {string} folder  of the package, as it is @returns {OwnFiles} */
export const filesIn = (folder) => ({
  worker: `${folder}web/dist/worker.js`,
  wasm: `${folder}web/dist/gradcam.wasm`,
  models: { pocket: `${folder}models/pocket/pocket.onnx` },
});

/** @param {string} [folder]  of the package, where no bundler has copied its files @returns {OwnFiles} */
export function ownFiles(folder) {
  const known = folder ?? leftBehind(import.meta.url);
  if (known) return filesIn(known);
  return {
    worker: new URL('./dist/worker.js', import.meta.url).href,
    wasm: new URL('./dist/gradcam.wasm', import.meta.url).href,
    models: { pocket: new URL('../models/pocket/pocket.onnx', import.meta.url).href },
  };
}
