/**
 * The server of `npm start`: no request ends it, nothing outside of what it serves leaves it. And long work of the
 * set-up, which is never silent.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { serve } from '../../emscripten/serve.mjs';
import { findAltered, listContents } from '../../emscripten/sources.mjs';
import { root, runShowing, Stop } from '../../emscripten/tools.mjs';

describe('the server', () => {
  let server;
  let port;
  const links = join(root, `web/test-links-${process.pid}`);
  before(async () => {
    server = await serve();
    port = Number(new URL(server.origin).port);
    mkdirSync(links);
    symlinkSync('/etc/hostname', join(links, 'out.json'));
    symlinkSync(join(root, 'package.json'), join(links, 'root.json'));
    symlinkSync('circle.json', join(links, 'circle.json'));
    symlinkSync('/etc', join(links, 'folder'));
    writeFileSync(join(links, 'own.json'), '{}');
    symlinkSync('own.json', join(links, 'own-link.json'));
  });
  after(async () => {
    rmSync(links, { recursive: true });
    await server.close();
  });

  const ask = (path, { method = 'GET', headers = {} } = {}) => new Promise((done, fail) => {
    request({ port, host: '127.0.0.1', path, method, headers: { host: `127.0.0.1:${port}`, ...headers } }, (response) => {
      let text = '';
      response.on('data', (part) => { text += part; }).on('end', () => done({ status: response.statusCode, text, location: response.headers.location }));
    }).on('error', fail).end();
  });
  const alive = async () => assert.equal((await ask('/web/demo/')).status, 200);

  for (const [what, path] of [['a file for a folder', '/web/demo/index.html/x'], ['a name too long', `/web/${'a'.repeat(5000)}`],
    ['a path too long', `/web/${'a/'.repeat(4000)}x.js`], ['not UTF-8', '/web/%ff%fe'], ['a zero', '/web/a%00.js'], ['a folder without a page', '/web/files'],
    ['the parent', '/web/../package.json'], ['the parent, written otherwise', '/web/%2e%2e/package.json'], ['hidden', '/web/.hidden'],
    ['another folder', '/package.json'], ['an address', 'http://elsewhere/web/demo/'], ['half an escape', '/web/%'], ['a star', '*']]) {
    test(`${what}: not there, and the server stays`, async () => {
      assert.equal((await ask(path)).status, 404);
      await alive();
    });
  }

  test('a page without its slash leads to the one with it, and nowhere else', async () => {
    for (const path of ['/web/demo', '//web/demo', '/\\web/demo', '/web/./demo', '/web/x/../demo']) {
      const { status, location } = await ask(`${path}?class=7`);
      assert.deepEqual([status, location], [302, '/web/demo/?class=7'], path);
    }
    await alive();
  });

  test('links out of the served folders are refused, those inside are not', async () => {
    const at = `/web/${links.split('/').at(-1)}`;
    for (const name of ['out.json', 'root.json', 'circle.json', 'folder/hostname']) assert.equal((await ask(`${at}/${name}`)).status, 404, name);
    assert.equal((await ask(`${at}/own-link.json`)).text, '{}');
    await alive();
  });

  test('a foreign Host is refused, as a page that was led here has it', async () => {
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', `127.0.0.1.evil.example:${port}`]) {
      assert.equal((await ask('/web/demo/', { headers: { host } })).status, 403, host);
    }
    assert.equal((await ask('/web/demo/', { headers: { host: `localhost:${port}` } })).status, 200);
  });

  test('what is no HTTP, other methods, an answer that nobody waits for', async () => {
    for (const text of ['\0\x01\x02\r\n\r\n', 'GET /web/demo/ HTTP/9.9\r\n\r\n', `GET /web/demo/index.html HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
      `POST /web/demo/ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 99\r\n\r\n`]) {
      await new Promise((done) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(text, () => setTimeout(() => socket.destroy(), 20)));
        socket.on('error', () => {}).on('close', done);
      });
    }
    assert.equal((await ask('/web/demo/', { method: 'DELETE' })).status, 404);
    await alive();
  });
});

test('sources that were altered are noticed, by content', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gradcam-sources-'));
  try {
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    writeFileSync(join(folder, 'a/b/one.c'), 'int one;\n');
    writeFileSync(join(folder, 'two.h'), 'int two;\n');
    const list = listContents(folder);
    assert.match(list, /^[0-9a-f]{64} {2}a\/b\/one\.c\n[0-9a-f]{64} {2}two\.h\n$/);
    utimesSync(join(folder, 'two.h'), 1, 1);
    assert.equal(findAltered(folder, list), undefined, 'a date is no content');
    writeFileSync(join(folder, 'a/b/one.c'), 'int onf;\n');
    assert.equal(findAltered(folder, list), 'a/b/one.c');
    rmSync(join(folder, 'a'), { recursive: true });
    assert.equal(findAltered(folder, list), 'a/b/one.c');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('long work says how far it is', () => {
  const lines = async (work) => {
    const said = [];
    const { error } = console;
    console.error = (line) => said.push(line);
    try {
      await work();
    } finally {
      console.error = error;
    }
    return said;
  };
  const program = 'console.log("[ 12%] a"); setTimeout(() => { console.log("shown: b"); setTimeout(() => process.exit(0), 400); }, 400)';
  const options = { doing: 'building', shown: /shown/, patience: 100, progress: (output) => /\d+%/.exec(output)?.[0] };

  test('while it is silent, and what is shown', async () => {
    const said = await lines(() => runShowing(process.execPath, ['-e', program], options));
    assert.ok(said.filter((line) => /building: 12%/.test(line)).length >= 2, said.join('\n'));
    assert.ok(said.some((line) => /shown: b/.test(line)));
  });

  test('a failure ends it, with what was printed', async () => {
    await assert.rejects(runShowing(process.execPath, ['-e', 'console.log("last words"); process.exit(3)'], options),
      (error) => error instanceof Stop && /status 3[^]*last words/.test(error.message));
    await assert.rejects(runShowing('no-such-program', [], options), /no-such-program/);
  });
});
