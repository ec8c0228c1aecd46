/**
 * What the page may speak to, and what it has fetched: read from its own policy and from the browser's
 * record of requests, so that nobody has to believe a sentence.
 */

import { say } from './words.js';

/** @param {{hosts: HTMLElement, fetched: HTMLElement}} elements */
export function showProof({ hosts, fetched }) {
  const policy = /** @type {HTMLMetaElement} */ (document.querySelector('meta[http-equiv="Content-Security-Policy"]'));
  const [, allowed] = /connect-src ([^;]*)/.exec(policy.content);
  hosts.replaceChildren(...allowed.trim().split(/\s+/).map((host) => Object.assign(document.createElement('li'),
    { textContent: host === "'self'" ? say('page.proof.own', { host: location.host }) : host })));

  const byHost = new Map();
  const count = ({ name, encodedBodySize }) => {
    const { host, protocol } = new URL(name);
    if (!/^https?:$/.test(protocol)) return;
    const row = byHost.get(host) ?? { files: 0, bytes: 0 };
    byHost.set(host, { files: row.files + 1, bytes: row.bytes + encodedBodySize });
  };
  let timer = 0;
  const draw = () => {
    timer = 0;
    fetched.replaceChildren(...[...byHost].map(([host, { files, bytes }]) => {
      const row = document.createElement('tr');
      // Another host tells the size of an answer only if it wants to.
      for (const text of [host, String(files), bytes ? say('page.proof.bytes', { megabytes: (bytes / 1e6).toFixed(2) }) : '–']) {
        row.append(Object.assign(document.createElement('td'), { textContent: text }));
      }
      return row;
    }));
  };
  new PerformanceObserver((list) => {
    list.getEntries().forEach(count);
    timer ||= setTimeout(draw, 500);
  }).observe({ type: 'resource', buffered: true });
}
