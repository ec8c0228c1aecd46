/**
 * VGG16 from a Keras file to a loaded network: what converting costs, then loading from disk, and the
 * memory of forward pass and eight heatmaps, by the package's public interface. Each step in a
 * process of its own, whose memory can be told.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from './compare.mjs';
import { kerasFile } from './networks.mjs';

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const WEIGHTS = 553.4e6; // VGG16's, in float32

async function json(...args) {
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout);
}

/** @returns {Promise<{form: string, seconds: number, megabytes: number, load: object}[]>} */
export async function measureKeras({ quick, progress }) {
  const source = await kerasFile('vgg16');
  const folder = await mkdtemp(join(dirname(source), 'converted-'));
  const rows = [];
  try {
    for (const form of ['f32', 'f16', 'int8']) {
      progress(`VGG16 from Keras: converting to ${form}`);
      const out = join(folder, form);
      const { seconds, megabytes } = await json(here('../models/measure.mjs'), source, out, form);
      const loads = [];
      for (let i = 0; i < (quick ? 1 : 3); i++) {
        progress(`VGG16 from Keras: loading ${form}`);
        loads.push(await json(here('load-once.mjs'), join(out, 'model.json')));
      }
      const middle = (name) => median(loads.map((load) => load[name]));
      rows.push({ form, seconds, megabytes, load: middle('seconds'), heap: middle('heap'),
        weights: middle('weights'), activations: middle('activations'), resident: middle('resident') });
      await rm(out, { recursive: true });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return rows;
}

const MB = (bytes) => (bytes / 1e6).toFixed(0);

export const kerasGoals = (rows) => rows.flatMap(({ form, seconds, megabytes, load, heap, activations }) => [
  { text: `VGG16: Keras file to ${form}, seconds`, found: seconds, most: 60 },
  { text: `VGG16: Keras file to ${form}, peak memory MB`, found: megabytes, most: 1500, digits: 0 },
  ...(form === 'f16' ? [] : [
    { text: `VGG16 ${form}: loading from disk, Node, seconds`, found: load, most: form === 'f32' ? 6 : 2.5 },
    { text: `VGG16 ${form}: WebAssembly memory after eight heatmaps, MB${form === 'f32' ? ' (1.15 x weights + activations)' : ''}`,
      found: heap / 1e6, most: form === 'f32' ? (1.15 * WEIGHTS + activations) / 1e6 : 260, digits: 0 },
  ]),
]);

export const kerasTable = (rows) => [
  '| weights as | convert s | its peak MB | load s | WebAssembly MB | weights MB | activations MB | whole process MB |',
  '|---|---|---|---|---|---|---|---|',
  ...rows.map((r) => `| ${r.form} | ${r.seconds.toFixed(1)} | ${r.megabytes} | ${r.load.toFixed(2)} | ${MB(r.heap)} | ` +
    `${MB(r.weights)} | ${MB(r.activations)} | ${r.resident.toFixed(0)} |`),
].join('\n');
