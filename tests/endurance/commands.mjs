/** What the parts that start the command line share: a folder with a network and photos, and a way to start it. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../emscripten/tools.mjs';
import { GradCam } from '../../web/node.js';
import { CASES, writeH5 } from '../models/fixtures.mjs';
import { tinyNetwork, tinyPicture } from '../web/tiny.mjs';

const program = join(root, 'web/cli/gradcam.js');

/** A folder with tiny.onnx, net.h5 and photos/. */
export async function workshop() {
  const folder = mkdtempSync(join(tmpdir(), 'gradcam-endurance-'));
  writeFileSync(join(folder, 'tiny.onnx'), tinyNetwork().onnx);
  await writeH5(CASES[0](), join(folder, 'net.h5'));
  mkdirSync(join(folder, 'photos'));
  const cam = await GradCam.load(tinyNetwork().onnx, { preprocess: 'tf', threads: 1 });
  for (const width of [30, 40, 50, 60]) {
    const { maps } = await cam.explain(tinyPicture(width, 20), { classes: [0] });
    writeFileSync(join(folder, 'photos', `${width}.png`), await maps[0].toPNG({ alpha: 0 }));
  }
  cam.dispose();
  return folder;
}

/** @returns {Promise<{code: number | null, err: string, ms: number}>}  code null: killed, after `ms` */
export function gradcam(args, { cwd, killAfter, env } = {}) {
  return new Promise((done) => {
    const start = performance.now();
    const child = spawn(process.execPath, [program, ...args], { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (text) => { err += text; });
    const timer = killAfter === undefined ? null : setTimeout(() => child.kill('SIGKILL'), killAfter);
    child.on('close', (code) => {
      clearTimeout(timer);
      done({ code, err, ms: performance.now() - start });
    });
  });
}
