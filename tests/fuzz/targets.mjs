// The fuzz targets: built, given their seeds, and started. `npm run fuzz` and the endurance suite use it.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { build } from '../../emscripten/build.mjs';
import { installPackages, root, which } from '../../emscripten/tools.mjs';
import { execute, testFiles } from '../processes.mjs';

/**
 * @typedef {object} Target
 * @property {string} name     fuzz_onnx, say
 * @property {string} kind     what drives it: fuzz (libFuzzer), asan (driver.c), node (mutate.mjs)
 * @property {string} folder   where an input that fails is left
 * @property {string} corpus   of what it found in earlier runs; a target in JavaScript keeps none
 * @property {string[]} start  program and first arguments
 * @property {string[]} seeds  folders
 */

/** True where clang can link a fuzz target. */
async function hasLibFuzzer() {
  if (!which('clang') || !which('clang++')) return false;
  const folder = mkdtempSync(join(tmpdir(), 'gradcam-fuzz-'));
  const file = join(folder, 'probe.c');
  writeFileSync(
    file,
    'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return 0 * *d * (int)n; }\n',
  );
  const { status } = await execute('clang', [
    '-fsanitize=fuzzer,address',
    file,
    '-o',
    join(folder, 'probe'),
  ]);
  rmSync(folder, { recursive: true, force: true });
  return status === 0;
}

/** Larger networks are slow under a sanitizer, and show nothing that smaller ones do not. */
const LARGEST_SEED = 1 << 16;

/**
 * Small networks of every family and operator, as one folder of seeds: what PyTorch exported for the golden values, and
 * ONNX's own case of each operator where those have been fetched.
 */
async function networkSeeds(folder) {
  const { ensureNewest, ensureTestData } = await import('../conformance/fetch.mjs');
  const cases = await Promise.all([ensureTestData, ensureNewest].map(async (bring) => {
    try {
      return await bring();
    } catch {
      return null; // without a network the others serve
    }
  }));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const ours = readdirSync(join(root, 'tests/golden'), { recursive: true }).filter((name) => name.endsWith('.onnx'))
    .map((name) => join(root, 'tests/golden', name));
  const theirs = cases.filter(Boolean).flatMap((from) => readdirSync(from, { recursive: true })
    .filter((name) => basename(name) === 'model.onnx').map((name) => join(from, name)));
  [...ours, ...theirs].forEach((file, i) => {
    if (statSync(file).size <= LARGEST_SEED) copyFileSync(file, join(folder, `${i}.onnx`));
  });
  return folder;
}

/** Seeds of a target in C: a folder of its own, and what other tests have made already. */
function seedFolders(name, networks) {
  const folders = [`tests/fuzz/seeds/${name}`];
  if (name === 'fuzz_image') folders.push('tests/golden/images');
  if (['fuzz_onnx', 'fuzz_explain'].includes(name)) folders.push(networks);
  return folders.map((folder) => resolve(root, folder)).filter(existsSync);
}

/** @returns {Promise<{ preset: string, targets: Target[] }>} every target, built */
export async function prepareTargets() {
  const preset = (await hasLibFuzzer()) ? 'fuzz' : 'asan';
  await build([preset]);
  installPackages('.');
  const folder = join(root, 'build', preset, 'fuzz');
  const networks = await networkSeeds(join(folder, 'networks.seeds'));
  const targets = testFiles(/^fuzz_.*\.(c|mjs)$/).map((file) => {
    const script = file.endsWith('.mjs');
    const name = basename(file).replace(/\.\w+$/, '');
    return {
      name, folder,
      kind: script ? 'node' : preset,
      corpus: join(folder, `${name}.corpus`),
      start: script ? [process.execPath, file] : [join(folder, name)],
      seeds: script ? [] : seedFolders(name, networks),
    };
  });
  return { preset, targets };
}

/**
 * Runs a target once. Coverage is libFuzzer's "cov:", edges of the whole library; of a target in JavaScript, the blocks
 * of models/ and web/ that V8 saw, where `-coverage=1` asks for it.
 * @param {Target} target
 * @param {string[]} options  as libFuzzer spells them
 * @param {{ seconds: number, inputs?: string[] }} how  inputs: folders in place of corpus and seeds
 */
export async function runTarget({ name, kind, folder, corpus, start: [program, ...first], seeds }, options, { seconds, inputs }) {
  const args = [...first, ...options, `-artifact_prefix=${folder}/`];
  if (kind === 'fuzz') args.push('-rss_limit_mb=4096', '-timeout=20', '-print_final_stats=1');
  if (kind !== 'node') {
    mkdirSync(corpus, { recursive: true });
    args.push(...inputs ?? [corpus, ...seeds]);
  }
  const result = await execute(program, args, { seconds });
  const reached = [...result.output.matchAll(/^#\d+\s.*\bcov: (\d+)/gm)].map(([, blocks]) => Number(blocks));
  return {
    ...result,
    good: result.status === 0,
    runs: Number(/^Done (\d+) runs/m.exec(result.output)?.[1] ?? 0),
    coverage: { first: reached[0], last: reached.at(-1) },
  };
}
