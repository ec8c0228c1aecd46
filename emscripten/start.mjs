// npm start: sets up, builds and installs what is missing, explains a bundled picture into out/, then
// serves the page. `npm start -- --once` ends after the explanation.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { serve } from './serve.mjs';
import { installPackages, root, runMain, say, scriptArguments, Stop } from './tools.mjs';

const picture = 'models/pocket/samples/golf_ball_and_flower.jpg';

async function explain() {
  mkdirSync(join(root, 'out'), { recursive: true });
  const args = ['web/cli/gradcam.js', picture, '-o', 'out/'];
  say(`npx gradcam-wasm ${args.slice(1).join(' ')}`);
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const status = await new Promise((done) => child.on('close', done));
  if (status !== 0) throw new Stop(`The explanation of ${picture} failed.`);
}

/** The packages that read Keras files; all else on the page does without them. */
function installReaders() {
  const missing = ['h5wasm', 'fflate'].filter((name) => !existsSync(join(root, 'node_modules', name, 'package.json')));
  if (!missing.length) return;
  try {
    installPackages('.', ['--fetch-retries=0', '--fetch-timeout=10000']);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    const why = /^npm error (?!code|errno|syscall)(.+)/m.exec(error.message)?.[1] ?? 'npm ci failed';
    say(`${missing.join(' and ')} could not be installed (${why}): Keras files cannot be opened on the page, ` +
      'all else works; the next npm start tries again');
  }
}

await runMain(async () => {
  const { values: options } = scriptArguments({ once: { type: 'boolean' } }, 0);
  await build(['wasm']);
  await explain();
  if (options.once) return;
  installReaders();
  const { origin } = await serve();
  say('ready');
  console.log(`\nThe page: ${origin}/web/demo/  (Ctrl+C ends)`);
});
