/**
 * npm run bench: forward passes, heatmaps, gradients, load times and memory against onnxruntime-web,
 * tfjs-backend-wasm and native XNNPACK, in Node and in Chromium, on one thread and two, and leanly in
 * npm's newest Node and in Firefox; then what converting VGG16 costs, what a reader of the page waits
 * for, what the methods cost, a busy machine, and a roofline. Prints the report and writes it to
 * docs/bench.md, with the picture docs/bench.svg.
 *
 *   --folder DIR   the .onnx files of this folder instead (tests/zoo/export.py DIR --bench makes one):
 *                  forward passes, heatmaps and processor time. Writes docs/bench-zoo.md. DIR/bench.jsonl
 *                  keeps every figure, so that runs of parts (--hosts, --only, --busy,
 *                  --roofline) add up
 *   --hosts LIST   of node,newest,chromium,firefox, by commas; all by default
 *   --rounds N     default 9
 *   --only NAME    networks whose name contains this; nothing is written to docs/ but with --folder
 *   --quick        three rounds, and without what takes longest; nothing is written to docs/
 *   --no-browser   Node alone
 *   --roofline     with --folder: how far each kind of layer is from what the runtime can do, nothing else
 *   --busy         what a busy machine does, nothing else; nothing is written to docs/ but with --folder
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { root, scriptArguments } from '../../emscripten/tools.mjs';
import { busyGoals, busyTable, measureBusy } from './busy.mjs';
import { compare } from './compare.mjs';
import { singleGoalTable } from './goals.mjs';
import { chromium, close, firefox } from './hosts/browsers.mjs';
import * as native from './hosts/native.mjs';
import * as node from './hosts/node.mjs';
import { measureKeras } from './keras.mjs';
import { measureMethods } from './methods.mjs';
import { findNetworks, networksOf } from './networks.mjs';
import { measurePage } from './page.mjs';
import { drawPicture } from './picture.mjs';
import { folderReport, report } from './report.mjs';
import { measureFolderRoofline, measureRoofline } from './roofline.mjs';

const HOSTS = ['node', 'newest', 'chromium', 'firefox'];

const { values: options } = scriptArguments({
  folder: { type: 'string' },
  hosts: { type: 'string', default: HOSTS.join(',') },
  rounds: { type: 'string' },
  only: { type: 'string', default: '' },
  quick: { type: 'boolean', default: false },
  'no-browser': { type: 'boolean', default: false },
  busy: { type: 'boolean', default: false },
  roofline: { type: 'boolean', default: false },
}, 0);
const { only, quick, folder } = options;
const rounds = Number(options.rounds ?? (quick ? 3 : 9));
const refuse = (why) => {
  console.error(why);
  process.exit(2);
};
if (!(Number.isInteger(rounds) && rounds >= 1)) refuse(`--rounds is ${options.rounds}, but must be a whole number from 1.`);
const wanted = options.hosts.split(',');
const unknown = wanted.find((host) => !HOSTS.includes(host));
if (unknown !== undefined) refuse(`--hosts has "${unknown}"; there are ${HOSTS.join(', ')}.`);
// npm runs this in its own folder: a relative one is of where npm was called.
const zoo = folder && resolve(process.env.INIT_CWD ?? '.', folder);
if (options.roofline && !zoo) refuse('--roofline is of a folder: --folder DIR.');
if (zoo && !statSync(zoo, { throwIfNoEntry: false })?.isDirectory()) refuse(`--folder: there is no folder ${folder}.`);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1)); // contenders end too

const started = performance.now();
const busy = loadavg()[0];
const minutes = () => ((performance.now() - started) / 60e3).toFixed(1);
const notes = [];
const say = (words) => {
  const text = words.replaceAll(`${root}/`, ''); // the report tells no paths of this machine
  notes.push(text);
  process.stderr.write(`\n${text}\n`);
};
const progress = (text) => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${minutes()} min  ${text}` : `${minutes()} min  ${text}\n`);

const hosts = [];
const add = (host, name) => {
  if (host.missing) say(`SKIPPED: ${name}: ${host.missing.replace('SKIPPED: ', '')}`);
  else hosts.push(host);
};
if (wanted.includes('node')) hosts.push(node);
if (options['no-browser']) say('SKIPPED: browsers (--no-browser)');
else if (wanted.includes('chromium')) add(chromium, 'Chromium');
if (!options.busy && wanted.includes('newest') && !quick) add({ ...node.newestNode(), lean: true }, 'the newest Node');
if (!options['no-browser'] && !options.busy && wanted.includes('firefox') && !quick) add(Object.assign(firefox, { lean: true }), 'Firefox');
if (native.missing && !zoo) say(`SKIPPED: native XNNPACK: ${native.missing}`);

const networks = zoo ? networksOf(zoo, only, say) : await findNetworks(only, say);
if (!networks.length) {
  console.error(zoo ? `No .onnx file to compare in ${folder}${only ? `: --only names none` : ''}.` : 'No network to compare: --only names none that is there.');
  process.exit(1);
}

const kept = zoo && join(zoo, 'bench.jsonl');
const keep = (kind, these) => these.forEach((row) => kept && !quick && appendFileSync(kept, `${JSON.stringify({ kind, ...row })}\n`));

/** All that was ever measured in the folder: the last of each. */
function everKept() {
  const lines = existsSync(kept) ? readFileSync(kept, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
  const last = new Map(lines.map((row) => [[row.kind, row.network, row.runtime, row.threads, row.contender].join('|'), row]));
  const of = (kind) => [...last.values()].filter((row) => row.kind === kind);
  return { rows: of('forward'), beside: of('busy'), roofs: of('roofline') };
}

/** @param {{rows?: object[], beside?: object[], roofs?: object[]}} now  of this run: all there is of a quick one, which keeps nothing */
function endFolder(now) {
  const text = folderReport({ ...(quick ? { rows: [], beside: [], roofs: [], ...now } : everKept()), notes: [...new Set(notes)], rounds, busy });
  console.log(text);
  if (quick) console.error('docs/bench-zoo.md is left as it is: a rough picture alone.');
  else writeFileSync(join(root, 'docs/bench-zoo.md'), text);
  process.exit();
}

const beside = async () => {
  const found = await measureBusy(networks, { rounds: zoo && !options.rounds ? 5 : rounds, progress, say });
  keep('busy', found);
  return found;
};
if (options.busy) {
  const found = await beside();
  if (zoo) endFolder({ beside: found });
  console.log(`${busyTable(found)}\n\n${singleGoalTable(busyGoals(found))}`);
  if (busy > 0.5) console.log(`\nThe load average was ${busy.toFixed(1)} at the start: rough figures.`);
  process.exit();
}

if (options.roofline) {
  const roofs = await measureFolderRoofline(networks, node, { quick, progress, say });
  keep('roofline', roofs);
  endFolder({ roofs });
}

/** Already now, for who waits. */
function summary(these) {
  const times = these.map(({ contender, forward, toRival }) => `${contender} ${forward.toFixed(1)} ms${toRival ? ` (${toRival.toFixed(2)})` : ''}`);
  return `  forward, and of ${these[0]?.rival ?? 'a rival'}'s: ${times.join(', ')}`;
}

const rows = [];
for (const network of networks) {
  for (const host of hosts) {
    for (const threads of [1, 2]) {
      const ofThese = network.arch || network.zoo || quick || host.lean ? rounds : 2 * rounds;
      const these = await compare({ network, host, threads, rounds: ofThese, quick, say, progress });
      rows.push(...these);
      keep('forward', these);
      process.stderr.write(`\n${summary(these)}\n`);
    }
  }
}

if (zoo) {
  await close();
  endFolder({ rows });
}

/** A section that fails is left out, loudly; the others still count. */
async function section(name, measure) {
  try {
    return await measure();
  } catch (error) {
    return say(`SKIPPED: ${name}: ${error.message.split('\n')[0]}`);
  }
}
const how = { quick, progress };
const fullHosts = hosts.filter(({ lean }) => !lean);
const found = {
  rows,
  keras: networks.some(({ arch }) => arch === 'vgg16') ? await section('VGG16 from a Keras file', () => measureKeras(how)) : undefined,
  page: !options['no-browser'] && networks.some(({ arch }) => arch === 'vgg16') ? await section('the page', () => measurePage(how)) : undefined,
  methods: await section('methods', () => measureMethods(networks, how)),
  beside: await section('a busy machine', beside),
  roofline: fullHosts.length && networks.some(({ arch }) => arch) ? await section('roofline', () => measureRoofline(networks, fullHosts.at(-1), how)) : undefined,
  size: statSync(join(root, 'web/dist/gradcam.wasm')).size,
};
await close();

const text = report({ ...found, notes: [...new Set(notes)], rounds, quick, busy, minutes: minutes() });
process.stderr.write('\n');
console.log(text);
if (only || quick || wanted.length < HOSTS.length) {
  console.error('docs/bench.md is left as it is: not everything was measured.');
} else {
  const newest = fullHosts.at(-1).name;
  mkdirSync(join(root, 'docs'), { recursive: true });
  writeFileSync(join(root, 'docs/bench.md'), text);
  writeFileSync(join(root, 'docs/bench.svg'), drawPicture(rows.filter((row) => row.runtime === newest), newest));
}
