/**
 * The service worker of the page: page and lesson work without a network after the first visit, and so
 * does whatever else is loaded from the second on. It lies here and not beside the page because the
 * engine's workers must be in its reach.
 *
 * The network comes first, so that nobody is kept on an old version; what it gives is kept for the
 * time without it. Only this site's own files, and no picture of the reader's: those never go through
 * the network.
 */
const CACHE = 'gradcam-page';
const START = ['demo/', 'demo/app.js', 'demo/style.css', 'demo/icon.svg', 'demo/manifest.webmanifest', 'worker.js',
  '../models/pocket/model.json', '../models/pocket/pocket.onnx', 'demo/learn/', 'demo/learn/learn.css', 'demo/learn/learn.js'];

/** Addresses of other modules in a script: imports, and files named relative to it. */
function mentioned(text, base) {
  const pattern = /(?:from|import)\s*\(?\s*['"](\.[^'"]+\.js)['"]|new URL\(\s*['"](\.[^'"]+\w)['"],\s*import\.meta\.url\)/g;
  return [...text.matchAll(pattern)].map(([, script, file]) => new URL(script ?? file, base).href);
}

/** Fetches the page's files, and those that its scripts mention, and so on. */
async function keepAll() {
  const cache = await caches.open(CACHE);
  const seen = new Set();
  const keep = async (url) => {
    if (seen.has(url)) return;
    seen.add(url);
    const response = await fetch(url).catch(() => null);
    if (!response?.ok) return;
    await cache.put(url, response.clone());
    if (url.endsWith('.js')) await Promise.all(mentioned(await response.text(), url).map(keep));
  };
  await Promise.all(START.map((file) => keep(new URL(file, self.location.href).href)));
}

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(keepAll());
});

// No clients.claim(): Firefox waits until every thread of the page has answered it, and the engine's
// sleep in between; meanwhile every fetch and every link of the page would wait too. So the visit that
// installs this goes on without it, and what only that one loads (the reader of Keras files) is not kept.

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== self.location.origin) return;
  // Weights of large models are kept by their digest (cache.js), not here once more.
  if (/\.(bin|data|h5|hdf5|keras)$/.test(pathname)) return;
  event.respondWith((async () => {
    const cache = await caches.open(CACHE);
    try {
      const response = await fetch(request);
      if (response.ok) event.waitUntil(cache.put(request, response.clone()));
      return response;
    } catch (error) {
      const kept = await cache.match(request, { ignoreSearch: true, ignoreVary: true });
      if (kept) return kept;
      throw error;
    }
  })());
});
