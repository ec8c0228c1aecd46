/**
 * The models known by name: those of the package, and those that were fetched or converted.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { modelFolders } from '../../models/folders.js';

/**
 * @typedef {object} KnownModel
 * @property {string} name
 * @property {string} title
 * @property {'bundled' | 'fetched' | 'available'} state
 * @property {number | null} bytes      of the download, or of the file
 * @property {string | null} licence
 * @property {string | null} folder     where it lies, if it is there
 */

async function readCards(folder) {
  const names = await readdir(folder).catch(() => []);
  const cards = await Promise.all(names.map(async (name) => {
    const text = await readFile(join(folder, name, 'model.json'), 'utf8').catch(() => null);
    return text && { name, folder: join(folder, name), card: JSON.parse(text) };
  }));
  return cards.filter(Boolean);
}

/** @returns {Promise<KnownModel[]>} */
export async function listModels() {
  const [packaged, cached] = await Promise.all(modelFolders().map(readCards));
  const found = new Map();
  for (const [state, cards] of [['bundled', packaged], ['fetched', cached]]) {
    for (const { name, folder, card } of cards) {
      const there = card.file && await stat(join(folder, card.file)).then(() => true, () => false);
      if (!there && found.has(name)) continue;
      found.set(name, {
        name,
        title: card.title ?? name,
        state: there ? state : 'available',
        bytes: there ? card.bytes ?? null : card.download?.bytes ?? null,
        licence: card.licence ?? null,
        folder: there ? folder : null,
      });
    }
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}
