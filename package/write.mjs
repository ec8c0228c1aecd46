// Writes the package as it is published: `node package/write.mjs [FOLDER]` (build/package), then
// `npm publish build/package`. What `npm pack` would take of the checkout, less what no user of it reads:
// comments (the declarations have them), scripts and tools of development.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from '../emscripten/build.mjs';
import { root, run, runMain, say, scriptArguments, Stop } from '../emscripten/tools.mjs';
import { bundleWorker } from './worker.mjs';

/** @param {string} folder @returns {Promise<number>} bytes */
export async function writePackage(folder) {
  const esbuild = await import('esbuild').catch(() => {
    throw new Stop('esbuild is not installed. Run:  npm ci');
  });
  await build(['wasm']);
  await bundleWorker();
  run(process.execPath, [join(root, 'docs/types.mjs')]);
  const [{ files }] = JSON.parse(run('npm', ['pack', '--ignore-scripts', '--dry-run', '--json']));
  rmSync(folder, { recursive: true, force: true });
  let bytes = 0;
  for (const { path } of files) {
    const to = join(folder, path);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(root, path), to);
    if (path.endsWith('.js') && path !== 'web/dist/worker.js') {
      const whole = path === 'web/dist/gradcam.js';
      const { code } = esbuild.transformSync(readFileSync(to, 'utf8'), {
        charset: 'utf8', target: 'es2022', minifyWhitespace: true, minifyIdentifiers: whole,
      });
      writeFileSync(to, code);
    }
    if (path === 'package.json') {
      const { scripts, devDependencies, ...rest } = JSON.parse(readFileSync(to, 'utf8'));
      writeFileSync(to, `${JSON.stringify(rest, null, 2)}\n`);
    }
    bytes += readFileSync(to).length;
  }
  return bytes;
}

/** The tarball of it. @param {string} folder  where it is made @returns {Promise<string>} its path */
export async function packInto(folder) {
  await writePackage(join(folder, 'package'));
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: join(folder, 'package') }));
  return join(folder, filename);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    const { positionals: [given] } = scriptArguments({}, 1);
    const folder = resolve(given ?? join(root, 'build/package'));
    say(`${folder}: ${((await writePackage(folder)) / 1e6).toFixed(2)} MB`);
  });
}
