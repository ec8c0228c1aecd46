// Fetching: a server that breaks off, resumes, lies or is not there. No network: everything is loopback.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { execFile, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { fetchModel } from '../../models/fetch.js';
import { shared, temporary, without } from './support.mjs';

// MobileNet has no published MD5, so another width's file may stand in for it.
const FILE = 'mobilenet_1_0_224_tf.h5';
const source = shared('weights', 'mobilenet_0.75_224.h5');
const skip = without(source);

/** Serves `body` under FILE; `breaks`: how many answers end half-way; counts what it was asked. */
async function serve(t, { breaks = 0, ranges = true, etag = '"one"', status } = {}) {
  const body = await readFile(source);
  const asked = [];
  const server = createServer((request, response) => {
    asked.push({ url: request.url, range: request.headers.range, ifRange: request.headers['if-range'] });
    if (status || !request.url.endsWith(`/${FILE}`)) {
      response.writeHead(status ?? 404).end();
      return;
    }
    const from = ranges && request.headers.range ? Number(/^bytes=(\d+)-$/.exec(request.headers.range)[1]) : 0;
    const rest = body.subarray(from);
    const head = { 'content-length': rest.length, ...(etag ? { etag } : {}) };
    if (from) head['content-range'] = `bytes ${from}-${body.length - 1}/${body.length}`;
    response.writeHead(from ? 206 : 200, head);
    if (breaks-- > 0) response.write(rest.subarray(0, rest.length >> 1), () => setTimeout(() => response.destroy(), 50));
    else response.end(rest);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return { mirror: `http://127.0.0.1:${server.address().port}/models/`, asked, size: body.length };
}

test('a download that breaks off twice is resumed, converted, and found again', { skip }, async (t) => {
  const cacheDir = await temporary(t);
  const { mirror, asked, size } = await serve(t, { breaks: 2 });
  const seen = [];
  const { card, folder, cached } = await fetchModel('mobilenet', { cacheDir, mirror, onProgress: (p) => seen.push(p) });
  assert.equal(cached, false);
  assert.equal(folder, join(cacheDir, 'mobilenet'));
  assert.equal(asked.length, 3);
  assert.ok(asked[1].range && asked[1].ifRange === '"one"' && asked[2].range !== asked[1].range);
  const download = seen.filter(({ file }) => file === FILE);
  assert.equal(download.at(-1).loaded, size);
  assert.ok(download.every(({ loaded, total }, i) => total === size && (i === 0 || loaded >= download[i - 1].loaded)));
  assert.ok(seen.some(({ file }) => file === 'mobilenet.onnx'));
  assert.match(card.source, /^https:.*mobilenet_1_0_224_tf\.h5$/);
  assert.ok(card.licence);
  assert.deepEqual((await readdir(folder)).sort(), ['mobilenet-weights-000.bin', 'mobilenet.onnx', 'model.json']);
  assert.deepEqual(await readdir(join(cacheDir, '.downloads')), []);

  const again = await fetchModel('mobilenet', { cacheDir, mirror });
  assert.equal(again.cached, true);
  assert.equal(asked.length, 3);
  const other = await fetchModel('mobilenet', { cacheDir, mirror, weights: 'int8' });
  assert.equal(other.card.weights, 'int8');
  assert.equal(asked.length, 4);
});

test('a server that knows no ranges is asked from the start again', { skip }, async (t) => {
  const cacheDir = await temporary(t);
  const { mirror, asked } = await serve(t, { breaks: 1, ranges: false, etag: '' });
  await fetchModel('mobilenet', { cacheDir, mirror });
  assert.equal(asked.length, 2);
});

test('what an earlier run brought is not brought again', { skip }, async (t) => {
  const cacheDir = await temporary(t);
  const { mirror, asked, size } = await serve(t);
  await mkdir(join(cacheDir, '.downloads'));
  await writeFile(join(cacheDir, '.downloads', `${FILE}.part`), (await readFile(source)).subarray(0, 5000000));
  await fetchModel('mobilenet', { cacheDir, mirror });
  assert.deepEqual(asked.map(({ range }) => range), ['bytes=5000000-']);
  assert.ok(size > 5000000);
});

test('no server, an answer 404, an answer 500, an unknown name', { skip }, async (t) => {
  const cacheDir = await temporary(t);
  const rejects = (name, options, code, pattern) => assert.rejects(fetchModel(name, { cacheDir, ...options }),
    (error) => error.code === code && pattern.test(error.message));
  await rejects('mobilenet', { mirror: 'http://127.0.0.1:9/x' }, 'network', /could not be downloaded.*--mirror DIR/s);
  const missing = await serve(t, { status: 404 });
  await rejects('mobilenet', { mirror: missing.mirror }, 'network', /answered 404/);
  assert.equal(missing.asked.length, 1);
  const broken = await serve(t, { status: 503 });
  await rejects('mobilenet', { mirror: broken.mirror }, 'network', /answered 503/);
  assert.equal(broken.asked.length, 4);
  await rejects('nonsense', {}, 'argument', /no architecture "nonsense"/);
  await rejects('mobilenet_0.75', {}, 'argument', /npx gradcam-wasm convert/);
  assert.ok(!existsSync(join(cacheDir, 'mobilenet')));
});

test('a mirror folder: the file, none, and one that is not the official', { skip }, async (t) => {
  const cacheDir = await temporary(t);
  const mirror = await temporary(t);
  await assert.rejects(fetchModel('mobilenet', { cacheDir, mirror }), (error) => error.code === 'argument' &&
    error.message.includes(FILE));
  await copyFile(source, join(mirror, FILE));
  const { card } = await fetchModel('mobilenet', { cacheDir, mirror });
  assert.equal(card.name, 'mobilenet');
  assert.ok(existsSync(join(mirror, FILE)), 'a mirror is left as it is');
  await copyFile(source, join(mirror, 'vgg16_weights_tf_dim_ordering_tf_kernels.h5'));
  await assert.rejects(fetchModel('vgg16', { cacheDir, mirror }), (error) => error.code === 'digest' &&
    /its MD5 is [0-9a-f]{32}, expected 64373286793e3c8b2b4e3219cbf3544b/.test(error.message));
  assert.ok(!existsSync(join(cacheDir, 'vgg16')));
});

test('cancelling keeps what was downloaded for the next time', { skip }, async (t) => {
  const cacheDir = await temporary(t);
  const { mirror, asked } = await serve(t);
  const stop = new AbortController();
  const onProgress = ({ loaded }) => loaded > 1e6 && stop.abort();
  await assert.rejects(fetchModel('mobilenet', { cacheDir, mirror, onProgress, signal: stop.signal }),
    (error) => error.code === 'cancelled');
  assert.ok(!existsSync(join(cacheDir, 'mobilenet')));
  await fetchModel('mobilenet', { cacheDir, mirror });
  assert.match(asked.at(-1).range, /^bytes=\d{7,}-$/);
});

test('of two at once, in one process or two, one waits and finds what the other brought', { skip }, async (t) => {
  const cacheDir = await temporary(t);
  const { mirror, asked } = await serve(t);
  const script = `import { fetchModel } from ${JSON.stringify(new URL('../../models/fetch.js', import.meta.url).href)};
    const { cached } = await fetchModel('mobilenet', { cacheDir: ${JSON.stringify(cacheDir)}, mirror: ${JSON.stringify(mirror)} });
    console.log(cached);`;
  const process2 = () => new Promise((done, fail) => {
    execFile(process.execPath, ['--input-type=module', '-e', script], (error, stdout) => (error ? fail(error) : done(stdout.trim() === 'true')));
  });
  const own = async () => (await fetchModel('mobilenet', { cacheDir, mirror })).cached;
  const cached = await Promise.all([own(), own(), process2()]);
  assert.deepEqual(cached.sort(), [false, true, true]);
  assert.equal(asked.length, 1);
  assert.deepEqual(await readdir(join(cacheDir, '.downloads')), []);
});

test('one that was killed holds nobody up, one that waits can be cancelled', { skip }, async (t) => {
  const cacheDir = await temporary(t);
  const { mirror } = await serve(t);
  const lock = join(cacheDir, '.downloads', `${FILE}.lock`);
  await mkdir(join(cacheDir, '.downloads'));
  await writeFile(lock, String(process.pid));
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 300);
  await assert.rejects(fetchModel('mobilenet', { cacheDir, mirror, signal: stop.signal }), (error) => error.code === 'cancelled');
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  for (const left of [String(pid), '']) {
    await writeFile(lock, left);
    assert.equal((await fetchModel('mobilenet', { cacheDir, mirror, force: true })).cached, false);
  }
});
