/**
 * Writes imagenet.json, the names of the 1000 classes by id, from Keras's imagenet_class_index.json:
 *
 *     node models/labels/make_imagenet.mjs ../shared/data/imagenet_class_index.json
 *
 * Names become readable ("great_white_shark" -> "great white shark"). Three of them stand for two
 * classes each, "crane", "cardigan" and "maillot": who asks for such a class by name is told the ids.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const [source] = process.argv.slice(2);
if (!source) throw new Error('Usage: make_imagenet.mjs imagenet_class_index.json');
const index = JSON.parse(readFileSync(source, 'utf8'));
const names = Object.keys(index).map((_, id) => JSON.stringify(index[id][1].replaceAll('_', ' ')));
writeFileSync(new URL('imagenet.json', import.meta.url), `[\n${names.join(',\n')}\n]\n`);
