/**
 * One comparison: a network, a runtime (Node or a browser), a number of threads. Every contender is a
 * process of its own that stays; rounds go round all of them, so that whatever else this machine
 * does hits them alike.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fuse, readOnnx } from './onnx.mjs';
import { layersOf } from './layers.mjs';
import * as native from './hosts/native.mjs';

/**
 * `rival`: ratios are taken to the best of these. `large`: only for the networks with that much to do.
 * `lean`: also where a runtime or a folder of networks is measured beside the others.
 * tfjs takes seconds for a gradient, on one thread whatever it is told: measured once for both.
 */
const contenders = [
  { name: 'gradcam simd', file: 'gradcam', settings: { variant: 'simd' }, operations: ['forward', 'maps1', 'maps8', 'inputGradient'] },
  { name: 'gradcam relaxed', file: 'gradcam', settings: { variant: 'relaxed' }, operations: ['forward', 'maps1', 'maps8', 'inputGradient'], lean: true },
  { name: 'onnxruntime-web', file: 'onnxruntime', operations: ['forward'], rival: true, lean: true },
  { name: 'tfjs-wasm', file: 'tfjs', operations: ['forward', 'maps1', 'maps8', 'inputGradient', 'postsWay'], once: ['maps1', 'maps8', 'inputGradient', 'postsWay'], rival: true },
  { name: 'native XNNPACK', host: native, file: 'xnnpack', operations: ['forward'], large: true },
];

/** In the order in which a round measures them; maps want a forward before them. */
const OPERATIONS = ['forward', 'maps1', 'maps8', 'inputGradient', 'postsWay'];
/** Only where they are asked for: they take longest. */
const OF_VGG16 = ['inputGradient', 'postsWay'];

/** Of an operation that is not the forward pass, a contender measures no more once it has taken so long. */
const BUDGET_MS = 8000;
const AGREEMENT = 1e-3;
const [CPU_SAMPLES, CPU_SAMPLE_MS] = [3, 250];
/**
 * Before another contender's turn: onnxruntime-web's idle threads go on to spin for 15 ms of a core, after
 * its forward pass is done. Whoever came next was measured beside a busy core.
 */
const REST_MS = 60;
/** Forward passes that the first warm-up takes, whole ones: code in its second, faster form, memory touched. */
const WARM_MS = 500;
/**
 * A turn's forward time is the median of its passes, as many as this time holds, at most so many: one pass of a
 * few milliseconds alone says as much of how quickly a sleeping thread wakes, and of what else the machine did.
 */
const [TURN_MS, TURN_PASSES] = [100, 15];

export const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Largest difference relative to the largest value. */
function distance(found, expected) {
  let [most, off] = [0, 0];
  expected.forEach((value, i) => {
    most = Math.max(most, Math.abs(value));
    off = Math.max(off, Math.abs(value - found[i]) || (found[i] === undefined ? Infinity : 0));
  });
  return off / most;
}

/** The contender whose turn it was last: its threads may still be awake. */
let last;

/** Gives `one` the machine, to itself. */
async function takeTurn(one) {
  if (last !== one) await wait(REST_MS);
  last = one;
}

/** Time that a contender's processor is taken, in ms a forward pass; what idle threads spin counts too. */
async function processorTime(one) {
  await takeTurn(one);
  const before = await one.ask('cpu');
  if (before === null) return undefined;
  let [passes, spent] = [0, 0];
  while (passes < 2 || spent < CPU_SAMPLE_MS) {
    spent += await one.ask('forward');
    passes++;
  }
  await wait(REST_MS);
  return (await one.ask('cpu') - before) / passes;
}

/** Starts a contender, loads the network, checks that it computes what the first one does. */
async function enter(description, { network, host, threads, field }) {
  const one = { ...description, times: {}, spent: {}, failed: {} };
  Object.assign(one, await (description.host ?? host).start(description.file));
  try {
    one.loadMs = await one.ask('load', network, { ...description.settings, threads });
    const facts = await one.ask('facts');
    Object.assign(one, { engine: facts.engine, threads: facts.threads ?? threads });
    if (facts.layer) network.layer ??= facts.layer;
    if (network.arch && facts.layer && !network.layers) {
      network.layers = await layersOf(fuse(readOnnx(readFileSync(network.path))), (names) => one.ask('shapes', names));
    }
    one.output = await one.ask('output');
    const first = field.find(({ output }) => output);
    if (first && one.output) one.off = distance(one.output, first.output);
    if (one.off > AGREEMENT) throw new Error(`its output differs from ${first.name}'s by ${one.off.toExponential(1)}`);
    return one;
  } catch (error) {
    await one.end();
    throw error;
  }
}

/** Passes that are not measured: after a rest, and another's turn, caches and the clock are not what they are in use. */
async function settle(one, atLeast) {
  let spent = 0;
  do spent += await one.ask('forward');
  while (spent < atLeast);
}

async function forwardTime(one) {
  const passes = [];
  let spent = 0;
  do {
    passes.push(await one.ask('forward'));
    spent += passes.at(-1);
  } while (spent < TURN_MS && passes.length < TURN_PASSES);
  return median(passes);
}

async function measure(one, operation, warmUp) {
  if (one.failed[operation] || (one.spent[operation] > BUDGET_MS && operation !== 'forward')) return;
  if (warmUp && one.once?.includes(operation) && one.spent[operation]) return;
  await takeTurn(one);
  try {
    if (operation === 'forward') await settle(one, warmUp ? WARM_MS : 0);
    const ms = operation === 'forward' ? await forwardTime(one) : await one.ask(operation);
    one.spent[operation] = (one.spent[operation] ?? 0) + ms;
    // What takes the whole budget at once is measured once; there the warm-up counts.
    if (!warmUp || (ms > BUDGET_MS && operation !== 'forward')) (one.times[operation] ??= []).push(ms);
  } catch (error) {
    one.failed[operation] = error.message.split('\n')[0];
  }
}

/**
 * @param {{network: object, host: object, threads: number, rounds: number, quick: boolean,
 *   say: (text: string) => void, progress: (text: string) => void}} options
 *   quick: without what takes longest; say: what the reader must know
 * @returns {Promise<object[]>} a row per contender
 */
export async function compare({ network, host, threads, rounds, quick, say, progress }) {
  const field = [];
  const heading = () => `${network.name}, ${host.name}, ${threads} thread${threads === 1 ? '' : 's'}`;
  for (const description of contenders) {
    if (description.large && !network.arch) continue;
    if (!description.lean && host.lean) continue;
    if (network.zoo && !description.lean && !description.rival) continue;
    if (network.without?.has(description.name)) continue;
    progress(`${heading()}: loading ${description.name}`);
    if (description.host?.missing) continue; // said once, at the start
    try {
      field.push(await enter(description, { network, host, threads, field }));
    } catch (error) {
      say(`SKIPPED: ${description.name} (${heading()}): ${error.message.split('\n')[0]}`);
      // What reads the graph itself, and cannot, cannot elsewhere either.
      if (/^(page.evaluate: )?(Error: )*no tfjs operator/.test(error.message)) (network.without ??= new Set()).add(description.name);
    }
  }
  const first = quick ? -1 : -3; // before 0: to warm up
  const asked = (one, operation) => one.operations.includes(operation) && !(one.once?.includes(operation) && (threads > 1 || quick));
  for (let round = first; round < rounds; round++) {
    for (const operation of OPERATIONS) {
      if (OF_VGG16.includes(operation) && network.name !== 'VGG16') continue;
      for (const one of field) {
        if (!asked(one, operation)) continue;
        await measure(one, operation, round < 0);
        // Memory of forward pass and heatmaps: before a gradient to the input enlarges it.
        if (operation === 'maps8' && round === first) one.peak = await one.ask('peak');
      }
    }
    for (const one of field) one.peak ??= await one.ask('peak');
    progress(`${heading()}: ${round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`}`);
  }
  for (let i = 0; i < CPU_SAMPLES && !quick; i++) {
    for (const one of field) (one.times.cpu ??= []).push(await processorTime(one));
  }
  for (const one of field) {
    if (one.times.cpu?.includes(undefined)) delete one.times.cpu;
    await one.end();
    for (const [operation, reason] of Object.entries(one.failed)) say(`FAILED: ${one.name}, ${operation} (${heading()}): ${reason}`);
  }

  const rival = field.filter((one) => one.rival && one.times.forward)
    .sort((a, b) => median(a.times.forward) - median(b.times.forward))[0];
  const ratio = (list, base) => list && base && median(list.map((ms, i) => ms / base[i]));
  const middle = (list) => list && median(list);
  return field.filter((one) => one.times.forward).map((one) => {
    const { forward, maps1, maps8, inputGradient, postsWay, cpu } = one.times;
    return {
      network: network.name, runtime: host.name, threads, contender: one.name, engine: one.engine,
      ownThreads: one.threads, off: one.off, load: one.loadMs, peak: one.peak,
      forward: median(forward), maps1: middle(maps1), maps8: middle(maps8),
      inputGradient: middle(inputGradient), postsWay: middle(postsWay),
      toRival: ratio(forward, rival?.times.forward), rival: rival?.name, zoo: network.zoo,
      cpu: middle(cpu), cpuToRival: ratio(cpu, rival?.times.cpu),
      toNative: ratio(forward, field.find(({ name }) => name === 'native XNNPACK')?.times.forward),
      maps8OfForward: one.rival ? undefined : ratio(maps8, forward),
      inputGradientOfForward: one.rival ? undefined : ratio(inputGradient, forward),
    };
  });
}
