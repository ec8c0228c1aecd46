/** Contenders in headless browsers, each in a worker of a browser of its own, isolated for threads. */
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchChromium, withoutBrowser } from '../../browser/browser.mjs';
import { launchFirefox, withoutFirefox } from '../../browser/firefox.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.json': 'application/json', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };

const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cache-Control': 'no-store',
};

/** ask(): JSON in, JSON out, so that a driver's sandbox (Firefox's) may call it. */
const PAGE = `<!doctype html><script>
  const worker = new Worker('/tests/bench/hosts/worker.js');
  window.ask = (message) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(JSON.stringify(data.result ?? null)));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(JSON.parse(message));
  });
</script>`;

let server;
const networkFiles = []; // served by their number
const folders = []; // too, with what lies in them

/** The checkout and the networks' files, on the loopback interface alone, while the benchmark runs. */
export async function origin() {
  if (!server) {
    server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
      if (path === '/') return response.writeHead(200, { ...headers, 'Content-Type': 'text/html' }).end(PAGE);
      const [, folder, name] = /^\/folder\/(\d+)\/([\w.-]+)$/.exec(path) ?? [];
      const file = path.startsWith('/network/') ? networkFiles[Number(path.slice(9))]
        : name ? join(folders[Number(folder)], name) : join(root, path, path.endsWith('/') ? 'index.html' : '');
      const found = file && statSync(file, { throwIfNoEntry: false });
      const size = found?.isFile() ? found.size : undefined;
      if (size === undefined) return response.writeHead(404, headers).end();
      response.writeHead(200, { ...headers, 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Content-Length': size });
      return createReadStream(file).pipe(response);
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
  }
  return `http://127.0.0.1:${server.address().port}`;
}

async function address(path) {
  if (!networkFiles.includes(path)) networkFiles.push(path);
  return `${await origin()}/network/${networkFiles.indexOf(path)}`;
}

/** The address of a folder's files. */
export async function folderAddress(path) {
  if (!folders.includes(path)) folders.push(path);
  return `${await origin()}/folder/${folders.indexOf(path)}/`;
}

/** Why there is none, in `missing`; false where there is. `name` has the version once one has started. */
class Browser {
  constructor(name, missing, launch) {
    Object.assign(this, { name, missing, launch });
  }

  /** The browser itself, at an empty page. @param {{profile?: boolean}} [options]  see launchChromium() */
  async open(options) {
    const browser = await this.launch(options);
    try {
      await browser.goto(`${await origin()}/`);
      const agent = await browser.run('return navigator.userAgent;');
      const [kind] = this.name.split(' ');
      this.name = `${kind} ${agent.match(/(?:Chrome|Firefox)\/(\d+)/)[1]}`;
      return browser;
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  /** As node.mjs's. */
  async start(contender) {
    const browser = await this.open();
    return {
      async ask(request, ...args) {
        if (request === 'peak' || request === 'cpu') return null; // a browser does not tell
        if (request === 'load' && args[0]) {
          const [network, ...settings] = args;
          const shards = [];
          for (const shard of network.shards) shards.push(await address(shard));
          args = [{ ...network, path: await address(network.path), shards }, ...settings];
        }
        return JSON.parse(await browser.run('return (window.wrappedJSObject ?? window).ask(args[0]);', JSON.stringify({ contender, request, args })));
      },
      end: () => browser.close(),
    };
  }
}

export const chromium = new Browser('Chromium', withoutBrowser, launchChromium);
export const firefox = new Browser('Firefox', withoutFirefox, () => launchFirefox()); // its profile is on the disk

export async function close() {
  await new Promise((done) => (server ? server.close(done) : done()));
}
