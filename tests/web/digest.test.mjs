/** SHA-256 as pages have it, held whole or in pieces, against Node's own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Fingerprint, fingerprint, sha256, Sha256 } from '../../web/files/digest.js';

const noise = (length) => Uint8Array.from({ length }, (_, i) => (i * 2654435761) >>> 13);
const expected = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Of the bytes in pieces, announced as so many. */
async function digest(bytes, announced, piece) {
  const sum = sha256(announced);
  for (let at = 0; at < bytes.length; at += piece) sum.update(bytes.subarray(at, at + piece));
  return { hex: await sum.hex(), held: !(sum instanceof Sha256) };
}

test('as announced, longer, shorter, and of unknown length', async () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 70001]) {
    const bytes = noise(length);
    for (const announced of [length, length + 100, Math.max(0, length - 1), 0]) {
      for (const piece of [7, 64, 1 << 16]) {
        assert.deepEqual(await digest(bytes, announced, piece), { hex: expected(bytes), held: true }, `${length}, ${announced}, ${piece}`);
      }
    }
    assert.deepEqual(await digest(bytes, null, 100), { hex: expected(bytes), held: false });
  }
});

test('too large to be held, and a page without WebCrypto', async () => {
  const bytes = noise(1000);
  assert.deepEqual(await digest(bytes, 65e6, 100), { hex: expected(bytes), held: false });
  const subtle = Object.getOwnPropertyDescriptor(globalThis, 'crypto');
  Object.defineProperty(globalThis, 'crypto', { value: {}, configurable: true });
  try {
    assert.deepEqual(await digest(bytes, 1000, 100), { hex: expected(bytes), held: false });
  } finally {
    Object.defineProperty(globalThis, 'crypto', subtle);
  }
});

test('a fingerprint: the same in whatever pieces, another for any bit, length or order', () => {
  const bytes = noise(5000);
  const whole = fingerprint(bytes);
  for (const piece of [1, 3, 15, 16, 17, 64, 4999]) {
    const sum = new Fingerprint();
    for (let at = 0; at < bytes.length; at += piece) sum.update(bytes.subarray(at, at + piece));
    assert.equal(sum.text(), whole, `pieces of ${piece}`);
  }
  const seen = new Set([whole, fingerprint(bytes.subarray(0, -1)), fingerprint(Uint8Array.of(...bytes, 0))]);
  for (let bit = 0; bit < 8 * 200; ++bit) {
    const other = bytes.slice();
    other[(bit >> 3) * 25] ^= 1 << (bit & 7);
    seen.add(fingerprint(other));
  }
  for (const step of [4, 16]) {
    const other = bytes.slice();
    for (let i = 0; i < step; ++i) [other[i], other[i + step]] = [other[i + step], other[i]];
    seen.add(fingerprint(other));
  }
  assert.equal(seen.size, 3 + 8 * 200 + 2);
});
