// MD5 against Node's own, at every place of the padding and in pieces of every size.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import test from 'node:test';
import { Md5 } from '../../web/files/md5.js';

test('MD5 is that of Node', () => {
  for (const size of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 300001]) {
    const bytes = randomBytes(size);
    const sum = new Md5();
    for (let at = 0, piece = 1; at < size; at += piece, piece = (piece * 7) % 1009) sum.update(bytes.subarray(at, at + piece));
    assert.equal(sum.hex(), createHash('md5').update(bytes).digest('hex'), `${size} bytes`);
  }
});
