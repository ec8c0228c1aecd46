/**
 * Pictures, and models, that come in by drop, paste or choice.
 */

/**
 * @param {{frame: HTMLElement, input: HTMLInputElement}} elements
 * @param {(files: File[]) => void} take
 */
export function takePictures({ frame, input }, take) {
  input.addEventListener('change', () => {
    if (input.files.length) take([...input.files]);
    input.value = ''; // the same file may be chosen again
  });

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
    const { files } = event.dataTransfer;
    if (files.length) take([...files]);
  });

  document.addEventListener('paste', (event) => {
    const { files } = event.clipboardData;
    if (files.length) take([...files]);
  });
}
