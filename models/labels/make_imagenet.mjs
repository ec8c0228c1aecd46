/**
 * Writes imagenet.json from Keras's imagenet_class_index.json:
 *
 *     node models/labels/make_imagenet.mjs ../shared/data/imagenet_class_index.json
 *
 * Names become readable ("great_white_shark" -> "great white shark"); the WordNet ids stay, because
 * names are not unique ("crane" is a bird and a machine).
 */
import { readFileSync, writeFileSync } from 'node:fs';

const [source] = process.argv.slice(2);
if (!source) throw new Error('Usage: make_imagenet.mjs imagenet_class_index.json');
const index = JSON.parse(readFileSync(source, 'utf8'));
const count = Object.keys(index).length;
const rows = [];
for (let id = 0; id < count; ++id) {
  const [wordnet, name] = index[id];
  rows.push(JSON.stringify([wordnet, name.replaceAll('_', ' ')]));
}
const about = 'The 1000 classes of ILSVRC 2012 in the usual order: WordNet id and name';
const text = `{\n"name": "imagenet",\n"about": ${JSON.stringify(about)},\n"classes": [\n${rows.join(',\n')}\n]\n}\n`;
writeFileSync(new URL('imagenet.json', import.meta.url), text);
