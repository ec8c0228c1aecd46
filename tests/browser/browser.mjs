/**
 * Headless Chromium for the tests, and the shared data under /data/ of every page.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { serve } from '../../emscripten/serve.mjs';
import { root, data, withoutData } from '../web/shared.mjs';

export { root, data, withoutData, serve };

const program = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  .find((path) => existsSync(path));

const playwright = await import('playwright-core').catch(() => null);

/** For node:test's `skip`: false, or why no browser test can run. */
export const withoutBrowser = !playwright ? 'SKIPPED: playwright-core is not installed (npm ci in tests/browser)'
  : !program ? 'SKIPPED: no Chromium on this machine (Debian: apt-get install chromium)' : false;

const how = ({ cameras = 1 } = {}) => ({
  executablePath: program,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-features=LocalNetworkAccessChecks',
    `--use-fake-device-for-media-stream=device-count=${cameras}`,
    '--use-fake-ui-for-media-stream'],
});

/** @param {{cameras?: number}} [options]  how many cameras there seem to be */
export const launch = (options) => playwright.chromium.launch(how(options));

/**
 * Chromium with one page, as launchFirefox() and launchWebKit() give theirs.
 * @param {{profile?: boolean}} [options]  profile: one on the disk, as a reader has it; without, caches are in memory
 */
export async function launchChromium({ profile = false } = {}) {
  const folder = profile && await mkdtemp(join(tmpdir(), 'gradcam-chromium-'));
  const browser = folder ? await playwright.chromium.launchPersistentContext(folder, how()) : await launch();
  const page = await browser.newPage();
  return {
    goto: (url) => page.goto(url),
    // As an expression: the page's policy forbids functions made of text.
    run: (body, ...args) => page.evaluate(`(async (...args) => { ${body} })(...${JSON.stringify(args)})`),
    async close() {
      await browser.close();
      if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * For a describe(): its browser and its server, there while its tests run.
 * @param {Parameters<typeof serve>[0]} [options]
 * @returns {{browser: import('playwright-core').Browser, server: Awaited<ReturnType<typeof serve>>}}
 */
export function browserAndServer(options) {
  const web = { browser: null, server: null };
  before(async () => {
    web.browser = await launch();
    web.server = await serve(options);
  });
  after(async () => {
    await web.browser?.close();
    await web.server?.close();
  });
  return web;
}

/** A page whose /data/... are files of the shared data. `problems`: what went wrong there. */
export async function openPage(browser, url) {
  const page = await browser.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  // Firefox and WebKit are driven without; no test there asks for shared data by its address.
  await page.route?.('**/data/**', (route) => {
    const path = data(new URL(route.request().url()).pathname.replace(/^\/data\//, ''));
    if (!existsSync(path)) return route.fulfill({ status: 404 });
    return route.fulfill({ path, headers: {
      'cross-origin-resource-policy': 'cross-origin', 'access-control-allow-origin': '*' } });
  });
  await page.goto(url);
  return { page, problems };
}
