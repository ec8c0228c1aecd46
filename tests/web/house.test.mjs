/**
 * The house, from the imports: which folder of JavaScript uses which (`node tests/web/house.test.mjs`
 * prints it). Arrows point downward, there is no circle, and who only uses the package goes in by its
 * front door. Types in comments count: a type is a promise too.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { test } from 'node:test';
import * as options from '../../web/api/options.js';
import { root } from './shared.mjs';

/** The floors, from the top. A folder may use those that stand below it, and its own. */
const FLOORS = [
  ['demo'],
  ['element', 'cli'],
  ['entry'],
  ['api'],
  ['own'],
  ['worker entry'],
  ['worker'],
  ['files', 'paint'],
  ['base'],
  ['models'],
];

/** They use what every user of the package can: its entries, and models/. */
const USERS = ['demo', 'element', 'cli'];
const PUBLIC = ['entry', 'element', 'models'];

const ENTRIES = { 'web/index.js': 'entry', 'web/node.js': 'entry', 'web/bundle.js': 'entry', 'web/in-place.js': 'entry',
  'web/own.js': 'own', 'web/worker.js': 'worker entry', 'web/worker-node.js': 'worker entry', 'web/own-worker.js': 'worker entry',
  'web/worker-hdf5.js': 'worker entry' };

const isScript = (file) => /\.m?js$/.test(file) && !/^web\/(dist|types)\//.test(file);
const scripts = ['web', 'models'].flatMap((folder) => readdirSync(join(root, folder), { recursive: true })
  .map((file) => `${folder}/${String(file).replaceAll(sep, '/')}`)).filter(isScript).sort();

/** What a script imports, as paths from the repository's root. */
function importsOf(file) {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"](\.[^'"]+)['"]/g)]
    .map(([, path]) => relative(root, join(root, dirname(file), path)).replaceAll(sep, '/'));
}

function folderOf(file) {
  if (file.startsWith('models/')) return 'models';
  return ENTRIES[file] ?? (file.split('/').length > 2 ? file.split('/')[1] : file);
}

/** Folder -> folder -> the imports that make the arrow, as "file -> file". */
const arrows = new Map();
for (const file of scripts) {
  for (const target of importsOf(file)) {
    if (target.startsWith('web/dist/')) continue; // built
    const [from, to] = [folderOf(file), folderOf(target)];
    if (from === to) continue;
    if (!arrows.has(from)) arrows.set(from, new Map());
    const some = arrows.get(from);
    some.set(to, [...(some.get(to) ?? []), `${file} -> ${target}`]);
  }
}

const floorOf = (folder) => FLOORS.findIndex((floor) => floor.includes(folder));

test('the graph of folders', (t) => {
  for (const folder of FLOORS.flat()) {
    t.diagnostic(`${folder} -> ${[...(arrows.get(folder)?.keys() ?? [])].sort().join(', ') || 'nothing'}`);
  }
  const unknown = [...new Set(scripts.map(folderOf))].filter((folder) => floorOf(folder) < 0);
  assert.deepEqual(unknown, ['web/offline.js'], 'each folder has its floor; the service worker alone imports nothing');
  assert.deepEqual(importsOf('web/offline.js'), []);
});

test('every import leads to a script', () => {
  const there = new Set(scripts);
  const lost = scripts.flatMap((file) => importsOf(file).filter((target) => !there.has(target) && !target.startsWith('web/dist/'))
    .map((target) => `${file} -> ${target}`));
  assert.deepEqual(lost, []);
});

test('no import points upward, or sideways', () => {
  const wrong = [...arrows].flatMap(([from, some]) => [...some].filter(([to]) => floorOf(to) <= floorOf(from))
    .flatMap(([, list]) => list));
  assert.deepEqual(wrong, []);
});

test('no circle of folders', () => {
  const path = [];
  const done = new Set();
  const visit = (folder) => {
    if (path.includes(folder)) assert.fail([...path.slice(path.indexOf(folder)), folder].join(' -> '));
    if (done.has(folder)) return;
    path.push(folder);
    for (const next of arrows.get(folder)?.keys() ?? []) visit(next);
    path.pop();
    done.add(folder);
  };
  for (const folder of arrows.keys()) visit(folder);
});

test('command line, element and page use what every user can', () => {
  const inside = USERS.flatMap((user) => [...(arrows.get(user) ?? [])].filter(([to]) => !PUBLIC.includes(to))
    .flatMap(([, list]) => list));
  assert.deepEqual(inside, []);
  const doors = [...(arrows.get('demo')?.get('element') ?? [])].filter((line) => !line.endsWith('-> web/element/define.js'));
  assert.deepEqual(doors, [], 'the element has one door');
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const file of ['./web/bundle.js', './web/node.js', './web/element/define.js', './models/*']) {
    assert.ok(JSON.stringify(exports).includes(`"${file}"`), `${file} is public`);
  }
});

test('no circle of files within a folder', () => {
  const path = [];
  const done = new Set();
  const code = (file) => {
    const text = readFileSync(join(root, file), 'utf8').replace(/\/\*\*[^]*?\*\//g, '');
    return [...text.matchAll(/^(?:import|export)\b[^'(]*?'(\.[^']+)';/gm)]
      .map(([, name]) => relative(root, join(root, dirname(file), name)).replaceAll(sep, '/'));
  };
  const visit = (file) => {
    if (path.includes(file)) assert.fail([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (done.has(file) || !scripts.includes(file)) return;
    path.push(file);
    code(file).forEach(visit);
    path.pop();
    done.add(file);
  };
  scripts.forEach(visit);
});

test("each set of options is checked by the names that its type has", () => {
  const text = readFileSync(join(root, 'web/api/options.js'), 'utf8');
  const sets = [...text.matchAll(/@typedef \{object\} (\w+)Options\n([^]*?)\*\/\nexport const (\w+)/g)];
  assert.deepEqual(sets.map(([, , , table]) => table), ['LOAD', 'EXPLAIN', 'SCORES', 'PREVIEWS', 'STEPS', 'TRACE', 'PAINT']);
  for (const [, , comment, table] of sets) {
    const named = [...comment.matchAll(/@property \{.*\} \[?(\w+)\]?/g)].map(([, name]) => name);
    assert.deepEqual(Object.keys(options[table]).sort(), named.sort(), table);
  }
});
