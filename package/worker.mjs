// Writes web/dist/worker.js: the worker of browsers in one script, for the entries that bundlers see
// (web/bundle.js): `node package/worker.mjs`. `npm pack` does it; a checkout's pages need none of it.
//
// Bundlers disagree about scripts of workers: some take no dynamic imports there, some no top-level await,
// some none of their own names. A script that has nothing of this is copied by all of them.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, runMain, say, scriptArguments, Stop } from '../emscripten/tools.mjs';

/** Replaces text that must be there once. */
function replaced(text, from, to, file) {
  if (text.split(from).length !== 2) throw new Stop(`${file} does not hold exactly one: ${from}`);
  return text.replace(from, () => to);
}

/** What is taken of a package, by all who load it: named, the rest is left out. */
function takenOf(name) {
  const names = new Set();
  for (const file of readdirSync(join(root, 'models'), { recursive: true })) {
    if (!String(file).endsWith('.js')) continue;
    const text = readFileSync(join(root, 'models', String(file)), 'utf8');
    for (const [, list] of text.matchAll(new RegExp(`\\{([^{}]+)\\} = await loadPackage\\('${name}'`, 'g'))) {
      for (const one of list.split(',')) names.add(one.trim());
    }
  }
  if (!names.size) throw new Stop(`models/ takes nothing of ${name}.`);
  return [...names].filter(Boolean).join(', ');
}

/** Packages: one is in it, the other 4 MB, which only those pay who read its files. */
const packages = () => `import { ${takenOf('fflate')} } from 'fflate';
import { ModelError } from './errors.js';
const there = { fflate: { ${takenOf('fflate')} } };
export const givePackages = (given) => Object.assign(there, given);
export async function loadPackage(name) {
  if (there[name]) return there[name];
  throw new ModelError('hdf5', 'This is an HDF5 file, which is not read in this place.');
}`;

const cards = () => Object.fromEntries(readdirSync(join(root, 'models'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) => {
    try {
      return [[name, JSON.parse(readFileSync(join(root, 'models', name, 'model.json'), 'utf8'))]];
    } catch {
      return []; // a folder of scripts
    }
  }));

const IN_NODE = 'var ENVIRONMENT_IS_NODE=typeof process=="object"&&typeof process.versions=="object"&&' +
  'typeof process.versions.node=="string"&&process.type!="renderer";';

const CHANGED = {
  'models/packages.js': packages,
  // The cards of the networks known by name are in it: some bundlers make scripts of JSON files.
  'models/architectures.js': (text, file) => `${replaced(text, 'export async function readCard', 'async function readCardFile', file)}
const cards = ${JSON.stringify(cards())};
export const readCard = async (name) => structuredClone(cards[name] ?? null);`,
  // Node's parts are awaited, some at the top level, and make bundlers look for Node's modules.
  'web/dist/gradcam.js': (text, file) => replaced(text.replace(/await import\([^()]*["']\w+["']\)/g, '{}'),
    IN_NODE, '', file),
  'web/worker/whole.js': (text, file) => replaced(text, "const NAMES = '';",
    `const NAMES = ${JSON.stringify(JSON.stringify(JSON.parse(readFileSync(join(root, 'models/labels/imagenet.json'), 'utf8'))))};`, file),
};

export async function bundleWorker() {
  const { build } = await import('esbuild').catch(() => {
    throw new Stop('esbuild is not installed. Run:  npm ci');
  });
  const changes = {
    name: 'changes',
    setup(plugin) {
      plugin.onResolve({ filter: /^(node:.*|h5wasm.*)$/ }, ({ path }) => ({ path, namespace: 'none' }));
      plugin.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'export default undefined;' }));
      plugin.onLoad({ filter: /\.js$/ }, ({ path }) => {
        const file = path.slice(root.length + 1).replaceAll('\\', '/');
        const change = CHANGED[file];
        return change && { contents: change(readFileSync(path, 'utf8'), file), resolveDir: dirname(path) };
      });
    },
  };
  const outfile = join(root, 'web/dist/worker.js');
  const { outputFiles, warnings } = await build({
    entryPoints: [join(root, 'web/worker/whole.js')], outfile, write: true, bundle: true, format: 'esm', platform: 'browser',
    target: 'es2022', minify: true, legalComments: 'none', charset: 'utf8', logLevel: 'error', plugins: [changes],
    // Where the package's files are, the page says; threads run the script that the worker runs.
    define: { 'import.meta.url': 'self.location.href', process: 'undefined', ENVIRONMENT_IS_NODE: 'false' },
    banner: { js: '/* gradcam-wasm, MIT licence; fflate, MIT licence; see THIRD_PARTY.md */' },
  });
  void outputFiles;
  if (warnings.length) throw new Stop(warnings.map(({ text }) => text).join('\n'));
  const text = readFileSync(outfile, 'utf8');
  const wrong = /\bimport\(|\bimport\.meta\b|^\s*import\b|\brequire\(|\bprocess\./m.exec(text.replace(/import\(\$\{JSON/g, ''));
  if (wrong) throw new Stop(`${outfile} still holds ${text.substr(wrong.index, 80)}`);
  return text.length;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    scriptArguments({}, 0);
    say(`web/dist/worker.js, ${Math.round(await bundleWorker() / 1000)} KB`);
  });
}
