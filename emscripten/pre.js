// Put by emcc inside the module's factory function, before its own code.

// Threads when the package comes from another origin (a CDN): a Worker must be of the page's own
// origin, an import need not. So a small worker of our own origin imports the real script. The name
// shadows the global one for the generated code below only; in Node that code sets
// globalThis.Worker later, hence the look-up at call time.
function Worker(url, options) {
  if (
    typeof location == 'object' &&
    /^https?:$/.test(url.protocol) &&
    url.origin != location.origin
  ) {
    const source = new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' });
    const blobUrl = URL.createObjectURL(source);
    const worker = new globalThis.Worker(blobUrl, options);
    worker.addEventListener('message', () => URL.revokeObjectURL(blobUrl), { once: true });
    return worker;
  }
  return new globalThis.Worker(url, options);
}
