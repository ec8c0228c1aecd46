/**
 * Writes web/types/: the declarations, made from the JSDoc comments by TypeScript, and the element's
 * custom-elements.json. `npm run types` and `npm pack` run it.
 *
 *     node web/types.mjs [FOLDER]
 *
 * TypeScript leaves more than a reader of declarations wants: the comment of a @typedef beside the
 * type that it made of it, and files that no public declaration mentions. Both are dropped.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manifest } from './element/manifest.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = resolve(process.argv[2] ?? join(root, 'web/types'));
const PUBLIC = ['index.d.ts', 'node.d.ts', 'element/define.d.ts', 'element/grad-cam.d.ts'];

rmSync(folder, { recursive: true, force: true });
const tsc = join(root, 'node_modules/typescript/bin/tsc');
if (!existsSync(tsc)) {
  console.error('TypeScript is not installed. Run:  npm ci');
  process.exit(1);
}
try {
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json'), '--outDir', folder], { encoding: 'utf8' });
} catch (error) {
  console.error(error.stdout);
  process.exit(1);
}

/** Files that declarations mention, from the public ones on. */
const seen = new Set();
function visit(file) {
  if (seen.has(file)) return;
  seen.add(file);
  const text = readFileSync(file, 'utf8').replace(/^[ \t]*\/\*\*(?:(?!\*\/)[^])*@typedef(?:(?!\*\/)[^])*\*\/\n/gm, '');
  writeFileSync(file, text);
  for (const [, path] of text.matchAll(/(?:from |import\(|import )["'](\.[^"']+)\.js["']/g)) {
    visit(join(dirname(file), `${path}.d.ts`));
  }
}
PUBLIC.forEach((name) => visit(join(folder, name)));
for (const name of readdirSync(folder, { recursive: true })) {
  const file = join(folder, name);
  if (file.endsWith('.d.ts') && !seen.has(file)) rmSync(file);
}

mkdirSync(folder, { recursive: true });
const source = readFileSync(join(root, 'web/element/grad-cam.js'), 'utf8');
writeFileSync(join(folder, 'custom-elements.json'), `${JSON.stringify(manifest(source), null, 1)}\n`);
