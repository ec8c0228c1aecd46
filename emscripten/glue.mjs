// Makes emcc's script digestible for bundlers (Vite, webpack, esbuild): `node glue.mjs FILE`.
//   - They must not follow imports that run in Node alone.
//   - They must not make a file of its own out of the thread's script: threads run the very script
//     that holds this code, bundled or not; pre.js finds it.
// And a thread that fails is told to whoever started the engine, who knows whether it is still starting.
// Every replacement must find its text: a newer Emscripten that writes another one stops the build.
import { readFileSync, writeFileSync } from 'node:fs';

const ignored = '/* webpackIgnore: true */ /* @vite-ignore */ ';
const replacements = [
  ['await import("module")', `await import(${ignored}"module")`],
  ["await import('worker_threads')", `await import(${ignored}'worker_threads')`],
  ['new Worker(new URL("gradcam.js",import.meta.url),workerOptions)', 'new Worker(workerOptions)'],
  ['worker.onerror=e=>{var message="worker sent an error!";err(`${message} ${e.filename}:${e.lineno}: ${e.message}`);throw e}',
    'worker.onerror=e=>Module["threadFailed"](e)'],
];

const [file] = process.argv.slice(2);
let text = readFileSync(file, 'utf8');
for (const [from, to] of replacements) {
  if (text.includes(to)) continue; // linked again without change
  if (text.split(from).length !== 2) throw new Error(`${file} does not hold exactly one: ${from}`);
  text = text.replace(from, () => to);
}
writeFileSync(file, text);
