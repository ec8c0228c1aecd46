/**
 * npm run bench: forward passes, heatmaps, gradients, load times and memory against onnxruntime-web,
 * tfjs-backend-wasm and native XNNPACK, in Node and in Chromium, on one thread and two; then what
 * converting VGG16 costs, what the methods cost, and a roofline. Prints the report and writes it to
 * docs/bench.md, with the picture docs/bench.svg.
 *
 *   --rounds N     default 9
 *   --only NAME    networks whose name contains this; nothing is written to docs/
 *   --quick        three rounds, and without what takes longest; nothing is written to docs/
 *   --no-browser   Node alone
 *   --busy         what a busy machine does, nothing else; nothing is written to docs/
 */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../../emscripten/tools.mjs';
import { busyGoals, busyTable, measureBusy } from './busy.mjs';
import { compare } from './compare.mjs';
import { singleGoalTable } from './goals.mjs';
import * as chromium from './hosts/chromium.mjs';
import * as native from './hosts/native.mjs';
import * as node from './hosts/node.mjs';
import { measureKeras } from './keras.mjs';
import { measureMethods } from './methods.mjs';
import { findNetworks } from './networks.mjs';
import { drawPicture } from './picture.mjs';
import { report } from './report.mjs';
import { measureRoofline } from './roofline.mjs';

const { values: options } = parseArgs({ options: {
  rounds: { type: 'string' },
  only: { type: 'string', default: '' },
  quick: { type: 'boolean', default: false },
  'no-browser': { type: 'boolean', default: false },
  busy: { type: 'boolean', default: false },
} });
const { only, quick } = options;
const rounds = Number(options.rounds ?? (quick ? 3 : 9));
if (!(Number.isInteger(rounds) && rounds >= 1)) {
  console.error(`--rounds is ${options.rounds}, but must be a whole number from 1.`);
  process.exit(2);
}

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

const hosts = [node];
if (options['no-browser']) say('SKIPPED: Chromium (--no-browser)');
else if (chromium.missing) say(chromium.missing);
else hosts.push(chromium);
if (native.missing) say(`SKIPPED: native XNNPACK: ${native.missing}`);

const networks = await findNetworks(only, say);
if (!networks.length) {
  console.error('No network to compare: --only names none that is there.');
  process.exit(1);
}

const beside = () => measureBusy(networks, { rounds, progress, say });
if (options.busy) {
  const found = await beside();
  console.log(`${busyTable(found)}\n\n${singleGoalTable(busyGoals(found))}`);
  if (busy > 0.5) console.log(`\nThe load average was ${busy.toFixed(1)} at the start: rough figures.`);
  process.exit();
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
      const ofThese = network.arch || quick ? rounds : 3 * rounds;
      const these = await compare({ network, host, threads, rounds: ofThese, quick, say, progress });
      rows.push(...these);
      process.stderr.write(`\n${summary(these)}\n`);
    }
  }
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
const found = {
  rows,
  keras: networks.some(({ arch }) => arch === 'vgg16') ? await section('VGG16 from a Keras file', () => measureKeras(how)) : undefined,
  methods: await section('methods', () => measureMethods(networks, how)),
  beside: await section('a busy machine', beside),
  roofline: networks.some(({ arch }) => arch) ? await section('roofline', () => measureRoofline(networks, hosts.at(-1), how)) : undefined,
  size: statSync(join(root, 'web/dist/gradcam.wasm')).size,
};
await chromium.close();

const text = report({ ...found, notes: [...new Set(notes)], rounds, quick, busy, minutes: minutes() });
process.stderr.write('\n');
console.log(text);
if (only || quick) {
  console.error('docs/bench.md is left as it is: not everything was measured.');
} else {
  const newest = hosts.at(-1).name;
  mkdirSync(join(root, 'docs'), { recursive: true });
  writeFileSync(join(root, 'docs/bench.md'), text);
  writeFileSync(join(root, 'docs/bench.svg'), drawPicture(rows.filter((row) => row.runtime === newest), newest));
}
