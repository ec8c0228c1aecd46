/**
 * Files by address: what a server says of their length is a hint, what is kept is kept for its own address and stays
 * while it is good, and what comes in place of a model is said.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isOlder, keyOf, openKept } from '../../web/files/cache.js';
import { downloadPublished } from '../../web/files/download.js';
import { openUrl, readAll } from '../../web/files/files.js';
import { GradCam } from '../../web/node.js';
import { browserHost } from '../../web/worker/host-browser.js';
import { nodeHost } from '../../web/worker/host-node.js';
import { loadModel } from '../../web/worker/load.js';
import { Engine } from '../../web/worker/wasm.js';
import { tinyNetwork } from './tiny.mjs';

const { onnx } = tinyNetwork();
const digest = (algorithm, bytes) => createHash(algorithm).update(bytes).digest('hex');
const big = Buffer.alloc(10 << 20, 'gradcam');
const asked = [];
let origin;
let server;
before(async () => {
  server = createServer(({ url, headers }, response) => {
    const { pathname } = new URL(url, 'http://x');
    asked.push([url, headers.range]);
    const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    const send = (bytes, more = {}, status = 200) => response.writeHead(status, more).end(bytes);
    if (pathname === '/net.onnx') send(onnx);
    else if (pathname === '/packed.onnx') {
      const bytes = gzipSync(onnx);
      send(bytes, { 'content-encoding': 'gzip', 'content-length': bytes.length });
    } else if (pathname === '/packed.h5') {
      const bytes = gzipSync(big); // and its parts are parts of the compressed bytes
      if (from) send(bytes.subarray(from), { 'content-encoding': 'gzip', 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }, 206);
      else send(bytes, { 'content-encoding': 'gzip', 'content-length': bytes.length });
    } else if (pathname === '/whole.h5') {
      if (from >= big.length) send('', {}, 416);
      else if (from) send(big.subarray(from), { 'content-range': `bytes ${from}-${big.length - 1}/${big.length}` }, 206);
      else send(big);
    } else if (pathname === '/gone.onnx') send('', {}, 404);
    else send('<!doctype html><title>App</title>', { 'content-type': 'text/html' }); // a server of applications
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** A Cache API of its own, as far as it is used. */
function fakeCaches() {
  const stores = new Map();
  const open = async (name) => {
    if (!stores.has(name)) stores.set(name, new Map());
    const files = stores.get(name);
    return {
      match: async (key) => files.get(key)?.clone(),
      put: async (key, response) => files.set(key, new Response(await response.arrayBuffer(), { headers: response.headers })),
      keys: async () => [...files.keys()].map((url) => ({ url })),
      delete: async (request) => files.delete(request.url ?? request),
    };
  };
  return { stores, open };
}
async function withCaches(work) {
  const fake = fakeCaches();
  globalThis.caches = fake;
  try {
    return await work(fake.stores);
  } finally {
    delete globalThis.caches;
  }
}

describe('what a server says of the length', () => {
  let engine;
  before(async () => {
    nodeHost.prepare();
    engine = await Engine.create({ module: await nodeHost.compile(new URL('../../web/dist/gradcam.wasm', import.meta.url).href), threads: 1 });
  });
  after(() => engine.dispose());

  const load = (file, card = {}) => loadModel({ name: 'net', onnx: 'net.onnx', card, keras: false, labels: [], weights: () => [] }, engine,
    { ...nodeHost, open: async () => (typeof file === 'function' ? file() : file) }, {}, { onProgress: () => {} });
  const opened = (size, more = {}) => ({ name: 'net.onnx', size, hint: true, chunks: [onnx.subarray(0, 50), onnx.subarray(50, 200), onnx.subarray(200)], ...more });

  for (const [what, size] of [['too little', 100], ['nothing at all', 1], ['too much', onnx.length + 5000], ['right', onnx.length], ['unknown', null]]) {
    test(`${what}: a hint; the file is read as it comes, and its digest is right`, async () => {
      const { model } = await load(opened(size), { sha256: digest('sha256', onnx) });
      model.finish();
      assert.equal(model.classCount, 5);
      model.free();
    });
  }

  test('of a file on a disk it is none: one that ends early was cut off', async () => {
    await assert.rejects(load(opened(onnx.length + 1, { hint: false })), /ended after/);
  });

  test('what is kept is dropped where its bytes are wrong, and for no other reason', async () => {
    const sha256 = digest('sha256', onnx);
    for (const [chunks, dropped] of [[[onnx.subarray(0, 300)], 1], [[new Uint8Array(400)], 1], [(function* broken() {
      throw new TypeError('cannot be read');
    }()), 1]]) {
      let drops = 0;
      let opens = 0;
      const { model } = await load(() => (opens++ ? opened(onnx.length) : opened(300, { chunks, stored: true, drop: () => { drops += 1; } })), { sha256 });
      assert.deepEqual([opens, drops], [2, dropped]);
      model.free();
    }
    let drops = 0;
    const stored = opened(onnx.length, { stored: true, drop: () => { drops += 1; } });
    const old = engine.allocate;
    engine.allocate = () => {
      throw engine.outOfMemory('a test');
    };
    await assert.rejects(load(stored, { sha256 }), (error) => error.code === 'memory');
    engine.allocate = old;
    assert.equal(drops, 0, 'there was no memory: the file is good');
  });

  test('compressed on the way', async () => {
    const file = await openUrl(`${origin}/packed.onnx`);
    assert.deepEqual([file.size, file.hint], [null, true]);
    assert.deepEqual(Buffer.from(await readAll(file)), Buffer.from(onnx));
    const cam = await GradCam.load(`${origin}/packed.onnx`, { preprocess: 'tf', threads: 1 });
    assert.equal(cam.labels?.length ?? cam.model.classes, 5);
    cam.dispose();
  });
});

describe('files that are kept', () => {
  const sha256 = digest('sha256', onnx);
  const fetchAll = async (url, sum = sha256) => {
    const file = await openKept(url, sum);
    await readAll(file);
    assert.equal(await file.keep?.() ?? null, null);
    return Boolean(file.stored);
  };

  test('two addresses that differ by their query do not evict each other; an older digest goes', () => withCaches(async (stores) => {
    const [one, two] = ['one', 'two'].map((name) => `${origin}/net.onnx?model=${name}`);
    assert.equal(await fetchAll(one), false);
    assert.equal(await fetchAll(two), false);
    assert.deepEqual([await fetchAll(one), await fetchAll(two)], [true, true]);
    assert.equal(await fetchAll(one, 'ab'.repeat(32)), false, 'another digest');
    assert.equal(stores.get('gradcam-models').size, 2);
    assert.equal(await fetchAll(two), true);
  }));

  test('one that is read back is checked by its fingerprint: what has gone bad fails, what an earlier version kept gets one', () => withCaches(async (stores) => {
    const url = `${origin}/net.onnx?model=print`;
    await fetchAll(url);
    const [models, prints] = ['gradcam-models', 'gradcam-model-prints'].map((name) => stores.get(name));
    const key = keyOf(url, sha256);
    assert.equal((await openKept(url, sha256)).checked, true);
    assert.equal(await fetchAll(url), true);

    prints.delete(key);
    const unknown = await openKept(url, sha256);
    assert.deepEqual([unknown.stored, unknown.checked], [true, false], 'the digest is asked for');
    assert.deepEqual(Buffer.from(await readAll(unknown)), Buffer.from(onnx));
    await unknown.keep();
    assert.equal((await openKept(url, sha256)).checked, true);

    const wrong = Buffer.from(onnx);
    wrong[wrong.length >> 1] ^= 1;
    for (const bytes of [wrong, onnx.subarray(0, -1), Buffer.concat([onnx, Buffer.alloc(1)])]) {
      models.set(key, new Response(bytes));
      await assert.rejects(readAll(await openKept(url, sha256)), /not what was kept/);
    }
    await (await openKept(url, sha256)).drop();
    assert.deepEqual([models.has(key), prints.has(key)], [false, false]);
    assert.equal(await fetchAll(url), false);
  }));

  test('what counts as the same file', () => {
    const key = keyOf('https://x.org/a.onnx?v=1&sha256=7#part', 'aa');
    assert.equal(isOlder(keyOf('https://x.org/a.onnx?v=1&sha256=7', 'bb'), key), true);
    for (const other of ['https://x.org/a.onnx?v=2&sha256=7', 'https://x.org/a.onnx?v=1&sha256=8', 'https://x.org/b.onnx?v=1&sha256=7']) {
      assert.equal(isOlder(keyOf(other, 'bb'), key), false, other);
    }
    assert.equal(isOlder(key, key), false);
  });
});

describe('published files', () => {
  const published = (path) => ({ url: `${origin}${path}`, md5: digest('md5', big) });

  test('compressed on the way: the length counts other bytes', async () => {
    const totals = [];
    const file = await downloadPublished(published('/packed.h5'), { onProgress: ({ total }) => totals.push(total) });
    assert.equal(file.size, big.length);
    assert.ok(totals.every((total) => total === null));
  });

  test('it goes on where it stopped, but not by parts of compressed bytes; and where nothing is left', () => withCaches(async (stores) => {
    for (const path of ['/whole.h5', '/packed.h5']) {
      await downloadPublished(published(path));
      const pieces = stores.get('gradcam-downloads');
      assert.equal(pieces.size, 3);
      pieces.delete([...pieces.keys()].at(-1));
      asked.length = 0;
      assert.equal((await downloadPublished(published(path))).size, big.length);
      assert.deepEqual(asked.map(([, range]) => range), path === '/whole.h5' ? ['bytes=8388608-'] : ['bytes=8388608-', undefined]);
      pieces.clear();
    }
    const even = { url: `${origin}/whole.h5?even`, md5: digest('md5', big.subarray(0, 8 << 20)) };
    const store = await globalThis.caches.open('gradcam-downloads');
    for (const [number, from] of [[0, 0], [1, 4 << 20]]) {
      const key = new URL(even.url);
      key.searchParams.set('piece', String(number));
      await store.put(key.href, new Response(big.subarray(from, from + (4 << 20))));
    }
    await assert.rejects(downloadPublished(even), /is not the file its card speaks of/, 'there was more');
    assert.equal(stores.get('gradcam-downloads').size, 0, 'none of its pieces stays');
  }));
});

describe('what comes in place of a model', () => {
  const clear = (words) => (error) => {
    assert.match(error.message, words);
    assert.ok(error.message.length <= 300, error.message);
    return ['model', 'argument', 'network'].includes(error.code);
  };

  test('a page, at the address of a file, a card, a folder', async () => {
    for (const path of ['/app/net2.onnx', '/app/model.json', '/app/']) {
      await assert.rejects(GradCam.load(`${origin}${path}`, { threads: 1 }), clear(/http:.*\/app\/.*a web page \(HTML\).*address/));
    }
  });

  test('a name: the address that was looked at, and modelsUrl', async () => {
    await assert.rejects(browserHost.findCard('vgg16', { modelsUrl: `${origin}/app/` }), clear(/http:.*\/app\/vgg16\/model\.json.*web page.*modelsUrl/));
    const none = 'http://127.0.0.1:9/models';
    await assert.rejects(browserHost.findCard('vgg16', { modelsUrl: none }), clear(/no model named "vgg16".*http:\/\/127\.0\.0\.1:9\/models\/vgg16\/model\.json.*modelsUrl/));
  });

  test('an address where nothing is', async () => {
    await assert.rejects(GradCam.load(`${origin}/gone.onnx`, { threads: 1 }), clear(/http:.*\/gone\.onnx.*404/));
  });
});
