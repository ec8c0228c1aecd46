// Bad input, forms and files of the converter: each failure says what, where and what to do, and
// leaves nothing behind.
import assert from 'node:assert/strict';
import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { convert, folderSink, memorySink, ModelError } from '../../models/index.js';
import { floatToHalf, toHalves, toInt8 } from '../../models/forms.js';
import { sha256, ShardWriter } from '../../models/shards.js';
import { ModelBuilder } from '../../models/keras/build.js';
import { CASES, keras3, writeH5, writeKeras } from './fixtures.mjs';
import { uniform } from './noise.mjs';
import { temporary } from './support.mjs';

const [convolutions] = CASES;

async function fixture(t, make = convolutions) {
  const folder = await temporary(t);
  const path = join(folder, 'net.h5');
  await writeH5(make(), path);
  return { folder, path };
}

/** convert must fail so, and the folder must hold what it held before. */
async function fails(folder, options, code, pattern) {
  const before = (await readdir(folder)).sort();
  const makeOut = options.out ?? (() => folderSink(join(folder, 'out')));
  await assert.rejects(async () => convert({ ...options, out: await makeOut() }),
    (error) => {
      assert.ok(error instanceof ModelError, `${error.stack}`);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, pattern);
      return true;
    });
  assert.deepEqual((await readdir(folder)).sort(), before);
}

test('a truncated .h5 file', async (t) => {
  const { folder, path } = await fixture(t);
  await truncate(path, 5000);
  await fails(folder, { source: path }, 'format', /net\.h5 is truncated: it should hold \d+ bytes but has 5000/);
  await truncate(path, 20);
  await fails(folder, { source: path }, 'format', /net\.h5/);
});

test('damage inside an .h5 file is an error or a sound result, never a crash', async (t) => {
  const { path } = await fixture(t);
  const bytes = new Uint8Array(await readFile(path));
  const positions = uniform('damage', 40, 0.5, 0.5);
  let failed = 0;
  for (const at of positions) {
    const bad = bytes.slice();
    const start = 96 + Math.floor(at * (bad.length - 112));
    bad.fill(0xff, start, start + 16);
    await convert({ source: bad, out: memorySink() }).catch((error) => {
      assert.ok(error instanceof ModelError, `${error.stack}`);
      failed += 1;
    });
  }
  assert.ok(failed > 0, 'some damage is noticed');
});

test('something else than HDF5, and no file at all', async (t) => {
  const { folder } = await fixture(t);
  await writeFile(join(folder, 'text.h5'), 'hello world, this is text');
  await fails(folder, { source: join(folder, 'text.h5') }, 'format', /^text\.h5 is a text, not a model\. Models are read as ONNX, Keras, TensorFlow\.js or TensorFlow Lite files\.$/);
  await fails(folder, { source: join(folder, 'none.h5') }, 'format', /none\.h5 cannot be read/);
  await fails(folder, { source: 42 }, 'argument', /path \(Node\), a File or Blob/);
});

test('a broken .keras archive', async (t) => {
  const folder = await temporary(t);
  const path = join(folder, 'net.keras');
  await writeKeras(keras3(), path);
  await truncate(path, 3000);
  await fails(folder, { source: path }, 'format', /net\.keras is not a sound \.keras file/);
});

test('an unsupported layer is named with its class', async (t) => {
  const folder = await temporary(t);
  const c = convolutions();
  c.layer('Lambda', [c.input], { name: 'my_lambda' });
  await writeH5(c, join(folder, 'lambda.h5'));
  await fails(folder, { source: join(folder, 'lambda.h5') }, 'unsupported',
    /"my_lambda" is of class Lambda, which is not supported: what it does stands in Python code/);
  const d = convolutions();
  d.layer('Activation', [d.input], { name: 'odd', activation: 'softplus_of_mine' });
  await writeH5(d, join(folder, 'odd.h5'));
  await fails(folder, { source: join(folder, 'odd.h5') }, 'unsupported', /"odd".*softplus_of_mine/);
  const e = convolutions();
  e.layer('MaxPooling2D', [e.input], { name: 'first', data_format: 'channels_first', pool_size: [2, 2] });
  await writeH5(e, join(folder, 'first.h5'));
  await fails(folder, { source: join(folder, 'first.h5') }, 'unsupported', /"first".*channels_first/);
});

test('weights of another architecture: what was expected, what was found', async (t) => {
  const { folder, path } = await fixture(t);
  await fails(folder, { source: path, arch: 'vgg16' }, 'mismatch',
    /Asked for vgg16\..*Expected but not in the file: "block1_conv1".*In the file but not expected: "same_stride2"/s);
  await fails(folder, { source: path, arch: 'vgg61' }, 'argument', /no architecture "vgg61".*Known: vgg16, xception/);
  const c = convolutions();
  c.layers.get('dilated').config.filters = 7;
  const config = c.finished();
  await fails(folder, { source: path, config, arch: undefined }, 'mismatch',
    /layer "dilated" has shape \(3,3,4,3\), the architecture needs \(3,3,4,7\)/);
});

test('a model of unknown size asks for it, and takes it', async (t) => {
  const folder = await temporary(t);
  const c = convolutions();
  c.layers.get(c.input).config.batch_input_shape = [null, null, null, 4];
  const path = join(folder, 'open.h5');
  await writeH5(c, path);
  await fails(folder, { source: path }, 'argument', /leaves the input size open \(\? x \? x 4\)/);
  const { card } = await convert({ source: path, inputSize: [20, 30], out: memorySink() });
  assert.deepEqual([card.input.height, card.input.width], [20, 30]);
});

test('a folder that is there already, a full disk, a cancelled run', async (t) => {
  const { folder, path } = await fixture(t);
  await convert({ source: path, out: await folderSink(join(folder, 'out')) });
  await fails(folder, { source: path }, 'storage', /out is there already\. Choose another/);
  await convert({ source: path, out: await folderSink(join(folder, 'out'), { overwrite: true }) });

  let aborted = false;
  const full = {
    put: async () => { throw new ModelError('storage', 'the disk is full'); },
    commit: () => assert.fail('committed'),
    abort: async () => { aborted = true; },
  };
  await fails(folder, { source: path, out: () => full }, 'storage', /the disk is full/);
  assert.ok(aborted);

  const stop = new AbortController();
  const options = { source: path, signal: stop.signal, onProgress: () => stop.abort() };
  await fails(folder, { ...options, out: () => folderSink(join(folder, 'stopped')) }, 'cancelled', /cancelled/);
});

test('an unwritable disk: writing to /dev/full is reported and cleaned up', {
  skip: process.platform === 'linux' ? false : 'no /dev/full here',
}, async (t) => {
  const folder = await temporary(t);
  const sink = await folderSink(join(folder, 'out'));
  await assert.rejects(sink.put('../../../../../../../../../../../../dev/full', new Uint8Array(10)),
    (error) => error.code === 'storage' && /disk is full/.test(error.message));
  await sink.abort();
  assert.deepEqual(await readdir(folder), []);
});

test('progress goes from the first weight to the last', async (t) => {
  const { path } = await fixture(t);
  const seen = [];
  await convert({ source: path, out: memorySink(), onProgress: (progress) => seen.push(progress) });
  assert.ok(seen.length > 10);
  assert.ok(seen.every(({ loaded }, i) => i === 0 || loaded > seen[i - 1].loaded));
  assert.equal(seen.at(-1).loaded, seen.at(-1).total);
  assert.equal(seen[0].file, 'net.onnx');
});

test('the card holds the digest of every file, and assumptions are marked', async (t) => {
  const { path } = await fixture(t);
  const { card, output } = await convert({ source: path, out: memorySink(), card: { title: 'Mine' } });
  assert.equal(card.title, 'Mine');
  assert.equal(card.sha256, await sha256(output.get(card.file)));
  for (const { file, bytes, sha256: digest } of card.shards) {
    assert.equal(output.get(file).length, bytes);
    assert.equal(await sha256(output.get(file)), digest);
  }
  assert.deepEqual(JSON.parse(new TextDecoder().decode(output.get('model.json'))), JSON.parse(JSON.stringify(card)));
  assert.equal(card.input.assumed, true);
});

test('preprocessing of a network inside a network (transfer learning) is taken over', async (t) => {
  const folder = await temporary(t);
  const c = CASES.find(({ name }) => name === 'nested')();
  const config = c.finished();
  const rename = (text) => text.replaceAll('"base"', '"vgg16"');
  c.finished = () => JSON.parse(rename(JSON.stringify(config)));
  c.groups[1][0] = 'vgg16';
  await writeH5(c, join(folder, 'transfer.h5'));
  const { card } = await convert({ source: join(folder, 'transfer.h5'), out: memorySink() });
  assert.deepEqual([card.input.order, card.input.mean, card.input.assumed], ['bgr', [103.939, 116.779, 123.68], undefined]);
});

test('the .onnx file comes first, then the shards in order, then the card', async (t) => {
  const { path } = await fixture(t);
  const names = [];
  const sink = memorySink();
  await convert({ source: path, out: { ...sink, put: (name, bytes) => sink.put(names[names.push(name) - 1], bytes) } });
  assert.deepEqual(names, ['net.onnx', 'net-weights-000.bin', 'model.json']);
});

test('weights as 64-bit floats, compressed in chunks, are read; other kinds are refused', async (t) => {
  const folder = await temporary(t);
  const c = convolutions();
  const expected = join(folder, 'plain.h5');
  await writeH5(c, expected);
  const { output } = await convert({ source: expected, out: memorySink(), name: 'net' });
  await writeH5(c, join(folder, 'wide.h5'), { dataset: { dtype: '<d', chunks: true, compression: 4 } });
  const wide = await convert({ source: join(folder, 'wide.h5'), out: memorySink(), name: 'net' });
  assert.deepEqual(wide.output.get('net-weights-000.bin'), output.get('net-weights-000.bin'));
  await writeH5(c, join(folder, 'whole.h5'), { dataset: { dtype: '<i' } });
  await fails(folder, { source: join(folder, 'whole.h5') }, 'unsupported', /must be 32 or 64-bit floats.*float32/);
});

test('shards are cut at the limit and join to one file', async () => {
  const sink = memorySink();
  const writer = new ShardWriter(sink, 'w', { shardBytes: 100 });
  const data = uniform('shards', 90, 1);
  const bytes = new Uint8Array(data.buffer);
  await writer.write(bytes.subarray(0, 130));
  assert.equal(await writer.align(), 192);
  await writer.write(bytes);
  await writer.flush();
  assert.deepEqual(writer.shards.map(({ file, bytes: size }) => [file, size]),
    [['w-000.bin', 100], ['w-001.bin', 100], ['w-002.bin', 100], ['w-003.bin', 100], ['w-004.bin', 100], ['w-005.bin', 52]]);
  const files = await sink.commit();
  const joined = Buffer.concat([...files.values()]);
  assert.deepEqual(joined.subarray(192), Buffer.from(bytes));
  assert.deepEqual(joined.subarray(0, 130), Buffer.from(bytes.subarray(0, 130)));
});

/** IEEE 754 binary16 to number. */
function halfToFloat(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

test('halves round to nearest even, never to infinity', () => {
  const cases = [[0, 0], [-0, 0x8000], [1, 0x3c00], [-2, 0xc000], [65504, 0x7bff], [65520, 0x7bff], [1e9, 0x7bff],
    [2 ** -24, 1], [2 ** -25, 0], [3 * 2 ** -25, 2], [2 ** -14, 0x0400], [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02], [2 ** -14 - 2 ** -25, 0x0400], [-1e-9, 0x8000]];
  for (const [value, bits] of cases) assert.equal(floatToHalf(value), bits, String(value));
  for (let bits = 0; bits < 0x7c00; bits++) assert.equal(floatToHalf(halfToFloat(bits)), bits);
  const values = uniform('halves', 1000, 2);
  const halves = new Uint16Array(toHalves(values).buffer);
  values.forEach((v, i) => assert.ok(Math.abs(halfToFloat(halves[i]) - v) <= Math.abs(v) * 2 ** -11 + 2 ** -25));
});

test('int8: each row has its own scale and no value is off by more than half a step', () => {
  const values = Float32Array.from([...uniform('a', 50, 0.01), ...uniform('b', 50, 30), ...new Array(50).fill(0)]);
  const { bytes, scales } = toInt8(values, 50);
  const q = new Int8Array(bytes.buffer);
  values.forEach((v, i) => {
    const scale = scales[Math.floor(i / 50)];
    assert.ok(Math.abs(q[i] * scale - v) <= scale * 0.5001);
  });
  assert.equal(scales[2], 1);
});

test('the builder orders layers as Keras does: by distance from the output, then as a walk back meets them', () => {
  const b = new ModelBuilder('order', [4, 4, 3]);
  const beside = b.norm(b.conv(b.input, 2, 1, { name: 'short' }), { name: 'short_bn' });
  let x = b.conv(b.input, 2, 1, { name: 'long' });
  x = b.norm(b.activation(x, 'relu', 'act'), { name: 'long_bn' });
  x = b.pool('Max', x, 1, { name: 'pool' });
  const { config } = b.model(b.add([x, beside], 'sum'));
  assert.deepEqual(config.layers.map(({ name }) => name),
    ['input_1', 'long', 'act', 'long_bn', 'short', 'pool', 'short_bn', 'sum']);
});
