// npm start: sets up and builds what is missing, explains a bundled picture into out/, then serves
// the page. `npm start -- --once` ends after the explanation.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { serve } from './serve.mjs';
import { root, runMain, say, Stop } from './tools.mjs';

const picture = 'models/pocket/samples/golf_ball_and_flower.jpg';

async function explain() {
  mkdirSync(join(root, 'out'), { recursive: true });
  const args = ['web/cli/gradcam.js', picture, '-o', 'out/'];
  say(`npx gradcam ${args.slice(1).join(' ')}`);
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const status = await new Promise((done) => child.on('close', done));
  if (status !== 0) throw new Stop(`The explanation of ${picture} failed.`);
}

await runMain(async () => {
  await build(['wasm']);
  await explain();
  if (process.argv.includes('--once')) return;
  const { origin } = await serve();
  say('ready');
  console.log(`\nThe page: ${origin}/web/demo/  (Ctrl+C ends)`);
});
