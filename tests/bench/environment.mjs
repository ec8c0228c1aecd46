/** What contenders need from where they run: Node, or a worker of a page. */
export const inBrowser = typeof process === 'undefined';

/** @param {string} address  a path in Node, an address in a browser */
export async function readBytes(address) {
  if (!inBrowser) return new Uint8Array((await import('node:fs')).readFileSync(address));
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** The shards of external data as the one file that they are. */
export async function readShards(addresses) {
  const pieces = [];
  for (const address of addresses) pieces.push(await readBytes(address));
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  while (pieces.length) {
    const piece = pieces.shift();
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Time of one call in ms. */
export async function time(run) {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** The same pseudo-random input for every contender, -1..1. */
export function noise(dims) {
  let state = 1;
  return Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
