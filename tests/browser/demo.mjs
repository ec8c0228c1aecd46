/** What the tests of the page do over and over, in whatever browser. */
import { openPage, root } from './browser.mjs';

export const WAIT = { timeout: 60000 };

export const sampleFile = (name) => `${root}/models/pocket/samples/${name}.jpg`;

/** Waits until the page says it. @param {any} page @param {RegExp} pattern */
export const status = (page, pattern) => page.waitForFunction(
  (source) => new RegExp(source).test(document.getElementById('status').textContent), pattern.source, WAIT);

/**
 * The page as a link opens it, once it has answered, with its settings unfolded.
 * @param {{browser: any, server: {origin: string}}} web
 * @param {string} [hash]
 */
export async function openDemo({ browser, server }, hash = '') {
  const { page, problems } = await openPage(browser, `${server.origin}/web/demo/${hash}`);
  await status(page, /forward|made with/);
  await page.$$eval('details.settings', (all) => all.forEach((one) => { one.open = true; }));
  return { page, problems };
}

/** Does something, and waits for the answer to it. */
export async function explained(page, work) {
  await page.$eval('#status', (line) => { line.textContent = ''; });
  await work();
  await status(page, /forward/);
}
