/**
 * A progress line on a terminal, nothing in a pipe.
 */

const WIDTH = 24;

/** Time that is left, as people say it; nothing where it is short, or not known yet. */
function timeLeft(ms) {
  if (!(ms >= 5000) || !Number.isFinite(ms)) return '';
  const seconds = Math.round(ms / 1000);
  const [amount, unit] = seconds < 90 ? [seconds, 's'] : seconds < 5400 ? [Math.round(seconds / 60), 'min'] : [Math.round(seconds / 3600), 'h'];
  return `, ${amount} ${unit} left`;
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/**
 * @param {{quiet?: boolean, stream?: NodeJS.WriteStream, format?: (amount: number) => string, clock?: () => number}} options
 */
export function progressBar({ quiet = false, stream = process.stderr, format = megabytes, clock = () => performance.now() } = {}) {
  const shown = stream.isTTY && !quiet;
  const start = clock();
  let last = 0;
  let begin; // of the file that is counted: what went before it tells nothing of its speed
  let drawn = false;

  function draw(line) {
    stream.write(`\r\x1b[2K${line.replace(/\p{C}/gu, '?')}`);
    drawn = true;
  }

  return {
    /** @param {{file: string, loaded: number, total: number | null}} progress */
    update({ file, loaded, total }) {
      const now = clock();
      if (begin?.total !== total || loaded < begin.loaded) begin = { total, loaded, now };
      // Short work needs no bar.
      if (!shown || now - start < 300 || now - last < 80) return;
      last = now;
      if (total) {
        // A server's word on the length is a hint: there may be more.
        const filled = Math.min(WIDTH, Math.round((WIDTH * loaded) / total));
        const bar = '#'.repeat(filled) + '-'.repeat(WIDTH - filled);
        const left = timeLeft(((now - begin.now) * (total - loaded)) / (loaded - begin.loaded));
        draw(`${file} [${bar}] ${format(loaded)} of ${format(total)}${left}`);
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
