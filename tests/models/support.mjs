/** What the tests of models/ share: folders, the engine without a worker, comparing numbers. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A file of the shared data. */
export const shared = (...parts) =>
  join(process.env.GRADCAM_SHARED || join(root, '..', 'shared'), 'data', ...parts);

/** For node:test's `skip`: false, or the reason. */
export const without = (...paths) => {
  const missing = paths.find((path) => !existsSync(path));
  return missing ? `shared data not there: ${missing}` : false;
};

export const golden = (name) =>
  JSON.parse(readFileSync(join(root, 'tests', 'golden', name), 'utf8'));

/** A folder that goes away with the test. */
export async function temporary(t) {
  const folder = await mkdtemp(join(tmpdir(), 'gradcam-models-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Largest difference, relative to the largest value of `expected` (at least `floor`). */
export function distance(found, expected, floor = 0) {
  if (found.length !== expected.length) return Infinity;
  let most = floor;
  let off = 0;
  for (let i = 0; i < expected.length; i++) {
    most = Math.max(most, Math.abs(expected[i]));
    const difference = Math.abs(found[i] - expected[i]);
    if (!(difference <= off)) off = difference;
  }
  return off / most;
}

let engine;

/** The engine in this thread. */
async function startEngine() {
  const { Engine } = await import('../../web/worker/wasm.js');
  const { nodeHost } = await import('../../web/worker/host-node.js');
  nodeHost.prepare();
  const { href } = new URL('../../web/dist/gradcam.wasm', import.meta.url);
  return Engine.create({ module: await nodeHost.compile(href), threads: 1 });
}

/** A picture file's pixels. @returns {Promise<{data: Uint8Array, width: number, height: number}>} */
export async function decodePicture(path) {
  engine ??= await startEngine();
  const decoded = engine.decode(new Uint8Array(await readFile(path)));
  const picture = { data: decoded.pixels(), width: decoded.width, height: decoded.height };
  decoded.free();
  return picture;
}

/**
 * Runs a converted model that is held in memory.
 * @param {Map<string, Uint8Array>} files  what memorySink gave
 * @param {object} card
 * @param {Float32Array} input  ONNX order
 * @returns {Promise<{read: (tensor: string) => Float32Array, outputs: string[], free: () => void}>}
 */
export async function runConverted(files, card, input) {
  const { Parcel } = await import('../../web/worker/wasm.js');
  engine ??= await startEngine();
  const onnx = files.get(card.file);
  const parcel = new Parcel(engine, onnx.length, card.file);
  parcel.write(0, onnx);
  const model = engine.createModel();
  try {
    model.load(parcel);
    let offset = 0;
    for (const { file, bytes } of card.shards) {
      model.push(card.external, offset, files.get(file));
      offset += bytes;
    }
    model.finish();
    model.setInput(null, input);
    model.forward();
  } catch (error) {
    model.free();
    throw error;
  }
  const outputs = [];
  for (let name; (name = model.outputName(outputs.length));) outputs.push(name);
  return { read: (tensor) => model.read(tensor), outputs, free: () => model.free() };
}
