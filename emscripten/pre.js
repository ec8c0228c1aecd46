// Put by emcc inside the module's factory function, before its own code.

// Starts a thread; glue.mjs puts the call in place. A thread runs the script that holds this code: the
// file gradcam.js, or the bundle that it has become part of, which then is what the current
// worker runs. (webpack writes the file's path at build time for import.meta.url, hence the look at
// the protocol.) The name shadows the global one for the generated code below only; in Node that code
// sets globalThis.Worker later, hence the look-up at call time.
//
// web/worker/wasm.js passes threadMade, and threadFailed (glue.mjs puts that in place too): the
// generated code waits for ever for a thread that cannot start.
function Worker(options) {
  const start = (script) => {
    const worker = new globalThis.Worker(script, options);
    Module['threadMade']?.(worker);
    return worker;
  };
  const inPage = typeof location == 'object';
  const own = new URL(import.meta.url);
  const isFile = own.pathname.endsWith('/gradcam.js');
  if (!inPage) return start(own);
  if (!isFile || !/^https?:$/.test(own.protocol)) return start(location.href);
  // A worker that came from a blob is bound by its page's policy, and so shall its threads be.
  if (own.origin == location.origin && location.protocol != 'blob:') return start(own);
  // When the package comes from another origin (a CDN): a Worker must be of the page's own origin, an
  // import need not. So a small worker of our own origin imports the real script, and tells it what was
  // said meanwhile. (A policy takes the address of a plain import for a worker's.)
  const source = new Blob([`const early = [], keep = (event) => early.push(event.data);
addEventListener('message', keep);
import(${JSON.stringify(own.href)}).then(() => {
  removeEventListener('message', keep);
  for (const data of early) dispatchEvent(new MessageEvent('message', { data }));
}, (error) => setTimeout(() => { throw error; }));`], { type: 'text/javascript' });
  const blobUrl = URL.createObjectURL(source);
  const worker = start(blobUrl);
  worker.addEventListener('message', () => URL.revokeObjectURL(blobUrl), { once: true });
  return worker;
}
