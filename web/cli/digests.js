/**
 * What an answer was computed from, by digest: the files of a model, a photo.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isInside } from '../../models/bundle.js';
import { checkCard } from '../../models/card.js';
import { detectSource } from '../../models/detect.js';
import { whyNot } from '../../models/leftovers.js';
import { externalFiles } from '../../models/onnx/read.js';
import { GradCamError } from '../node.js';
import { listModels, readCard } from './models.js';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Of a file of any size. @param {string} path @returns {Promise<string>} */
export async function sha256Of(path) {
  const hash = createHash('sha256');
  try {
    const info = await stat(path);
    if (!info.isFile() && !info.isDirectory()) throw new Error('it is a device or a pipe');
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece);
  } catch (cause) {
    throw new GradCamError('file', `${path} cannot be read: ${cause.code === 'ENOENT' ? 'there is no such file' : whyNot(cause)}.`, { cause });
  }
  return hash.digest('hex');
}

/**
 * The files that a model is made of: their names and digests, the model's own file first.
 * @param {string} [model]  as --model has it
 * @returns {Promise<{file: string, sha256: string}[]>}
 */
export async function modelFiles(model = 'pocket') {
  const known = (await listModels()).find(({ name, folder }) => name === model && folder);
  const paths = known ? await filesOfCard(known.folder, await readCard(known.folder)) : await filesOf(model);
  return Promise.all([...new Set(paths)].map(async (path) => ({ file: basename(path), sha256: await sha256Of(path) })));
}

async function filesOfCard(folder, card) {
  const external = card.shards?.length ? card.shards.map(({ file }) => file) : await beside(join(folder, card.file));
  return [card.file, ...external].map((file) => join(folder, file));
}

/** What a model's own file says to lie beside it. @returns {Promise<string[]>} */
async function beside(path) {
  const { kind } = await detectSource(path, basename(path));
  if (kind === 'onnx') {
    try {
      return externalFiles(await readFile(path)).filter(isInside);
    } catch {
      return []; // it does not load either
    }
  }
  if (!['tfjs', 'tfjs-graph'].includes(kind)) return [];
  const json = JSON.parse(await readFile(path, 'utf8').catch(() => 'null').then((text) => text || 'null'));
  const groups = Array.isArray(json?.weightsManifest) ? json.weightsManifest : [];
  return groups.flatMap((group) => (Array.isArray(group?.paths) ? group.paths : [])).filter((file) => typeof file === 'string' && isInside(file));
}

async function filesOf(model) {
  const info = await stat(model).catch((cause) => {
    throw new GradCamError('file', `A model is known by the digest of its files, and ${model} is no file that can be read here: ${
      cause.code === 'ENOENT' ? 'there is no such file' : whyNot(cause)}. Download it first.`, { cause });
  });
  if (info.isDirectory()) {
    const card = await readCard(model);
    if (card?.file) return filesOfCard(model, card);
    const entries = await readdir(model, { withFileTypes: true, recursive: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
  }
  if (!info.isFile()) throw new GradCamError('file', `${model} is no file: a model cannot be read from a device or a pipe.`);
  const folder = dirname(model);
  if (/\.json$/i.test(model)) {
    const card = await readFile(model, 'utf8').then(JSON.parse).catch(() => null);
    if (card?.file && !card.weightsManifest) return [...await filesOfCard(folder, checkCard(card, model)), model];
  }
  const card = await readCard(folder).catch(() => null);
  if (card?.file === basename(model)) return filesOfCard(folder, card);
  return [model, ...(await beside(model)).map((file) => join(folder, file))];
}
