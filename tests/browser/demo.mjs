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

/**
 * What a press saves, as the page gives it to the browser: no driver but Playwright's gets a download itself.
 * @param {any} page
 * @param {() => Promise<any>} work
 * @returns {Promise<{name: string, bytes: Buffer}>}
 */
export async function saved(page, work) {
  await page.evaluate(() => {
    window.saved = null;
    if (window.savedBlobs) return;
    window.savedBlobs = new Map();
    const { createObjectURL } = URL;
    URL.createObjectURL = (blob) => {
      const url = createObjectURL.call(URL, blob);
      window.savedBlobs.set(url, blob);
      return url;
    };
    HTMLAnchorElement.prototype.click = function click() {
      window.saved = { name: this.download, blob: window.savedBlobs.get(this.href) };
    };
  });
  await work();
  await page.waitForFunction(() => window.saved, null, WAIT);
  const { name, base64 } = await page.evaluate(async () => {
    const reader = new FileReader();
    await new Promise((done) => {
      reader.onload = done;
      reader.readAsDataURL(window.saved.blob);
    });
    return { name: window.saved.name, base64: String(reader.result).split(',')[1] };
  });
  return { name, bytes: Buffer.from(base64, 'base64') };
}
