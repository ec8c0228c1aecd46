/**
 * What `npm pack` gives: it is small, and unpacked somewhere else it runs as a command and as a module.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from './shared.mjs';

const run = promisify(execFile);
const sample = join(root, 'models/pocket/samples/golf_ball.jpg');
const withoutTypes = existsSync(join(root, 'node_modules/typescript')) ? false : 'SKIPPED: TypeScript is not installed (npm ci)';

describe('the package, installed', () => {
  let folder;
  let packed;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-package-'));
    if (!withoutTypes) await run(process.execPath, [join(root, 'docs/types.mjs')]);
    // Without npm install: its two dependencies are for Keras files alone, and need a network.
    const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: root });
    [packed] = JSON.parse(stdout);
    await run('tar', ['-xzf', packed.filename], { cwd: folder });
    await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
    await rename(join(folder, 'package'), join(folder, 'node_modules/gradcam-wasm'));
    await symlink('../gradcam-wasm/web/cli/gradcam.js', join(folder, 'node_modules/.bin/gradcam'));
  });
  after(() => rm(folder, { recursive: true }));

  test('holds what package.json names, and without the weights of pocket no more than 1.6 MB', { skip: withoutTypes }, async () => {
    const sizes = new Map(packed.files.map(({ path, size }) => [path, size]));
    const { exports, bin, customElements } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const named = [...Object.values(exports).flatMap((entry) => Object.values(entry).length && typeof entry === 'object'
      ? Object.values(entry) : [entry]), ...Object.values(bin), customElements].map((path) => path.replace(/^\.\//, ''));
    for (const path of named.filter((name) => !name.includes('*'))) assert.ok(sizes.has(path), `${path} is not packed`);
    assert.ok(sizes.has('web/dist/gradcam.wasm'));
    const bytes = packed.unpackedSize - sizes.get('models/pocket/pocket.onnx');
    assert.ok(bytes <= 1.6e6, `${bytes} bytes`);
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
