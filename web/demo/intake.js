/**
 * Pictures, models, names of classes, and addresses of pictures, that come in by drop, paste or choice.
 */

import { say } from './words.js';

/** So many files of a folder are looked at. */
const MOST_FILES = 1000;

/** Names of the folders that files came in. @type {WeakMap<File, string>} */
const folders = new WeakMap();

/** The name of the folder that a file came in; '': by itself. @param {File} file */
export const folderOf = (file) => folders.get(file) ?? file.webkitRelativePath?.split('/').at(-2) ?? '';

/** The files of a dropped entry; a folder's, and those of folders in it. */
async function filesOf(entry, found = [], folder = '') {
  if (found.length >= MOST_FILES || entry.name.startsWith('.')) return found;
  if (entry.isFile) {
    const file = await new Promise((done, fail) => { entry.file(done, fail); });
    folders.set(file, folder);
    found.push(file);
    return found;
  }
  const reader = entry.createReader();
  for (;;) { // it gives some at a time
    const some = await new Promise((done, fail) => { reader.readEntries(done, fail); });
    if (!some.length) return found;
    for (const one of some) await filesOf(one, found, entry.name);
  }
}

/** The address of a picture that was dragged out of another page. */
function addressIn(transfer) {
  const html = transfer.getData('text/html');
  const image = html && new DOMParser().parseFromString(html, 'text/html').querySelector('img[src]')?.getAttribute('src');
  const [line] = transfer.getData('text/uri-list').split(/\r?\n/).filter((one) => one && !one.startsWith('#'));
  const text = image || line || transfer.getData('text/plain').trim();
  return /^(https?:|data:image\/)/i.test(text) ? text : null;
}

/**
 * @param {{frame: HTMLElement, input: HTMLInputElement}} elements
 * @param {(files: File[]) => void} take
 * @param {(address: string) => void} takeAddress
 * @param {(text: string, options: {bad: boolean}) => void} tell
 */
export function takeFiles({ frame, input }, take, takeAddress, tell) {
  input.addEventListener('change', () => {
    if (input.files.length) take([...input.files]);
    input.value = ''; // the same file may be chosen again
  });

  async function receive(transfer) {
    // Entries must be asked for at once; the transfer is empty a moment later.
    const files = [...transfer.files];
    const entries = [...(transfer.items ?? [])].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const address = files.length ? null : addressIn(transfer);
    if (entries.some((entry) => entry.isDirectory)) {
      const all = [];
      try {
        for (const entry of entries) await filesOf(entry, all);
      } catch (cause) {
        tell(say('page.folder.unread', { why: cause.message }), { bad: true });
        return;
      }
      if (all.length) take(all.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })));
      else tell(say('page.folder.empty'), { bad: true });
    } else if (files.length) take(files);
    else if (address) takeAddress(address);
    else tell(say('page.drop.nothing'), { bad: true });
  }

  // The whole page takes drops: a photo that misses the frame must not replace the page.
  let depth = 0;
  const over = (change) => {
    depth = Math.max(0, depth + change);
    frame.toggleAttribute('data-over', depth > 0);
  };
  document.addEventListener('dragenter', () => over(1));
  document.addEventListener('dragleave', () => over(-1));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    over(-depth);
    receive(event.dataTransfer);
  });

  document.addEventListener('paste', (event) => {
    const { files } = event.clipboardData;
    const writes = event.target instanceof Element && event.target.matches('input, textarea');
    const address = files.length || writes ? null : addressIn(event.clipboardData);
    if (files.length) take([...files]);
    else if (address) takeAddress(address);
  });
}
