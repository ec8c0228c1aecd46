// Every Keras layer the importer knows, through the converter and the engine, against PyTorch.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { convert, memorySink } from '../../models/index.js';
import { ARCHIVES, CASES, inputOf, keras3, writeH5, writeKeras } from './fixtures.mjs';
import { distance, golden, runConverted, temporary } from './support.mjs';

const expected = golden('keras.json');

async function check(source, name, values, options = {}, tolerance = 1e-5) {
  const { card, output } = await convert({ source, out: memorySink(), ...options });
  const run = await runConverted(output, card, values);
  try {
    assert.equal(run.outputs.length, expected[name].length);
    expected[name].forEach(({ layer, data }, i) => {
      const tensor = run.outputs.includes(layer) ? layer : run.outputs[i];
      const off = distance(run.read(tensor), data, 0.1);
      assert.ok(off <= tolerance, `${name}, layer ${layer}: off by ${off}`);
    });
  } finally {
    run.free();
  }
  return card;
}

for (const make of CASES) {
  const c = make();
  test(`layers of the model "${c.name}" give PyTorch's values`, async (t) => {
    const path = join(await temporary(t), `${c.name}.h5`);
    await writeH5(c, path);
    const { values } = inputOf(c);
    await check(path, c.name, values);
    await check(path, c.name, values, { embed: true });
  });
}

for (const compress of [false, true]) {
  test(`a Keras 3 archive, ${compress ? 'deflated' : 'stored'}, from a path and from bytes`, async (t) => {
    const archive = keras3();
    const path = join(await temporary(t), 'keras3.keras');
    await writeKeras(archive, path, { compress });
    const card = await check(path, 'keras3', archive.input.values);
    assert.equal(card.name, 'keras3');
    const bytes = new Uint8Array(await readFile(path));
    await check(bytes, 'keras3', archive.input.values);
    await check(new File([bytes], 'keras3.keras'), 'keras3', archive.input.values);
  });
}

for (const make of ARCHIVES.slice(1)) {
  const archive = make();
  test(`a Keras 3 archive "${archive.name}" gives PyTorch's values`, async (t) => {
    const path = join(await temporary(t), `${archive.name}.keras`);
    await writeKeras(archive, path);
    await check(path, archive.name, archive.input.values);
  });
}

test('an .h5 file from bytes and from a File', async (t) => {
  const c = CASES[0]();
  const path = join(await temporary(t), 'net.h5');
  await writeH5(c, path);
  const bytes = new Uint8Array(await readFile(path));
  await check(bytes, c.name, inputOf(c).values);
  const card = await check(new File([bytes], 'mine.h5'), c.name, inputOf(c).values);
  assert.equal(card.file, 'mine.onnx');
});

test('f16 and int8 kernels stay near the f32 ones', async (t) => {
  const folder = await temporary(t);
  for (const make of CASES) {
    const c = make();
    const path = join(folder, `${c.name}.h5`);
    await writeH5(c, path);
    await check(path, c.name, inputOf(c).values, { weights: 'f16' }, 2e-3);
    await check(path, c.name, inputOf(c).values, { weights: 'int8' }, 3e-2);
  }
});

test('layers keep their names: the tensor behind the activation carries it', async (t) => {
  const c = CASES[0]();
  const path = join(await temporary(t), 'net.h5');
  await writeH5(c, path);
  const { card, output } = await convert({ source: path, out: memorySink() });
  const run = await runConverted(output, card, inputOf(c).values);
  assert.deepEqual(new Set(run.outputs), new Set(expected[c.name].map(({ layer }) => layer)));
  assert.ok(run.read('same_stride2').every((value) => value >= 0), 'after its ReLU');
  run.free();
});
