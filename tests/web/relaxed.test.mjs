/**
 * The rewriting of relaxed SIMD into plain SIMD, on files made by hand, and on the engine's.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { withoutRelaxedSimd } from '../../web/worker/relaxed.js';
import { root } from './shared.mjs';

const MADD = [0xfd, 0x85, 0x02];
const MIN = [0xfd, 0x8d, 0x02];
const MAX = [0xfd, 0x8e, 0x02];
const get = (variable) => [0x20, variable];

const section = (id, ...bytes) => [id, bytes.length, ...bytes];

/**
 * A file with one memory and one function, "f": it reads vectors from 0, 16 and 32 of the memory into its
 * variables 1 to 3 (0 is its parameter, an i32), runs `code`, and writes the vector that it leaves to 48.
 */
function fileWith(code, variables = [1, 3, 0x7b]) {
  const load = (at, variable) => [0x41, at, 0xfd, 0x00, 4, 0, 0x21, variable];
  const body = [...variables, 0x41, 48, ...load(0, 1), ...load(16, 2), ...load(32, 3),
    ...code, 0xfd, 0x0b, 4, 0, 0x0b];
  assert.ok(body.length < 126, 'sizes of one byte each');
  return new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, 1, 0x60, 1, 0x7f, 0), // (i32) -> ()
    ...section(3, 1, 0),
    ...section(5, 1, 0, 1),
    ...section(7, 2, 1, 0x66, 0, 0, 1, 0x6d, 2, 0), // f, m
    ...section(10, 1, body.length, ...body)]);
}

/** What the rewritten file makes of three vectors. */
async function run(file, ...vectors) {
  const { instance } = await WebAssembly.instantiate(withoutRelaxedSimd(file));
  const floats = new Float32Array(instance.exports.m.buffer);
  vectors.forEach((vector, i) => floats.set(vector, 4 * i));
  instance.exports.f(7);
  return [...floats.subarray(12, 16)];
}

describe('relaxed SIMD made plain', () => {
  const a = [1.1, -2, 3, 1e20].map(Math.fround);
  const b = [1.3, 4, 0, 1e20].map(Math.fround);
  const c = [-1.43, 1, 5, 1].map(Math.fround);
  const twice = (x, y, z) => x.map((_, i) => Math.fround(Math.fround(x[i] * y[i]) + z[i]));

  test('a multiply-add rounds twice', async () => {
    const file = fileWith([...get(1), ...get(2), ...get(3), ...MADD]);
    assert.deepEqual(await run(file, a, b, c), twice(a, b, c));
  });

  test('one inside another, and an addend that is no variable', async () => {
    const inner = [...get(1), ...get(2), ...get(3), ...MADD];
    const file = fileWith([...get(1), ...get(2), ...inner, ...MADD]);
    assert.deepEqual(await run(file, a, b, c), twice(a, b, twice(a, b, c)));
  });

  test('minimum and maximum', async () => {
    const file = fileWith([...get(1), ...get(2), ...MIN, ...get(3), ...MAX]);
    assert.deepEqual(await run(file, a, b, c), a.map((x, i) => Math.max(Math.min(x, b[i]), c[i])));
  });

  test('variables are counted over all groups, in numbers of several bytes', async () => {
    // 200 more i32 variables behind the three vectors.
    const file = fileWith([...get(1), ...get(2), ...get(3), ...MADD], [2, 3, 0x7b, 200, 1, 0x7f]);
    assert.deepEqual(await run(file, a, b, c), twice(a, b, c));
  });

  test('numbers that look like instructions stay', async () => {
    const constant = [0xfd, 0x0c, ...MADD, ...MIN, ...MAX, 0xfd, 0x85, 0x02, 1, 2, 3, 4];
    const file = fileWith([0x43, 0xfd, 0x85, 0x02, 0x0b, 0x1a, ...constant]);
    assert.deepEqual(withoutRelaxedSimd(file), file);
    const bytes = new Uint8Array(new Float32Array(await run(file, a, b, c)).buffer);
    assert.deepEqual([...bytes], constant.slice(2));
  });

  test('what it does not know, it names', () => {
    assert.throws(() => withoutRelaxedSimd(fileWith([...get(1), ...get(2), 0xfd, 0x80, 0x02])),
      { code: 'internal', message: /0xfd100/ });
    assert.throws(() => withoutRelaxedSimd(fileWith([0x06, 0x40])), { code: 'internal', message: /0x6,/ });
    assert.throws(() => withoutRelaxedSimd(new TextEncoder().encode('<!doctype html>')), WebAssembly.CompileError);
  });

  test("the engine's file", async () => {
    const engine = await readFile(join(root, 'web/dist/gradcam.wasm'));
    const plain = withoutRelaxedSimd(engine);
    assert.ok(plain.length > engine.length, 'it has multiply-adds');
    assert.ok(WebAssembly.validate(plain));
    assert.deepEqual(withoutRelaxedSimd(plain), plain, 'nothing is left to rewrite');
  });
});
