/**
 * Where Node keeps files of the hub: a folder for each address, beside the fetched models. tagged.js says what is in it.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedModels } from '../../models/folders.js';
import { writeWhole } from '../../models/leftovers.js';

/** @param {string} url @returns {import('./tagged.js').PieceStore} */
export function folderStore(url) {
  const folder = join(cachedModels(), '.hub', createHash('sha256').update(url).digest('hex').slice(0, 32));
  const put = async (name, bytes) => {
    await mkdir(folder, { recursive: true });
    await writeWhole(join(folder, name), bytes); // two runs at once do not take each other's half
  };
  const get = (name) => readFile(join(folder, name)).catch(() => null);
  return {
    read: async () => JSON.parse((await get('kept.json'))?.toString() ?? 'null'),
    write: (kept) => put('kept.json', JSON.stringify({ url, ...kept })),
    get: async (n) => get(String(n)),
    put: (n, piece) => put(String(n), piece),
    clear: () => rm(folder, { recursive: true, force: true }),
  };
}
