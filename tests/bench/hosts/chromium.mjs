/** Contenders in headless Chromium, each in a worker of a browser of its own, isolated for threads. */
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, withoutBrowser } from '../../browser/browser.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };

/** Why there is none; false where there is. */
export const missing = withoutBrowser;
export let name = 'Chromium';

let server;
const networkFiles = []; // served by their number

/** The checkout and the networks' files, on the loopback interface alone, while the benchmark runs. */
async function origin() {
  if (!server) {
    server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
      if (path === '/') return response.writeHead(200, { ...headers, 'Content-Type': 'text/html' }).end('<!doctype html>');
      const file = path.startsWith('/network/') ? networkFiles[Number(path.slice(9))] : join(root, path);
      const size = file && statSync(file, { throwIfNoEntry: false })?.size;
      if (size === undefined) return response.writeHead(404, headers).end();
      response.writeHead(200, { ...headers, 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Content-Length': size });
      return createReadStream(file).pipe(response);
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
  }
  return `http://127.0.0.1:${server.address().port}`;
}

const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cache-Control': 'no-store',
};

async function address(path) {
  if (!networkFiles.includes(path)) networkFiles.push(path);
  return `${await origin()}/network/${networkFiles.indexOf(path)}`;
}

/** As node.mjs's. */
export async function start(contender) {
  const browser = await launch();
  name = `Chromium ${browser.version().split('.')[0]}`;
  const page = await browser.newPage();
  page.on('pageerror', (error) => process.stderr.write(`${contender} in Chromium: ${error.message}\n`));
  await page.goto(`${await origin()}/`);
  await page.evaluate(() => {
    const worker = new Worker('/tests/bench/hosts/worker.js');
    globalThis.ask = (message) => new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.result));
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(message);
    });
  });
  return {
    async ask(request, ...args) {
      if (request === 'peak') return null; // a browser does not tell
      if (request === 'load' && args[0]) {
        const [network, ...settings] = args;
        const shards = [];
        for (const shard of network.shards) shards.push(await address(shard));
        args = [{ ...network, path: await address(network.path), shards }, ...settings];
      }
      return page.evaluate((message) => globalThis.ask(message), { contender, request, args });
    },
    end: () => browser.close(),
  };
}

export async function close() {
  await new Promise((done) => (server ? server.close(done) : done()));
}
