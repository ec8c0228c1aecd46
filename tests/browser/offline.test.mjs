/**
 * The service worker: one cache for one release, filled whole; a network that is silent, broken or ahead.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { launch, root, serve, withoutBrowser } from './browser.mjs';

const read = (file) => readFile(`${root}/${file}`, 'utf8');
const WAIT = { timeout: 60000 };

test('the release has one name: of the package, the pages and the cache', async () => {
  const { version } = JSON.parse(await read('package.json'));
  assert.equal(/const RELEASE = '([^']+)'/.exec(await read('web/offline.js'))[1], version);
  for (const page of ['web/demo/index.html', 'web/demo/learn/index.html']) {
    assert.equal(/<meta name="release" content="([^"]+)">/.exec(await read(page))[1], version, page);
  }
});

describe('the page without a network that one can trust', { skip: withoutBrowser }, () => {
  let browser;
  let server;
  let between;
  /** What the network does: (path) => {status, body} in place of the file, 'silence', or nothing. */
  let network = () => undefined;
  before(async () => {
    browser = await launch();
    server = await serve();
    between = createServer(async (request, response) => {
      const instead = network(request.url);
      if (instead === 'silence') return;
      const from = await fetch(server.origin + request.url, { redirect: 'manual' });
      const headers = Object.fromEntries([...from.headers].filter(([name]) => !/^(content-encoding|content-length|etag|vary|connection|keep-alive|transfer-encoding|date)$/.test(name)));
      response.writeHead(instead?.status ?? from.status, headers);
      response.end(instead?.body ?? Buffer.from(await from.arrayBuffer()));
    });
    await new Promise((done) => between.listen(0, '127.0.0.1', done));
  });
  after(async () => {
    between?.closeAllConnections();
    between?.close();
    await browser?.close();
    await server?.close();
  });

  /** A page whose service worker has filled its cache. */
  async function visited() {
    network = () => undefined;
    const context = await browser.newContext();
    const page = await context.newPage();
    const { port } = /** @type {any} */ (between.address());
    await page.goto(`http://127.0.0.1:${port}/web/demo/#sample=church`);
    await answered(page);
    await page.evaluate(() => navigator.serviceWorker.ready);
    return { page, close: () => context.close() };
  }
  const answered = (page) => page.waitForFunction(() => /forward/.test(document.getElementById('status')?.textContent), null, WAIT);

  test('everything is kept, under the name of the release, and nothing else', async () => {
    const { page, close } = await visited();
    const [names, files] = await page.evaluate(async () => {
      const all = (await caches.keys()).filter((name) => name.startsWith('gradcam-page'));
      return [all, (await (await caches.open(all[0])).keys()).map(({ url }) => new URL(url).pathname)];
    });
    assert.deepEqual(names, [`gradcam-page-${JSON.parse(await read('package.json')).version}`]);
    for (const file of ['/web/demo/', '/web/demo/state.js', '/web/dist/gradcam.wasm', '/models/pocket/pocket.onnx', '/web/element/steps/index.js',
      '/models/convert.js', '/models/labels.js', '/models/vgg16/model.json']) assert.ok(files.includes(file), file);
    await close();
  });

  test('a network that is silent gives way to the cache', async () => {
    const { page, close } = await visited();
    network = () => 'silence';
    const start = Date.now();
    await page.reload();
    await answered(page);
    assert.ok(Date.now() - start < 30000, 'each file does not wait anew');
    await close();
  });

  test('a server in trouble does too, and the cache stays', async () => {
    const { page, close } = await visited();
    const count = () => page.evaluate(async () => (await (await caches.open((await caches.keys()).find((name) => name.startsWith('gradcam-page')))).keys()).length);
    const before = await count();
    network = () => ({ status: 503, body: 'busy' });
    await page.reload();
    await answered(page);
    assert.equal(await count(), before);
    await close();
  });

  test('a page of another release gets none of the files of this one', async () => {
    const { page, close } = await visited();
    const html = (await read('web/demo/index.html')).replace(/(name="release" content=")[^"]+/, '$19.9.9');
    network = (path) => {
      if (path === '/web/demo/') return { status: 200, body: html };
      if (path === '/web/demo/stage.js') return { status: 404, body: '' };
      if (path === '/web/demo/app.js') return { status: 200, body: "import('./stage.js').then(() => { document.title = 'mixed'; }, () => { document.title = 'not mixed'; });" };
      return undefined;
    };
    await page.reload();
    await page.waitForFunction(() => /mixed/.test(document.title), null, WAIT);
    assert.equal(await page.title(), 'not mixed');
    await close();
  });
});
