/**
 * The site (`npm run site`) as any static host would have it: below some path, without the headers that
 * threads want. Every link leads somewhere, it is small, and page, lesson, element.html and the
 * documentation's examples work in each browser.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writeSite } from '../../docs/site.mjs';
import { launchChromium, root, withoutBrowser } from './browser.mjs';
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { launchWebKit, withoutWebKit } from './webkit.mjs';

const BASE = '/some/sub/path/';
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm', '.jpg': 'image/jpeg', '.webmanifest': 'application/manifest+json' };
const skip = existsSync(join(root, 'node_modules/marked')) ? false : 'SKIPPED: the packages are not installed (npm ci)';

/** Waits in the page until an expression holds. */
const until = (condition) => `for (const end = performance.now() + 90000; !(${condition});) {
  if (performance.now() > end) throw new Error(${JSON.stringify(`not within 90 s: ${condition}`)} + document.body.innerText.slice(0, 300));
  await new Promise((next) => setTimeout(next, 50));
}`;

describe('the site', { skip }, () => {
  let folder;
  let server;
  let origin;
  let files;
  const lost = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradcam-site-'));
    files = await writeSite(folder);
    server = createServer(async (request, response) => {
      const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
      const inside = path.startsWith(BASE) ? path.slice(BASE.length) : null;
      const bytes = inside === null ? null : await readFile(join(folder, inside === '' || inside.endsWith('/') ? `${inside}index.html` : inside)).catch(() => null);
      if (!bytes && !/favicon/.test(path)) lost.push(path);
      response.writeHead(bytes ? 200 : 404, { 'content-type': TYPES[extname(path) || '.html'] ?? 'application/octet-stream' }).end(bytes);
    });
    await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
    origin = `http://127.0.0.1:${/** @type {any} */ (server.address()).port}${BASE}`;
  });
  after(async () => {
    server?.closeAllConnections();
    server?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  test('is below 12 MB, and holds no file that static hosts refuse', () => {
    assert.ok(files.bytes <= 12e6, `${files.bytes} bytes`);
    assert.ok(files.files < 1000, `${files.files} files`);
  });

  test('has no link that leads nowhere, and none from the root of its host', async () => {
    const pages = (await readdir(folder, { recursive: true })).map(String).filter((name) => name.endsWith('.html') && !name.startsWith('node_modules'));
    assert.ok(pages.length >= 10, `${pages}`);
    const wrong = [];
    const anchors = new Map();
    const idsOf = async (path) => {
      if (!anchors.has(path)) anchors.set(path, new Set([...(await readFile(join(folder, path), 'utf8')).matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id)));
      return anchors.get(path);
    };
    for (const page of pages) {
      const text = (await readFile(join(folder, page), 'utf8')).replace(/<(pre|textarea)\b[^]*?<\/\1>/g, '');
      for (const [, link] of text.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
        if (/^(https?:|data:|mailto:|$)/.test(link)) continue;
        const to = new URL(link, `http://x${BASE}${page}`);
        const path = to.pathname.startsWith(BASE) ? decodeURIComponent(to.pathname.slice(BASE.length)) : null;
        const file = path === null ? null : path === '' || path.endsWith('/') ? `${path}index.html` : path;
        if (file === null || !existsSync(join(folder, file))) wrong.push(`${page}: ${link}`);
        else if (to.hash && file.startsWith('docs/') && !(await idsOf(file)).has(decodeURIComponent(to.hash.slice(1)))) wrong.push(`${page}: ${link} (no such heading)`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  for (const [name, without, launch] of /** @type {const} */ ([['Chromium', withoutBrowser, launchChromium],
    ['Firefox', withoutFirefox, launchFirefox], ['WebKit', withoutWebKit, launchWebKit]])) {
    test(`${name}: page, lesson, element.html and the guide's examples`, { skip: without }, async () => {
      const browser = await launch();
      lost.length = 0;
      try {
        await browser.goto(`${origin}element.html?src=models/pocket/samples/golf_ball.jpg&top=2`);
        const element = await browser.run(`${until("document.querySelector('grad-cam')?.result")}
          const { predictions } = document.querySelector('grad-cam').result;
          return [predictions[0].name, document.getElementById('frame').value, crossOriginIsolated];`);
        assert.equal(element[0], 'golf ball');
        assert.match(element[1], /^<iframe src="http:.*\/some\/sub\/path\/element\.html\?src=models%2Fpocket/);
        assert.equal(element[2], false);

        await browser.goto(`${origin}docs/guide.html`);
        const guide = await browser.run(`${until("document.querySelector('[data-example]')?.disabled === false")}
          document.querySelector('[data-example]').click();
          const live = document.querySelector('[data-example]').parentElement;
          ${until("live.querySelector('canvas')")}
          const element = document.querySelector('grad-cam');
          element.setAttribute('loading', 'eager');
          ${until('element.result')}
          return [live.textContent, element.result.predictions[0].name];`);
        assert.match(guide[0], /golf ball/);
        assert.equal(guide[1], 'golf ball');

        await browser.goto(`${origin}web/demo/learn/`);
        const lesson = await browser.run(`const first = document.querySelector('grad-cam');
          ${until('first.result')} return first.result.predictions[0].name.length;`);
        assert.ok(lesson > 2);

        await browser.goto(`${origin}web/demo/`);
        const page = await browser.run(`const status = document.getElementById('status');
          ${until('/classes/.test(status.textContent)')}
          document.querySelector('#samples button').click();
          ${until('/forward/.test(status.textContent)')}
          return document.getElementById('predictions').innerText;`);
        assert.match(page, /golf ball/);
      } finally {
        await browser.close();
      }
      assert.deepEqual(lost.filter((path) => !path.includes('/node_modules/')), []);
    });
  }
});
