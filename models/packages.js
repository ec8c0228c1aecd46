/**
 * The npm packages that reading Keras files needs, loaded when the first one is read.
 *
 * In Node, and behind a bundler, by their names. A plain page has no names for packages, and import maps
 * do not reach workers, so there they are looked for as files: in the folder `packagesUrl` where the
 * caller gives one, else in the node_modules of a checkout, else beside this package.
 */
import { ModelError } from './errors.js';

const PACKAGES = {
  h5wasm: { byName: () => import('h5wasm'), file: 'h5wasm/dist/esm/hdf5_hl.js' },
  'h5wasm/node': { byName: () => import(/* webpackIgnore: true */ /* @vite-ignore */ 'h5wasm/node') },
  fflate: { byName: () => import('fflate'), file: 'fflate/esm/browser.js' },
};

/** Modules that somebody has loaded already: whoever bundles the worker does. @type {Record<string, any>} */
const there = {};
export const givePackages = (packages) => Object.assign(there, packages);

const inNode = typeof process !== 'undefined' && Boolean(process.versions?.node);
const FOLDERS = inNode ? [] : ['../node_modules/', '../../']
  .map((folder) => new URL(folder, import.meta.url).href);

/**
 * @param {keyof PACKAGES} name
 * @param {string} [packagesUrl]  address of a folder that holds h5wasm/ and fflate/, as node_modules does
 */
export async function loadPackage(name, packagesUrl) {
  if (there[name]) return there[name];
  const { byName, file } = PACKAGES[name];
  const fromFolder = (folder) => () =>
    import(/* @vite-ignore */ /* webpackIgnore: true */ new URL(file, folder).href);
  const folder = packagesUrl && `${packagesUrl}`.replace(/\/*$/, '/');
  const ways = folder ? [fromFolder(folder)] : [byName, ...FOLDERS.map(fromFolder)];
  let cause;
  for (const way of ways) {
    try {
      return await way();
    } catch (error) {
      cause ??= error;
    }
  }
  throw new ModelError('unsupported', `Reading Keras files needs the package ${name.split('/')[0]}, ` +
    `which could not be loaded (${cause.message}). Install it with npm, or say where it lies with the ` +
    'option packagesUrl.', { cause });
}
