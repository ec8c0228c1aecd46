// Sets up what is missing and builds presets: `node emscripten/build.mjs [PRESET...]` (default: wasm).
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compilerEnvironment } from './compiler.mjs';
import { setup } from './setup.mjs';
import {
  cache,
  readOr,
  requirePrograms,
  root,
  runMain,
  runShowing,
  scriptArguments,
  say,
  which,
  withLock,
} from './tools.mjs';

const isWasm = (preset) => preset === 'wasm';
const dist = join(root, 'web/dist');

/** Every file under the given paths of the repository, tests' installed packages left out. */
function filesUnder(paths) {
  const found = [];
  const visit = (path) => {
    const entry = statSync(path, { throwIfNoEntry: false });
    if (entry?.isDirectory()) {
      for (const name of readdirSync(path).sort())
        if (name !== 'node_modules') visit(join(path, name));
    } else if (entry) {
      found.push({ path, size: entry.size, time: entry.mtimeMs });
    }
  };
  for (const path of paths) visit(join(root, path));
  return found;
}

/** What a preset is built from, as text: where it is as at the last success, nothing is to do. */
function inputsOf(preset) {
  const paths = [
    'src',
    'emscripten',
    'CMakeLists.txt',
    'CMakePresets.json',
    ...(isWasm(preset) ? [] : ['tests']),
  ];
  const files = filesUnder(paths).filter(
    ({ path }) => isWasm(preset) || !path.includes('/tests/') || /\.(c|h|cmake)$/.test(path),
  );
  return [
    cache,
    readOr(join(cache, 'sources/stamp')),
    isWasm(preset) ? readOr(join(cache, 'toolchain.cmake')) : '',
    ...files.map(({ path, size, time }) => `${path} ${size} ${time}`),
  ].join('\n');
}

const stampOf = (preset) => join(root, 'build', preset, 'inputs');

function isCurrent(preset) {
  if (readOr(stampOf(preset)) !== inputsOf(preset)) return false;
  const outputs = isWasm(preset) ? ['gradcam.js', 'gradcam.wasm'] : [];
  return outputs.every((name) => existsSync(join(dist, name)));
}

/** Configures anew where a build folder comes from another place, cache or compiler. */
function dropForeignFolder(preset) {
  const folder = join(root, 'build', preset);
  const text = readOr(join(folder, 'CMakeCache.txt'));
  if (!text) return;
  const wanted = [`CMAKE_HOME_DIRECTORY:INTERNAL=${root}`, `GRADCAM_CACHE:PATH=${cache}`];
  const emscripten = /"(.+)"/.exec(readOr(join(cache, 'toolchain.cmake')))?.[1];
  const compiler = /^CMAKE_C_COMPILER:\w+=(.*)$/m.exec(text)?.[1] ?? '';
  if (
    wanted.every((line) => text.includes(`${line}\n`)) &&
    (!isWasm(preset) || compiler.startsWith(`${emscripten}/`) || !compiler)
  )
    return;
  say(`build/${preset} belongs to another place or compiler: starting it anew`);
  rmSync(folder, { recursive: true, force: true });
}

/** How far a build is, by its own count: "[ 45%]" of make, "[12/345]" of ninja. */
const counted = (output) =>
  [...output.matchAll(/\[\s*(\d+%|\d+\/\d+)\]/g)].at(-1)?.[1].replace('/', ' of ').replace('%', ' %');

/** What the build of XNNPACK that is going on has printed. */
function newestLog() {
  const folder = join(cache, 'xnnpack');
  const logs = (existsSync(folder) ? readdirSync(folder) : [])
    .map((name) => join(folder, name, 'build.log'))
    .filter((path) => existsSync(path))
    .sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs);
  return logs.length ? readOr(logs.at(-1)) : '';
}

async function buildPreset(preset) {
  const folder = join(root, 'build', preset);
  dropForeignFolder(preset);
  const inputs = inputsOf(preset); // before the build: a file saved meanwhile counts as changed
  const env = { ...compilerEnvironment(), GRADCAM_CACHE: cache };
  if (which('ninja')) env.CMAKE_GENERATOR = 'Ninja';
  say(`building ${preset}`);
  await runShowing('cmake', ['--preset', preset], {
    env,
    doing: `building ${preset}, XNNPACK first`,
    shown: /Building XNNPACK/,
    progress: () => counted(newestLog()),
  });
  await runShowing('cmake', ['--build', folder, '--parallel', String(os.availableParallelism())], {
    env,
    doing: `building ${preset}`,
    shown: /warning: /,
    progress: counted,
  });
  writeFileSync(stampOf(preset), inputs);
}

/**
 * Brings the given presets up to date; costs some milliseconds where nothing has changed.
 * @param {string[]} presets
 */
export async function build(presets) {
  if (presets.every(isCurrent)) return;
  await setup({ sourcesOnly: !presets.some(isWasm) });
  if (!presets.every(isWasm)) requirePrograms('cc', 'c++');
  await withLock('build', async () => {
    // More than one round only where files were edited while it built.
    for (let round = 0; round < 3 && !presets.every(isCurrent); round++) {
      for (const preset of presets) if (!isCurrent(preset)) await buildPreset(preset);
    }
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { positionals: presets } = scriptArguments();
  await runMain(() => build(presets.length ? presets : ['wasm']));
}
