/**
 * What the fuzz targets in JavaScript share: a generator that a seed repeats, mutations of bytes and of
 * JSON, and the loop that stops with the input at hand. They are started as libFuzzer's are:
 *   node fuzz_x.mjs [-max_total_time=SECONDS] [-runs=N] [-seed=N] [-artifact_prefix=PATH] [-coverage=1]
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { basename } from 'node:path';
import { mix } from '../models/noise.mjs';

const option = (name, other) => process.argv.map((arg) => arg.split('='))
  .find(([key]) => key === `-${name}`)?.[1] ?? other;

/** Random choices. */
export class Dice {
  #state;

  constructor(seed) {
    this.#state = seed;
  }

  /** A whole number from 0 to n - 1. */
  below(n) {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    return mix(this.#state) % n;
  }

  of(list) {
    return list[this.below(list.length)];
  }
}

/** Bytes with a few places changed, cut off, or put together from elsewhere in the file. */
export function damage(bytes, dice) {
  let out = bytes.slice();
  for (let n = 1 + dice.below(4); n > 0 && out.length; n--) {
    const at = dice.below(out.length);
    const length = 1 + dice.below(Math.min(32, out.length - at));
    switch (dice.below(5)) {
      case 0: out[at] ^= 1 << dice.below(8); break;
      case 1: out.fill(dice.of([0, 0xff, 0x7f, 0x80]), at, at + length); break;
      case 2: out[at] = dice.below(256); break;
      case 3: out.copyWithin(dice.below(out.length), at, at + length); break;
      default: if (dice.below(8) === 0) out = out.slice(0, at);
    }
  }
  return out;
}

const ODD = [null, true, '', 'relu', 0, -1, 1, 2, 3.5, 1e9, 4294967296, [], {}, [1, 1], [null, null], [[]], 'x'.repeat(300)];

/** The same JSON with one to three values replaced, removed, or swapped for another one's. */
export function distort(json, dice) {
  const copy = structuredClone(json);
  for (let n = 1 + dice.below(3); n > 0; n--) {
    const places = [];
    const walk = (value) => {
      for (const key of Object.keys(value)) {
        places.push([value, key]);
        if (value[key] && typeof value[key] === 'object') walk(value[key]);
      }
    };
    walk(copy);
    if (!places.length) break;
    const [owner, key] = dice.of(places);
    const [other, name] = dice.of(places);
    const kind = dice.below(8);
    if (kind === 0 && Array.isArray(owner)) owner.splice(Number(key), 1);
    else if (kind === 0) delete owner[key];
    else if (kind === 1) owner[key] = structuredClone(other[name] ?? null);
    else owner[key] = structuredClone(dice.of(ODD));
  }
  return copy;
}

/** Blocks of the package's code that have run, counted since it was made. */
export class Coverage {
  #session = new Session();
  reached = new Set();

  async start() {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
    return this;
  }

  /** How many blocks ran for the first time since it was asked last. */
  async fresh() {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    const before = this.reached.size;
    for (const { url, functions } of result) {
      if (!/\/(models|web)\/(?!.*(fixtures|forms|noise)\.mjs)/.test(url)) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) if (count) this.reached.add(`${url}:${startOffset}-${endOffset}`);
      }
    }
    return this.reached.size - before;
  }
}

/**
 * Runs `one(dice)` until the time is over, or so many are done. It throws where something is wrong, with what it tried in `.input`.
 * `reached` tells the blocks where the target counts them itself.
 */
export async function fuzz(one, reached) {
  const target = basename(process.argv[1], '.mjs');
  const seed = Number(option('seed', Date.now() % 0x7fffffff));
  const end = Date.now() + 1000 * Number(option('max_total_time', 20));
  const most = Number(option('runs', Infinity));
  const coverage = option('coverage') && !reached ? await new Coverage().start() : null;
  let runs = 0;
  console.log(`seed ${seed}`);
  const say = async (when) => {
    await coverage?.fresh();
    if (option('coverage')) console.log(`#${runs} ${when} cov: ${reached?.() ?? coverage.reached.size}`);
  };
  for (const dice = new Dice(seed); Date.now() < end && runs < most; runs++) {
    if (runs === 1) await say('INITED');
    try {
      await one(dice);
    } catch (error) {
      const file = `${option('artifact_prefix', './')}crash-${target}`;
      writeFileSync(file, error.input ?? '');
      console.log(`after ${runs} runs with -seed=${seed}, input left in ${file}:\n${error.stack}`);
      process.exit(1);
    }
  }
  await say('DONE');
  console.log(`Done ${runs} runs`);
}

/** Fails with the input that did it. */
export function blame(input, message, cause) {
  return Object.assign(new Error(message, { cause }), { input });
}
