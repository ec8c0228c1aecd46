// Brings everything that is not in the repository: `node emscripten/setup.mjs [--sources-only]`.
//   CACHE/sources              XNNPACK, pthreadpool, FXdiv, stb (sources.mjs)
//   CACHE/emscripten-*/        a private compiler, unless emcc on PATH serves (compiler.mjs)
//   CACHE/toolchain.cmake      which compiler it is, for toolchain.cmake
// CACHE is .cache/ in the repository, or $GRADCAM_CACHE. It is idempotent, and everything is done
// without root.
import { pathToFileURL } from 'node:url';
import { ensureSources } from './sources.mjs';
import { requirePrograms, runMain, withLock } from './tools.mjs';

export async function setup({ sourcesOnly = false } = {}) {
  requirePrograms('cmake', 'make or ninja');
  await withLock('setup', async () => {
    await ensureSources();
    if (!sourcesOnly) {
      const { ensureCompiler } = await import('./compiler.mjs');
      await ensureCompiler();
    }
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(() => setup({ sourcesOnly: process.argv.includes('--sources-only') }));
}
