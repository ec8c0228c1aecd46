/**
 * Writes web/types/: the declarations, made from the JSDoc comments by TypeScript, and the element's
 * custom-elements.json. `npm run types` and `npm pack` run it.
 *
 *     node docs/types.mjs [FOLDER]
 *
 * TypeScript leaves more than a reader of declarations wants: the comment of a @typedef beside the
 * type that it made of it, and whatever no public declaration mentions. Both are dropped.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scriptArguments } from '../emscripten/tools.mjs';
import { manifest } from '../web/element/manifest.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { positionals: [given] } = scriptArguments({}, 1);
const folder = resolve(given ?? join(root, 'web/types'));
const PUBLIC = ['index.d.ts', 'node.d.ts', 'own-worker.d.ts', 'element/define.d.ts', 'element/grad-cam.d.ts'];

rmSync(folder, { recursive: true, force: true });
const tsc = join(root, 'node_modules/typescript/bin/tsc');
if (!existsSync(tsc)) {
  console.error('TypeScript is not installed. Run:  npm ci');
  process.exit(1);
}
const { default: ts } = await import('typescript');
try {
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json'), '--outDir', folder], { encoding: 'utf8' });
} catch (error) {
  console.error(error.stdout);
  process.exit(1);
}
// web/'s declarations are the folder's own; those of models/ lie in it, one step nearer than the sources.
for (const name of readdirSync(join(folder, 'web'))) renameSync(join(folder, 'web', name), join(folder, name));
for (const name of readdirSync(folder, { recursive: true })) {
  if (!name.endsWith('.d.ts') || name.startsWith('models')) continue;
  const text = readFileSync(join(folder, name), 'utf8');
  writeFileSync(join(folder, name), text.replace(/(["'])\.\.\/((?:\.\.\/)*)models\//g, (_, quote, up) => `${quote}${up || './'}models/`));
}

/** The statements of a declaration file: {file, name, text}. */
const files = new Map();
function statementsOf(file) {
  if (!files.has(file)) {
    const text = readFileSync(file, 'utf8').replace(/^[ \t]*\/\*\*(?:(?!\*\/)[^])*@typedef(?:(?!\*\/)[^])*\*\/\n/gm, '');
    const { statements } = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
    files.set(file, statements.map((node) => ({ file, name: node.name?.text ?? node.declarationList?.declarations[0].name.text,
      text: node.getFullText().replace(/^\n+/, '') })));
  }
  return files.get(file);
}

/** What public declarations mention, and what those mention, and so on. */
const kept = new Set();
function keep(statement) {
  if (kept.has(statement)) return;
  kept.add(statement);
  const { file, text } = statement;
  const from = (path) => statementsOf(join(dirname(file), `${path}.d.ts`));
  const want = (statements, names) => statements.filter(({ name }) => names.includes(name)).forEach(keep);
  const mentioned = text.replace(/\/\*\*[^]*?\*\//g, '').match(/\w+/g);
  want(statementsOf(file), mentioned);
  const imports = statementsOf(file).filter((one) => /^import \{/.test(one.text));
  imports.filter((one) => one.text.match(/\w+/g).some((name) => name !== 'import' && name !== 'from' && mentioned.includes(name)))
    .forEach(keep);
  for (const [, path] of text.matchAll(/export \* as \w+ from ["'](\.[^"']+)\.js["']/g)) from(path).forEach(keep);
  for (const [, path, name] of text.matchAll(/import\("(\.[^"]+)\.js"\)\.(\w+)/g)) want(from(path), [name]);
  for (const [, names, path] of text.matchAll(/\{([^{}]*)\} from ["'](\.[^"']+)\.js["']/g)) want(from(path), names.match(/\w+/g));
}

/**
 * Every byte of the package is somebody's download: no types in comments beside the same types in the
 * declaration, no indentation by four.
 */
function lean(text) {
  const braces = '\\{(?:[^{}]|\\{(?:[^{}]|\\{[^{}]*\\})*\\})*\\}';
  const repeated = new RegExp(`[ \\t]*(?:\\n[ \\t]*\\*)?[ \\t]*@(?:type|returns) ${braces}(?=\\s*(?:\\*/|\\n[ \\t]*\\*[ \\t]*@))`, 'g');
  return text.replace(/\/\*\*[^]*?\*\//g, (comment) => comment.replace(repeated, '').replace(/\n[ \t]*\*[ \t]*(?=\n[ \t]*\*\/)/g, ''))
    .replace(/^[ \t]*\/\*\*[\s*]*\*\/\n/gm, '')
    .replace(/^(?: {4})+/gm, (spaces) => ' '.repeat(spaces.length / 4));
}

/**
 * What declarations name of the platform: its own type where the program's `lib` (or Node's types) knows it, else what is
 * needed of it, so that they compile without.
 */
const PLATFORM = {
  AbortSignal: '{ readonly aborted: boolean }',
  Blob: '{ readonly size: number; readonly type: string; arrayBuffer(): Promise<ArrayBuffer> }',
  HTMLCanvasElement: '{ width: number; height: number }',
  URL: '{ readonly href: string }',
  Worker: '{ postMessage(message: any, transfer?: any): void; terminate(): void }',
};
const platform = `type Known<Name extends string, Else> = typeof globalThis extends Record<Name, { prototype: infer T }> ? T : Else;
${Object.entries(PLATFORM).map(([name, least]) => `export type ${name} = Known<'${name}', ${least}>;`).join('\n')}
`;

/** Its first line takes from platform.d.ts what it mentions; a file that extends the page's classes needs the page's types anyway. */
function withPlatform(name, text) {
  const names = Object.keys(PLATFORM).filter((type) => new RegExp(`\\b${type}\\b`).test(text.replace(/\/\*\*[^]*?\*\//g, '')));
  if (!names.length || name.startsWith('element')) return text;
  const up = name.split(/[\\/]/).slice(1).map(() => '../').join('') || './';
  return `import type { ${names.join(', ')} } from "${up}platform.js";\n${text}`;
}

PUBLIC.forEach((name) => statementsOf(join(folder, name)).forEach(keep));
for (const name of readdirSync(folder, { recursive: true })) {
  const file = join(folder, name);
  if (!file.endsWith('.d.ts')) continue;
  const text = (files.get(file) ?? []).filter((statement) => kept.has(statement)).map(({ text: words }) => words).join('\n');
  if (text) writeFileSync(file, `${withPlatform(name, lean(text))}\n`);
  else rmSync(file);
}

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'platform.d.ts'), platform);
const source = readFileSync(join(root, 'web/element/grad-cam.js'), 'utf8');
writeFileSync(join(folder, 'custom-elements.json'), `${JSON.stringify(manifest(source))}\n`);
