// A static server for this repository's page on the loopback interface: web/, models/ and the
// packages that read Keras files, nothing else of the checkout.
import { createReadStream, readFileSync, realpathSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { root } from './tools.mjs';

const served = ['web', 'models', 'node_modules/h5wasm', 'node_modules/fflate', 'node_modules/qrcode-generator'];
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.wasm': 'application/wasm',
};

// Static hosts send these compressed; the weights hardly shrink and go as they are.
const compressible = new Set(['.html', '.js', '.mjs', '.css', '.json', '.svg', '.wasm']);
const compressed = new Map(); // file -> {tag, bytes}

/** The file's bytes by gzip, kept until it changes. */
function gzipped(file, tag) {
  if (compressed.get(file)?.tag !== tag)
    compressed.set(file, { tag, bytes: gzipSync(readFileSync(file)) });
  return compressed.get(file).bytes;
}

/** The file's real path, where it lies in a served folder: links may lead out of it. */
function inside(folder, file) {
  const [real, top] = [file, join(root, folder)].map((path) => realpathSync(path));
  return real.startsWith(top + sep) ? real : undefined;
}

/** The file a request's path means; undefined: not served, hidden, or not there. */
function fileOf(path) {
  let name;
  try {
    name = normalize(decodeURIComponent(path)).replace(/^[\\/]+/, '');
  } catch {
    return undefined;
  }
  const parts = name.split(sep);
  const folder = served.find((one) => name.startsWith(`${one}/`.replaceAll('/', sep)));
  if (
    !folder ||
    name.includes('\0') ||
    parts.some((part) => part.startsWith('.'))
  )
    return undefined;
  const file = join(root, name, name.endsWith(sep) ? 'index.html' : '');
  try {
    return statSync(file).isFile() ? inside(folder, file) : undefined;
  } catch {
    return undefined; // a file for a folder, a name too long, a link in a circle: it is not there
  }
}

/** A page of another name that leads here (DNS rebinding) is not answered. */
const isOurs = (host = '', port) =>
  ['127.0.0.1', 'localhost', '[::1]'].some((name) => host.toLowerCase() === `${name}:${port}`);

/**
 * Starts the server on a free port of 127.0.0.1.
 * @param {{isolated?: boolean, headers?: Record<string, string>}} [options]  isolated: with the two
 * headers that allow threads
 * @returns {Promise<{origin: string, close: () => Promise<void>}>}
 */
export async function serve({ isolated = true, headers = {} } = {}) {
  const common = { 'Cache-Control': 'no-cache', 'X-Content-Type-Options': 'nosniff', ...headers };
  if (isolated) {
    common['Cross-Origin-Opener-Policy'] = 'same-origin';
    common['Cross-Origin-Embedder-Policy'] = 'require-corp';
  }
  const refuse = (response, status, text) =>
    response
      .writeHead(status, { ...common, 'Content-Type': 'text/plain; charset=utf-8' })
      .end(text);
  const answer = (request, response) => {
    if (!isOurs(request.headers.host, server.address().port)) {
      refuse(response, 403, 'This server answers to 127.0.0.1 and localhost alone.\n');
      return;
    }
    const path = request.url.replace(/[?#].*$/, '');
    if (path === '/') {
      response.writeHead(302, { Location: '/web/demo/' }).end();
      return;
    }
    const file = ['GET', 'HEAD'].includes(request.method) ? fileOf(path) : undefined;
    // As static hosts do: a page's relative addresses want the slash.
    const page = file || path.endsWith('/') ? undefined : fileOf(`${path}/`);
    if (page) {
      const folder = relative(realpathSync(root), dirname(page)).split(sep).map(encodeURIComponent).join('/');
      response.writeHead(302, { Location: `/${folder}/${request.url.slice(path.length)}` }).end();
      return;
    }
    if (!file) {
      refuse(response, 404, 'Not here.\n');
      return;
    }
    const { size, mtimeMs } = statSync(file);
    const tag = `"${size}-${mtimeMs}"`;
    if (request.headers['if-none-match'] === tag) {
      response.writeHead(304, { ...common, ETag: tag }).end();
      return;
    }
    const small =
      compressible.has(extname(file)) && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    const body = small ? gzipped(file, tag) : undefined;
    response.writeHead(200, {
      ...common,
      'Content-Type': types[extname(file)] ?? 'application/octet-stream',
      'Content-Length': body?.length ?? size,
      ...(small ? { 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' } : {}),
      ETag: tag,
    });
    if (request.method === 'HEAD') response.end();
    else if (body) response.end(body);
    else
      createReadStream(file)
        .on('error', () => response.destroy())
        .pipe(response);
  };
  const server = createServer((request, response) => {
    try {
      answer(request, response);
    } catch (error) {
      // The file went meanwhile, say: this answer fails, the server does not.
      if (response.headersSent) response.destroy();
      else refuse(response, 500, `It cannot be read: ${error.message}\n`);
    }
  });
  await new Promise((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
