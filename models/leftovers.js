/**
 * Unfinished files and folders (Node): what is written goes under a hidden name beside its final one, and is
 * renamed when it is whole. The name holds the process, so that a later run knows what a killed one left
 * behind, and clears it.
 */
import { ModelError } from './errors.js';

const node = async () => ({
  ...await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises'),
  ...await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:path'),
});

/** Names of files have up to 255 bytes, and a character up to four. */
const stemOf = (name) => `.${[...name].slice(0, 50).join('')}-part-`;

/** A name for what will be called `name`. */
export const partName = (name) => `${stemOf(name)}${process.pid}-${crypto.randomUUID().slice(0, 8)}`;

/** What stands in the final name's place steps aside under this name, until the new one is there. */
export const asideName = (part) => `${part}-old`;

const OWNER = /^(\d+)-[0-9a-z]+(-old)?$/i;

/** Whether a process of that number runs here. */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * Removes what killed processes left of `name` in `folder`; what they had put aside comes back.
 * @param {string} folder
 * @param {string} name  the final name
 */
export async function clearLeftovers(folder, name) {
  const { join, readdir, rename, rm, stat } = await node();
  const stem = stemOf(name);
  for (const entry of await readdir(folder).catch(() => [])) {
    const [, pid, aside] = entry.startsWith(stem) ? OWNER.exec(entry.slice(stem.length)) ?? [] : [];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const lost = aside && !await stat(join(folder, name)).catch(() => null);
    // Another run may be clearing as well: whoever comes second finds nothing.
    if (lost) await rename(join(folder, entry), join(folder, name)).catch(() => {});
    else await rm(join(folder, entry), { recursive: true, force: true }).catch(() => {});
  }
}

const AGAIN_MS = 200;

/**
 * Runs work() while the file `path` says that this process does; waits for another process, or another call
 * in this one, that does already. A killed process holds nothing. Errors: `storage`, and the signal's reason.
 * @template T
 * @param {string} path  in a folder that is there
 * @param {() => Promise<T>} work
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function holding(path, work, signal) {
  const { readFile, rm, writeFile } = await node();
  const owner = () => readFile(path, 'utf8').then(Number, () => 0);
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') {
        throw new ModelError('storage', `${path} cannot be written: ${whyNot(error)}.`, { cause: error });
      }
    }
    const pid = await owner();
    await new Promise((done) => { setTimeout(done, AGAIN_MS); });
    signal?.throwIfAborted();
    // Read once more: whoever made it writes its number a moment later.
    if (pid === await owner() && !(pid && isAlive(pid))) await rm(path, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

const WHY = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full',
  EFBIG: 'it is too large for this disk',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk can only be read',
  ENOENT: 'there is no such folder',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EISDIR: 'it is a folder',
  ENAMETOOLONG: 'its name is too long',
  EIO: 'the disk fails',
};

/** Why the system refused a file, in words. @param {any} error */
export const whyNot = (error) => WHY[error?.code] ?? String(error?.message ?? error);

/**
 * Writes a file as a whole: under its name stands what was there before, or all of it. A device or a pipe
 * is written as it is.
 * @param {string} path
 * @param {string | Uint8Array} content
 */
export async function writeWhole(path, content) {
  const { basename, chmod, dirname, join, realpath, rename, rm, stat, writeFile } = await node();
  const target = await realpath(path).catch(() => path); // a link stays one
  const there = await stat(target).catch(() => null);
  if (there && !there.isFile()) return writeFile(target, content);
  const [folder, name] = [dirname(target), basename(target)];
  await clearLeftovers(folder, name);
  const part = join(folder, partName(name));
  try {
    await writeFile(part, content);
    if (there) await chmod(part, there.mode & 0o7777);
    return await rename(part, target);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw error;
  }
}
