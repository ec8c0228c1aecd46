/* Who includes whom in src/: prints the folders, and fails for a circle of modules (a header belongs
 * to the .c of its name), an include that points upward, and a function that is declared in another
 * module's header than its own; no operator is known by name but where operators are defined and read. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../src/', import.meta.url));
/* Each may include those of a smaller number. */
const height = { gradcam_types: 0, base: 1, ops: 2, image: 2, kernels: 3, session: 4, onnx: 5, cam: 6, gradcam: 6, facade: 7 };

const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /\.[ch]$/.test(path));
const text = new Map(files.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
const moduleOf = (path) => path.replace(/\.[ch]$/, '');
const folderOf = (path) => moduleOf(path).split('/')[0];

const uses = new Map(files.map((path) => [moduleOf(path), new Set()]));
for (const [path, source] of text)
  for (const [, header] of source.matchAll(/^#include "([^"]+)"/gm))
    if (text.has(header) && moduleOf(header) !== moduleOf(path))
      uses.get(moduleOf(path)).add(moduleOf(header));

/** A way from the module back to itself; null: none. */
function circle(module, way = [], seen = new Set()) {
  if (way.includes(module)) return [...way.slice(way.indexOf(module)), module];
  if (seen.has(module)) return null;
  seen.add(module);
  for (const next of uses.get(module)) {
    const found = circle(next, [...way, module], seen);
    if (found) return found;
  }
  return null;
}

test('includes point downward', (t) => {
  const folders = new Map();
  for (const [module, set] of uses)
    for (const other of set)
      if (folderOf(module) !== folderOf(other))
        folders.set(folderOf(module), (folders.get(folderOf(module)) ?? new Set()).add(folderOf(other)));
  for (const [folder, set] of [...folders].sort((a, b) => height[b[0]] - height[a[0]]))
    t.diagnostic(`${folder} -> ${[...set].sort((a, b) => height[b] - height[a]).join(' ')}`);
  const upward = [];
  for (const [module, set] of uses)
    for (const other of set)
      if (folderOf(module) !== folderOf(other) && !(height[folderOf(other)] < height[folderOf(module)]))
        upward.push(`${module} includes ${other}`);
  assert.deepEqual(upward, []);
});

test('no circle of modules', () => {
  const seen = new Set();
  for (const module of uses.keys()) {
    const found = circle(module, [], seen);
    assert.equal(found, null, found?.join(' -> '));
  }
});

/* What a folder shows as a whole. */
const shown = new Set(['gradcam.h', 'image/image.h', 'onnx/onnx.h', 'onnx/import.h', 'onnx/model.h']);

/* A name is defined in the .c that has it at the beginning of a line with a body behind it. */
test('functions are declared in the header of the file that defines them', () => {
  const home = new Map();
  for (const [path, source] of text)
    if (path.endsWith('.c'))
      for (const [, name] of source.matchAll(/^(?!static)[a-z][\w *]*?\b(gcam_\w+)\([^;{}]*\) \{/gm))
        home.set(name, moduleOf(path));
  const strayed = [];
  for (const [path, source] of text)
    if (path.endsWith('.h') && !shown.has(path))
      for (const [, name] of source.matchAll(/^(?:GCAM_EXPORT )?(?!static|typedef)[a-z][\w *]*?\b(gcam_\w+)\([^;{}]*\)[^;{}]*;/gm))
        if (home.has(name) && home.get(name) !== moduleOf(path))
          strayed.push(`${name} of ${home.get(name)}.c is declared in ${path}`);
  assert.deepEqual(strayed, []);
});

/* What an operator is, others ask by its traits (ops/op.h). */
test('no operator is known by name outside ops/ and onnx/', () => {
  const quoted = /"([A-Z][A-Za-z0-9]+)"/g;
  const names = new Set();
  for (const [path, source] of text)
    if (folderOf(path) === 'ops') for (const [, name] of source.matchAll(quoted)) names.add(name);
  assert.ok(names.has('Conv') && names.has('Relu') && names.size > 40);
  const known = [];
  for (const [path, source] of text)
    if (!['ops', 'onnx'].includes(folderOf(path)))
      for (const [literal, name] of source.replace(/\/\*.*?\*\//gs, '').matchAll(quoted))
        if (names.has(name)) known.push(`${path}: ${literal}`);
  assert.deepEqual(known, []);
});
