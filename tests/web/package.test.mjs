/**
 * What `npm pack` gives: it is small, and unpacked somewhere else it runs as a command and as a module.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { packInto } from '../../package/write.mjs';
import { root } from './shared.mjs';

const run = promisify(execFile);
const sample = join(root, 'models/pocket/samples/golf_ball.jpg');
const skip = ['typescript', 'esbuild'].every((name) => existsSync(join(root, 'node_modules', name))) ? false
  : 'SKIPPED: TypeScript or esbuild is not installed (npm ci)';

/** Bytes of all files below a folder. */
async function sizeOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(entries.filter((entry) => entry.isFile()).map((entry) => stat(join(entry.parentPath ?? entry.path, entry.name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

describe('the package, installed', { skip }, () => {
  let folder;
  let packed;
  let tarball;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-package-'));
    // Without npm install: its two dependencies are for Keras files alone, and need a network.
    tarball = await packInto(folder);
    const { stdout } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: join(folder, 'package') });
    [packed] = JSON.parse(stdout);
    await rm(join(folder, 'package'), { recursive: true });
    await run('tar', ['-xzf', tarball], { cwd: folder });
    await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
    await rename(join(folder, 'package'), join(folder, 'node_modules/gradcam-wasm'));
    await symlink('../gradcam-wasm/web/cli/gradcam.js', join(folder, 'node_modules/.bin/gradcam'));
  });
  after(() => rm(folder, { recursive: true }));

  test('holds what package.json names, and without the weights of pocket no more than 1.6 MB', async () => {
    const sizes = new Map(packed.files.map(({ path, size }) => [path, size]));
    const { exports, bin, customElements } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const named = [...Object.values(exports).flatMap((entry) => Object.values(entry).length && typeof entry === 'object'
      ? Object.values(entry) : [entry]), ...Object.values(bin), customElements].map((path) => path.replace(/^\.\//, ''));
    for (const path of named.filter((name) => !name.includes('*'))) assert.ok(sizes.has(path), `${path} is not packed`);
    assert.ok(sizes.has('web/dist/gradcam.wasm'));
    const bytes = packed.unpackedSize - sizes.get('models/pocket/pocket.onnx');
    assert.ok(bytes <= 1.6e6, `${bytes} bytes`);
    const installed = packed.unpackedSize + await sizeOf(join(root, 'node_modules/h5wasm')) + await sizeOf(join(root, 'node_modules/fflate'));
    assert.ok(installed <= 20e6, `${installed} bytes with its dependencies`);
  });

  test('publint finds nothing', async () => {
    const { publint } = await import('publint');
    const { messages } = await publint({ pkgDir: join(folder, 'node_modules/gradcam-wasm'), strict: true });
    assert.deepEqual(messages.map(({ code, path }) => `${code}: ${path.join('.')}`), []);
  });

  test('are the types wrong? No', async () => {
    const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core');
    const { problems } = await checkPackage(createPackageFromTarballData(await readFile(tarball)), {
      entrypoints: ['.', './element', './worker', './in-place'],
    });
    // Resolutions by CommonJS meet ES modules: the package has nothing else, and Node 20.19 takes it.
    const found = problems.filter(({ kind, resolutionKind }) => resolutionKind !== 'node10' && kind !== 'CJSResolvesToESM');
    assert.deepEqual(found.map(({ kind, entrypoint, resolutionKind }) => `${kind} ${entrypoint} ${resolutionKind}`), []);
  });

  test('gradcam', async () => {
    const { stdout } = await run(join(folder, 'node_modules/.bin/gradcam'), [sample, '--json', '-', '--top', '1'], { cwd: folder });
    const report = JSON.parse(stdout);
    assert.equal(report.model.name, 'pocket');
    assert.equal(report.predictions[0].name, 'golf ball');
    const { stdout: models } = await run(join(folder, 'node_modules/.bin/gradcam'), ['models'], { cwd: folder });
    assert.match(models, /^pocket .*ready/m);
    assert.match(models, /^vgg16 /m);
  });

  test("import 'gradcam-wasm/element' where there are no elements", async () => {
    const script = "console.log(typeof (await import('gradcam-wasm/element')).GradCamElement)";
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
    assert.equal(stdout.trim(), 'function');
  });

  test("import 'gradcam-wasm'", async () => {
    const script = `import { GradCam, GradCamError } from 'gradcam-wasm';
      const cam = await GradCam.load('pocket', { threads: 1 });
      const { predictions, maps } = await cam.explain(${JSON.stringify(sample)});
      console.log(predictions[0].name, maps.length, (await maps[0].toPNG()).length > 1000, typeof GradCamError);
      // No dispose(): a script that forgets it must still end.`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
    assert.equal(stdout.trim(), 'golf ball 5 true function');
  });
});
