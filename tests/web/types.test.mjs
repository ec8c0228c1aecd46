/**
 * The declarations made from the JSDoc comments: a TypeScript program compiles against them strictly,
 * and mistakes are found.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from './shared.mjs';

const tsc = join(root, 'node_modules/typescript/bin/tsc');
const skip = existsSync(tsc) ? false : 'SKIPPED: TypeScript is not installed (npm ci)';

/** @returns {Promise<string>} what the compiler complains about */
const compile = (args, cwd) => new Promise((done) => {
  execFile(process.execPath, [tsc, ...args], { cwd }, (error, stdout) => done(error ? stdout || error.message : ''));
});

describe('types', { skip }, () => {
  let folder;
  const check = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2023,dom'];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-types-'));
    const installed = join(folder, 'node_modules/gradcam-wasm');
    await mkdir(installed, { recursive: true });
    await promisify(execFile)(process.execPath, [join(root, 'docs/types.mjs'), join(installed, 'web/types')]);
    await copyFile(join(root, 'package.json'), join(installed, 'package.json'));
    await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  });
  after(() => rm(folder, { recursive: true }));

  test('the example compiles', async () => {
    await copyFile(join(root, 'tests/web/example.ts'), join(folder, 'example.ts'));
    assert.equal(await compile([...check, 'example.ts'], folder), '');
  });

  test('no DOM is needed: a program of ES2022 alone compiles, declarations checked too', async () => {
    await writeFile(join(folder, 'plain.ts'), `import { GradCam, GradCamError } from 'gradcam-wasm';
      import { GradCam as InPlace } from 'gradcam-wasm/in-place';
      import 'gradcam-wasm/worker';
      export async function look(bytes: Uint8Array, signal: never): Promise<number> {
        const cam = await (bytes.length ? GradCam : InPlace).load(bytes, { signal });
        const { maps } = await cam.explain(bytes);
        if (maps.length > 9) throw new GradCamError('argument', 'many');
        return maps[0]!.normalized.length;
      }`);
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ files: ['plain.ts'], compilerOptions: {
      noEmit: true, strict: true, target: 'es2022', module: 'nodenext', lib: ['ES2022'], types: [], skipLibCheck: false } }));
    assert.equal(await compile(['-p', '.'], folder), '');
    await rm(join(folder, 'tsconfig.json'));
  });

  test('mistakes are found', async () => {
    let example = await readFile(join(root, 'tests/web/example.ts'), 'utf8');
    const mistakes = [["score: 'softmax'", "score: 'sigmoid'"], ['top: 3', "top: 'three'"],
      ['map.normalized', 'map.normalised'], ["threads: 'auto'", "threads: 'all'"]];
    for (const [right, wrong] of mistakes) example = example.replace(right, wrong);
    await writeFile(join(folder, 'wrong.ts'), example);
    const errors = await compile([...check, 'wrong.ts'], folder);
    assert.equal(errors.match(/^wrong\.ts\(\d+,\d+\): error TS/gm)?.length, mistakes.length, errors);
  });
});
