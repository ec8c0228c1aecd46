// The embedded default: card, file and samples belong together. What the network answers is tested with the engine.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import assert from 'node:assert/strict';

const folder = new URL('../../models/pocket/', import.meta.url);
const card = JSON.parse(readFileSync(new URL('model.json', folder), 'utf8'));
const bytes = readFileSync(new URL(card.file, folder));

test('the card describes the file that lies beside it', () => {
  assert.equal(createHash('sha256').update(bytes).digest('hex'), card.sha256);
  assert.equal(bytes.length, card.bytes);
});

test('the file stays small enough to be embedded', () => {
  assert.ok(bytes.length <= 2_600_000, `${bytes.length} bytes, 2.6 MB are allowed`);
});

test('labels of card and labels.txt agree', () => {
  const labels = readFileSync(new URL('labels.txt', folder), 'utf8').trim().split('\n');
  assert.deepEqual(labels, card.labels);
  assert.equal(new Set(labels).size, 18);
});

test('the default layer and the output are tensors of the file', () => {
  for (const name of [card.layer, 'input', 'logits']) {
    assert.ok(bytes.includes(Buffer.from(name)), `no ${name} in ${card.file}`);
  }
});

test('the card holds the figures that evaluate.py measured', () => {
  for (const key of ['val_top1', 'worst_class_top1', 'ece', 'outside_at_least_0_9', 'pointing_game']) {
    assert.ok(key in card.accuracy, `${key} is missing: run evaluate.py --write`);
  }
});

test('three samples at least, and each is a JPEG of moderate size', () => {
  const files = readdirSync(new URL('samples/', folder)).filter((f) => f.endsWith('.jpg'));
  assert.ok(files.length >= 3);
  for (const f of files) {
    const b = readFileSync(new URL('samples/' + f, folder));
    assert.equal(b.readUInt16BE(0), 0xffd8, f);
    assert.ok(b.length < 60_000, f);
  }
});
