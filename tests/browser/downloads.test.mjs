/**
 * Published Keras models by name, on the page: downloaded with a bar, cancelled, gone on with where the
 * download stopped, kept for the next visit; and hosts that break off, lie or let no page read them.
 *
 * MobileNet has no published MD5, so another width's file may stand in for it, from a server of our own
 * that takes the place of Keras's in the page's policy and in the model's card.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { browserAndServer, data, root, withoutBrowser, withoutData } from './browser.mjs';

const PUBLISHED = 'https://storage.googleapis.com';
const PIECE = 4 << 20; // of web/files/download.js
const WAIT = { timeout: 60000 };

describe('models by download', { skip: withoutBrowser || withoutData }, () => {
  const web = browserAndServer();
  const host = { origin: '', asked: [], stall: 0, breakOff: 0, cors: true };
  let server;
  let body;
  before(async () => {
    body = await readFile(data('weights/mobilenet_0.75_224.h5'));
    server = createServer((request, response) => {
      host.asked.push(request.headers.range ?? 'all');
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range)?.[1] ?? 0);
      const rest = body.subarray(from);
      response.writeHead(from ? 206 : 200, { 'content-length': rest.length, 'cross-origin-resource-policy': 'cross-origin',
        ...(host.cors ? { 'access-control-allow-origin': '*' } : {}) });
      const part = host.stall || host.breakOff;
      if (!part) response.end(rest);
      else response.write(rest.subarray(0, part), () => host.breakOff && setTimeout(() => response.destroy(), 200));
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    host.origin = `http://127.0.0.1:${server.address().port}`;
  });
  after(() => {
    server?.closeAllConnections();
    server?.close();
  });

  /** The page in a browser profile of its own; `card`: what else the model's card says. */
  async function visit(context, card = {}) {
    Object.assign(host, { asked: [], stall: 0, breakOff: 0, cors: true });
    const page = await context.newPage();
    await page.route('**/web/demo/', async (route) => {
      const html = await readFile(`${root}/web/demo/index.html`, 'utf8');
      assert.ok(html.includes(PUBLISHED), 'the policy names the host of the published models');
      await route.fulfill({ contentType: 'text/html', body: html.replace(PUBLISHED, host.origin), headers: {
        'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } });
    });
    await page.route('**/models/mobilenet/model.json', async (route) => {
      const own = JSON.parse(await readFile(`${root}/models/mobilenet/model.json`, 'utf8'));
      assert.ok(own.download.url.startsWith(PUBLISHED));
      const download = { ...own.download, url: own.download.url.replace(PUBLISHED, host.origin), ...card };
      await route.fulfill({ json: { ...own, download } });
    });
    await page.goto(`${web.server.origin}/web/demo/`);
    await says(page, /forward/);
    await page.click('#model summary');
    return page;
  }

  const says = (page, words) => page.waitForFunction(
    (source) => new RegExp(source).test(document.getElementById('status').textContent), words.source, WAIT);
  const choose = (page) => page.click('[data-model=mobilenet]');
  const kept = (page) => page.evaluate(async () => {
    const cache = await caches.open('gradcam-downloads');
    const answers = await Promise.all((await cache.keys()).map((request) => cache.match(request)));
    return (await Promise.all(answers.map((answer) => answer.blob()))).map(({ size }) => size);
  });

  test('progress, cancel, go on, explain; kept for the next visit', async () => {
    const context = await web.browser.newContext({ serviceWorkers: 'block' });
    const page = await visit(context);
    host.stall = 6 << 20;
    await choose(page);
    await says(page, /mobilenet_1_0_224_tf\.h5: 4 of 11 MB/);
    assert.ok(Math.abs(await page.$eval('#progress', ({ value }) => value) - PIECE / body.length) < 0.01);
    // The page works on meanwhile, with the model it has.
    await page.setInputFiles('#file', `${root}/models/pocket/samples/golf_ball.jpg`);
    await page.waitForFunction(() => document.querySelector('#predictions button')?.textContent.startsWith('golf ball'));
    await page.click('#cancel');
    await says(page, /Cancelled/);
    assert.equal(await page.textContent('#model-name'), 'pocket');
    assert.equal(await page.getAttribute('[data-model=pocket]', 'aria-pressed'), 'true');
    assert.deepEqual(await kept(page), [PIECE]);

    host.stall = 0;
    await choose(page);
    await page.waitForFunction(() => document.getElementById('model-name').textContent.startsWith('mobilenet'), null, WAIT);
    assert.deepEqual(host.asked, ['all', `bytes=${PIECE}-`]);
    assert.equal((await kept(page)).reduce((sum, size) => sum + size, 0), body.length);
    await page.setInputFiles('#file', data('photos/pier.jpg'));
    await page.waitForFunction(() => document.querySelector('#predictions button')?.textContent.startsWith('pier'), null, WAIT);
    assert.match(page.url(), /model=mobilenet/);
    await page.close();

    const again = await visit(context);
    await choose(again);
    await again.waitForFunction(() => document.getElementById('model-name').textContent.startsWith('mobilenet'), null, WAIT);
    assert.deepEqual(host.asked, []);
    await context.close();
  });

  test('a connection that breaks off says so, and the next try goes on', async () => {
    const context = await web.browser.newContext({ serviceWorkers: 'block' });
    const page = await visit(context);
    host.breakOff = 9 << 20;
    await choose(page);
    await says(page, /broke off after 8 MB of 11 MB/);
    host.breakOff = 0;
    await choose(page);
    await page.waitForFunction(() => document.getElementById('model-name').textContent.startsWith('mobilenet'), null, WAIT);
    assert.deepEqual(host.asked, ['all', `bytes=${2 * PIECE}-`]);
    await context.close();
  });

  test('a file with another digest is refused, and nothing of it stays', async () => {
    const context = await web.browser.newContext({ serviceWorkers: 'block' });
    const page = await visit(context, { md5: '00000000000000000000000000000000' });
    await choose(page);
    await says(page, /is not the file its card speaks of: its MD5 is [0-9a-f]{32}, expected 0{32}/);
    assert.deepEqual(await kept(page), []);
    assert.equal(await page.textContent('#model-name'), 'pocket');
    await context.close();
  });

  test('a host that lets no page read it: what to do instead', async () => {
    const context = await web.browser.newContext({ serviceWorkers: 'block' });
    const page = await visit(context);
    host.cors = false;
    await choose(page);
    await says(page, /lets no page read its files. Download http.*mobilenet_1_0_224_tf\.h5 by hand/);
    await context.close();
  });
});
