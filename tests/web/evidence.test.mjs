/**
 * What the command line says about whether to trust a map: evaluate with its resumption, bundles and
 * their replay; and boxes and masks of maps.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { npy } from '../../web/base/npy.js';
import { progressBar } from '../../web/cli/progress.js';
import { GradCam } from '../../web/node.js';
import { Dice, distort } from '../fuzz/mutate.mjs';
import { replay } from '../../web/cli/bundle.js';
import { boxes, mask } from '../../web/paint/render.js';
import { root } from './shared.mjs';
import { tinyNetwork, tinyPicture } from './tiny.mjs';

function gradcam(args, cwd) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(root, 'web/cli/gradcam.js'), ...args], { cwd });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => { out += text; });
    child.stderr.on('data', (text) => { err += text; });
    child.on('close', (code) => done({ code, out, err }));
  });
}

let folder;
const TINY = ['--model', 'tiny.onnx', '--preprocess', 'tf', '--threads', '1'];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradcam-evidence-'));
  await mkdir(join(folder, 'photos'));
  await writeFile(join(folder, 'tiny.onnx'), tinyNetwork().onnx);
  const cam = await GradCam.load(tinyNetwork().onnx, { preprocess: 'tf', threads: 1 });
  for (const [name, width] of [['a', 30], ['b', 40], ['c', 50]]) {
    const { maps } = await cam.explain(tinyPicture(width, 20), { classes: [0] });
    await writeFile(join(folder, 'photos', `${name}.png`), await maps[0].toPNG({ alpha: 0 }));
  }
  cam.dispose();
  await writeFile(join(folder, 'photos', 'broken.jpg'), 'no picture');
  await writeFile(join(folder, 'boxes.csv'), 'file,width,height,class,xmin,ymin,xmax,ymax\n' +
    'a.png,30,20,thing,1,1,30,20\nb.png,40,20,thing,1,1,2,2\nb.png,40,20,unknown,1,1,2,2\n');
});
after(() => rm(folder, { recursive: true }));

describe('evaluate', () => {
  const args = ['evaluate', 'photos', ...TINY, '--boxes', 'boxes.csv', '--pool', 'thing=0-2,4', '--steps', '4',
    '--sanity', '1', '-o', 'out'];
  const rowsOf = async () => (await readFile(join(folder, 'out/rows.jsonl'), 'utf8')).trim().split('\n').slice(1)
    .map((line) => JSON.parse(line));

  test('a row for each photo, a summary, a picture', async () => {
    const { code, out, err } = await gradcam(args, folder);
    assert.equal(code, 0, err);
    assert.match(out, /deletion area.*random.*centre/s);
    const summary = JSON.parse(await readFile(join(folder, 'out/summary.json'), 'utf8'));
    assert.equal(summary.photos, 3);
    assert.deepEqual(summary.failed.map(({ file }) => file), ['broken.jpg']);
    assert.equal(summary.boxes.all.count, 2, 'a class that no pool names is left out');
    assert.equal(summary.curves.map.deletion.length, 5);
    assert.ok(summary.sanity.layers.every((row) => Math.abs(row.gradcam) <= 1 && Math.abs(row.guided) <= 1));
    const csv = (await readFile(join(folder, 'out/results.csv'), 'utf8')).trim().split('\n');
    assert.equal(csv.length, 5);
    const unquoted = csv.map((line) => line.replace(/"[^"]*"/g, ''));
    assert.equal(new Set(unquoted.map((line) => line.split(',').length)).size, 1);
    assert.match(await readFile(join(folder, 'out/curves.svg'), 'utf8'), /^<svg[^]*<polyline[^]*<\/svg>\n$/);
    const a = (await rowsOf()).find(({ file }) => file === 'a.png');
    assert.equal(a.boxes[0].hit, true, 'the whole picture is the box');
  });

  test('an interrupted run goes on, and gives the same', async () => {
    const log = join(folder, 'out/rows.jsonl');
    const whole = await readFile(log, 'utf8');
    const before = await readFile(join(folder, 'out/summary.json'), 'utf8');
    const lines = whole.split('\n');
    await writeFile(log, `${lines.slice(0, 3).join('\n')}\n`);
    await appendFile(log, lines[3].slice(0, 40)); // cut off in the middle of a line
    const { code, err } = await gradcam(args, folder);
    assert.equal(code, 0, err);
    assert.match(err, /2 photos were done already/);
    assert.deepEqual((await rowsOf()).map(({ file }) => file).sort(), ['a.png', 'b.png', 'broken.jpg', 'c.png']);
    assert.equal(await readFile(join(folder, 'out/summary.json'), 'utf8'), before);
  });

  test('a row belongs to its photo: one that has changed is made again, a row that makes no sense too', async () => {
    const at = join(folder, 'photos/b.png');
    const old = await readFile(at);
    const log = join(folder, 'out/rows.jsonl');
    const lines = (await readFile(log, 'utf8')).split('\n');
    await writeFile(log, lines.map((line) => (line.startsWith('{') && JSON.parse(line).file === 'c.png' ? '{"file":"c.png","sha256":7}' : line)).join('\n'));
    await writeFile(at, await readFile(join(folder, 'photos/a.png')));
    const { code, err } = await gradcam(args, folder);
    assert.equal(code, 0, err);
    assert.match(err, /2 photos were done already/);
    const rows = await rowsOf();
    const of = (name) => rows.find(({ file }) => file === name);
    assert.deepEqual(of('b.png').deletion, of('a.png').deletion);
    assert.ok(of('c.png').curves);
    await writeFile(at, old);
  });

  test('another folder with the same names, another model under the same name: not mixed in', async () => {
    await cp(join(folder, 'photos'), join(folder, 'others'), { recursive: true });
    const other = await gradcam(['evaluate', 'others', ...args.slice(2)], folder);
    assert.equal(other.code, 1);
    assert.match(other.err, /other settings \(folder\)/);
    const old = await readFile(join(folder, 'tiny.onnx'));
    await writeFile(join(folder, 'tiny.onnx'), Buffer.concat([old, Buffer.from([0x6a, 0x00])])); // an empty field of metadata
    const changed = await gradcam(args, folder);
    await writeFile(join(folder, 'tiny.onnx'), old);
    assert.equal(changed.code, 1, changed.err);
    assert.match(changed.err, /other settings \(files\)/);
  });

  test('boxes from a spreadsheet: quoted fields, semicolons, a byte order mark; wrong ones by their row', async () => {
    const run = (csv) => writeFile(join(folder, 'quoted.csv'), csv).then(() => gradcam(['evaluate', 'photos', ...TINY, '--boxes', 'quoted.csv',
      '--pool', 'a thing, large=0-4', '--steps', '2', '--sanity', '0', '--limit', '1', '--force', '-o', 'quoted'], folder));
    for (const csv of ['\ufeff"file","class","xmin","ymin","xmax","ymax"\r\n"a.png","a thing, large","1","1","30","20"\r\n',
      'file;class;xmin;ymin;xmax;ymax\na.png;a thing, large;1;1;30;20\n']) {
      const { code, err } = await run(csv);
      assert.equal(code, 0, err);
      const { boxes } = JSON.parse(await readFile(join(folder, 'quoted/summary.json'), 'utf8'));
      assert.deepEqual([boxes.all.count, boxes.all.pointing], [1, 1]);
    }
    for (const [csv, words] of [['file,class,xmin,ymin,xmax,ymax\na.png,x,1,1,,20\n', /quoted\.csv, row 2: a box must have numbers/],
      ['file,class\n', /must have the columns/], ['', /must have the columns/]]) {
      const { code, err } = await run(csv);
      assert.equal(code, 1);
      assert.match(err, words);
    }
  });

  test('other settings are not mixed in', async () => {
    const { code, err } = await gradcam([...args, '--method', 'layercam'], folder);
    assert.equal(code, 1);
    assert.match(err, /other settings.*--force/);
  });

  test('wrong use', async () => {
    assert.equal((await gradcam(['evaluate', ...TINY], folder)).code, 2);
    assert.equal((await gradcam([...args, '--pool', 'cat'], folder)).code, 2);
    const nowhere = await gradcam(['evaluate', 'nowhere', ...TINY], folder);
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.err, /nowhere/);
  });
});

describe('bundles', () => {
  test('what is in one, and that it can be made again bit for bit', async () => {
    for (const method of ['gradcam', 'integrated', 'layercam']) {
      const dir = `bundle-${method}`;
      const made = await gradcam(['photos/a.png', ...TINY, '--method', method, '--class', '1', '--class', '3',
        '--option', 'steps=9', '--bundle', dir, '--quiet', ...(method === 'layercam' ? ['--sum'] : [])], folder);
      assert.equal(made.code, 0, made.err);
      const manifest = JSON.parse(await readFile(join(folder, dir, 'manifest.json'), 'utf8'));
      assert.deepEqual((await readdir(join(folder, dir))).sort(), [...Object.keys(manifest.files), 'manifest.json'].sort());
      assert.equal(manifest.used.options.steps, 9);
      assert.equal(manifest.maps.length, method === 'layercam' ? 1 : 2);
      const { code, out, err } = await gradcam(['replay', dir], folder);
      assert.equal(code, 0, err);
      assert.match(out, /bit for bit/);
    }
  });

  test('a changed file, another model and another result are told apart', async () => {
    const dir = join(folder, 'bundle-gradcam');
    const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8'));
    await writeFile(join(folder, 'other.onnx'), tinyNetwork({ op: 'Sigmoid' }).onnx);
    const other = await gradcam(['replay', dir, '--model', join(folder, 'other.onnx')], folder);
    assert.equal(other.code, 1);
    assert.match(other.err, /another model/);
    const settings = { ...manifest, settings: { ...manifest.settings, method: 'layercam' } };
    await writeFile(join(dir, 'manifest.json'), JSON.stringify(settings));
    const result = await gradcam(['replay', dir], folder);
    assert.equal(result.code, 1);
    assert.match(result.err, /map-0-1\.npy \(by up to/);
    await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest));
    await appendFile(join(dir, 'map-0-1.npy'), 'x');
    const changed = await gradcam(['replay', dir], folder);
    assert.equal(changed.code, 1);
    assert.match(changed.err, /bundle was changed/);
  });

  /** A bundle with everything in it; `change` gets its manifest. */
  async function changed(name, change) {
    const dir = join(folder, name);
    await rm(dir, { recursive: true, force: true });
    await cp(join(folder, 'whole'), dir, { recursive: true });
    const path = join(dir, 'manifest.json');
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    const now = change(manifest, dir) ?? manifest;
    await writeFile(path, typeof now === 'string' ? now : JSON.stringify(now));
    return dir;
  }

  test('whatever the manifest claims is computed again', async () => {
    await writeFile(join(folder, 'names.txt'), 'one\ntwo\nthree\nfour\nfive\n');
    const made = await gradcam(['photos/a.png', ...TINY, '--labels', 'names.txt', '--class', 'two', '--bundle', 'whole', '-q'], folder);
    assert.equal(made.code, 0, made.err);
    await rm(join(folder, 'names.txt')); // it lies in the bundle
    const same = await gradcam(['replay', 'whole'], folder);
    assert.equal(same.code, 0, same.err);
    for (const [change, words] of [
      [(m) => { m.warnings = [{ name: 'x', text: 'y' }]; }, /manifest's warnings/],
      [(m) => { m.engine = 'another'; }, /the engine\. It was made by another/],
      [(m) => { m.used.score = 'softmax'; }, /used\.score/],
      [(m) => { m.used.options.steps = 7; }, /used\.options/],
      [(m) => { m.maps[0].boxes = [{ x: 0 }]; }, /manifest's maps/],
      [(m) => { m.maps[0].class.name = 'three'; }, /manifest's maps/],
      [(m) => { m.picture.width = 31; }, /picture\.width/],
      [(m) => { m.model.name = 'other'; }, /model\.name/],
      [(m) => { delete m.files['map-0-1.npy']; }, /map-0-1\.npy/],
    ]) {
      await changed('claims', change);
      const { code, err } = await gradcam(['replay', 'claims'], folder);
      assert.equal(code, 1);
      assert.match(err, words);
      assert.match(err, /came out differently/);
    }
  });

  test('it reads inside of the bundle alone', async () => {
    const at = (manifest, file) => { manifest.picture.file = file; };
    for (const change of [(m) => at(m, '../photos/a.png'), (m) => at(m, join(folder, 'photos/a.png')), (m) => at(m, 'stray.png'),
      (m) => { m.settings.labels = '/etc/hostname'; }, (m) => { m.settings.config = '../tiny.onnx'; },
      (m) => { m.files['../tiny.onnx'] = m.files['map-0-1.npy']; }, (m) => { m.files['a/b'] = m.files['map-0-1.npy']; }]) {
      await changed('outside', change);
      const { code, err } = await gradcam(['replay', 'outside'], folder);
      assert.equal(code, 1);
      assert.match(err, /bundle was changed/);
    }
    const dir = await changed('linked', () => {});
    await rm(join(dir, 'map-0-1.npy'));
    await symlink(join(folder, 'whole/map-0-1.npy'), join(dir, 'map-0-1.npy'));
    assert.match((await gradcam(['replay', 'linked'], folder)).err, /bundle was changed/);
    await rm(join(dir, 'map-0-1.npy'));
    await mkdir(join(dir, 'map-0-1.npy'));
    assert.match((await gradcam(['replay', 'linked'], folder)).err, /map-0-1\.npy is not what the manifest speaks of/);
  });

  test('weights that lie beside the network are pinned', async () => {
    await mkdir(join(folder, 'external'));
    await writeFile(join(folder, 'external/net.onnx'), tinyNetwork({ external: true }).onnx);
    await writeFile(join(folder, 'external/weights.bin'), tinyNetwork({ external: true }).weights);
    const made = await gradcam(['photos/a.png', '--model', 'external/net.onnx', '--preprocess', 'tf', '--threads', '1', '--bundle', 'pinned', '-q'], folder);
    assert.equal(made.code, 0, made.err);
    const { model } = JSON.parse(await readFile(join(folder, 'pinned/manifest.json'), 'utf8'));
    assert.deepEqual(model.files.map(({ file }) => file), ['net.onnx', 'weights.bin']);
    assert.equal((await gradcam(['replay', 'pinned'], folder)).code, 0);
    const bytes = await readFile(join(folder, 'external/weights.bin'));
    bytes[5] ^= 1;
    await writeFile(join(folder, 'external/weights.bin'), bytes);
    assert.match((await gradcam(['replay', 'pinned'], folder)).err, /another model.*weights\.bin has the SHA-256/s);
  });

  test('hundreds of distorted manifests: a sentence, never an error of JavaScript', { timeout: 300000 }, async () => {
    const dice = new Dice(16);
    const cwd = process.cwd();
    process.chdir(folder);
    try {
      for (let i = 0; i < 200; ++i) {
        await changed('distorted', (manifest) => (i % 10 ? distort(manifest, dice) : JSON.stringify(manifest).slice(0, dice.below(3000))));
        await assert.rejects(async () => {
          await replay({ quiet: true }, ['distorted']);
          throw Object.assign(new Error('nothing was changed that counts'), { code: 'same' });
        }, (error) => ['file', 'model', 'state', 'argument', 'unsupported', 'image', 'same'].includes(error.code) && error.message.length <= 400);
      }
    } finally {
      process.chdir(cwd);
    }
    for (const name of ['nowhere', 'photos', 'tiny.onnx']) assert.match((await gradcam(['replay', name], folder)).err, /is no bundle/);
  });

  test('.npy: header padded to 64 bytes, values as they are', () => {
    const file = Buffer.from(npy(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]).buffer);
    const length = file.readUInt16LE(8);
    assert.equal((10 + length) % 64, 0);
    assert.equal(file.subarray(0, 6).toString('latin1'), '\x93NUMPY');
    assert.match(file.subarray(10, 10 + length).toString('latin1'),
      /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 3\), \} *\n$/);
    assert.equal(file.readFloatLE(10 + length + 20), 6);
    assert.equal(file.length, 10 + length + 24);
  });
});

test('the bar: time left, never longer than it is, cleared', () => {
  let shown = '';
  let now = 0;
  const bar = progressBar({ stream: { isTTY: true, write: (text) => { shown += text; } }, format: (n) => `${n} photos`, clock: () => now });
  bar.update({ file: 'a', loaded: 40, total: 100 });
  now = 10000;
  bar.update({ file: 'b\u001b[2J', loaded: 50, total: 100 });
  assert.match(shown, /b\?\[2J \[#{12}-{12}\] 50 photos of 100 photos, 50 s left$/);
  now = 20000;
  bar.update({ file: 'c', loaded: 120, total: 100 });
  assert.match(shown, /c \[#{24}\] 120 photos of 100 photos$/);
  bar.done();
  assert.ok(shown.endsWith('\r\x1b[2K'));
});

test('boxes and masks: the largest part, in pixels of the picture', () => {
  const data = new Float32Array(64);
  for (const i of [9, 10, 11, 17, 18, 19]) data[i] = 1; // columns 1 to 3, rows 1 and 2
  data[46] = 0.9;
  const map = { width: 8, height: 8, data };
  const [first, second] = boxes(map, 8, 8, 0.15);
  assert.deepEqual([first.x, first.y, first.width, first.height, first.area], [1, 1, 3, 2, 6]);
  assert.deepEqual([second.x, second.y, second.area], [6, 5, 1]);
  const inside = mask(map, 8, 8, 0.15);
  assert.deepEqual([...inside].flatMap((value, i) => (value ? [i] : [])), [9, 10, 11, 17, 18, 19]);
  const large = mask(map, 1600, 800, 0.5);
  assert.equal(large[150 * 1600 + 500], 1);
  assert.equal(large[150 * 1600 + 1500], 0);
  assert.equal(mask({ ...map, data: new Float32Array(64) }, 8, 8, 0.15).some(Boolean), false);
});
