/**
 * The models known by name: those of the package, and those that were fetched or converted.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkCard } from '../../models/card.js';
import { modelFolders } from '../../models/folders.js';
import { readFound } from '../../models/own.js';
import { GradCamError } from '../node.js';

/**
 * @typedef {object} KnownModel
 * @property {string} name
 * @property {string} title
 * @property {'bundled' | 'fetched' | 'available'} state
 * @property {number | null} bytes      of the download, or of the file
 * @property {string | null} licence
 * @property {string | null} folder     where it lies, if it is there
 */

/**
 * The card in a folder; null: there is none.
 * @param {string} folder
 */
export async function readCard(folder) {
  const path = join(folder, 'model.json');
  const text = await readFound(path);
  if (text === null) return null;
  let card;
  try {
    card = JSON.parse(text.toString());
  } catch (cause) {
    throw new GradCamError('model', `${path} is no whole JSON: ${cause.message}. Fetch or convert the model again.`, { cause });
  }
  return checkCard(card, path);
}

async function readCards(folder, odd) {
  const names = await readdir(folder).catch(() => []);
  const cards = await Promise.all(names.map(async (name) => {
    const at = join(folder, name);
    const card = await readCard(at).catch(odd);
    return card && { name, folder: at, card };
  }));
  return cards.filter(Boolean);
}

/**
 * @param {(error: Error) => void} [odd]  hears of cards that cannot be read; their models are left out
 * @returns {Promise<KnownModel[]>}
 */
export async function listModels(odd = () => {}) {
  const [packaged, cached] = await Promise.all(modelFolders().map((folder) => readCards(folder, odd)));
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
