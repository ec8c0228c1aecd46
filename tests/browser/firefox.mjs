/**
 * Headless Firefox, as distributions ship it, over Marionette, the protocol that geckodriver speaks: each
 * message is its length in decimal, a colon, and JSON.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { DrivenPage, fingerAlong } from './driven.mjs';

const program = process.env.FIREFOX ?? ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find((path) => existsSync(path));

/** For node:test's `skip`: false, or why no test in Firefox can run. */
export const withoutFirefox = program ? false : 'SKIPPED: no Firefox on this machine (Debian: apt-get install firefox-esr)';

const START_SECONDS = 60;

/** Says the messages of one connection; answers come in the order of the questions. */
function converse(socket) {
  let waiting = Buffer.alloc(0);
  const open = new Map();
  let greet;
  const greeting = new Promise((done) => { greet = done; });
  socket.on('data', (piece) => {
    waiting = Buffer.concat([waiting, piece]);
    for (;;) {
      const colon = waiting.indexOf(':');
      const length = Number(waiting.subarray(0, Math.max(0, colon)).toString());
      if (colon < 0 || waiting.length < colon + 1 + length) return;
      const message = JSON.parse(waiting.subarray(colon + 1, colon + 1 + length).toString());
      waiting = waiting.subarray(colon + 1 + length);
      if (!Array.isArray(message)) greet(message);
      else {
        const [, id, error, value] = message;
        const { resolve, reject } = open.get(id);
        open.delete(id);
        if (error) reject(new Error(`Firefox: ${error.message}`));
        else resolve(value);
      }
    }
  });
  let next = 1;
  const ask = (command, params = {}) => new Promise((resolve, reject) => {
    const id = next++;
    open.set(id, { resolve, reject });
    const text = JSON.stringify([0, id, command, params]);
    socket.write(`${Buffer.byteLength(text)}:${text}`);
  });
  socket.on('close', () => open.forEach(({ reject }) => reject(new Error('Firefox has gone'))));
  return { greeting, ask };
}

/**
 * Firefox with one window. `run(body, ...args)`: an async function's body there, and what it returns.
 * @param {Record<string, any>} [preferences]  as in about:config
 */
export async function launchFirefox(preferences = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'gradcam-firefox-'));
  await writeFile(join(profile, 'user.js'), Object.entries({ 'marionette.port': 0, ...preferences })
    .map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`).join(''));
  const child = spawn(program, ['--headless', '--marionette', '--no-remote', '--profile', profile],
    { stdio: 'ignore', env: { ...process.env, HOME: profile, MOZ_HEADLESS: '1' } });
  const ended = new Promise((done) => { child.once('exit', done); });
  const close = async () => {
    child.kill();
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    let port = '';
    for (let tries = 0; !port; ++tries) {
      if (tries > 5 * START_SECONDS || child.exitCode !== null) throw new Error('Firefox did not start');
      await wait(200);
      port = await readFile(join(profile, 'MarionetteActivePort'), 'utf8').catch(() => '');
    }
    const socket = connect(Number(port), '127.0.0.1');
    const { greeting, ask } = converse(socket);
    await greeting;
    await ask('WebDriver:NewSession', {});
    await ask('WebDriver:SetTimeouts', { script: 120000, pageLoad: 60000 });
    const goto = (url) => ask('WebDriver:Navigate', { url });
    async function run(body, ...args) {
      const script = `const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1);
        (async (...args) => { ${body} })(...given).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
      const { value: { value, error } } = await ask('WebDriver:ExecuteAsyncScript', { script, args });
      if (error) throw new Error(error);
      return value;
    }
    /** A PNG of what the window shows, or of one element. @param {string} [id] */
    const screenshot = async (id) => Buffer.from((await ask('WebDriver:TakeScreenshot', { id, full: false })).value, 'base64');
    return {
      goto,
      run,
      screenshot,
      resize: (width, height) => ask('WebDriver:SetWindowRect', { width, height }),
      newPage: async () => new DrivenPage(run, { goto, screenshot,
        enter: () => ask('WebDriver:SwitchToFrame', { id: 0 }),
        /** A finger along points of the window. @param {[number, number][]} path */
        touch: (path) => ask('WebDriver:PerformActions', { actions: [{ type: 'pointer', id: 'finger', parameters: { pointerType: 'touch' }, actions: fingerAlong(path) }] }),
        reload: () => ask('WebDriver:Refresh'),
        click: (id) => ask('WebDriver:ElementClick', { id }),
        press: (value) => ask('WebDriver:PerformActions', { actions: [{ type: 'key', id: 'keys', actions: [{ type: 'keyDown', value }, { type: 'keyUp', value }] }] }),
      }),
      async close() {
        socket.destroy();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
