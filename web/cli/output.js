/**
 * Where results go: whole files, and standard output.
 */
import { whyNot, writeWhole } from '../../models/leftovers.js';
import { GradCamError } from '../node.js';

/** Its name on the command line, in and out. */
export const STANDARD = '-';

/** @param {string | Uint8Array} content */
export const writeOut = (content) => new Promise((resolve) => process.stdout.write(content, resolve));

/** @param {string} path  or STANDARD @param {string | Uint8Array} content */
export async function write(path, content) {
  if (path === STANDARD) {
    await writeOut(content);
    return;
  }
  await guarded(path, () => writeWhole(path, content));
}

/** What the disk refuses, in words. @template T @param {string} path @param {() => Promise<T>} work @returns {Promise<T>} */
export async function guarded(path, work) {
  try {
    return await work();
  } catch (cause) {
    const full = ['ENOSPC', 'EDQUOT'].includes(cause.code);
    throw Object.assign(new GradCamError('file', `${path} cannot be written: ${whyNot(cause)}.${full ? ' Make room, or write elsewhere.' : ''}`,
      { cause }), { final: full });
  }
}
