/**
 * kill -9 at random moments of convert, evaluate and explaining a picture: the next run gives what an undisturbed one gives,
 * and clears what the killed one left.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Dice } from '../fuzz/mutate.mjs';
import { gradcam, workshop } from './commands.mjs';

const TINY = ['--model', '../tiny.onnx', '--preprocess', 'tf', '-q'];
const JOBS = {
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
const plain = (text) => text.replace(/"(seconds|date)":("[^"]*"|[\d.e-]+)/g, '$1').replace(/,[\d.]+,$/gm, '');

export async function kills({ count, first }) {
  const folder = await workshop();
  try {
    const expected = {};
    const takes = {};
    for (const [job, args] of Object.entries(JOBS)) {
      const cwd = join(folder, 'undisturbed');
      mkdirSync(cwd);
      const { code, err, ms } = await gradcam(args, { cwd });
      if (code !== 0) throw new Error(`${job} by itself: status ${code}: ${err}`);
      [expected[job], takes[job]] = [content(cwd), ms];
      rmSync(cwd, { recursive: true });
    }
    const dice = new Dice(first + 1);
    const figures = { killed: 0, 'done before': 0 };
    for (let i = first; i < first + count; i++) {
      const job = Object.keys(JOBS)[i % Object.keys(JOBS).length];
      const cwd = join(folder, 'killed');
      mkdirSync(cwd);
      // Most of the time goes into starting: the later two thirds are where files are written.
      const killAfter = takes[job] * (0.3 + 0.7 * (dice.below(1000) / 1000));
      const { code } = await gradcam(JOBS[job], { cwd, killAfter });
      figures[code === null ? 'killed' : 'done before']++;
      const again = await gradcam(JOBS[job], { cwd });
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
    rmSync(folder, { recursive: true, force: true });
  }
}
