/**
 * The sample pictures of page and lesson. Each address is written out: so the page's service worker, and
 * a bundler, find the files.
 */
const name = (url) => url.replace(/^.*\/|\.jpg$/g, '');

/** @type {{name: string, url: string}[]} */
export const SAMPLES = [
  new URL('../../models/pocket/samples/golf_ball_and_flower.jpg', import.meta.url),
  new URL('../../models/pocket/samples/golf_ball.jpg', import.meta.url),
  new URL('../../models/pocket/samples/flower.jpg', import.meta.url),
  new URL('../../models/pocket/samples/parachute.jpg', import.meta.url),
  new URL('../../models/pocket/samples/church.jpg', import.meta.url),
].map(({ href }) => ({ name: name(href), url: href }));
