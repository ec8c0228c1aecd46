/**
 * The card of a model, as it comes from anywhere: what is wrong in it is said by its field; nothing ends in an
 * error of JavaScript.
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkCard } from '../../models/card.js';
import { hubCard } from '../../models/hub.js';
import { parseLabels } from '../../models/labels.js';
import { GradCam } from '../../web/node.js';
import { Dice, distort } from '../fuzz/mutate.mjs';
import { root } from '../web/shared.mjs';
import { tinyNetwork } from '../web/tiny.mjs';

/** Every field, as the converter and people write them, for the tiny network. */
const CARD = {
  name: 'tiny', title: 'Tiny', file: 'tiny.onnx', bytes: 100, source: 'here', licence: 'MIT', notes: ['one', 'two'],
  input: { width: 8, height: 8, channels: 3, order: 'rgb', mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5], resize: 'bilinear',
    fit: 'crop', ratio: 0.9, fill: [0, 0, 0], mode: 'tf', from: 'file', network: 'x', assumed: false },
  output: 'logits', head: { name: 'logits', kind: 'classes', activation: 'none', apply: 'softmax', classes: 5, dims: [5] },
  heads: [{ name: 'logits', kind: 'classes', activation: 'none', classes: 5, dims: [5] }], warnings: [{ name: 'head', text: 'Two.', remedy: 'head' }],
  layer: 'relu', labels: ['a', 'b', 'c', null, 5], activation: 'softmax', groups: { thing: [0, 1], other: [2] },
  unfamiliar: { score: 'highest logit less the mean of all', below: 1.5 }, weights: 'f32', external: 'weights.bin',
  shards: [{ file: 'tiny-000.bin', bytes: 4, sha256: 'ab'.repeat(32) }],
  download: { url: 'https://example.org/x.h5', md5: 'cd'.repeat(16), bytes: 4 },
};

test('the cards of the package are right', async () => {
  for (const name of await readdir(join(root, 'models'))) {
    const text = await readFile(join(root, 'models', name, 'model.json'), 'utf8').catch(() => null);
    if (text) assert.deepEqual(checkCard(JSON.parse(text), name), JSON.parse(text));
  }
  checkCard(CARD);
});

test('a wrong field is said by its place, with what it is and what it must be', () => {
  const cases = [
    [{ input: { mean: [1, 'x', 2] } }, /"input\.mean\[1\]" is "x", but must be a number/],
    [{ input: { std: [1, 0, 1] } }, /"input\.std\[1\]" is 0, but must be a number other than 0/],
    [{ input: 7 }, /"input" is 7, but must be an object/],
    [{ input: { order: 'rbg' } }, /"input\.order" is "rbg", but must be one of rgb, bgr/],
    [{ shards: [{ bytes: 3 }] }, /"shards\[0\]\.file" is missing/],
    [{ shards: [{ file: '../x.bin' }] }, /"shards\[0\]\.file".*same folder/],
    [{ shards: [{ file: '%2e%2e/x.bin' }] }, /same folder/],
    [{ shards: {} }, /"shards" is \{\}, but must be a list/],
    [{ labels: '/etc/passwd' }, /"labels" is "\/etc\/passwd"/],
    [{ labels: [{}] }, /"labels\[0\]"/],
    [{ groups: { thing: ['a'] } }, /"groups\.thing\[0\]" is "a"/],
    [{ sha256: 'abc' }, /"sha256" is "abc", but must be 64 hexadecimal digits/],
    [{ download: { url: 'ftp://x/' } }, /"download\.url"/],
    [{ name: '../x' }, /"name" is "\.\.\/x", but must be a name without a path/],
    ['card', /card\.json is "card", but must be an object/],
  ];
  for (const [card, words] of cases) {
    assert.throws(() => checkCard(card, 'card.json'), (error) => {
      assert.equal(error.code, 'format');
      assert.match(error.message, words);
      assert.ok(error.message.length <= 300);
      return true;
    });
  }
  assert.deepEqual(checkCard({ input: { mean: null, order: 'rgb' }, layer: null }), { input: { order: 'rgb' } });
});

test('hundreds of distorted cards: each is refused in words, or loads', { timeout: 300000 }, async () => {
  const dice = new Dice(20261127);
  const { onnx } = tinyNetwork();
  const { sha256, shards, download, ...usable } = CARD;
  let [refused, loaded] = [0, 0];
  for (let i = 0; i < 600; ++i) {
    const card = distort(i % 2 ? CARD : usable, dice);
    try {
      checkCard(card);
    } catch (error) {
      assert.equal(error.code, 'format', `${JSON.stringify(card)}\n${error.stack}`);
      refused += 1;
      continue;
    }
    if (card?.sha256 || loaded > 80) continue;
    loaded += 1;
    try {
      (await GradCam.load({ onnx, card }, { threads: 1 })).dispose();
    } catch (error) {
      assert.notEqual(error.code, 'internal', `${JSON.stringify(card)}\n${error.stack}`);
    }
  }
  assert.ok(refused > 200 && loaded > 40, `${refused} refused, ${loaded} loaded`);
});

test('distorted files of labels and of the hub: read as far as they go', () => {
  const dice = new Dice(7);
  const labels = { id2label: { 0: 'cat', 1: 'dog' }, label2id: { cat: 0 }, names: ['a', ['b', 'c'], { name: 'd' }] };
  const preprocessor = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], do_rescale: true, rescale_factor: 0.00392, do_normalize: true,
    do_center_crop: true, crop_size: { height: 224, width: 224 }, crop_pct: 0.9, do_resize: true, size: { shortest_edge: 256 }, resample: 3 };
  for (let i = 0; i < 1000; ++i) {
    const { names } = parseLabels(JSON.stringify(distort(labels, dice)), { classes: 3 });
    assert.ok(names.every((name) => typeof name === 'string'));
    const card = hubCard(distort({ ...labels, num_channels: 3, problem_type: 'multi_label_classification' }, dice), distort(preprocessor, dice));
    try {
      checkCard(card);
    } catch (error) {
      assert.equal(error.code, 'format', error.stack);
    }
  }
  assert.ok(parseLabels(`${'['.repeat(100000)}1${']'.repeat(100000)}`).warnings.length);
});
