/** Memory that ends, at each request of every call of the public interface: tests/memory, under AddressSanitizer. */
import { join } from 'node:path';
import { build } from '../../emscripten/build.mjs';
import { root } from '../../emscripten/tools.mjs';
import { execute, indent } from '../processes.mjs';

export async function allocations() {
  await build(['asan']);
  const { status, output } = await execute(join(root, 'build/asan/tests/test_memory'), [], { seconds: 1800 });
  const [, passed, failed] = /^(\d+) passed, (\d+) failed/m.exec(output) ?? [];
  if (status !== 0 || failed !== '0') throw new Error(`test_memory ends with status ${status}\n${indent(output)}`);
  return { figures: { 'requests and calls checked': Number(passed) } };
}
