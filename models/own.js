/**
 * Files that another file names, or that lie beside it (Node): a stranger may have packed them. Its own are regular files
 * in its folder or below. A link that leads out, a device and a pipe are none: they would give a secret, or never end.
 */
const node = async () => ({
  ...await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises'),
  ...await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:path'),
});

/** Where a folder's own files may be in truth. */
async function homesOf(folder) {
  const { join, realpath } = await node();
  const real = await realpath(folder).catch(() => null);
  // In the hub's own cache every file of a snapshot is a link into one folder.
  const [, hub] = /^(.*[\\/]models--[^\\/]+)[\\/]snapshots[\\/]/.exec(`${real}/`) ?? [];
  return [real, hub === undefined ? null : join(hub, 'blobs')];
}

async function otherThanOwn(path, homes) {
  const { realpath, sep, stat } = await node();
  const info = await stat(path).catch(() => null);
  if (info === null || info.isDirectory()) return null;
  if (!info.isFile()) return 'a device or a pipe, not a file';
  const real = await realpath(path);
  return homes.some((home) => home !== null && real.startsWith(home.endsWith(sep) ? home : home + sep)) ? null : 'a link that leads out of its folder';
}

/**
 * What a file is instead of an own one, in words; null: it is one, or it is not there.
 * @param {string} folder
 * @param {string} path
 * @param {string} [base]  the file that names it: if that is itself a link, its own lie beside what it leads to
 */
export async function whyNotOwn(folder, path, base) {
  const { dirname, realpath } = await node();
  const led = base === undefined ? null : await realpath(base).then(dirname, () => null);
  return otherThanOwn(path, [...await homesOf(folder), led]);
}

/**
 * A small file that was found, not named: a device or a pipe under its name would never end.
 * @param {string} path
 * @returns {Promise<Buffer | null>}  null: there is no such file, or it is none
 */
export async function readFound(path, most = 2 ** 26) {
  const { readFile, stat } = await node();
  const info = await stat(path).catch(() => null);
  return info?.isFile() && info.size <= most ? readFile(path).catch(() => null) : null;
}

/** The names of a folder's own files. @param {string} folder @param {import('node:fs').Dirent[]} entries */
export async function ownFiles(folder, entries) {
  const { join } = await node();
  const homes = await homesOf(folder);
  const own = await Promise.all(entries.map(async (entry) => entry.isFile() ||
    (entry.isSymbolicLink() && !(await isFolder(join(folder, entry.name))) && await otherThanOwn(join(folder, entry.name), homes) === null)));
  return entries.filter((_, i) => own[i]).map(({ name }) => name).sort();
}

async function isFolder(path) {
  const { stat } = await node();
  return stat(path).then((info) => info.isDirectory(), () => true); // a link to nowhere is no file either
}
