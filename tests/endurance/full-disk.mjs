/** A disk of a few kilobytes, full at one place or another: said, status 1, and no half file under the final name. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gradcam, workshop } from './commands.mjs';

const DISK = 64; // KB
const JOBS = {
  picture: ['photos/60.png', '--model', 'tiny.onnx', '--preprocess', 'tf', '--top', '1', '-o', 'disk/out.png', '-q'],
  convert: ['convert', 'net.h5', '-o', 'disk/net', '-q'],
  evaluate: ['evaluate', 'photos', '-o', 'disk/evaluation', '--model', 'tiny.onnx', '--preprocess', 'tf', '-q'],
};
/** What only a job that was done leaves; of an evaluation the last file (those before it are whole). */
const FINAL = { picture: 'out.png', convert: 'net', evaluate: 'evaluation/curves.svg' };

export async function fullDisk({ count, first }) {
  const folder = await workshop();
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}k`, 'gradcam-endurance', disk]);
  try {
    if (mounted.status !== 0) return { skipped: 'a small tmpfs cannot be mounted here (only root may)' };
    const figures = { 'said that the disk is full': 0, 'had room': 0 };
    for (let i = first; i < first + count; i++) {
      const job = Object.keys(JOBS)[i % Object.keys(JOBS).length];
      for (const entry of readdirSync(disk)) rmSync(join(disk, entry), { recursive: true });
      // The first rounds leave no page at all, later ones some.
      for (let left = DISK - 4 * Math.floor(i / 3) % DISK, k = 0; left > 0; left -= 4, k++) writeFileSync(join(disk, `fill-${k}`), new Uint8Array(4096));
      const { code, err } = await gradcam(JOBS[job], { cwd: folder });
      if (code === 0) figures['had room']++;
      else if (code !== 1 || !/disk is full/.test(err)) throw new Error(`${job}, round ${i}: status ${code}: ${err.slice(0, 400)}`);
      else figures['said that the disk is full']++;
      const left = readdirSync(disk, { recursive: true }).map(String).filter((name) => !name.startsWith('fill-'));
      if (code !== 0 && (existsSync(join(disk, FINAL[job])) || left.some((name) => name.includes('-part-')))) {
        throw new Error(`${job}, round ${i}: left ${left.join(', ')}`);
      }
    }
    return { figures };
  } finally {
    if (mounted.status === 0) spawnSync('umount', [disk]);
    rmSync(folder, { recursive: true, force: true });
  }
}
