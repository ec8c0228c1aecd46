/**
 * What `npm pack` gives, unpacked somewhere else: it runs as a command and as a module.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from './shared.mjs';

const run = promisify(execFile);
const sample = join(root, 'models/pocket/samples/golf_ball.jpg');

describe('the package, installed', () => {
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-package-'));
    // Without npm install: its two dependencies are for Keras files alone, and need a network.
    const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: root });
    const [{ filename }] = JSON.parse(stdout);
    await run('tar', ['-xzf', filename], { cwd: folder });
    await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
    await rename(join(folder, 'package'), join(folder, 'node_modules/gradcam-wasm'));
    await symlink('../gradcam-wasm/web/cli/gradcam.js', join(folder, 'node_modules/.bin/gradcam'));
  });
  after(() => rm(folder, { recursive: true }));

  test('gradcam', async () => {
    const { stdout } = await run(join(folder, 'node_modules/.bin/gradcam'), [sample, '--json', '-', '--top', '1'], { cwd: folder });
    const report = JSON.parse(stdout);
    assert.equal(report.model.name, 'pocket');
    assert.equal(report.predictions[0].name, 'golf ball');
    const { stdout: models } = await run(join(folder, 'node_modules/.bin/gradcam'), ['models'], { cwd: folder });
    assert.match(models, /^pocket .*ready/m);
    assert.match(models, /^vgg16 /m);
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
