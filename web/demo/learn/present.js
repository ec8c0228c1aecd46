/**
 * For a class: one step at a time on the whole screen, gone through by keys; and a link, also as a QR code, to
 * what is on show.
 */
import { tools } from '../../index.js';

const { say } = tools;
const byId = (id) => document.getElementById(id);

/**
 * Whether a key belongs to what has the focus: sliders, lists and drawings use arrows themselves. Escape they do not
 * need, and PageUp and PageDown are what the clicker in a teacher's hand sends.
 */
function isTaken(event) {
  const [inner] = event.composedPath();
  if (!(inner instanceof Element)) return false;
  return inner.matches('dialog, dialog *') || (!/^(Escape|PageUp|PageDown)$/.test(event.key) && inner.matches('input, select, textarea, [role=application], .formula'));
}

/**
 * @param {() => HTMLElement[]} sections   those of the path, in order
 * @param {(presenting: boolean) => void} tell
 * @param {() => {width: number, height: number, data?: any} | undefined} picture   the one that is spoken of
 */
export function createPresenter(sections, tell, picture) {
  const bar = byId('presenter');
  /** Below a question, what it asks about. */
  const asked = Object.assign(document.createElement('canvas'), { className: 'asked' });
  asked.setAttribute('aria-hidden', 'true');
  let at = 0;

  function drawAsked() {
    const pixels = picture();
    asked.hidden = !pixels?.data;
    if (asked.hidden) return;
    const { width, height, data } = pixels;
    Object.assign(asked, { width, height });
    asked.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  }

  /** Of a step, what is taller than the window. */
  const scrollers = (section) => [section, ...section.querySelectorAll('grad-cam, .predict, .painting, .score')].filter((one) => one.scrollHeight > one.clientHeight + 1);

  function show(next) {
    const all = sections();
    at = Math.max(0, Math.min(all.length - 1, next));
    all.forEach((section, i) => section.classList.toggle('on-stage', i === at));
    const { id, dataset } = all[at];
    byId('whereabouts').textContent = say('present.where', { at: at + 1, of: all.length, name: dataset.short });
    byId('previous').disabled = at === 0;
    byId('next').disabled = at === all.length - 1;
    history.replaceState(history.state, '', `${location.pathname}${location.search}#${id}`);
    scrollTo({ top: 0, behavior: 'instant' });
    for (const one of scrollers(all[at])) one.scrollTop = 0;
    all[at].querySelector('.predict')?.append(asked);
    drawAsked();
    // Tab goes on into this step, not from where the last one was. Who presses Next goes on pressing it.
    const pressed = /** @type {any} */ (document.activeElement);
    if (bar.contains(pressed) && !pressed.disabled) return;
    const heading = all[at].querySelector('h2');
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }

  const presenter = {
    get on() {
      return !bar.hidden;
    },
    /** @param {string} [id]  of the section to begin with */
    start(id) {
      bar.hidden = false;
      document.documentElement.toggleAttribute('data-present', true);
      byId('present').setAttribute('aria-pressed', 'true');
      // Without a gesture, or where it is not allowed, the window must do.
      document.documentElement.requestFullscreen?.().catch(() => {});
      show(Math.max(0, sections().findIndex((section) => section.id === id)));
      tell(true);
    },
    stop() {
      if (!presenter.on) return;
      bar.hidden = true;
      document.documentElement.removeAttribute('data-present');
      byId('present').setAttribute('aria-pressed', 'false');
      if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
      tell(false);
      sections()[at].scrollIntoView({ behavior: 'instant' });
      byId('present').focus({ preventScroll: true });
    },
    /** The picture has changed. */
    drawPicture() {
      if (presenter.on) drawAsked();
    },
    /** The path has changed. */
    again() {
      if (presenter.on) show(at);
    },
    get section() {
      return sections()[at];
    },
  };

  byId('previous').addEventListener('click', () => show(at - 1));
  byId('next').addEventListener('click', () => show(at + 1));
  byId('leave').addEventListener('click', presenter.stop);
  document.addEventListener('fullscreenchange', () => {
    if (document.fullscreenElement) return;
    // Some browsers leave the full screen where Escape was meant for a dialog.
    const dialog = /** @type {HTMLDialogElement} */ (document.querySelector('dialog[open]'));
    if (dialog) dialog.close();
    else presenter.stop();
  });
  document.addEventListener('keydown', (event) => {
    if (!presenter.on || event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
    const moves = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };
    const scrolls = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key === 'Escape') presenter.stop();
    else if (moves[event.key]) show(at + moves[event.key]);
    // Where the page itself does not scroll, and the words have the focus, the step beside them is meant.
    else if (scrolls[event.key] && scrollers(sections()[at]).length) {
      for (const one of scrollers(sections()[at])) one.scrollBy({ top: scrolls[event.key] * 0.4 * one.clientHeight });
    }
    else if (event.key === 'Home') show(0);
    else if (event.key === 'End') show(Infinity);
    else return;
    event.preventDefault();
  });
  return presenter;
}

const QUIET = 4; // modules of white around a code: without them it is not found

let qrcode = null; // what draws codes, once somebody wants one

/** A QR code of a text, dark on white in every theme. @param {HTMLCanvasElement} canvas @param {string} text */
async function drawCode(canvas, text) {
  await loadCodes();
  drawCodeNow(canvas, text);
}

/** Fetched when somebody wants one. */
export async function loadCodes() {
  qrcode ??= (await import(new URL('../../../node_modules/qrcode-generator/dist/qrcode.mjs', import.meta.url).href)).default;
}

/** Whether there is a code now: a page that is about to be printed waits for nothing. */
export function drawCodeNow(canvas, text) {
  if (!qrcode) return false;
  const code = qrcode(0, 'M');
  code.addData(text, 'Byte');
  code.make();
  const modules = code.getModuleCount();
  const side = modules + 2 * QUIET;
  const scale = Math.max(2, Math.ceil(480 / side));
  Object.assign(canvas, { width: side * scale, height: side * scale });
  const pen = canvas.getContext('2d');
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = '#000';
  for (let y = 0; y < modules; ++y) {
    for (let x = 0; x < modules; ++x) if (code.isDark(y, x)) pen.fillRect((x + QUIET) * scale, (y + QUIET) * scale, scale, scale);
  }
  return true;
}

/** @param {() => {address: string, own: boolean, section: string}} what  own: the picture is the reader's, and not in the link */
export function createLink(what) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('link'));
  byId('share').addEventListener('click', async () => {
    const { address, own, section } = what();
    byId('link-words').textContent = own ? say('link.own', { section }) : say('link.words', { section });
    byId('link-text').textContent = address;
    byId('copy').textContent = say('link.copy');
    const canvas = byId('qr');
    canvas.hidden = false;
    canvas.setAttribute('aria-label', say('link.code', { address }));
    dialog.showModal();
    await drawCode(canvas, address).catch(() => {
      canvas.hidden = true;
      byId('link-words').textContent = say('link.noCode', { section });
    });
  });
  byId('close').addEventListener('click', () => dialog.close());
  byId('copy').addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(byId('link-text').textContent);
      byId('copy').textContent = say('link.copied');
    } catch {
      getSelection().selectAllChildren(byId('link-text'));
      byId('copy').textContent = say('link.selected');
    }
  });
}
