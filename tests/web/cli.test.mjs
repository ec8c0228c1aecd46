/**
 * The command line as a user meets it: a process of its own, its output, its exit code.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writeWhole } from '../../models/leftovers.js';
import { OnnxGraph } from '../../models/onnx/graph.js';
import { folderSink } from '../../models/sinks.js';
import { COMMANDS } from '../../web/cli/options.js';
import { GradCam } from '../../web/node.js';
import { data, root, squeezenet, withoutData } from './shared.mjs';
import { noisyPixels, tinyNetwork, tinyPicture } from './tiny.mjs';

const program = join(root, 'web/cli/gradcam.js');

/** @returns {Promise<{code: number, out: string, err: string}>} */
function gradcam(args, { cwd, env, input, out: target = 'pipe' } = {}) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [program, ...args], { cwd, env: { ...process.env, ...env }, stdio: ['pipe', target, 'pipe'] });
    let [out, err] = ['', ''];
    child.stdin.end(input);
    child.stdout?.on('data', (text) => { out += text.toString('latin1'); });
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
    [['a.png', '--layer', 'rleu', ...TINY], /rleu.*npx gradcam-wasm layers/s],
    [['a.png', '--layer', 'aside', ...TINY], /aside/],
    [['a.png', '--head', 'nope', ...TINY], /no output "nope".*"logits" \(5\).*--head NAME/s],
    [['x.png', '--fit', 'box'], /--fit.*stretch, crop, pad.*crop:0\.875/s],
    [['x.png', '--fit', 'crop:2'], /--fit/],
    [['x.png', '--input-size', '0x3'], /--input-size.*224x224/],
    [['x.png', '--activation', 'relu'], /--activation.*softmax, sigmoid, none/],
    [['operators', 'x.png'], /operators takes no pictures/],
    [['layers', 'x.png'], /layers takes no pictures/],
    [['methods', 'x.png'], /methods takes no pictures/],
    [['fetch'], /npx gradcam-wasm fetch NAME/],
    [['convert', 'x.h5'], /-o DIR/],
    [['a.png', '--method', 'guided-backprob', ...TINY], /--method is "guided-backprob".*guided/],
    [['evaluate', '.', '--layer', 'rleu', ...TINY], /rleu.*npx gradcam-wasm help evaluate/s],
    [['help', 'lyers'], /Did you mean layers/],
    [['help', 'layers', 'models'], /help layers/],
    [['lyers', '--model', 'tiny.onnx'], /no command and no picture "lyers".*Did you mean layers/],
    [['a.png', '--json', 'b.png'], /--json is "b\.png", a picture's name/],
    [['--jsonl', 'a.png'], /--jsonl is "a\.png"/],
    [['a.png', '--json', '-', '--jsonl', '-'], /--jsonl/],
    [['a.png', '--json', '-', '-o', '-'], /Standard output takes one/],
    [['a.png', 'b.png', '-o', '-'], /2 pictures/],
    [['-', '-'], /one picture/],
    [['a.png', '--model', '-'], /--model is "-"/],
    [['layers', '--nope'], /no option --nope.*npx gradcam-wasm help layers/s],
    [['fetch', 'no-such-name'], /no-such-name.*vgg16.*npx gradcam-wasm help fetch/s],
    [['evaluate'], /npx gradcam-wasm evaluate FOLDER/],
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
    [['a.png', '--model', 'no-such-name'], /no model named "no-such-name".*npx gradcam-wasm models/s],
    [['tiny.onnx', ...TINY], /tiny\.onnx|picture|image/i],
    [['a.png', '-o', 'no/such/folder/x.png', ...TINY], /no\/such\/folder\/x\.png/],
    [['a.png', '--json', 'no/such/x.json', ...TINY], /no\/such\/x\.json/],
    [['a.png', '--model', 'tiny.h5'], /tiny\.h5: there is no such file/],
    [['convert', 'absent.h5', '-o', 'x'], /absent\.h5 cannot be read: there is no such file\./],
    [['convert', 'https://example.org/net.h5', '-o', 'x'], /Download it first/],
    [['convert', 'tiny.onnx', '-o', 'x', '--config', 'absent.json'], /absent\.json cannot be read: there is no such file\./],
    [['convert', 'tiny.onnx', '-o', 'x', '--config', '.'], /\. cannot be read: it is a folder\./],
    [['convert', 'tiny.onnx', '-o', 'x', '--config', 'a.png'], /a\.png is not JSON/],
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

describe('a disk that is full', { skip: !existsSync('/dev/full') && 'no /dev/full' }, () => {
  const FULL = /^gradcam: .*cannot be written: the disk is full/m;
  let full;
  before(async () => {
    full = await open('/dev/full', 'w');
    await symlink('/dev/full', join(folder, 'full.png'));
  });
  after(() => full.close());
  for (const args of [['a.png', ...TINY], ['a.png', '--json', '-', ...TINY], ['a.png', '--jsonl', '-', ...TINY], ['models'], ['--help']]) {
    test(`standard output: ${args.slice(0, 3).join(' ')}`, async () => {
      const { code, err } = await gradcam(args, { cwd: folder, out: full.fd });
      assert.match(err, FULL);
      assert.equal(code, 1);
    });
  }
  for (const args of [['-o', 'full.png'], ['--json', '/dev/full'], ['--jsonl', '/dev/full']]) {
    test(`a file: ${args.join(' ')}`, async () => {
      const { code, err } = await gradcam(['a.png', 'b.png'].slice(0, args[0] === '-o' ? 1 : 2).concat(args, TINY), { cwd: folder });
      assert.match(err, FULL);
      assert.equal(code, 1);
    });
  }
});

describe('done: exit 0', () => {
  test('each command has a help of its own, with every option it takes and no other', async () => {
    for (const [name, options] of Object.entries(COMMANDS).filter(([command]) => command !== 'help')) {
      const { code, out } = await gradcam(['help', name]);
      assert.equal(code, 0);
      assert.deepEqual([...out.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map(([, option]) => option).sort(), Object.keys(options).sort(), name);
      assert.match(out, /^npx gradcam-wasm /);
      assert.ok(out.split('\n').every((line) => line.length <= 120), name);
    }
    const [help, short] = await Promise.all([gradcam(['help', 'layers']), gradcam(['layers', '--top', '-h'])]);
    assert.equal(short.out, help.out, 'help, however wrong the rest');
    assert.equal((await gradcam(['help'])).out, (await gradcam(['--help'])).out);
  });

  test('standard input is a picture, standard output takes one; what was not drawn is said', async () => {
    const input = await readFile(join(folder, 'a.png'));
    const { code, out, err } = await gradcam(['-', '--top', '1', ...TINY], { cwd: folder, input });
    assert.equal(code, 0, err);
    assert.match(out, /^- {2}30x20 {2}tiny/);
    assert.match(err, /^gradcam: no picture was written; the heatmap is drawn with -o picture-gradcam\.png$/m);
    const drawn = await gradcam(['-', '--top', '1', '-o', '-', ...TINY], { cwd: folder, input });
    assert.equal(drawn.code, 0, drawn.err);
    await writeFile(join(folder, 'piped.png'), drawn.out, 'latin1');
    assert.deepEqual(await sizeOfPng(join(folder, 'piped.png')), [30, 20]);
    const { maps } = JSON.parse((await gradcam(['-', '--json', '-', ...TINY], { cwd: folder, input })).out);
    assert.equal(maps.length, 5);
    assert.match((await gradcam(['-', ...TINY], { cwd: folder })).err, /Standard input is empty/);
  });

  test('--jsonl: a line for each picture that could be read', async () => {
    for (const flags of [['--jsonl'], ['--jsonl', '-'], ['--jsonl', 'lines.jsonl']]) {
      const { code, out } = await gradcam(['a.png', 'absent.png', 'b.png', ...TINY, ...flags], { cwd: folder });
      assert.equal(code, 1);
      const text = flags[1] === 'lines.jsonl' ? await readFile(join(folder, 'lines.jsonl'), 'utf8') : out;
      assert.deepEqual(text.trimEnd().split('\n').map((line) => JSON.parse(line).image.file), ['a.png', 'b.png']);
    }
  });

  test('methods by the names that people type', async () => {
    for (const [typed, name] of [['guided-backprop', 'guided'], ['integrated-gradients', 'integrated'], ['grad-cam++', 'gradcam++'],
      ['smooth-grad', 'smoothgrad'], ['Grad-CAM', 'gradcam'], ['guided_backpropagation', 'guided']]) {
      const { code, out, err } = await gradcam(['a.png', '--json', '-', '--top', '1', '--method', typed, '--option', 'steps=4', ...TINY], { cwd: folder });
      assert.equal(code, 0, err);
      assert.equal(JSON.parse(out).method, name);
    }
  });

  test('what was there stays until the new one is whole; what a killed run left is cleared by the next', async () => {
    const at = join(folder, 'killed');
    await mkdir(at);
    const dead = spawn(process.execPath, ['-e', '']);
    await new Promise((done) => dead.on('close', done));
    await writeFile(join(at, `.one.png-part-${dead.pid}-0a1b2c3d`), 'half');
    await writeFile(join(at, `.one.png-part-${process.pid}-0a1b2c3d`), 'of a living one');
    await mkdir(join(at, `.cv-part-${dead.pid}-0a1b2c3d`));
    await mkdir(join(at, `.kept-part-${dead.pid}-0a1b2c3d-old`));
    await writeFile(join(at, `.kept-part-${dead.pid}-0a1b2c3d-old`, 'model.json'), '{}');
    assert.equal((await gradcam(['../a.png', '--top', '1', '-o', 'one.png', '--model', '../tiny.onnx', '-q'], { cwd: at })).code, 0);
    await (await folderSink(join(at, 'cv'))).commit();
    await assert.rejects(folderSink(join(at, 'kept')), /there already/, 'what a killed run had put aside is back');
    assert.deepEqual((await readdir(at)).sort(), [`.one.png-part-${process.pid}-0a1b2c3d`, 'cv', 'kept', 'one.png']);
    await chmod(join(at, 'one.png'), 0o640);
    await writeWhole(join(at, 'one.png'), 'new');
    assert.equal((await stat(join(at, 'one.png'))).mode & 0o777, 0o640);
    await symlink('one.png', join(at, 'link.png'));
    await writeWhole(join(at, 'link.png'), 'through it');
    assert.equal(await readFile(join(at, 'one.png'), 'utf8'), 'through it');
    await assert.rejects(writeWhole(join(at, 'kept'), 'a folder'));
    assert.deepEqual((await readdir(at)).filter((name) => name.startsWith('.')).length, 1);
  });

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
    assert.match(before.out, /^vgg16 .*npx gradcam-wasm fetch vgg16/m);
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

test('a model whose output is a picture: no heatmap to draw, said with why and what to do', async () => {
  const graph = new OnnxGraph('mask');
  graph.input('picture', [1, 3, 8, 8]);
  graph.add('Sigmoid', 'mask', ['picture']);
  graph.outputs.push({ name: 'mask', dims: [1, 3, 8, 8] });
  await writeFile(join(folder, 'mask.onnx'), graph.encode());
  const drawn = await gradcam(['a.png', '--model', 'mask.onnx', '-o', 'mask.png'], { cwd: folder });
  assert.equal(drawn.code, 1);
  assert.match(drawn.err, /"mask" is a picture \(3 x 8 x 8\).*no heatmap to draw: leave out -o/s);
  assert.ok(!existsSync(join(folder, 'mask.png')));
  const told = await gradcam(['a.png', '--model', 'mask.onnx'], { cwd: folder });
  assert.equal(told.code, 0);
  assert.match(told.err, /"mask" is a picture/);
  assert.doesNotMatch(told.err, /the heatmap is drawn with/);
});
