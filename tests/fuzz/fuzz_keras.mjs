/**
 * Keras files with damaged bytes, and sound ones whose configuration makes no sense: each is converted,
 * or refused with a ModelError; a sound file converts afterwards as it did before. Conversions run in a
 * worker, as in the package: libhdf5 can go round in circles in a damaged file, which only ending its
 * worker stops (as cancelling a load does). Such files are counted; a sound one, in a worker that has seen
 * no damage, must never do it.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { convert, memorySink, ModelError } from '../../models/index.js';
import { CASES, keras3, writeH5, writeKeras } from '../models/fixtures.mjs';
import { blame, damage, distort, fuzz } from './mutate.mjs';

const PATIENCE = 20000; // ms: these files take milliseconds

if (isMainThread) await main();
else parentPort.on('message', async (bytes) => parentPort.postMessage(await outcome(bytes)));

/** What became of a file: 'converted', or the words it was refused with, or `broken`. */
async function outcome(bytes) {
  try {
    await convert({ source: bytes, out: memorySink() });
    return { converted: true };
  } catch (error) {
    return error instanceof ModelError && error.message ? { refused: error.message } : { broken: `${error?.stack ?? error}` };
  }
}

async function main() {
  const folder = await mkdtemp(join(tmpdir(), 'gradcam-fuzz-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const count = { converted: 0, refused: 0, stuck: 0 };
  const workers = {};

  async function attempt(kind, bytes) {
    const worker = workers[kind] ??= new Worker(new URL(import.meta.url));
    worker.postMessage(bytes);
    const answer = await Promise.race([
      once(worker, 'message').then(([said]) => said, (error) => ({ broken: error.stack })),
      setTimeout(PATIENCE, { stuck: true }, { ref: false }),
    ]);
    if (answer.broken) throw blame(bytes, `neither converted nor refused: ${answer.broken}`);
    if (answer.stuck) {
      await worker.terminate();
      workers[kind] = undefined;
    }
    count[Object.keys(answer)[0]]++;
    return answer;
  }

  async function bytesOf(write, what) {
    const path = join(folder, 'net');
    await write(what, path);
    return new Uint8Array(await readFile(path));
  }

  async function distorted(dice) {
    if (dice.below(3) === 0) {
      const archive = keras3();
      return bytesOf(writeKeras, { ...archive, config: distort(archive.config, dice) });
    }
    const model = dice.of(CASES)();
    const config = distort(model.finished(), dice);
    model.finished = () => config;
    return bytesOf(writeH5, model);
  }

  const files = [];
  for (const make of CASES) files.push(await bytesOf(writeH5, make()));
  files.push(await bytesOf(writeKeras, keras3()));

  let runs = 0;
  await fuzz(async (dice) => {
    if (dice.below(2)) {
      await attempt('damaged', damage(dice.of(files), dice));
    } else {
      const bytes = await distorted(dice);
      if ((await attempt('sound', bytes)).stuck) throw blame(bytes, 'a sound file takes forever');
    }
    if (++runs % 50 === 0) {
      const sound = dice.of(files);
      const { converted, refused } = await attempt('sound', sound);
      if (!converted) throw blame(sound, `a sound file was refused after ${runs} others: ${refused}`);
    }
  });
  for (const worker of Object.values(workers)) await worker?.terminate();
  console.log(Object.entries(count).map(([what, n]) => `${n} ${what}`).join(', '));
}
