/**
 * What must hold for hours: `npm run test:endurance`. Every fuzz target, pictures against PIL, loading and disposing,
 * memory that ends, processes killed at random moments, a full disk. It prints one table, which is docs/endurance.md.
 *
 *   node tests/endurance/endurance.mjs [--short] [--executions N] [--only PART,...] [--targets NAME,...] [--folder DIR] [--portion SECONDS] [--print]
 *
 * What is done is kept in DIR/state.json (default build/endurance) after each portion, so that a run which was broken off
 * goes on there; what the fuzzers found lies beside their programs. Remove DIR to begin anew. --print prints the table of
 * what has been done. --short is what .ci/run takes: minutes, in a folder of its own that is begun anew.
 * A failure is kept, printed in the table, and tried again at the next run.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readOr, root, runMain, say, scriptArguments, Stop } from '../../emscripten/tools.mjs';
import { prepareTargets, runTarget } from '../fuzz/targets.mjs';
import { indent } from '../processes.mjs';
import { allocations } from './allocations.mjs';
import { cycles } from './cycles.mjs';
import { fullDisk } from './full-disk.mjs';
import { kills } from './kills.mjs';
import { pictures } from './pictures.mjs';

/** part: [what it does, how many in all, in the short form, in one portion]. */
const PARTS = {
  pictures: [pictures, 10000, 400, 1000],
  cycles: [cycles, 1000, 60, 250],
  allocations: [allocations, 1, 1, 1],
  kills: [kills, 200, 8, 20],
  disk: [fullDisk, 20, 4, 20],
};
const SHORT_FUZZ = 2e5;

const { values: options } = scriptArguments({
  short: { type: 'boolean', default: false }, print: { type: 'boolean', default: false },
  executions: { type: 'string' }, only: { type: 'string' }, targets: { type: 'string' }, folder: { type: 'string' }, portion: { type: 'string', default: '120' },
}, 0);
const wanted = options.only?.split(',') ?? ['fuzz', ...Object.keys(PARTS)];
const unknown = wanted.find((part) => part !== 'fuzz' && !PARTS[part]);
const folder = resolve(options.folder ?? join(root, 'build', options.short ? 'endurance-short' : 'endurance'));
const file = join(folder, 'state.json');
if (options.short) rmSync(folder, { recursive: true, force: true });
const state = { fuzz: {}, parts: {}, ...JSON.parse(readOr(file, '{}')) };

function keep() {
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(state, null, 2)}\n`);
}

/** Every target gets the same share; portions in turn, so that a run broken off has been at all of them. */
async function fuzzAll(all) {
  const { targets: known } = await prepareTargets();
  const names = options.targets?.split(',') ?? known.map(({ name }) => name);
  const targets = known.filter(({ name }) => names.includes(name));
  if (targets.length < names.length) throw new Stop(`The fuzz targets are: ${known.map(({ name }) => name).join(', ')}.`);
  const share = Math.ceil(all / known.length);
  const portion = options.short ? 10 : Number(options.portion);
  for (const target of targets) {
    const done = state.fuzz[target.name] ??= { kind: target.kind, runs: 0, seconds: 0 };
    if (target.kind !== 'node' && done.before === undefined) {
      done.before = (await runTarget(target, ['-runs=1'], { seconds: 120, inputs: [] })).coverage.last;
      done.seeds = (await runTarget(target, ['-runs=0'], { seconds: 300, inputs: target.seeds })).coverage.last;
    }
  }
  const open = () => targets.filter(({ name }) => state.fuzz[name].runs < share && !state.fuzz[name].failed);
  for (const { name } of targets) delete state.fuzz[name].failed;
  for (let round = 0; open().length && (!options.short || round === 0); round++) {
    for (const target of open()) {
      const done = state.fuzz[target.name];
      const left = share - done.runs;
      const measured = target.kind !== 'node' || done.after === undefined || round % 8 === 7; // in JavaScript it halves the speed
      const result = await runTarget(target, [`-max_total_time=${portion}`, `-runs=${left}`, ...measured ? ['-coverage=1'] : []],
        { seconds: portion * 3 + 120 });
      done.runs += result.runs;
      done.seconds += Number(result.seconds);
      if (target.kind === 'node') done.before ??= result.coverage.first;
      done.after = Math.max(done.after ?? 0, result.coverage.last ?? 0);
      if (!result.good) {
        done.failed = `status ${result.status}`;
        console.log(`${target.name} FAILED (${done.failed}):\n${indent(result.output)}`);
      }
      say(`${target.name}: ${done.runs} of ${share}, coverage ${done.after}`);
      keep();
    }
  }
}

async function runPart(part) {
  const [run, all, few, portion] = PARTS[part];
  const most = options.short ? few : all;
  const done = state.parts[part] ??= { runs: 0 };
  delete done.failed;
  delete done.skipped;
  while (done.runs < most) {
    const count = Math.min(portion, most - done.runs);
    try {
      const { skipped, figures } = await run({ count, first: done.runs, folder });
      if (skipped) {
        done.skipped = skipped;
        break;
      }
      done.runs += count;
      for (const [what, n] of Object.entries(figures)) {
        // Of a largest value the largest, of everything else the sum.
        done.figures = { ...done.figures, [what]: /^most /.test(what) ? Math.max(n, done.figures?.[what] ?? n) : n + (done.figures?.[what] ?? 0) };
      }
    } catch (error) {
      done.failed = error.message;
      console.log(`${part} FAILED: ${error.stack}`);
      break;
    } finally {
      keep();
    }
    say(`${part}: ${done.runs} of ${most}`);
  }
}

const number = (n) => (n === undefined ? '' : Math.round(n).toLocaleString('en-GB'));

function table() {
  const fuzzed = Object.entries(state.fuzz);
  const sum = fuzzed.reduce((total, [, { runs }]) => total + runs, 0);
  const lines = ['# Endurance', '', 'Printed by `npm run test:endurance -- --print`: what has been run, and what came of it. The same command without ' +
    '`--print` goes on where it was broken off, to 10⁸ executions in all.', '', `## Fuzzing: ${number(sum)} executions`, '',
  'Coverage: of targets in C libFuzzer\'s `cov:`, edges of the library under AddressSanitizer and UndefinedBehaviorSanitizer, for an empty input, ' +
    'for the seeds, and at the end; of those in JavaScript the blocks of `models/` and `web/` that V8 saw run, after the first input and at the end ' +
    'of the best portion.', '',
  '| Target | Executions | Seconds | Coverage before | Of the seeds | After | |', '|---|---:|---:|---:|---:|---:|---|',
  ...fuzzed.map(([name, { kind, runs, seconds, before, seeds, after, failed }]) =>
    `| \`${name}\` (${kind === 'node' ? 'JavaScript' : 'C'}) | ${number(runs)} | ${number(seconds)} | ${number(before)} | ${number(seeds)} | ${
      number(after)} | ${failed ? `**failed**: ${failed}` : 'no fault'} |`), '', '## The rest', '', '| Part | Done | | Figures |', '|---|---:|---|---|',
  ...Object.entries(state.parts).map(([part, { runs, failed, skipped, figures = {} }]) => `| ${part} | ${number(runs)} | ${
    failed ? `**failed**: ${failed.split('\n')[0]}` : skipped ? `skipped: ${skipped}` : 'no fault'} | ${
    Object.entries(figures).map(([what, n]) => `${what}: ${number(n)}`).join('; ')} |`)];
  return `${lines.join('\n')}\n`;
}

await runMain(async () => {
  if (unknown) throw new Stop(`Unknown part "${unknown}"; there are: fuzz, ${Object.keys(PARTS).join(', ')}.`);
  if (!options.print) {
    for (const part of wanted) {
      if (part === 'fuzz') await fuzzAll(Number(options.executions ?? (options.short ? SHORT_FUZZ : 1e8)));
      else await runPart(part);
    }
    keep();
  }
  process.stdout.write(table());
  if (options.print) return 0;
  const all = [...Object.values(state.fuzz), ...Object.values(state.parts)];
  const count = (what) => all.filter((done) => done[what]).length;
  console.log(`\n${all.length - count('failed') - count('skipped')} passed, ${count('failed')} failed, ${count('skipped')} skipped`);
  return count('failed') ? 1 : 0;
});
