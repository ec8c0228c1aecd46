/**
 * kill -9 at random moments of convert, evaluate, explaining a picture, fetch (a Keras file and a TensorFlow.js folder) and of
 * a model that is kept while it is downloaded: the next run gives what an undisturbed one gives, and clears what the killed
 * one left.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Dice } from '../fuzz/mutate.mjs';
import { gradcam, workshop } from './commands.mjs';
import { slowServer } from './server.mjs';

const TINY = ['--model', '../tiny.onnx', '--preprocess', 'tf', '-q'];
/** From a server; what is kept is a result as well: a folder that holds more or less than an undisturbed run's is wrong. */
const fetches = ({ origin, keras }) => ({
  ...keras && { fetch: ['fetch', 'mobilenet', '--mirror', `${origin}/keras`, '--weights', 'f16', '-q'] },
  'fetch tfjs': ['fetch', 'mobilenet_v1_0.25', '--mirror', `${origin}/tfjs`, '-q'],
  'kept download': ['../photos/60.png', '--top', '1', '--model', 'hf:org/net', '-o', 'out.png', '-q'],
});
const LOCAL = {
  convert: ['convert', '../net.h5', '-o', 'net', '-q'],
  evaluate: ['evaluate', '../photos', '-o', 'evaluation', ...TINY],
  picture: ['../photos/60.png', '--top', '1', '-o', 'out.png', ...TINY],
};

/** Every file below a folder with its bytes, as text; how long it took is no result. */
function content(folder) {
  return readdirSync(folder, { recursive: true }).map(String).sort().filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => [name, /\.(json|jsonl|csv)$/.test(name) ? plain(readFileSync(join(folder, name), 'utf8'))
      : readFileSync(join(folder, name)).toString('base64')]);
}
const plain = (text) => text.replace(/"(seconds|date)":("[^"]*"|[\d.e-]+)/g, '$1').replace(/,[\d.]+,$/gm, '').replace(/127\.0\.0\.1:\d+/g, 'origin');

export async function kills({ count, first }) {
  const folder = await workshop();
  const server = await slowServer();
  const JOBS = { ...LOCAL, ...fetches(server) };
  const env = { GRADCAM_MODELS: 'models', HF_ENDPOINT: server.origin };
  try {
    const expected = {};
    const takes = {};
    for (const [job, args] of Object.entries(JOBS)) {
      const cwd = join(folder, 'undisturbed');
      mkdirSync(cwd);
      const { code, err, ms } = await gradcam(args, { cwd, env });
      if (code !== 0) throw new Error(`${job} by itself: status ${code}: ${err}`);
      [expected[job], takes[job]] = [content(cwd), ms];
      rmSync(cwd, { recursive: true });
    }
    const dice = new Dice(first + 1);
    const figures = { killed: 0, 'done before': 0, ...(server.keras ? {} : { 'without a Keras file to fetch (shared data absent)': count }) };
    for (let i = first; i < first + count; i++) {
      const job = Object.keys(JOBS)[i % Object.keys(JOBS).length];
      const cwd = join(folder, 'killed');
      mkdirSync(cwd);
      // Most of the time goes into starting: files come and are written in what follows.
      const killAfter = takes[job] * (0.2 + 0.75 * (dice.below(1000) / 1000));
      const { code } = await gradcam(JOBS[job], { cwd, killAfter, env });
      figures[code === null ? 'killed' : 'done before']++;
      const again = await gradcam(JOBS[job], { cwd, env });
      const standing = job === 'convert' && /there already/.test(again.err); // it was whole when the blow fell
      if (again.code !== 0 && !standing) throw new Error(`${job} after a kill at ${killAfter.toFixed(0)} ms: status ${again.code}: ${again.err}`);
      const got = content(cwd);
      const wrong = got.find(([name, bytes], k) => name !== expected[job][k]?.[0] || bytes !== expected[job][k][1]);
      if (wrong || got.length !== expected[job].length) {
        throw new Error(`${job} after a kill at ${killAfter.toFixed(0)} ms: ${wrong?.[0] ?? 'files are missing'} is not what an undisturbed run gives`);
      }
      rmSync(cwd, { recursive: true });
    }
    return { figures };
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
