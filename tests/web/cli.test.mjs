/**
 * The command line as a user meets it: a process of its own, its output, its exit code.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GradCam } from '../../web/node.js';
import { data, root, squeezenet, withoutData } from './shared.mjs';
import { noisyPixels, tinyNetwork, tinyPicture } from './tiny.mjs';

const program = join(root, 'web/cli/gradcam.js');

/** @returns {Promise<{code: number, out: string, err: string}>} */
function gradcam(args, { cwd, env } = {}) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [program, ...args], { cwd, env: { ...process.env, ...env } });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => { out += text; });
    child.stderr.on('data', (text) => { err += text; });
    child.on('close', (code) => done({ code, out, err }));
  });
}

let folder;
let cam;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradcam-cli-'));
  await writeFile(join(folder, 'tiny.onnx'), tinyNetwork().onnx);
  cam = await GradCam.load(tinyNetwork().onnx, { preprocess: 'tf', threads: 1 });
  // A picture of ours as PNG: the heat of a map laid over it with weight 0.
  for (const [name, width] of [['a', 30], ['b', 40]]) {
    const { maps } = await cam.explain(tinyPicture(width, 20), { classes: [0] });
    await writeFile(join(folder, `${name}.png`), await maps[0].toPNG({ alpha: 0 }));
  }
});
after(async () => {
  cam.dispose();
  await rm(folder, { recursive: true });
});

const TINY = ['--model', 'tiny.onnx', '--preprocess', 'tf'];

async function sizeOfPng(path) {
  const { picture } = await cam.explain(path, { classes: [] });
  return [picture.width, picture.height];
}

describe('wrong usage: exit 2, the option named, a hint', () => {
  const cases = [
    [[], /at least one picture/],
    [['x.png', '--nope'], /no option --nope/],
    [['x.png', '--modle', 'm'], /--modle.*Did you mean --model/s],
    [['x.png', '--model'], /--model needs a value/],
    [['x.png', '--top', '0'], /--top is "0".*from 1/],
    [['x.png', '--top', 'many'], /--top/],
    [['x.png', '--score', 'sigmoid'], /--score.*logit, softmax/],
    [['x.png', '--preset', 'mine'], /--preset.*paper/],
    [['x.png', '--resize', 'box'], /--resize.*nearest, bilinear, bicubic/],
    [['x.png', '--preprocess', 'rgb,mean=a/b/c'], /--preprocess.*mean=a\/b\/c/],
    [['x.png', '--preprocess', 'torhc'], /--preprocess.*torch, tf, caffe, unit, none/],
    [['x.png', '--alpha', '1.5'], /--alpha/],
    [['x.png', '--threads', '0'], /--threads/],
    [['x.png', '--quiet=yes'], /--quiet takes no value/],
    [['a.png', 'b.png', '-o', 'out.png', ...TINY], /2 pictures.*-o out\//s],
    [['a.png', '-o', 'out.jpg', ...TINY], /PNG/],
    [['a.png', '--method', 'mine', ...TINY], /--method.*gradcam/],
    [['a.png', '--colormap', 'rainbow', ...TINY], /--colormap.*jet/],
    [['a.png', '--option', 'samples', ...TINY], /--option.*samples=500/],
    [['a.png', '--option', 'sample=3', ...TINY], /--option is "sample".*samples/],
    [['a.png', '--sum', ...TINY], /--class A --class B/],
    [['evaluate', '.', '--method', 'mine', ...TINY], /--method.*gradcam/],
    [['a.png', '--class', 'pier', ...TINY], /no class named "pier"/],
    [['a.png', '--class', '5', ...TINY], /5 classes, 0 to 4/],
    [['a.png', '--layer', 'rleu', ...TINY], /rleu.*gradcam layers/s],
    [['a.png', '--layer', 'aside', ...TINY], /aside/],
    [['a.png', '--head', 'nope', ...TINY], /no output "nope".*"logits" \(5\).*--head NAME/s],
    [['x.png', '--fit', 'box'], /--fit.*stretch, crop, pad.*crop:0\.875/s],
    [['x.png', '--fit', 'crop:2'], /--fit/],
    [['x.png', '--input-size', '0x3'], /--input-size.*224x224/],
    [['x.png', '--activation', 'relu'], /--activation.*softmax, sigmoid, none/],
    [['operators', 'x.png'], /operators takes no pictures/],
    [['layers', 'x.png'], /layers takes no pictures/],
    [['methods', 'x.png'], /methods takes no pictures/],
    [['fetch'], /gradcam fetch NAME/],
    [['convert', 'x.h5'], /-o DIR/],
  ];
  for (const [args, message] of cases) {
    test(args.join(' ') || 'nothing', async () => {
      const { code, out, err } = await gradcam(args, { cwd: folder });
      assert.match(err, message);
      assert.equal(code, 2, err);
      assert.equal(out, '');
    });
  }
});

describe('failed work: exit 1, what and where', () => {
  const cases = [
    [['absent.png', ...TINY], /absent\.png/],
    [['a.png', '--model', 'absent.onnx'], /absent\.onnx/],
    [['a.png', '--model', 'no-such-name'], /no model named "no-such-name".*gradcam models/s],
    [['tiny.onnx', ...TINY], /tiny\.onnx|picture|image/i],
    [['a.png', '-o', 'no/such/folder/x.png', ...TINY], /no\/such\/folder\/x\.png/],
    [['a.png', '--json', 'no/such/x.json', ...TINY], /no\/such\/x\.json/],
    [['fetch', 'no-such-name'], /no-such-name/],
    [['a.png', '--model', 'tiny.h5'], /tiny\.h5: there is no such file/],
    [['a.png', '--method', 'rise', '--option', 'samples=0', ...TINY], /samples.*from 1/],
  ];
  for (const [args, message] of cases) {
    test(args.join(' '), async () => {
      const { code, err } = await gradcam(args, { cwd: folder });
      assert.match(err, message);
      assert.ok(!err.includes('\n    at '), 'no stack trace');
      assert.equal(code, 1);
    });
  }

  test('one bad picture among three does not take the others with it', async () => {
    const { code, out, err } = await gradcam(['a.png', 'absent.png', 'b.png', '--json', '-', ...TINY], { cwd: folder });
    assert.equal(code, 1);
    assert.match(err, /absent\.png/);
    assert.deepEqual(JSON.parse(out).map(({ image }) => image.file), ['a.png', 'b.png']);
  });
});

describe('done: exit 0', () => {
  test('--help, --version, also of commands', async () => {
    const help = await gradcam(['--help']);
    assert.equal(help.code, 0);
    for (const option of ['--model', '--top', '--class', '--method', '--layer', '--score', '--preset', '--resize',
      '--preprocess', '--fit', '--input-size', '--labels', '--head', '--activation', '--config', '--colormap', '--alpha', '--threads', '-o', '--json', '--quiet', '--raw']) {
      assert.ok(help.out.includes(option), option);
    }
    assert.equal((await gradcam(['layers', '--help'])).code, 0);
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    assert.equal((await gradcam(['--version'])).out.trim(), version);
  });

  test('predictions for people', async () => {
    const { code, out, err } = await gradcam(['a.png', '--top', '2', ...TINY], { cwd: folder });
    assert.equal(code, 0, err);
    const lines = out.trimEnd().split('\n');
    assert.match(lines[0], /^a\.png {2}30x20 {2}tiny, gradcam of the logit at relu$/);
    assert.equal(lines.length, 3);
    assert.match(lines[1], /^ {2}\d {2}class \d +\d+\.\d % +-?\d+\.\d\d$/);
  });

  test('--quiet says nothing', async () => {
    const { code, out, err } = await gradcam(['a.png', '--quiet', '-o', 'quiet.png', '--model', 'tiny.onnx'], { cwd: folder });
    assert.deepEqual([code, out, err], [0, '', '']);
    assert.ok((await stat(join(folder, 'quiet.png'))).size > 100);
  });

  test('a guess is said in the first line, with what to do; other warnings go to standard error', async () => {
    const { code, out, err } = await gradcam(['a.png', '--model', 'tiny.onnx'], { cwd: folder });
    assert.equal(code, 0);
    assert.match(out.split('\n')[0], /^a\.png .*preprocessing torch is a guess\. Say what the network expects: --preprocess torch, tf, caffe, unit or none\.$/);
    assert.match(err, /warning: a\.png: The model has 2 outputs; "logits" \(5\) was taken.*Choose another with --head NAME/);
    assert.doesNotMatch(err, /guess/);
    const json = await gradcam(['a.png', '--model', 'tiny.onnx', '--json', '-'], { cwd: folder });
    const { preprocess, warnings } = JSON.parse(json.out);
    assert.deepEqual(preprocess, { mode: 'torch', fit: 'stretch', from: 'guess' });
    assert.deepEqual(warnings.slice(0, 2).map(({ name, remedy }) => [name, remedy]),
      [['preprocessing-guessed', 'preprocess'], ['head', 'head']]);
    assert.match(json.err, /warning: a\.png: .* is a guess\..*--preprocess/);
  });

  test('-o: one map is an overlay of the picture\'s size, several a grid, a folder gets both', async () => {
    assert.equal((await gradcam(['a.png', '--top', '1', '-o', 'one.png', ...TINY], { cwd: folder })).code, 0);
    assert.deepEqual(await sizeOfPng(join(folder, 'one.png')), [30, 20]);
    assert.equal((await gradcam(['a.png', '--top', '5', '-o', 'grid.png', ...TINY], { cwd: folder })).code, 0);
    const [width, height] = await sizeOfPng(join(folder, 'grid.png'));
    assert.ok(width > 3 * 240 && height > 2 * 160, `${width}x${height}`);
    const two = await gradcam(['a.png', 'b.png', '-o', 'both/', ...TINY], { cwd: folder });
    assert.equal(two.code, 0, two.err);
    assert.deepEqual((await readdir(join(folder, 'both'))).sort(),
      ['a-grid.png', 'a-overlay.png', 'b-grid.png', 'b-overlay.png']);
    assert.deepEqual(await sizeOfPng(join(folder, 'both/b-overlay.png')), [40, 20]);
  });

  test('--json: exactly the documented shape', async () => {
    const { code, out, err } = await gradcam(['a.png', '--json', '-', '--class', '3', '--class', 'class 1',
      '--score', 'softmax', '--layer', 'conv', '--threads', '1', ...TINY], { cwd: folder });
    assert.equal(code, 0, err);
    const report = JSON.parse(out);
    assert.deepEqual(Object.keys(report), ['image', 'model', 'preprocess', 'method', 'layer', 'score', 'predictions', 'maps',
      'timings', 'warnings']);
    assert.deepEqual(report.image, { file: 'a.png', width: 30, height: 20 });
    assert.deepEqual(report.model, { name: 'tiny', input: [8, 8], classes: 5, head: 'logits', activation: 'softmax' });
    assert.deepEqual(report.preprocess, { mode: 'tf', fit: 'stretch', from: 'option' });
    assert.deepEqual([report.method, report.layer, report.score], ['gradcam', 'conv', 'softmax']);
    assert.deepEqual(Object.keys(report.predictions[0]), ['id', 'name', 'score', 'probability']);
    assert.equal(report.predictions.length, 5);
    assert.deepEqual(report.maps.map((map) => map.class), [{ id: 3, name: 'class 3' }, { id: 1, name: 'class 1' }]);
    for (const map of report.maps) {
      assert.deepEqual(Object.keys(map), ['class', 'width', 'height', 'max', 'data']);
      assert.deepEqual([map.width, map.height, map.data.length], [8, 8, 64]);
      assert.equal(Math.max(...map.data), map.max > 0 ? 1 : 0);
      assert.ok(map.data.every((value) => value >= 0));
    }
    assert.deepEqual(Object.keys(report.timings), ['decode', 'forward', 'backward']);
    assert.ok(Array.isArray(report.warnings));
  });

  test('--raw: the sum before ReLU; --json FILE; several pictures give an array', async () => {
    const run = (...args) => gradcam(['a.png', 'b.png', '--class', '0', ...args, ...TINY], { cwd: folder });
    assert.equal((await run('--json', 'plain.json')).code, 0);
    assert.equal((await run('--json', 'raw.json', '--raw')).code, 0);
    const [plain, raw] = await Promise.all(['plain', 'raw'].map(
      async (name) => JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8'))));
    assert.equal(plain.length, 2);
    plain.forEach((report, i) => {
      const [{ data: normal, max }, { data: sums }] = [report.maps[0], raw[i].maps[0]];
      normal.forEach((value, at) => (
        assert.ok(Math.abs(value * max - Math.max(0, sums[at])) <= 1e-6 * Math.max(max, 1e-3))));
    });
  });

  test('layers', async () => {
    const { code, out } = await gradcam(['layers', '--model', 'tiny.onnx'], { cwd: folder });
    assert.equal(code, 0);
    assert.match(out, /^\* relu +relu +Relu +8x8x4$/m);
    const json = await gradcam(['layers', '--model', 'tiny.onnx', '--json', '-'], { cwd: folder });
    assert.ok(JSON.parse(json.out).layers.some(({ name }) => name === 'conv'));
  });

  test('methods and their options', async () => {
    const { code, out } = await gradcam(['methods', '--model', 'tiny.onnx'], { cwd: folder });
    assert.equal(code, 0);
    assert.match(out, /^gradcam +Grad-CAM +arXiv:1610\.02391/m);
    assert.match(out, /^samples +1000 +RISE/m);
    const { code: done, err } = await gradcam(['a.png', '--method', 'rise', '--option', 'samples=20', '--option',
      'seed=3', '--class', '1', '--against', '2', ...TINY], { cwd: folder });
    assert.equal(done, 0, err);
  });

  test('operators, the long list', async () => {
    const { code, out } = await gradcam(['operators']);
    assert.equal(code, 0);
    assert.match(out, /^ONNX operators \(\d+\):\n  Conv .*\n[^]*Keras layers \(\d+\):\n[^]*Conv2D/);
    const list = JSON.parse((await gradcam(['operators', '--json', '-'])).out);
    assert.ok(list.onnx.some(({ name, constant }) => name === 'Relu' && !constant) && list.keras.layers.includes('Conv2D'));
  });

  test('the sum of classes', async () => {
    const mapsOf = async (...args) => JSON.parse((await gradcam(['a.png', '--json', '-', '--raw', '--class', '1',
      '--class', '2', ...args, ...TINY], { cwd: folder })).out).maps;
    const [one, other] = await mapsOf();
    const [both, ...none] = await mapsOf('--sum');
    assert.equal(none.length, 0);
    both.data.forEach((value, i) => (
      assert.ok(Math.abs(value - one.data[i] - other.data[i]) <= 1e-5 * Math.max(one.max, other.max))));
  });

  test('models: those to be fetched, and those that have been', async () => {
    const models = join(folder, 'cache');
    const before = await gradcam(['models'], { env: { GRADCAM_MODELS: models } });
    assert.equal(before.code, 0, before.err);
    assert.match(before.out, /^vgg16 .*gradcam fetch vgg16/m);
    assert.match(before.out, /^xception /m);
  });

  test('a reader that stops early', async () => {
    const child = spawn('sh', ['-c', `"${process.execPath}" "${program}" models | head -1; echo "status $?"`]);
    let out = '';
    child.stdout.on('data', (text) => { out += text; });
    await new Promise((done) => child.on('close', done));
    assert.match(out, /status 0/);
  });
});

test('the bundled network: a photo is answered with groups, and noise is said in the first line to be nothing it knows', async () => {
  const sample = join(root, 'models/pocket/samples/lighthouse.jpg');
  const noise = { data: noisyPixels(64, 48), width: 64, height: 48 };
  const { maps } = await cam.explain(noise, { classes: [0] });
  await writeFile(join(folder, 'noise.png'), await maps[0].toPNG({ alpha: 0 }));
  const { code, out, err } = await gradcam([sample, 'noise.png', '--top', '1', '--json', 'both.json'], { cwd: folder });
  assert.equal(code, 0, err);
  assert.equal(err, '');
  const lines = out.trimEnd().split('\n');
  assert.equal(lines.length, 4);
  assert.match(lines[0], /at smooth$/);
  assert.match(lines[1], /^ {2}437 {2}lighthouse +\d+\.\d % +\d+\.\d\d {2}building$/);
  assert.match(lines[2], /^noise\.png .*at smooth; Nothing that this network knows looks much like this picture: its answers are guesses$/);
  const [known, strange] = JSON.parse(await readFile(join(folder, 'both.json'), 'utf8'));
  assert.deepEqual(known.warnings, []);
  assert.deepEqual(strange.warnings.map(({ name }) => name), ['unfamiliar']);
  assert.deepEqual(Object.keys(known.predictions[0]), ['id', 'name', 'group', 'score', 'probability']);
  const json = await gradcam(['noise.png', '--json', '-'], { cwd: folder });
  assert.match(json.err, /^gradcam: warning: noise\.png: Nothing that this network knows/m);
});

describe('a real network', { skip: withoutData }, () => {
  test('says pier, by name and number, with ImageNet\'s labels', async () => {
    const { code, out, err } = await gradcam([data('photos/pier.jpg'), '--model', squeezenet.path, '--preprocess',
      'torch', '--class', 'pier', '--class', '460', '--json', '-']);
    assert.equal(code, 0, err);
    const report = JSON.parse(out);
    assert.equal(report.predictions[0].name, 'pier');
    assert.ok(Math.abs(report.predictions[0].probability - 0.6243) < 0.02);
    assert.deepEqual(report.maps.map((map) => map.class), [{ id: 718, name: 'pier' }, { id: 460, name: 'breakwater' }]);
    assert.deepEqual([report.maps[0].width, report.maps[0].height], [13, 13]);
  });
});
