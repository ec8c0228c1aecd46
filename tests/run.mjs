// Runs suites one after another: `node tests/run.mjs SUITE...`; npm test, npm run test:sanitize,
// fuzz and bench call it.
//   all       builds, then every C test natively, then every tests/**/*.test.mjs with node:test
//   slow      every tests/**/*.slow.mjs: networks of full size and their acceptance, every bundler;
//   minutes and gigabytes
//   sanitize  the C tests under AddressSanitizer + UndefinedBehaviorSanitizer, then under
//   ThreadSanitizer
//   fuzz      every fuzz target for FUZZ_SECONDS (default 20) each
//   endurance the short form of npm run test:endurance: pictures, cycles, allocations, kills, a full disk
//   bench     tests/bench, which has a package.json of its own
// The last line is the sum of everything that ran: "N passed, N failed, N skipped".
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { build } from '../emscripten/build.mjs';
import { installPackages, readOr, root, runMain, scriptArguments, Stop } from '../emscripten/tools.mjs';
import { prepareTargets, runTarget } from './fuzz/targets.mjs';
import { execute, indent, testFiles } from './processes.mjs';
import { tally } from './tally.mjs';

const total = { passed: 0, failed: 0, skipped: 0 };

function count({ passed, failed, skipped }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
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

/**
 * Each target runs for a while: those in C on their seeds and what they found in earlier runs; those
 * in JavaScript on inputs they make themselves.
 */
async function fuzz() {
  const seconds = Number(process.env.FUZZ_SECONDS ?? 20);
  const { targets } = await prepareTargets();
  for (const target of targets) {
    const result = await runTarget(target, [`-max_total_time=${seconds}`], { seconds: seconds * 3 + 120 });
    count({ passed: result.good ? 1 : 0, failed: result.good ? 0 : 1, skipped: 0 });
    const verdict = result.good ? 'ok' : `FAILED (status ${result.status})`;
    console.log(`${target.kind} ${target.name}: ${result.runs} inputs in ${result.seconds} s ${verdict}`);
    if (!result.good) console.log(indent(result.output));
  }
}

/** The short form of what runs for hours; its fuzzing is the suite above. */
async function endure() {
  await build(['wasm']);
  const script = join(root, 'tests/endurance/endurance.mjs');
  const { output, seconds } = await execute(process.execPath, [script, '--short', '--only', 'pictures,cycles,allocations,kills,disk'], { seconds: 1800 });
  const sums = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output);
  const [passed, failed, skipped] = sums ? sums.slice(1).map(Number) : [0, 1, 0];
  count({ passed, failed, skipped });
  console.log(`endurance, short: ${seconds} s\n${indent(output)}`);
}

async function bench() {
  const scripts = JSON.parse(readOr(join(root, 'tests/bench/package.json'), '{}')).scripts ?? {};
  if (!scripts.bench) throw new Stop('tests/bench/package.json has no script "bench".');
  const asked = process.argv.slice(3);
  if (!asked.some((one) => ['--help', '-h'].includes(one))) {
    await build(['wasm']);
    try {
      await build(['native']); // for one contender, without which it works too
    } catch (error) {
      console.error(error instanceof Stop ? error.message : error);
    }
  }
  for (const folder of ['.', 'tests/browser', 'tests/bench']) installPackages(folder);
  const child = spawn('npm', ['--silent', 'run', 'bench', '--', ...asked], {
    cwd: join(root, 'tests/bench'),
    stdio: 'inherit',
  });
  return new Promise((done) => child.on('close', (status) => done(status ?? 1)));
}

await runMain(async () => {
  const suites = { all: testAll, slow: testSlow, sanitize: testSanitized, fuzz, endurance: endure };
  const toBench = process.argv[2] === 'bench' && process.argv.length > 3; // its options are its own
  const { positionals: names } = toBench ? { positionals: ['bench'] } : scriptArguments();
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
