/**
 * Where a converted model goes: a folder (Node) or memory (anywhere).
 *
 * A sink takes whole files by `put`, makes the result visible at once by `commit`, and leaves nothing
 * behind after `abort`.
 *
 * @typedef {object} Sink
 * @property {(name: string, bytes: Uint8Array) => Promise<void>} put
 * @property {() => Promise<any>} commit
 * @property {() => Promise<void>} abort
 */
import { ModelError } from './errors.js';
import { asideName, clearLeftovers, partName, whyNot } from './leftovers.js';

/** Keeps the files. `commit` gives Map<name, Uint8Array>. @returns {Sink} */
export function memorySink() {
  const files = new Map();
  return {
    put: async (name, bytes) => { files.set(name, bytes.slice()); },
    commit: async () => files,
    abort: async () => files.clear(),
  };
}

/**
 * Writes into a folder beside `folder` and renames it at the end. `commit` gives the folder's path. What a
 * killed process left there of the same name is removed.
 * @param {string} folder
 * @param {{overwrite?: boolean}} [options]
 * @returns {Promise<Sink>}
 */
export async function folderSink(folder, { overwrite = false } = {}) {
  const { mkdir, rename, rm, writeFile, stat } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
  const { dirname, basename, join, resolve } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:path');
  const target = resolve(folder);
  const exists = () => stat(target).then(() => true, () => false);
  await clearLeftovers(dirname(target), basename(target));
  if (!overwrite && await exists()) {
    throw new ModelError('storage', `${folder} is there already. Choose another folder or remove it.`);
  }
  const explain = (cause, doing) => new ModelError('storage', `${doing} failed: ${whyNot(cause)}. ` +
    'Nothing was left behind. Make room or choose another folder.', { cause });
  const temporary = join(dirname(target), partName(basename(target)));
  try {
    await mkdir(temporary, { recursive: true });
  } catch (cause) {
    throw explain(cause, `Making a folder beside ${folder}`);
  }
  const abort = () => rm(temporary, { recursive: true, force: true });
  return {
    async put(name, bytes) {
      try {
        await writeFile(join(temporary, name), bytes);
      } catch (cause) {
        throw explain(cause, `Writing ${join(folder, name)} (${bytes.length} bytes)`);
      }
    },
    async commit() {
      const old = asideName(temporary);
      try {
        if (await exists()) await rename(target, old);
        await rename(temporary, target).catch(async (cause) => {
          await rename(old, target).catch(() => {});
          throw cause;
        });
        await rm(old, { recursive: true, force: true });
      } catch (cause) {
        throw explain(cause, `Renaming the finished folder to ${folder}`);
      }
      return target;
    },
    abort,
  };
}
