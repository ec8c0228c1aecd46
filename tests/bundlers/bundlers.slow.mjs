/**
 * The package in an application built by Vite, webpack and esbuild, run in Chromium with two threads.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { launch, root, withoutBrowser } from '../browser/browser.mjs';

const run = promisify(execFile);
const tools = await Promise.all(['vite', 'webpack', 'esbuild'].map((name) => import(name).catch(() => null)));
const [vite, webpack, esbuild] = tools;
const skip = withoutBrowser || (tools.includes(null)
  ? 'SKIPPED: the bundlers are not installed (npm ci in tests/bundlers)' : false);

/** The whole application: what a reader would write. */
const APPLICATION = `
import { GradCam } from 'gradcam-wasm';
const cam = await GradCam.load('pocket', { modelsUrl: '/models/', wasmUrl: globalThis.wasmUrl });
const { predictions, maps } = await cam.explain('/sample.jpg');
const canvas = maps[0].toCanvas();
document.body.append(canvas);
globalThis.outcome = [predictions[0].name, cam.model.threads, canvas.width];
`;

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json' };

/** Serves a folder, cross-origin isolated. */
async function serveFolder(folder) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://x').pathname;
    const bytes = await readFile(join(folder, path.endsWith('/') ? `${path}index.html` : path)).catch(() => null);
    response.writeHead(bytes ? 200 : 404, {
      'content-type': TYPES[extname(path) || '.html'] ?? 'application/octet-stream',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    }).end(bytes);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

describe('bundlers', { skip }, () => {
  let folder;
  let browser;
  before(async () => {
    browser = await launch();
    folder = await mkdtemp(join(tmpdir(), 'gradcam-bundlers-'));
    const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: root });
    await run('tar', ['-xzf', JSON.parse(stdout)[0].filename], { cwd: folder });
    await mkdir(join(folder, 'node_modules'));
    await rename(join(folder, 'package'), join(folder, 'node_modules/gradcam-wasm'));
    for (const name of ['h5wasm', 'fflate']) {
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    }
    await writeFile(join(folder, 'app.js'), APPLICATION);
    await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  });
  after(async () => {
    await browser?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  /** Files that every bundler leaves to the application: models and the picture. */
  async function addAssets(out) {
    await cp(join(root, 'models/pocket'), join(out, 'models/pocket'), { recursive: true });
    await cp(join(root, 'models/pocket/samples/golf_ball.jpg'), join(out, 'sample.jpg'));
  }

  async function works(out) {
    await addAssets(out);
    const server = await serveFolder(out);
    const page = await browser.newPage();
    const problems = [];
    page.on('pageerror', (error) => problems.push(error.message));
    try {
      await page.goto(`${server.origin}/`);
      const outcome = await page.waitForFunction(() => globalThis.outcome, null, { timeout: 30000 })
        .then((handle) => handle.jsonValue(), (error) => assert.fail(`${error.message}; ${problems.join('; ')}`));
      assert.deepEqual(outcome, ['golf ball', Math.min(8, await page.evaluate(() => navigator.hardwareConcurrency)), 480]);
      assert.deepEqual(problems, []);
    } finally {
      await page.close();
      server.close();
    }
  }

  test('Vite, as it comes', async () => {
    await writeFile(join(folder, 'index.html'), '<!doctype html><title>x</title><body><script type="module" src="app.js"></script>');
    const out = join(folder, 'out-vite');
    await vite.build({ root: folder, logLevel: 'error', configFile: false, worker: { format: 'es' },
      build: { outDir: out, target: 'es2022' } });
    await works(out);
  });

  test('webpack, as it comes', async () => {
    const out = join(folder, 'out-webpack');
    const stats = await new Promise((done, failed) => webpack.default({
      mode: 'production', context: folder, entry: './app.js', target: 'web',
      output: { path: out, filename: 'main.js', module: true, chunkFormat: 'module', publicPath: '/' },
      experiments: { outputModule: true },
      optimization: { minimize: false }, // half a minute that tells nothing
    }, (error, result) => (error ? failed(error) : done(result))));
    assert.equal(stats.hasErrors(), false, stats.toString({ all: false, errors: true }));
    await writeFile(join(out, 'index.html'), '<!doctype html><title>x</title><body><script type="module" src="main.js"></script>');
    await works(out);
  });

  test('esbuild: the worker is an entry of its own, the .wasm file is copied', async () => {
    const out = join(folder, 'out-esbuild');
    const web = join(folder, 'node_modules/gradcam-wasm/web');
    await esbuild.build({
      absWorkingDir: folder, entryPoints: ['app.js', join(web, 'worker.js')], bundle: true, format: 'esm', splitting: true,
      target: 'es2022', outdir: out, entryNames: '[name]', platform: 'browser', logLevel: 'silent',
      external: ['node:*', 'module', 'worker_threads', 'h5wasm', 'h5wasm/node', 'fflate'],
    });
    await cp(join(web, 'dist'), out, { recursive: true });
    await writeFile(join(out, 'index.html'), '<!doctype html><title>x</title><body>' +
      '<script type="module">globalThis.wasmUrl = location.origin; await import("/app.js");</script>');
    await works(out);
  });
});
