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
  assert.ok(bytes.length <= 3_600_000, `${bytes.length} bytes, 3.6 MB are allowed`);
});

const everyday = JSON.parse(readFileSync(new URL('../labels/everyday.json', folder), 'utf8'));

test('labels are ImageNet\'s classes as one says them, each name one class', () => {
  assert.deepEqual(card.labels, everyday.map(({ name }) => name));
  assert.equal(card.labels.length, 1000);
  assert.equal(new Set(card.labels.map((name) => name.toLowerCase())).size, 1000);
});

test('every class is in one of about forty groups, and stands at its own number', () => {
  assert.deepEqual(everyday.map(({ id }) => id), [...Array(1000).keys()]);
  const groups = new Set(everyday.map(({ group }) => group));
  assert.ok(groups.size >= 36 && groups.size <= 45, `${groups.size} groups`);
  const onCard = new Map(Object.entries(card.groups).flatMap(([name, ids]) => ids.map((id) => [id, name])));
  assert.deepEqual(everyday.map(({ id }) => onCard.get(id)), everyday.map(({ group }) => group));
  const group = (name) => everyday.find((row) => row.name === name).group;
  assert.equal(group('Labrador retriever'), 'dog');
  assert.equal(group('golf ball'), 'sport or play');
  assert.equal(group('daisy'), 'plant or mushroom');
});

test('the weights are int8 with a scale for each output channel', () => {
  const text = bytes.toString('latin1');
  assert.ok(text.includes('DequantizeLinear'));
  assert.ok(text.includes('logits.weight.int8') && text.includes('logits.weight.scale'));
});

test('the card says when a picture is unfamiliar', () => {
  assert.equal(card.unfamiliar.score, 'highest logit less the mean of all');
  assert.ok(card.unfamiliar.below > 0);
});

test('the default layer and the output are tensors of the file', () => {
  for (const name of [card.layer, 'input', 'logits']) {
    assert.ok(bytes.includes(Buffer.from(name)), `no ${name} in ${card.file}`);
  }
});

test('the card holds the figures that evaluate.py measured', () => {
  for (const key of ['imagenet_sample', 'imagenette', 'calibration', 'unfamiliar', 'pointing_game', 'few_shot', 'deletion_insertion',
    'sanity_rank_correlation']) {
    assert.ok(key in card.accuracy, `${key} is missing: run evaluate.py --write`);
  }
});

test('README and guide say how often it is right as the card does', () => {
  const percent = `right with ${Math.round(100 * card.accuracy.imagenet_sample.pocket[0])} % of 300 sample photos`;
  for (const file of ['README.md', 'docs/guide.md']) {
    assert.ok(readFileSync(new URL(`../../${file}`, folder), 'utf8').includes(percent), `${file} does not say "${percent}"`);
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
