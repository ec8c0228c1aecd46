// Labels: every form people keep names of classes in, and what is said when the number is not right.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { checkCount, parseLabels } from '../../models/labels.js';
import { shared, without } from './support.mjs';

const PETS = ['cat', 'dog', 'guinea pig'];
const bytes = (text) => new TextEncoder().encode(text);

const FORMS = {
  'a name a line': 'cat\ndog\nguinea pig\n',
  'Windows line ends, BOM, empty lines at the end': '\uFEFFcat\r\ndog\r\nguinea pig\r\n\r\n\r\n',
  'old Mac line ends': 'cat\rdog\rguinea pig',
  'Teachable Machine, 0 name': '0 cat\n1 dog\n2 guinea pig\n',
  '0: name': '0: cat\n1: dog\n2: guinea pig',
  '0,name without a header': '0,cat\n1,dog\n2,guinea pig',
  'numbers out of order': '2 guinea pig\n0 cat\n1 dog',
  'JSON list': '["cat", "dog", "guinea pig"]',
  'JSON list of objects': '[{"name": "cat"}, {"name": "dog"}, {"label": "guinea pig"}]',
  '{"0": name}': '{"2": "guinea pig", "0": "cat", "1": "dog"}',
  '{name: 0}': '{"dog": 1, "cat": 0, "guinea pig": 2}',
  '{name: "0"}': '{"dog": "1", "cat": "0", "guinea pig": "2"}',
  'ImageNet class index': '{"0": ["n1", "cat"], "1": ["n2", "dog"], "2": ["n3", "guinea pig"]}',
  id2label: '{"architectures": ["X"], "id2label": {"0": "cat", "1": "dog", "2": "guinea pig"}, "label2id": {"cat": 0}}',
  'label2id alone': '{"label2id": {"cat": 0, "dog": 1, "guinea pig": 2}}',
  'metadata.json': '{"tfjsVersion": "1.3.1", "labels": ["cat", "dog", "guinea pig"], "imageSize": 224}',
  'CSV with a header': 'id,name\r\n0,cat\r\n1,dog\r\n2,"guinea pig"\r\n',
  'CSV by its numbers': 'name;index\nguinea pig;2\ncat;0\ndog;1\n',
  'CSV, other columns': 'class,display_name,count\n0,cat,100\n1,dog,200\n2,guinea pig,7\n',
  'CSV, class and label': 'label,extra\ncat,1\ndog,2\nguinea pig,3',
  'one column under a heading': 'class_name\ncat\ndog\nguinea pig\n',
};

for (const [what, text] of Object.entries(FORMS)) {
  test(`labels: ${what}`, () => {
    assert.deepEqual(parseLabels(text, { classes: 3 }), { names: PETS, warnings: [] });
    assert.deepEqual(parseLabels(bytes(text), { classes: 3 }), { names: PETS, warnings: [] });
  });
}

test('labels: UTF-16 as Windows saves it', () => {
  const text = '\uFEFFcat\r\ndog\r\nguinea pig';
  assert.deepEqual(parseLabels(new Uint8Array(Buffer.from(text, 'utf16le'))).names, PETS);
});

test('labels: quotes, separators and line ends inside a CSV field', () => {
  const text = 'id,name\n0,"cat, house"\n1,"the ""good"" dog"\n2,"guinea\npig"\n';
  assert.deepEqual(parseLabels(text).names, ['cat, house', 'the "good" dog', 'guinea\npig']);
});

test('labels: names that only look like something else stay names', () => {
  assert.deepEqual(parseLabels('2 of hearts\n3 of hearts\n').names, ['2 of hearts', '3 of hearts']);
  assert.deepEqual(parseLabels('tench, Tinca tinca\ngoldfish, Carassius auratus\n').names,
    ['tench, Tinca tinca', 'goldfish, Carassius auratus']);
  assert.deepEqual(parseLabels('0\n1\n2\n').names, ['0', '1', '2']);
  assert.deepEqual(parseLabels('[unknown]\ncat').names, ['[unknown]', 'cat']);
  assert.deepEqual(parseLabels('0 5 Galoon\n1 500ML\n').names, ['5 Galoon', '500ML']);
});

/** Named, short, and about what matters. */
function warned({ warnings }, ...patterns) {
  assert.equal(warnings.length, patterns.length, JSON.stringify(warnings));
  warnings.forEach(({ name, text }, i) => {
    assert.equal(name, 'labels');
    assert.match(text, patterns[i]);
    assert.ok(text.length <= 300 && !/undefined/.test(text), text);
  });
}

test('labels: too few or too many are kept, and said', () => {
  const few = parseLabels('cat\ndog\n', { classes: 3, file: 'labels.txt' });
  assert.deepEqual(few.names, ['cat', 'dog']);
  warned(few, /^labels\.txt has 2 names, the model 3 classes/);
  const many = parseLabels('["a", "b", "c"]', { classes: 2 });
  assert.deepEqual(many.names, ['a', 'b', 'c']);
  warned(many, /has 3 names, the model 2 classes/);
  warned(parseLabels('background\na\nb', { classes: 2 }), /background class, may be the one too many/);
  assert.deepEqual(checkCount(['a'], undefined), []);
});

test('labels: gaps, doubles, counting from 1, empty and broken files never throw', () => {
  const gap = parseLabels('{"0": "a", "2": "c"}');
  assert.deepEqual(gap.names, ['a', 'class 1', 'c']);
  warned(gap, /has no name for class 1\./);
  const ones = parseLabels('1 a\n2 b\n3 c');
  assert.deepEqual(ones.names, ['a', 'b', 'c']);
  warned(ones, /counts its classes from 1/);
  warned(parseLabels('{"a": 0, "b": 0}'), /names class 0 twice/);
  const hole = parseLabels('a\n\nc\n');
  assert.deepEqual(hole.names, ['a', 'class 1', 'c']);
  warned(hole, /empty line 2/);
  for (const empty of ['', '\n\n', '[]', '{}']) {
    const found = parseLabels(empty);
    assert.deepEqual(found.names, []);
    assert.equal(found.warnings.length, 1);
  }
  warned(parseLabels('{"0": "a", "1": '), /begins like JSON/);
  warned(parseLabels('{"weights": 3}'), /no names of classes/);
  warned(parseLabels('{"99999999999": "a"}'), /no number of a class/);
  warned(parseLabels('id,name\n0,a\n1\n'), /no "name" in row 3/, /has no name for class 1/);
  warned(parseLabels(`{"${'x'.repeat(400)}": 1.5}`, { file: 'y'.repeat(400), classes: 2 }), /y{80} is JSON/);
});

test('labels: files from the wild', {
  skip: without(shared('imagenet_class_index.json'), shared('wild', 'teachable', 'water', 'labels.txt')),
}, () => {
  const read = (...parts) => parseLabels(readFileSync(shared(...parts)));
  const imagenet = read('imagenet_class_index.json');
  assert.equal(imagenet.names.length, 1000);
  assert.equal(imagenet.names[718], 'pier');
  assert.deepEqual(read('wild', 'teachable', 'water', 'labels.txt'), { names: ['5 Galoon', '500ML'], warnings: [] });
  assert.deepEqual(read('wild', 'teachable', 'waste', 'labels.txt').names, ['cardboard', 'plastic', 'glass', 'metal']);
  const coral = shared('wild', 'tflite', 'imagenet_labels.txt');
  if (existsSync(coral)) {
    const { names } = parseLabels(readFileSync(coral));
    assert.ok([1000, 1001].includes(names.length), names.length);
  }
});
