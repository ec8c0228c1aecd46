/**
 * What a busy machine does: the forward pass with every core but one taken by a loop that never ends
 * (a video call, other tabs), beside the same on an idle machine. Two threads must not cost where one
 * of them has no core to run on.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { median } from './compare.mjs';
import * as node from './hosts/node.mjs';

const HOG = fileURLToPath(new URL('./hosts/hog.mjs', import.meta.url));
const contenders = [
  { name: 'one', file: 'gradcam', settings: { variant: 'relaxed' }, threads: 1 },
  { name: 'two', file: 'gradcam', settings: { variant: 'relaxed' }, threads: 2 },
  { name: 'onnxruntime-web', file: 'onnxruntime', threads: 2 },
];
/** A moment without a core is rare and long: what counts is the mean over a while, not a median. */
const SAMPLE_MS = 700;

/** Resolves when they run. */
async function startHogs() {
  const hogs = Array.from({ length: Math.max(1, availableParallelism() - 1) }, () =>
    fork(HOG, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
  await Promise.all(hogs.map((hog) => new Promise((resolve) => hog.once('message', resolve))));
  return () => hogs.forEach((hog) => hog.kill('SIGKILL'));
}

async function sample(one) {
  let [passes, spent] = [0, 0];
  while (passes < 3 || spent < SAMPLE_MS) {
    spent += await one.ask('forward');
    passes++;
  }
  return spent / passes;
}

async function measure(network, { rounds, progress, say }) {
  const field = [];
  let stopHogs = () => {};
  try {
    for (const { name, file, settings, threads } of contenders) {
      const one = { name, idle: [], busy: [], ...(await node.start(file)) };
      try {
        await one.ask('load', network, { ...settings, threads });
        await sample(one);
        field.push(one);
      } catch (error) {
        one.end();
        say(`SKIPPED: ${name} beside a busy core (${network.name}): ${error.message.split('\n')[0]}`);
      }
    }
    for (let round = 0; round < rounds; round++) {
      progress(`${network.name} beside a busy core: round ${round + 1} of ${rounds}`);
      for (const one of field) one.idle.push(await sample(one));
      stopHogs = await startHogs();
      for (const one of field) one.busy.push(await sample(one));
      stopHogs();
    }
  } finally {
    stopHogs();
    for (const one of field) one.end();
  }
  const of = (name) => field.find((one) => one.name === name);
  const [one, two, rival] = contenders.map(({ name }) => of(name));
  const ratio = (a, b, state) => a && b && median(a[state].map((ms, i) => ms / b[state][i]));
  return {
    network: network.name,
    idle: [one, two, rival].map((it) => it && median(it.idle)),
    busy: [one, two, rival].map((it) => it && median(it.busy)),
    twoOfOne: ratio(two, one, 'busy'),
    twoOfOneIdle: ratio(two, one, 'idle'),
    toRival: ratio(two, rival, 'busy'),
  };
}

/** @returns {Promise<object[]>} a row per network */
export async function measureBusy(networks, how) {
  const rows = [];
  for (const network of networks) rows.push(await measure(network, how));
  return rows;
}

export const busyGoals = (rows) => rows.flatMap((row) => [
  { text: `${row.network}, one core free: two threads, of one thread's time`, found: row.twoOfOne, most: 1.1 },
  { text: `${row.network}, one core free: of onnxruntime-web's time, two threads each`, found: row.toRival, most: 0.6 },
]);

export function busyTable(rows) {
  const ms = (value) => (value === undefined ? '' : value.toFixed(1));
  const share = (value) => (value === undefined ? '' : value.toFixed(2));
  return ['| network | idle: 1T ms | 2T ms | 2T of 1T | onnxruntime-web 2T ms | one core free: 1T ms | 2T ms | 2T of 1T | onnxruntime-web 2T ms | 2T, of onnxruntime-web\'s |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map(({ network, idle, busy, twoOfOne, twoOfOneIdle, toRival }) =>
      `| ${[network, ms(idle[0]), ms(idle[1]), share(twoOfOneIdle), ms(idle[2]), ms(busy[0]), ms(busy[1]), share(twoOfOne), ms(busy[2]), share(toRival)].join(' | ')} |`),
  ].join('\n');
}
