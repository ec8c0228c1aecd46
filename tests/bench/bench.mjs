/**
 * npm run bench: forward, one heatmap and eight, load time and memory, against onnxruntime-web.
 *
 * Every contender is a process of its own that stays; rounds go round all of them, so that whatever
 * else this machine does hits them alike. Medians over the rounds; a ratio is the median of the
 * rounds' ratios. Prints a table in Markdown and writes it to docs/bench.md, with the figures in
 * docs/bench.json.
 *   --rounds N   (default 15)    --only NAME   networks whose name contains this
 */
import { fork } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findNetworks } from './networks.mjs';

const { values: options } = parseArgs({ options: {
  rounds: { type: 'string', default: '15' },
  only: { type: 'string', default: '' },
} });
const rounds = Number(options.rounds);
const here = (file) => fileURLToPath(new URL(file, import.meta.url));

const contenders = [1, 2].flatMap((threads) => [
  { name: 'gradcam simd', file: 'gradcam.mjs', args: ['simd', threads], threads },
  { name: 'gradcam relaxed', file: 'gradcam.mjs', args: ['relaxed', threads], threads },
  { name: 'onnxruntime-web', file: 'onnxruntime.mjs', args: [threads], threads, peer: true },
]);

class Contender {
  constructor(description) {
    Object.assign(this, description, { times: {}, peak: 0 });
    this.process = fork(here(description.file), description.args.map(String), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  }

  ask(name, network) {
    return new Promise((resolve, reject) => {
      const exit = () => reject(new Error(`${this.name} ended while asked for "${name}"`));
      this.process.once('exit', exit);
      this.process.once('message', ({ ms, peak, error }) => {
        this.process.off('exit', exit);
        if (error) return reject(new Error(`${this.name}: ${error}`));
        this.peak = peak;
        return resolve(ms);
      });
      this.process.send({ name, network });
    });
  }

  async measure(name) {
    const ms = await this.ask(name);
    if (ms !== null) (this.times[name] ??= []).push(ms);
  }
}

const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

const operations = ['forward', 'maps1', 'maps8'];
const WARM_UP = 3;

async function compare(network) {
  const field = contenders.map((description) => new Contender(description));
  for (const one of field) one.loadTime = await one.ask('load', network);
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const name of operations) {
      for (const one of field) {
        if (round < 0) await one.ask(name);
        else await one.measure(name);
      }
    }
    process.stderr.write(`\r${network.name}: round ${Math.max(0, round + 1)} of ${rounds} `);
  }
  process.stderr.write('\n');
  for (const one of field) one.process.kill();
  return field.map((one) => {
    const peer = field.find((other) => other.peer && other.threads === one.threads);
    const forward = median(one.times.forward);
    const ratio = median(one.times.forward.map((ms, i) => ms / peer.times.forward[i]));
    const maps = (name) => one.times[name] && median(one.times[name]);
    return {
      network: network.name, contender: one.name, threads: one.threads, forward, ratio,
      maps1: maps('maps1'), maps8: maps('maps8'),
      maps8OfForward: one.times.maps8 && median(one.times.maps8.map((ms, i) => ms / one.times.forward[i])),
      load: one.loadTime, peak: one.peak,
    };
  });
}

const fixed = (value, digits = 1) => (value === undefined ? '' : value.toFixed(digits));

function table(rows) {
  const lines = ['| network | engine | threads | forward ms | of onnxruntime-web | 1 map ms | 8 maps ms | 8 maps of forward | load ms | peak MB |',
    '|---|---|---|---|---|---|---|---|---|---|'];
  for (const r of rows) {
    lines.push(`| ${r.network} | ${r.contender} | ${r.threads} | ${fixed(r.forward)} | ${fixed(r.ratio, 2)} | ` +
      `${fixed(r.maps1, 2)} | ${fixed(r.maps8, 2)} | ${r.maps8 === undefined ? '' : `${fixed(100 * r.maps8OfForward)} %`} | ` +
      `${fixed(r.load, 0)} | ${fixed(r.peak, 0)} |`);
  }
  return lines.join('\n');
}

const rows = [];
for (const network of await findNetworks(options.only)) {
  rows.push(...await compare(network));
}
if (!rows.length) {
  console.error('No network to compare: --only names none that is there.');
  process.exit(1);
}
const { size } = statSync(here('../../web/dist/gradcam.wasm'));
const text = `# Speed

Written by \`npm run bench\`: ${rounds} interleaved rounds, medians; Node ${process.versions.node}, ${cpus()[0].model.trim()}, ${cpus().length} cores. "Of onnxruntime-web" is the median ratio of the forward times of a round, lower is better. Load includes reading the file; peak is the process's largest resident size. gradcam.wasm ${(size / 1000).toFixed(0)} kB.

${table(rows)}
`;
console.log(text);
mkdirSync(here('../../docs'), { recursive: true });
writeFileSync(here('../../docs/bench.md'), text);
writeFileSync(here('../../docs/bench.json'), `${JSON.stringify({ rounds, node: process.versions.node, rows }, null, 1)}\n`);
