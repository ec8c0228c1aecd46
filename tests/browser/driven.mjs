/**
 * Pages of a browser that is driven over WebDriver (Firefox, WebKit), with that part of Playwright's interface
 * which the tests of the page use, so that one test runs in all three. Clicks and keys are the driver's own.
 */

const KEYS = { Enter: '\uE007', Escape: '\uE00C', Tab: '\uE004', ArrowUp: '\uE013', ArrowDown: '\uE015', ArrowLeft: '\uE012', ArrowRight: '\uE014',
  PageUp: '\uE00E', PageDown: '\uE00F', End: '\uE010', Home: '\uE011', Space: ' ' };
const PATIENCE = 60000; // ms

/** Finds an element in the page; " >> " goes into the shadow of what was found so far. */
const FIND = `const find = (selector) => selector.split(' >> ').reduce((found, one) => (found?.shadowRoot ?? found)?.querySelector(one), document);`;

/** Keeps what goes wrong in the page from now on; with each answer it is given away. */
const WATCH = `const log = (window.wentWrong ??= (() => {
  const all = [];
  addEventListener('error', ({ message }) => message && all.push(message));
  addEventListener('unhandledrejection', ({ reason }) => all.push(String(reason)));
  return all;
})());`;

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** One thing on a page that may be clicked and taken a picture of. */
class Handle {
  constructor(page, selector) {
    Object.assign(this, { page, selector });
  }

  screenshot() {
    return this.page.deeds.reference(this.page, this.selector).then((id) => this.page.deeds.screenshot(id));
  }

  scrollIntoViewIfNeeded() {
    return this.page.$eval(this.selector, (element) => element.scrollIntoView({ block: 'center', behavior: 'instant' }));
  }

  count() {
    return this.page.$$eval(this.selector, (all) => all.length);
  }
}

export class DrivenPage {
  #listeners = [];
  #clean = false;

  /**
   * @param {(body: string, ...args: any[]) => Promise<any>} run   an async function's body in the page
   * @param {object} deeds  of the driver: goto, enter (its first frame), reload, back, forward, click, type, press, screenshot
   */
  constructor(run, deeds) {
    this.run = run;
    this.deeds = { ...deeds, reference: async (page, selector) => {
      const found = await run(`${FIND} return find(args[0]) ?? null;`, selector);
      if (!found) throw new Error(`there is no ${selector}`);
      return Object.values(found)[0];
    } };
    this.keyboard = { press: (key) => deeds.press(KEYS[key] ?? key) };
  }

  on(name, listener) {
    if (name === 'pageerror') this.#listeners.push(listener);
  }

  /** A page that remembers nothing, as a new one of Playwright's does. */
  async goto(url) {
    if (!this.#clean) {
      this.#clean = true;
      await this.deeds.goto(new URL('/web/demo/icon.svg', url).href);
      const clean = await this.run(`const clear = async () => {
          localStorage.clear();
          for (const one of await navigator.serviceWorker?.getRegistrations() ?? []) await one.unregister();
          for (const name of await globalThis.caches?.keys() ?? []) await caches.delete(name);
          return true;
        };
        return Promise.race([clear(), new Promise((done) => setTimeout(done, 15000, false))]);`);
      // WebKitGTK's storage process stands still now and then, and no page of that browser gets an answer of it again.
      if (!clean) {
        if (!this.deeds.beginAnew) throw new Error('The browser\'s storage does not answer.');
        console.error('The browser\'s storage does not answer: another browser is begun.');
        await this.deeds.beginAnew();
      }
    }
    await this.deeds.goto(url);
  }

  async evaluate(work, arg) {
    const { value, wrong } = await this.run(`${WATCH} const value = await (${work})(args[0]); return { value, wrong: log.splice(0) };`, arg ?? null);
    for (const message of wrong) for (const listener of this.#listeners) listener(new Error(message));
    return value;
  }

  $eval(selector, work, arg) {
    return this.evaluate(`([selector, arg]) => { ${FIND} return (${work})(find(selector), arg); }`, [selector, arg ?? null]);
  }

  $$eval(selector, work, arg) {
    return this.evaluate(`([selector, arg]) => (${work})([...document.querySelectorAll(selector)], arg)`, [selector, arg ?? null]);
  }

  async $(selector) {
    return new Handle(this, selector);
  }

  locator(selector) {
    return new Handle(this, selector);
  }

  /** Asks again and again from outside: a page may be left meanwhile. */
  async waitForFunction(work, arg, { timeout = PATIENCE } = {}) {
    for (const end = Date.now() + timeout; ;) {
      if (await this.evaluate(`(arg) => Boolean((${work})(arg))`, arg)) return;
      if (Date.now() > end) {
        const said = await this.evaluate(() => document.getElementById('status')?.textContent ?? '');
        throw new Error(`not within ${timeout / 1000} s: ${String(work).slice(0, 200)}; the page says: ${said}`);
      }
      await pause(50);
    }
  }

  waitForSelector(selector, { state = 'visible' } = {}) {
    return this.waitForFunction(`([selector, visible]) => { ${FIND} const found = find(selector); return found && (!visible || found.checkVisibility()); }`,
      [selector, state === 'visible']);
  }

  waitForTimeout(ms) {
    return pause(ms);
  }

  async click(selector) {
    await this.waitForSelector(selector);
    await new Handle(this, selector).scrollIntoViewIfNeeded();
    await this.deeds.click(await this.deeds.reference(this, selector));
  }

  fill(selector, text) {
    return this.$eval(selector, (input, value) => {
      input.focus();
      input.value = value;
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }, text);
  }

  focus(selector) {
    return this.$eval(selector, (element) => element.focus());
  }

  async check(selector) {
    if (!await this.$eval(selector, ({ checked }) => checked)) await this.click(selector);
  }

  async press(selector, key) {
    await this.$eval(selector, (element) => element.focus());
    await this.deeds.press(KEYS[key] ?? key);
  }

  selectOption(selector, wanted) {
    return this.$eval(selector, (select, chosen) => {
      if (typeof chosen === 'string') select.value = chosen;
      else select.selectedIndex = chosen.index;
      for (const type of ['input', 'change']) select.dispatchEvent(new Event(type, { bubbles: true }));
    }, wanted);
  }

  /** Files chosen in an input. @param {string | string[] | {name: string, mimeType: string, buffer: Buffer}[]} files */
  async setInputFiles(selector, files) {
    const { readFile } = await import('node:fs/promises');
    const { basename } = await import('node:path');
    const contents = await Promise.all([files].flat().map(async (file) => (typeof file === 'string'
      ? [basename(file), (await readFile(file)).toString('base64'), /\.jpg$/.test(file) ? 'image/jpeg' : '']
      : [file.name, file.buffer.toString('base64'), file.mimeType])));
    await this.$eval(selector, (input, all) => {
      const transfer = new DataTransfer();
      for (const [name, base64, type] of all) {
        transfer.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name, { type }));
      }
      input.files = transfer.files;
      for (const type of ['input', 'change']) input.dispatchEvent(new Event(type, { bubbles: true }));
    }, contents);
  }

  textContent(selector) {
    return this.$eval(selector, (element) => element.textContent);
  }

  inputValue(selector) {
    return this.$eval(selector, (element) => element.value);
  }

  getAttribute(selector, name) {
    return this.$eval(selector, (element, attribute) => element.getAttribute(attribute), name);
  }

  isHidden(selector) {
    return this.$eval(selector, (element) => !element.checkVisibility());
  }

  reload() {
    return this.deeds.reload();
  }

  goBack() {
    return this.evaluate(() => history.back());
  }

  goForward() {
    return this.evaluate(() => history.forward());
  }

  async close() {
    await this.deeds.goto('about:blank');
  }
}

/** The address of the page, which Playwright knows without asking. */
export const addressOf = (page) => page.evaluate(() => location.href);

/** Makes a page of a driven browser so large; the window around it has a rim of its own. */
export async function fit(browser, page, [width, height]) {
  const asked = [width, height];
  for (let tries = 0; tries < 10; ++tries) {
    await browser.resize(...asked);
    await page.waitForTimeout(200);
    const inner = await page.evaluate(() => [innerWidth, innerHeight]);
    if (inner[0] === width && inner[1] === height) return;
    asked[0] = Math.max(100, asked[0] + width - inner[0]);
    asked[1] = Math.max(100, asked[1] + height - inner[1]);
  }
}

/** Opens a path as a phone does: no window is as narrow, but a frame in one is. What follows happens in that frame. */
export async function narrow(page, origin, path, [width, height]) {
  await page.goto(`${origin}/nothing`);
  await page.evaluate(([address, ...size]) => new Promise((done) => {
    document.documentElement.replaceChildren(document.createElement('body'));
    document.body.style.margin = '0';
    const frame = Object.assign(document.createElement('iframe'), { src: address, width: size[0], height: size[1] });
    frame.style.border = '0';
    frame.onload = () => done(true);
    document.body.append(frame);
  }), [path, width, height]);
  await page.deeds.enter();
}

/** What WebDriver calls a finger's way. @param {[number, number][]} path  points of the window */
export const fingerAlong = (path) => [
  ...path.flatMap(([x, y], i) => [{ type: 'pointerMove', duration: i ? 30 : 0, origin: 'viewport', x: Math.round(x), y: Math.round(y) },
    ...(i ? [] : [{ type: 'pointerDown', button: 0 }])]),
  { type: 'pointerUp', button: 0 }];
