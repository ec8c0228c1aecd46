/**
 * A model's folder packed by a stranger: what its files name, or what lies beside them, is read where it is a regular file
 * of that folder, and nothing else: no link that leads out, no device, no pipe, no ".." in any spelling. And what never
 * ends is given up.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openBeside, openFolder } from '../../models/bundle.js';
import { detectSource } from '../../models/detect.js';
import { readAll } from '../../web/files/files.js';
import { GradCam } from '../../web/node.js';
import { browserHost } from '../../web/worker/host-browser.js';
import { nodeHost } from '../../web/worker/host-node.js';
import { root } from './shared.mjs';
import { tinyNetwork } from './tiny.mjs';

let folder;
let secret;
const { onnx, weights } = tinyNetwork({ external: true });
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradcam-own-'));
  secret = join(folder, 'secret.bin');
  await writeFile(secret, weights);
});
after(() => rm(folder, { recursive: true }));

/** A folder with a network whose weights are made by `place`. */
async function packed(name, place) {
  const home = join(folder, name);
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'net.onnx'), onnx);
  await place(join(home, 'weights.bin'), home);
  return home;
}
const load = async (path) => {
  const cam = await GradCam.load(path, { preprocess: 'tf', threads: 1 });
  cam.dispose();
};
const pipe = (path) => execFileSync('mkfifo', [path]);

const REFUSED = {
  'a link to a file outside': [(path) => symlink(secret, path), /weights\.bin is a link that leads out of its folder: put the file itself there/],
  'a link upwards': [(path) => symlink('../secret.bin', path), /a link that leads out/],
  'a link to a device': [(path) => symlink('/dev/zero', path), /a device or a pipe/],
  'a link into /proc': [(path) => symlink('/proc/self/environ', path), /a link that leads out/],
  'a pipe': [pipe, /a device or a pipe/],
};

describe('weights beside a network', () => {
  for (const [what, [place, words]] of Object.entries(REFUSED)) {
    test(`${what} is refused`, { timeout: 60_000 }, async () => {
      const home = await packed(what.replaceAll(/\W/g, ''), place);
      for (const source of [join(home, 'net.onnx'), home]) await assert.rejects(load(source), { code: 'file', message: words });
    });
  }

  test('a link within the folder is as good as the file', async () => {
    const home = await packed('within', async (path, at) => {
      await writeFile(join(at, 'real.bin'), weights);
      await symlink('real.bin', path);
    });
    await load(join(home, 'net.onnx'));
  });

  test("the hub's cache, whose files all are links into one folder", async () => {
    const hub = join(folder, 'models--org--net');
    await mkdir(join(hub, 'blobs'), { recursive: true });
    await writeFile(join(hub, 'blobs', 'abc'), weights);
    await writeFile(join(hub, 'blobs', 'def'), onnx);
    const snapshot = join(hub, 'snapshots', '1');
    await mkdir(snapshot, { recursive: true });
    await symlink('../../blobs/def', join(snapshot, 'net.onnx'));
    await symlink('../../blobs/abc', join(snapshot, 'weights.bin'));
    await load(join(snapshot, 'net.onnx'));
    assert.deepEqual(await nodeHost.list(snapshot), [join(snapshot, 'net.onnx'), join(snapshot, 'weights.bin')]);
    await symlink(secret, join(snapshot, 'labels.txt'));
    assert.equal((await nodeHost.list(snapshot)).length, 2);
  });

  test('parts of other formats and labels: neither read nor waited for', { timeout: 60_000 }, async () => {
    const home = join(folder, 'tfjs');
    await mkdir(home);
    await writeFile(join(home, 'model.json'), '{}');
    await symlink(secret, join(home, 'group1-shard1of1.bin'));
    pipe(join(home, 'labels.txt'));
    const whole = await openFolder(home, 'tfjs');
    assert.deepEqual(whole.names, ['model.json']);
    const beside = await openBeside(join(home, 'model.json'), 'model.json');
    for (const { read } of [whole, beside]) {
      await assert.rejects(read('group1-shard1of1.bin'), { code: 'format', message: /a link that leads out/ });
      await assert.rejects(read('labels.txt'), { code: 'format', message: /a device or a pipe/ });
    }
    assert.deepEqual(await nodeHost.list(home), [join(home, 'model.json')]);
    await assert.rejects(detectSource(join(home, 'labels.txt')), /labels\.txt is a device or a pipe: save what comes from it/);
  });
});

test('pipes where the command line looks for cards, manifests and photos', () => {
  const gradcam = (...args) => spawnSync(process.execPath, [join(root, 'web/cli/gradcam.js'), ...args], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
  const bundle = join(folder, 'bundle');
  execFileSync('mkdir', ['-p', bundle, join(folder, 'photos'), join(folder, 'models', 'odd')]);
  for (const path of ['bundle/manifest.json', 'photos/a.png', 'models/odd/model.json']) pipe(join(folder, path));
  const replay = gradcam('replay', 'bundle');
  assert.equal(replay.status, 1);
  assert.match(replay.stderr, /bundle is no bundle: it has no manifest\.json that can be read/);
  const evaluate = gradcam('evaluate', 'photos', '-q');
  assert.equal(evaluate.status, 1, evaluate.stderr);
  assert.match(evaluate.stderr, /a\.png/);
  const models = spawnSync(process.execPath, [join(root, 'web/cli/gradcam.js'), 'models'], { encoding: 'utf8', timeout: 60_000, env: { ...process.env, GRADCAM_MODELS: join(folder, 'models') } });
  assert.equal(models.status, 0, models.stderr);
});

test('addresses: ".." in no spelling', () => {
  const base = 'https://example.org/models/net/model.json?key=1';
  assert.equal(browserHost.beside(base, 'sub/w.bin'), 'https://example.org/models/net/sub/w.bin');
  for (const file of ['../w.bin', '%2e%2e/w.bin', '.%2E/w.bin', '.\t./w.bin', '..\\w.bin', 'sub/../../w.bin', '/w.bin', '//other.org/w.bin', 'https://other.org/w.bin',
    'data:,1']) {
    assert.throws(() => browserHost.beside(base, file), { code: 'file', message: /is not the name of a file beside the model/ }, file);
  }
  assert.throws(() => browserHost.beside('data:application/json,{}', 'w.bin'), { code: 'file', message: /without an address: give it too/ });
});

test('what never ends is given up', async () => {
  const zeros = new Uint8Array(1 << 20);
  const endless = { name: 'endless', size: null, chunks: (function* () { for (;;) yield zeros; })() };
  await assert.rejects(readAll(endless, undefined, undefined, 8 << 20), { code: 'file', message: /endless has more than 8 MB: it is too large to be read here, or never ends/ });
});
