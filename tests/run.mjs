// Runs suites one after another: `node tests/run.mjs SUITE...`; npm test, npm run test:sanitize,
// fuzz and bench call it.
//   all       builds, then every C test natively, then every tests/**/*.test.mjs with node:test
//   slow      every tests/**/*.slow.mjs: networks of full size and their acceptance, every bundler;
//   minutes and gigabytes
//   sanitize  the C tests under AddressSanitizer + UndefinedBehaviorSanitizer, then under
//   ThreadSanitizer
//   fuzz      every fuzz target for FUZZ_SECONDS (default 20) each
//   bench     tests/bench, which has a package.json of its own
// The last line is the sum of everything that ran: "N passed, N failed, N skipped".
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { build } from '../emscripten/build.mjs';
import { installPackages, readOr, root, runMain, Stop, which } from '../emscripten/tools.mjs';
import { tally } from './tally.mjs';

const total = { passed: 0, failed: 0, skipped: 0 };

function count({ passed, failed, skipped }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

/** Files below tests/ whose name matches, packages installed there left out. */
function testFiles(pattern, folder = join(root, 'tests')) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : testFiles(pattern, path);
      return pattern.test(entry.name) ? [path] : [];
    });
}

/** Runs a program from the repository root; resolves with its status (or signal) and its output. */
function execute(program, args, { env = {}, seconds = 600 } = {}) {
  return new Promise((done) => {
    const started = Date.now();
    let output = '';
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => {
        output += data;
      });
    const end = (status) => {
      clearTimeout(timer);
      done({ status, output, seconds: ((Date.now() - started) / 1000).toFixed(1) });
    };
    child.on('error', (error) => end(error.message));
    child.on('close', (status, signal) => end(signal ? `ended by ${signal}` : status));
  });
}

function indent(text) {
  return text
    .trimEnd()
    .split('\n')
    .slice(-60)
    .map((line) => `    ${line}`)
    .join('\n');
}

/** Data that tests take from elsewhere is brought by tests/<suite>/fetch.mjs; without, they skip. */
async function fetchTestData() {
  for (const file of testFiles(/^fetch\.mjs$/)) {
    const { status, output } = await execute(process.execPath, [file]);
    if (status !== 0) console.log(`${relative(root, file)} brought nothing:\n${indent(output)}`);
  }
}

/** One C test; it ends with a line "N passed, N failed, N skipped". */
async function runCTest(preset, name, env) {
  const program = join(root, 'build', preset, 'tests', name);
  const { status, output, seconds } = await execute(program, [], { env, seconds: 1200 });
  const lines = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)];
  const [passed, failed, skipped] = (lines.at(-1) ?? [0, 0, 0, 0]).slice(1).map(Number);
  const broken = status !== 0 && failed === 0 ? 1 : lines.length ? 0 : 1; // crashed, or cut short
  count({ passed, failed: failed + broken, skipped });
  let verdict = failed ? 'FAILED' : 'ok';
  if (broken) verdict = `BROKEN (${status === 0 ? 'no closing line' : `status ${status}`})`;
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  console.log(`${preset} ${name}: ${counts}  (${seconds} s) ${verdict}`);
  if (failed || broken || skipped) console.log(indent(output));
}

/** The C tests of one build. The long ones have threads that wait for each other. */
async function runCTests(preset, env, atOnce) {
  const names = testFiles(/^test_.*\.c$/).map((file) => basename(file, '.c'));
  const worker = async () => {
    while (names.length) await runCTest(preset, names.shift(), env);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Every file of tests/ of that name; node's own summary gives the counts. */
async function runNodeTests(pattern, atOnce = availableParallelism()) {
  const files = testFiles(pattern);
  if (!files.length) return;
  const folder = mkdtempSync(join(tmpdir(), 'gradcam-test-'));
  const report = join(folder, 'report.tap');
  const args = [
    '--test',
    `--test-concurrency=${atOnce}`, // by itself, Node leaves one core idle
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${report}`,
    ...files.map((file) => relative(root, file)),
  ];
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const status = await new Promise((done) => child.on('close', done));
  const tap = readOr(report);
  rmSync(folder, { recursive: true, force: true });
  const { failed, suites, ...sums } = tally(tap);
  count({ ...sums, failed: failed || (status === 0 ? 0 : 1) });
  for (const { name, why } of suites) console.log(`skipped whole: ${name}${why ? ` (${why.replace(/^SKIPPED: /, '')})` : ''}`);
}

async function testAll() {
  await build(['wasm', 'native']);
  await fetchTestData();
  await runCTests('native', {}, 1);
  for (const folder of ['.', 'tests/browser', 'tests/bench']) installPackages(folder); // the last: runtimes to compare with
  await runNodeTests(/\.test\.mjs$/);
}

async function testSlow() {
  await build(['wasm']);
  for (const folder of ['.', 'tests/browser']) installPackages(folder);
  await runNodeTests(/\.slow\.mjs$/, 1); // some have limits in seconds
}

async function testSanitized() {
  await build(['asan', 'tsan']);
  await fetchTestData();
  await runCTests('asan', {
    ASAN_OPTIONS: 'detect_leaks=1:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  }, 2);
  await runCTests('tsan', { TSAN_OPTIONS: 'halt_on_error=1' }, 2);
}

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
  const { ensureNewest, ensureTestData } = await import('./conformance/fetch.mjs');
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

/**
 * Each target runs for a while: those in C on their seeds and what they found in earlier runs; those
 * in JavaScript on inputs they make themselves.
 */
async function fuzz() {
  const preset = (await hasLibFuzzer()) ? 'fuzz' : 'asan';
  const seconds = Number(process.env.FUZZ_SECONDS ?? 20);
  await build([preset]);
  installPackages('.');
  const folder = join(root, 'build', preset, 'fuzz');
  const networks = await networkSeeds(join(folder, 'networks.seeds'));
  for (const file of testFiles(/^fuzz_.*\.(c|mjs)$/)) {
    const script = file.endsWith('.mjs');
    const name = basename(file).replace(/\.\w+$/, '');
    const work = join(folder, `${name}.corpus`);
    const args = [`-max_total_time=${seconds}`, `-artifact_prefix=${folder}/`];
    if (!script) {
      mkdirSync(work, { recursive: true });
      if (preset === 'fuzz') args.push('-rss_limit_mb=4096', '-timeout=20', '-print_final_stats=1');
      args.push(work, ...seedFolders(name, networks));
    }
    const [program, first] = script ? [process.execPath, [file]] : [join(folder, name), []];
    const result = await execute(program, [...first, ...args], { seconds: seconds * 3 + 120 });
    const runs = /^Done (\d+) runs/m.exec(result.output)?.[1] ?? 0;
    const good = result.status === 0;
    count({ passed: good ? 1 : 0, failed: good ? 0 : 1, skipped: 0 });
    const verdict = good ? 'ok' : `FAILED (status ${result.status})`;
    console.log(`${script ? 'node' : preset} ${name}: ${runs} inputs in ${result.seconds} s ${verdict}`);
    if (!good) console.log(indent(result.output));
  }
}

async function bench() {
  const scripts = JSON.parse(readOr(join(root, 'tests/bench/package.json'), '{}')).scripts ?? {};
  if (!scripts.bench) throw new Stop('tests/bench/package.json has no script "bench".');
  await build(['wasm']);
  try {
    await build(['native']); // for one contender, without which it works too
  } catch (error) {
    console.error(error instanceof Stop ? error.message : error);
  }
  for (const folder of ['.', 'tests/browser', 'tests/bench']) installPackages(folder);
  const child = spawn('npm', ['--silent', 'run', 'bench', '--', ...process.argv.slice(3)], {
    cwd: join(root, 'tests/bench'),
    stdio: 'inherit',
  });
  return new Promise((done) => child.on('close', (status) => done(status ?? 1)));
}

await runMain(async () => {
  const suites = { all: testAll, slow: testSlow, sanitize: testSanitized, fuzz };
  const names = process.argv.slice(2);
  if (names[0] === 'bench') return bench();
  for (const name of names) {
    if (!suites[name])
      throw new Stop(
        `Unknown suite "${name}"; there are: ${Object.keys(suites).join(', ')}, bench.`,
      );
  }
  for (const name of names) {
    try {
      await suites[name]();
    } catch (error) {
      // it did not build, say: the suites after it still count
      console.error(error instanceof Stop ? error.message : error);
      console.log(`suite ${name}: BROKEN`);
      count({ passed: 0, failed: 1, skipped: 0 });
    }
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed ? 1 : 0;
});
