/**
 * What a forward pass gains by several pictures at once, which jobs of many passes do not use (docs/decisions.md, "A job
 * runs one picture a pass"): node tests/bench/batches.mjs [ROUNDS]. Sizes take turns in one process; a ratio is the
 * median of the rounds', against one picture a pass.
 */
import { median } from './compare.mjs';
import { load } from './contenders/gradcam.mjs';
import { findNetworks } from './networks.mjs';

const SIZES = [1, 2, 4, 8];
const PICTURES = Math.max(...SIZES); // a round, of each size
const WARM = 2;
const rounds = Number(process.argv[2] ?? 15);

const networks = [...await findNetworks('SqueezeNet', console.log), ...await findNetworks('MobileNet', console.log)];
for (const network of networks) {
  for (const threads of [1, 2]) {
    const runs = [];
    for (const size of SIZES) {
      const batch = { ...network, dims: [size, ...network.dims.slice(1)], batch: true };
      runs.push({ size, forward: (await load(batch, { variant: 'relaxed', threads })).forward, times: [] });
    }
    for (let round = -WARM; round < rounds; round++) {
      for (const { size, forward, times } of runs) {
        const start = performance.now();
        for (let done = 0; done < PICTURES; done += size) await forward();
        if (round >= 0) times.push((performance.now() - start) / PICTURES);
      }
    }
    const words = runs.map(({ size, times }) => `${size}: ${median(times).toFixed(1)} ms, ` +
      `${median(times.map((ms, round) => ms / runs[0].times[round])).toFixed(2)}`);
    console.log(`${network.name}, ${threads} thread${threads > 1 ? 's' : ''}, pictures a pass: ms a picture, of one: ${words.join('; ')}`);
  }
}
process.exit(); // the engines' threads would keep it
