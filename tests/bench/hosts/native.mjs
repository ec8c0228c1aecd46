/** The native contender (../contenders/xnnpack.c), a program of its own. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../../../emscripten/tools.mjs';

const PROGRAM = join(root, 'build/native/bench/bench_xnnpack');

export const name = 'native';
export const missing = existsSync(PROGRAM) ? false : 'it is not built (npm run build -- native)';

const LIMITS = { linear: '-inf inf', relu: '0 inf', relu6: '0 6' };

const describe = ({ kind, H, W, C, K, kernel, strides, pads, groups, activation }) =>
  [kind, H, W, C, K, ...kernel, ...strides, ...pads, groups, LIMITS[activation]].join(' ');

/** As node.mjs's; load() wants network.layers. */
export async function start() {
  let program;
  let peak = 0;
  const line = (text) => new Promise((resolve, reject) => {
    program.once('close', (code) => reject(new Error(`${PROGRAM} ended (${code})`)));
    program.lines.once('line', resolve);
    program.stdin.write(`${text}\n`);
  }).finally(() => program.removeAllListeners('close'));
  const operations = {
    async load(network, { threads }) {
      program = spawn(PROGRAM, [threads], { stdio: ['pipe', 'pipe', 'inherit'] });
      program.lines = createInterface({ input: program.stdout });
      const begun = performance.now();
      await line([...network.layers.map(describe), 'end'].join('\n'));
      return performance.now() - begun;
    },
    facts: async () => ({ engine: 'native XNNPACK' }),
    async forward() {
      const [ms, megabytes] = (await line('run')).split(' ').map(Number);
      peak = megabytes;
      return ms;
    },
    peak: async () => peak,
  };
  return {
    ask: async (request, ...args) => (operations[request] ? operations[request](...args) : null),
    end: () => program?.kill(),
  };
}
