/**
 * Keras files with damaged bytes, and sound ones whose configuration makes no sense: each is converted,
 * or refused with a ModelError; a sound file converts afterwards as it did before. Conversions run in a
 * worker, as in the package: libhdf5 can go round in circles in a damaged file, which only ending its
 * worker stops (as cancelling a load does). Such files are counted; a sound one, in a worker that has seen
 * no damage, must never do it.
 *
 * Guided by coverage: an input that reaches a block of models/ which none did before is one that the next are made
 * from. Configurations are given beside their weights, so that no file is written for each.
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
import { blame, Coverage, damage, distort, fuzz } from './mutate.mjs';

/** ms; these files take a few. A damaged one that takes longer goes round in circles: waiting on finds nothing. */
const PATIENCE = { sound: 20000, damaged: 1000 };

if (isMainThread) await main();
else await answer();

/** In the worker: what became of an input, and how many blocks it was the first to reach. */
async function answer() {
  const coverage = await new Coverage().start();
  // Asking costs as much as an input: each new answer is asked about, of the others one in 32.
  const answers = new Set();
  let inputs = 0;
  parentPort.on('message', async (input) => {
    const became = await outcome(input);
    const words = became.refused?.replace(/"[^"]*"|\d+/g, '') ?? '';
    const ask = !answers.has(words) || ++inputs % 32 === 0;
    answers.add(words);
    parentPort.postMessage({ ...became, fresh: ask ? await coverage.fresh() : 0 });
  });
}

/** What became of a file: 'converted', or the words it was refused with, or `broken`. */
async function outcome({ bytes, config }) {
  try {
    await convert({ source: bytes, config, out: memorySink() });
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
  let blocks = 0;
  /** What an input is repeated by. */
  const blamed = ({ bytes, config }) => (config ? JSON.stringify(config) : bytes);

  async function attempt(kind, input) {
    const worker = workers[kind] ??= new Worker(new URL(import.meta.url));
    worker.postMessage(input);
    const { fresh: found, ...answer } = await Promise.race([
      once(worker, 'message').then(([said]) => said, (error) => ({ broken: error.stack })),
      setTimeout(PATIENCE[kind], { stuck: true }, { ref: false }),
    ]);
    if (answer.broken) throw blame(blamed(input), `neither converted nor refused: ${answer.broken}`);
    if (answer.stuck) {
      await worker.terminate();
      workers[kind] = undefined;
    }
    count[Object.keys(answer)[0]]++;
    blocks += found ?? 0;
    return { ...answer, found };
  }

  async function bytesOf(write, what) {
    const path = join(folder, 'net');
    await write(what, path);
    return new Uint8Array(await readFile(path));
  }

  const archive = keras3();
  const sound = [];
  for (const make of CASES) sound.push({ bytes: await bytesOf(writeH5, make()), config: make().finished() });
  sound.push({ bytes: await bytesOf(writeKeras, archive), config: archive.config });
  // What the next inputs are made from.
  const corpus = { damaged: sound.map(({ bytes }) => ({ bytes })), sound: [...sound] };

  let runs = 0;
  await fuzz(async (dice) => {
    const kind = dice.below(3) ? 'sound' : 'damaged';
    const seed = dice.of(dice.below(2) ? corpus[kind].slice(-50) : corpus[kind]);
    const input = kind === 'sound' ? { bytes: seed.bytes, config: distort(seed.config, dice) } : { bytes: damage(seed.bytes, dice) };
    const { stuck, found } = await attempt(kind, input);
    if (stuck && kind === 'sound') throw blame(blamed(input), 'a sound file takes forever');
    if (found && corpus[kind].length < 2000) corpus[kind].push(input);
    if (++runs % 200 === 0) {
      const { bytes } = dice.of(sound);
      const { converted, refused } = await attempt('sound', { bytes });
      if (!converted) throw blame(bytes, `a sound file was refused after ${runs} others: ${refused}`);
    }
  }, () => blocks);
  for (const worker of Object.values(workers)) await worker?.terminate();
  console.log(`${Object.entries(count).map(([what, n]) => `${n} ${what}`).join(', ')}; ${blocks} blocks of models/ reached, ` +
    `${corpus.sound.length + corpus.damaged.length - 2 * sound.length} inputs kept for it`);
}
