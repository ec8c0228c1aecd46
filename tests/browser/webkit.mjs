/**
 * WebKit (it stands for Safari and iPads), as Debian ships it: MiniBrowser on a screen of its own
 * (Xvfb), driven by WebKitWebDriver over plain W3C WebDriver.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { DrivenPage, fingerAlong } from './driven.mjs';

const driver = ['/usr/bin/WebKitWebDriver', '/usr/local/bin/WebKitWebDriver'].find((path) => existsSync(path));
const screen = ['/usr/bin/Xvfb', '/usr/local/bin/Xvfb'].find((path) => existsSync(path));

/** MiniBrowser's folder has the processor and the version of WebKit in its name. */
async function findBrowser() {
  if (process.env.WEBKIT) return process.env.WEBKIT;
  for (const processor of await readdir('/usr/lib').catch(() => [])) {
    for (const version of await readdir(`/usr/lib/${processor}`).catch(() => [])) {
      const path = `/usr/lib/${processor}/${version}/MiniBrowser`;
      if (version.startsWith('webkit2gtk-') && existsSync(path)) return path;
    }
  }
  return null;
}

const browser = await findBrowser();

/** For node:test's `skip`: false, or why no test in WebKit can run. */
export const withoutWebKit = !driver || !browser
  ? 'SKIPPED: no WebKit on this machine (Debian: apt-get install webkit2gtk-driver)'
  : !screen ? 'SKIPPED: no screen for WebKit on this machine (Debian: apt-get install xvfb)' : false;

const START_SECONDS = 60;

/** A port of this machine that nobody uses now. */
function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Starts Xvfb; it chooses a display that is free and writes its number. */
async function startScreen() {
  const child = spawn(screen, ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const number = await new Promise((done, fail) => {
    child.once('exit', () => fail(new Error('Xvfb did not start')));
    child.stdio[3].once('data', (data) => done(String(data).trim()));
  });
  return { child, display: `:${number}` };
}

/**
 * WebKit with one window. `run(body, ...args)`: an async function's body there, and what it returns.
 * @param {Record<string, string>} [environment]  beside this process's
 */
export async function launchWebKit(environment = {}) {
  const home = await mkdtemp(join(tmpdir(), 'gradcam-webkit-'));
  const { child: xvfb, display } = await startScreen();
  const port = await freePort();
  const child = spawn(driver, [`--port=${port}`, '--host=127.0.0.1'], {
    stdio: 'ignore',
    detached: true, // the browser's processes are ended with it
    env: { ...process.env, DISPLAY: display, HOME: home, XDG_CACHE_HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home,
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', WEBKIT_DISABLE_COMPOSITING_MODE: '1', NO_AT_BRIDGE: '1', ...environment },
  });
  let session = '';
  async function ask(method, path, body) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`,
      { method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    const { value } = await response.json();
    if (value?.error) throw new Error(`WebKit: ${value.message || value.error}`);
    return value;
  }
  const close = async () => {
    if (session) await ask('DELETE', session).catch(() => {});
    try {
      process.kill(-child.pid);
    } catch { /* it has gone already */ }
    xvfb.kill();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    for (let tries = 0; !(await ask('GET', '/status').catch(() => null))?.ready; ++tries) {
      if (tries > 5 * START_SECONDS || child.exitCode !== null) throw new Error('WebKitWebDriver did not start');
      await wait(200);
    }
    const begin = async () => {
      const { sessionId } = await ask('POST', '/session', { capabilities: { alwaysMatch: {
        'webkitgtk:browserOptions': { binary: browser, args: ['--automation'] } } } });
      session = `/session/${sessionId}`;
      await ask('POST', `${session}/timeouts`, { script: 120000, pageLoad: 60000 });
    };
    await begin();
    const goto = (url) => ask('POST', `${session}/url`, { url });
    async function run(body, ...args) {
      const script = `const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1);
        (async (...args) => { ${body} })(...given).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
      const { value, error } = await ask('POST', `${session}/execute/async`, { script, args });
      if (error) throw new Error(error);
      return value;
    }
    /** A PNG of what the window shows, or of one element. @param {string} [id] */
    const screenshot = async (id) => Buffer.from(await ask('GET', `${session}${id ? `/element/${id}` : ''}/screenshot`), 'base64');
    return {
      goto,
      run,
      screenshot,
      newPage: async () => new DrivenPage(run, { goto, screenshot,
        beginAnew: async () => {
          await ask('DELETE', session).catch(() => {});
          await begin();
        },
        enter: () => ask('POST', `${session}/frame`, { id: 0 }),
        /** A finger along points of the window. @param {[number, number][]} path */
        touch: (path) => ask('POST', `${session}/actions`, { actions: [{ type: 'pointer', id: 'finger', parameters: { pointerType: 'touch' }, actions: fingerAlong(path) }] }),
        reload: () => ask('POST', `${session}/refresh`, {}),
        click: (id) => ask('POST', `${session}/element/${id}/click`, {}),
        press: (value) => ask('POST', `${session}/actions`, { actions: [{ type: 'key', id: 'keys', actions: [{ type: 'keyDown', value }, { type: 'keyUp', value }] }] }),
      }),
      resize: (width, height) => ask('POST', `${session}/window/rect`, { width, height }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
