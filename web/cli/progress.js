/**
 * A progress line on a terminal, nothing in a pipe.
 */

const WIDTH = 24;

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/**
 * @param {{quiet?: boolean, stream?: NodeJS.WriteStream, format?: (amount: number) => string}} options
 */
export function progressBar({ quiet = false, stream = process.stderr, format = megabytes } = {}) {
  const shown = stream.isTTY && !quiet;
  const start = performance.now();
  let last = 0;
  let drawn = false;

  function draw(line) {
    stream.write(`\r\x1b[2K${line}`);
    drawn = true;
  }

  return {
    /** @param {{file: string, loaded: number, total: number | null}} progress */
    update({ file, loaded, total }) {
      const now = performance.now();
      // Short work needs no bar.
      if (!shown || now - start < 300 || now - last < 80) return;
      last = now;
      if (total) {
        const filled = Math.round((WIDTH * loaded) / total);
        const bar = '#'.repeat(filled) + '-'.repeat(WIDTH - filled);
        draw(`${file} [${bar}] ${format(loaded)} of ${format(total)}`);
      } else {
        draw(`${file} ${format(loaded)}`);
      }
    },
    done() {
      if (drawn) stream.write('\r\x1b[2K');
      drawn = false;
    },
  };
}
