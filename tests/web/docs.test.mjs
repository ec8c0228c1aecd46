/**
 * The documents say what is so: the API reference is the one that the comments give, and links lead
 * somewhere.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { root } from './shared.mjs';

const run = promisify(execFile);
const skip = existsSync(join(root, 'node_modules/typescript')) ? false : 'SKIPPED: TypeScript is not installed (npm ci)';

test('docs/api.md is up to date', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gradcam-docs-'));
  t.after(() => rm(folder, { recursive: true }));
  await run(process.execPath, [join(root, 'docs/types.mjs'), join(folder, 'types')]);
  await run(process.execPath, [join(root, 'docs/api.mjs'), join(folder, 'types'), join(folder, 'api.md')]);
  assert.equal(await readFile(join(root, 'docs/api.md'), 'utf8'), await readFile(join(folder, 'api.md'), 'utf8'),
    'it is not what the comments give: npm run docs');
});

test('links between the documents lead somewhere', async () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'THIRD_PARTY.md',
    ...(await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
  const broken = [];
  for (const document of documents) {
    const text = await readFile(join(root, document), 'utf8');
    for (const [, link] of text.matchAll(/\]\((?!\w+:)([^)#]+)(?:#[^)]*)?\)/g)) {
      if (!existsSync(join(root, dirname(document), link))) broken.push(`${document}: ${link}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('the ways of a pixel and of a weight name functions that there are', async () => {
  const text = await readFile(join(root, 'CONTRIBUTING.md'), 'utf8');
  const code = [];
  for (const folder of ['src', 'web', 'models']) {
    for (const name of await readdir(join(root, folder), { recursive: true })) {
      if (/\.(c|h|js)$/.test(name) && !/^(dist|types)/.test(name)) code.push(await readFile(join(root, folder, name), 'utf8'));
    }
  }
  const known = new Set(code.join('\n').match(/\w+/g));
  for (const way of ['pixel', 'weight']) {
    const [section] = new RegExp(`### The way of a ${way}\n[^]*?(?=\n##)`).exec(text);
    assert.equal(section.match(/^\d+\. /gm).length, 10);
    const names = [...section.matchAll(/`([\w.]+)`/g)].flatMap(([, name]) => name.split('.'));
    assert.ok(names.length > 20);
    assert.deepEqual(names.filter((name) => !known.has(name)), [], `of a ${way}`);
  }
});
