/**
 * The service worker of the page: page and lesson work without a network after the first visit. It lies
 * here and not beside the page because the engine's workers must be in its reach.
 *
 * One release has one cache, which is filled whole before it is used, and changed by nothing later. The
 * network comes first, so that nobody is kept on an old release; where it does not answer in time, the
 * cache does. A page that came from the cache goes on with the cache, and one that came from the network
 * with another release gets nothing from it: two releases are never mixed. Only this site's own files
 * are kept, and no picture of the reader's: those never go through the network.
 */

/** That of package.json, and of the pages' <meta name="release">. */
const RELEASE = '0.1.0';

const PREFIX = 'gradcam-page';
const CACHE = `${PREFIX}-${RELEASE}`;

/** A network that has not answered by then gives way to the cache, in ms. */
const PATIENCE = 3000;

const START = ['demo/', 'demo/app.js', 'demo/style.css', 'demo/icon.svg', 'demo/manifest.webmanifest', 'worker.js',
  '../models/pocket/model.json', '../models/pocket/pocket.onnx', 'demo/learn/', 'demo/learn/learn.css', 'demo/learn/learn.js'];

/** Kept where the host has them: what Keras files are read with, the lesson's QR codes, and the cards of other models. */
const MAYBE = ['../node_modules/h5wasm/dist/esm/hdf5_hl.js', '../node_modules/fflate/esm/browser.js', '../node_modules/qrcode-generator/dist/qrcode.mjs',
  ...['mobilenet_v1_0.25', 'mobilenet_v1_0.50', 'mobilenet_v1_0.75', 'mobilenet_v1_1.0', 'vgg16', 'xception', 'resnet50',
    'mobilenet', 'mobilenetv2', 'densenet121', 'inceptionv3', 'efficientnetb0', 'vgg19']
    .map((name) => `../models/${name}/model.json`)];

/** Addresses of other modules in a script: imports, and files named relative to it. */
function mentioned(text, base) {
  const pattern = /(?:from|import)\s*\(?\s*['"](\.[^'"]+\.js)['"]|new URL\(\s*['"](\.[^'"]+\w)['"],\s*import\.meta\.url\)/g;
  return [...text.matchAll(pattern)].map(([, script, file]) => new URL(script ?? file, base).href);
}

/** Fetches the page's files, and those that its scripts mention, and so on: all of them, or it fails. */
async function keepAll() {
  await caches.delete(CACHE); // what an earlier try left
  const cache = await caches.open(CACHE);
  const seen = new Set();
  const keep = async (url, needed) => {
    if (seen.has(url)) return;
    seen.add(url);
    // Not from the browser's own store, where files of an older release may lie.
    const response = await fetch(url, { cache: 'no-cache' }).catch((error) => {
      if (needed) throw error;
      return null;
    });
    if (!response?.ok) {
      // A comment may speak of a file that is none.
      if (needed && START.some((file) => here(file) === url)) throw new Error(`${url} is not there: ${response.status}`);
      return;
    }
    await cache.put(url, response.clone());
    if (url.endsWith('.js')) await Promise.all(mentioned(await response.text(), url).map((one) => keep(one, needed)));
  };
  await Promise.all(START.map((file) => keep(here(file), true)));
  await Promise.all(MAYBE.map((file) => keep(here(file), false)));
}

const here = (file) => new URL(file, self.location.href).href;

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(keepAll());
});

// No clients.claim(): Firefox waits until every thread of the page has answered it, and the engine's
// sleep in between; meanwhile every fetch and every link of the page would wait too. So the visit that
// installs this goes on without it.
self.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
    }
  })());
});

/** Where a page, or a worker of it, came from: 'cache', or 'other' for the network's other release. */
const origins = new Map();

const kept = async (request) => (await caches.open(CACHE)).match(request, { ignoreSearch: true, ignoreVary: true });

/** The network's answer, if it comes in time. */
async function inTime(request) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), PATIENCE);
  try {
    return await fetch(request, { signal: controller.signal });
  } finally {
    clearTimeout(timer); // it has begun to answer; its body may take longer
  }
}

async function navigate(request, id) {
  const response = await inTime(request).catch(() => null);
  // A server that has trouble is no reason to do without the page.
  if (response?.ok) {
    const text = await response.clone().text().catch(() => '');
    const [, release] = /<meta name="release" content="([^"]+)">/.exec(text) ?? [];
    if (release && release !== RELEASE) origins.set(id, 'other');
    return response;
  }
  const own = await kept(request);
  if (own) origins.set(id, 'cache');
  return own ?? response ?? Response.error();
}

async function answer(request, origin) {
  const own = origin === 'other' ? undefined : await kept(request);
  if (!own) return fetch(request);
  if (origin === 'cache') return own;
  const response = await inTime(request).catch(() => null);
  return response?.ok || response?.status === 304 ? response : own;
}

self.addEventListener('fetch', (event) => {
  const { request, clientId, resultingClientId } = event;
  if (request.method !== 'GET' || new URL(request.url).origin !== self.location.origin) return;
  if (request.mode === 'navigate') {
    event.respondWith(navigate(request, resultingClientId));
    return;
  }
  const origin = origins.get(clientId);
  if (resultingClientId && origin) origins.set(resultingClientId, origin); // a worker of it
  event.respondWith(answer(request, origin));
});
