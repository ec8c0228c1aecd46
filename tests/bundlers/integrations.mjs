/**
 * The package in fresh projects of every bundler and runtime, exactly as docs/guide.md writes it: the
 * tarball of what is published is installed, the project built and served, and Chromium, or the runtime,
 * shows a heatmap.
 *
 *     node tests/bundlers/integrations.mjs [ROW...]     rows by name; default: all
 *     node tests/bundlers/integrations.mjs --write      all, and the table into docs/integrations.md
 *
 * Projects are made in the temporary folder and deleted; KEEP=1 leaves them. integrations.slow.mjs runs the
 * rows as tests.
 */
import { execFile, spawn } from 'node:child_process';
import { createServer as createNetServer } from 'node:net';
import { createServer } from 'node:http';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { packInto } from '../../package/write.mjs';
import { cache, root, scriptArguments } from '../../emscripten/tools.mjs';
import { launch, withoutBrowser } from '../browser/browser.mjs';
import { rows } from './rows.mjs';

const run = promisify(execFile);
const sample = join(root, 'models/pocket/samples/golf_ball.jpg');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm',
  '.json': 'application/json', '.css': 'text/css', '.jpg': 'image/jpeg' };
const MINUTES = 60_000;

/** The guide's blocks: key -> path -> text. */
export async function snippets() {
  const guide = await readFile(join(root, 'docs/guide.md'), 'utf8');
  const found = {};
  for (const [, key, path, text] of guide.matchAll(/^<!-- ([\w-]+): (\S+) -->\n```\w*\n([^]*?)^```$/gm)) {
    (found[key] ??= {})[path] = text;
  }
  return found;
}

/** The folder's files, and nothing else: on every path without a file 404. */
async function serveFolder(folder, isolated) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
    const bytes = await readFile(join(folder, path.endsWith('/') ? `${path}index.html` : path)).catch(() => null);
    response.writeHead(bytes ? 200 : 404, {
      'content-type': TYPES[extname(path) || '.html'] ?? 'application/octet-stream',
      ...(isolated ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' } : {}),
    }).end(bytes);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => { server.closeAllConnections(); server.close(); } };
}

async function freePort() {
  const server = createNetServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** A server of somebody else's, until it answers. */
async function serveBy(command, cwd, env) {
  const port = await freePort();
  let output = '';
  // A group of its own, ended as one: npx leaves children.
  const child = spawn('sh', ['-c', command.replaceAll('PORT', String(port))], { cwd, env: { ...env, PORT: String(port) }, detached: true });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { output += data; });
  const close = () => { try { process.kill(-child.pid, 'SIGKILL'); } catch { /* it ended */ } };
  const origin = `http://localhost:${port}`;
  const until = Date.now() + 3 * MINUTES;
  for (;;) {
    const answer = await fetch(origin).catch(() => null);
    if (answer?.ok) return { origin, close };
    if (child.exitCode !== null || Date.now() > until) {
      close();
      throw new Error(`${command} does not answer: ${output.slice(-2000)}`);
    }
    await new Promise((done) => { setTimeout(done, 300); });
  }
}

/** Waits for the heatmap, and says what stood in its way. */
async function seen(browser, origin, row, project) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('requestfailed', (request) => problems.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('response', (response) => response.status() >= 400 && problems.push(`${response.status()} ${response.url()}`));
  // How many threads there were, the application does not say; its worker does.
  await context.addInitScript(() => {
    const Own = globalThis.Worker;
    globalThis.Worker = class extends Own {
      constructor(...args) {
        super(...args);
        this.addEventListener('message', ({ data }) => { globalThis.threadsSeen = data?.value?.threads ?? globalThis.threadsSeen; });
      }
    };
  });
  try {
    if (row.browse) return await row.browse({ page, origin, project, sample, context });
    await page.goto(origin);
    await page.waitForFunction(() => document.querySelector('canvas')?.width > 100 && /golf ball/.test(document.body.innerText),
      null, { timeout: 2 * MINUTES });
    const [threads, cores] = await page.evaluate(() => [globalThis.threadsSeen, navigator.hardwareConcurrency]);
    if (!row.nested && threads !== (row.isolated ? Math.min(8, cores) : 1)) throw new Error(`${threads} threads of ${cores}`);
    return 'golf ball';
  } catch (error) {
    throw new Error(`${error.message.split('\n')[0]}; ${problems.join('; ').slice(0, 3000)}`);
  } finally {
    await context.close();
  }
}

async function versionsIn(project, packages) {
  const names = packages.map((name) => name.replace(/(.)@.*$/, '$1')).filter((name) => !name.endsWith('.tgz'));
  const found = await Promise.all(names.map(async (name) => {
    const { version } = JSON.parse(await readFile(join(project, 'node_modules', name, 'package.json'), 'utf8'));
    return `${name} ${version}`;
  }));
  return found;
}

/**
 * One row: a project, built and seen.
 * @param {import('./rows.mjs').Row} row
 * @param {{tarball: string, browser: any}} tools
 * @returns {Promise<{versions: string[]}>}
 */
export async function tryRow(row, { tarball, browser }) {
  const project = await mkdtemp(join(tmpdir(), `gradcam-${row.name}-`));
  const env = { ...process.env, CI: '1', NODE_ENV: undefined, NEXT_TELEMETRY_DISABLED: '1', NUXT_TELEMETRY_DISABLED: '1',
    ASTRO_TELEMETRY_DISABLED: '1', npm_config_cache: join(cache, 'npm'), npm_config_audit: 'false', npm_config_fund: 'false' };
  delete env.NODE_ENV;
  delete env.NODE_TEST_CONTEXT; // a project's own tests are not ours
  const shell = async (command, seconds = 600) => {
    try {
      return (await run('sh', ['-ec', command], { cwd: project, env, timeout: seconds * 1000, maxBuffer: 1 << 26 })).stdout;
    } catch (error) {
      throw new Error(`${command}: ${error.killed ? 'out of time; ' : ''}${`${error.stdout}${error.stderr}`.slice(-3000)}`);
    }
  };
  let server;
  try {
    const guide = await snippets();
    const put = async (path, text) => {
      await mkdir(dirname(join(project, path)), { recursive: true });
      await writeFile(join(project, path), text);
    };
    await put('package.json', JSON.stringify({ name: 'project', private: true, type: row.commonjs ? 'commonjs' : 'module' }));
    for (const [path, text] of Object.entries(row.files ?? {})) await put(path, text);
    let build = row.build;
    for (const key of row.guide) {
      if (!guide[key]) throw new Error(`docs/guide.md has no block of "${key}"`);
      for (const [path, text] of Object.entries(guide[key])) {
        if (path === 'build') build = text;
        else await put(row.place?.[path] ?? path, text);
      }
    }
    for (const path of row.sample ?? ['public/sample.jpg']) {
      await mkdir(dirname(join(project, path)), { recursive: true });
      await cp(sample, join(project, path));
    }
    await shell(`npm install --silent --no-package-lock ${[tarball, ...row.packages ?? []].join(' ')}`);
    const versions = await versionsIn(project, row.packages ?? []);
    await row.prepare?.(project);
    if (build) await shell(build);
    if (row.output) {
      const output = await shell(row.output);
      if (!row.expect.test(output)) throw new Error(`${row.output} said: ${output.slice(-2000)}`);
      return { versions: row.version ? [(await shell(row.version)).trim().split('\n')[0]] : versions };
    }
    server = row.server ? await serveBy(row.server, project, env) : await serveFolder(join(project, row.served ?? '.'), row.isolated);
    const found = await seen(browser, server.origin, row, project);
    if (row.browse && !row.expect.test(String(found))) throw new Error(`it showed: ${found}`);
    return { versions };
  } finally {
    server?.close();
    if (!process.env.KEEP) await rm(project, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
    else console.error(project);
  }
}

/** The browser and the tarball that all rows share. */
export async function openTools() {
  if (withoutBrowser) throw new Error(withoutBrowser);
  const folder = await mkdtemp(join(tmpdir(), 'gradcam-packed-'));
  const tarball = await packInto(folder);
  const browser = await launch();
  return { tarball, browser, async close() {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  } };
}

const HEAD = `# Integrations

\`node tests/bundlers/integrations.mjs --write\` runs all of this and writes the table: a fresh project for each row, with the package as it is published and the blocks of [the guide](guide.md#in-your-application), nothing else; built, served, and driven in headless Chromium until a heatmap stands (or run, where there is no page). \`npm run test:slow\` runs them as tests.

| | Tried with | Command | |
|---|---|---|---|
`;

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values: options, positionals: names } = scriptArguments({ write: { type: 'boolean' } });
  const unknown = names.find((name) => !rows.some((row) => row.name === name));
  if (unknown !== undefined) {
    console.error(`There is no row "${unknown}"; there are: ${rows.map((row) => row.name).join(', ')}.`);
    process.exit(2);
  }
  const tools = await openTools();
  const lines = [];
  let failed = 0;
  try {
    for (const row of rows.filter(({ name }) => !names.length || names.includes(name))) {
      const started = Date.now();
      const result = await tryRow(row, tools).catch((error) => ({ error, versions: [] }));
      failed += result.error ? 1 : 0;
      console.log(`${result.error ? 'FAILED' : 'ok'}  ${row.name}  ${result.versions.join(', ')}  ${Math.round((Date.now() - started) / 1000)} s` +
        `${result.error ? `\n${result.error.message}` : ''}`);
      lines.push(`| ${row.title} | ${result.versions.join(', ')} | \`node tests/bundlers/integrations.mjs ${row.name}\` | ${result.error ? 'fails' : 'works'} |\n`);
    }
  } finally {
    await tools.close();
  }
  if (options.write && !names.length) await writeFile(join(root, 'docs/integrations.md'), HEAD + lines.join(''));
  console.log(`${lines.length - failed} passed, ${failed} failed, 0 skipped`);
  process.exitCode = failed ? 1 : 0;
}

