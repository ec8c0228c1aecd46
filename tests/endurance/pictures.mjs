/**
 * Pictures by a script, every other one damaged, as PIL reads them and as the engine does. A whole one: the same pixels
 * (a JPEG: nearly). A damaged one: the same size, or an error in a sentence; never anything else.
 *
 * What PIL alone reads has bytes that were changed, not a part that is missing: PIL goes on behind a wrong code and shows
 * what comes of it, mostly other pixels than were there. Here that is refused, as half a picture is: docs/decisions.md.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeHost } from '../../web/worker/host-node.js';
import { startEngine } from '../../web/worker/start.js';
import { execute, indent } from '../processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const wasm = new URL('../../web/dist/gradcam.wasm', import.meta.url).href;
/** Levels: decoders of JPEG round in ways of their own. */
const JPEG = { most: 4, mean: 0.5 };
/**
 * Colours at half the width are widened between neighbours, but libjpeg (jdsample.c), which is PIL's, repeats them where
 * they have two columns or fewer: up to 6 levels in the mean apart, in pictures of up to four.
 */
const NARROW_JPEG = { most: 64, mean: 8 };
const allowedFor = (kind, width) => (!kind.startsWith('JPEG') ? { most: 0, mean: 0 } : kind === 'JPEG-RGB' && width <= 4 ? NARROW_JPEG : JPEG);

/** A python3 that has PIL. */
async function pythonWithPil() {
  for (const python of ['python3', '/usr/bin/python3']) {
    if ((await execute(python, ['-c', 'import PIL, numpy'])).status === 0) return python;
  }
  return null;
}

/** The largest and the mean difference of what can be seen: colours behind full transparency are nobody's. */
function difference(ours, theirs) {
  let [most, sum] = [0, 0];
  for (let i = 0; i < ours.length; i++) {
    const hidden = i % 4 < 3 && ours[i | 3] === 0 && theirs[i | 3] === 0;
    const apart = hidden ? 0 : Math.abs(ours[i] - theirs[i]);
    most = Math.max(most, apart);
    sum += apart;
  }
  return { most, mean: sum / ours.length };
}

export async function pictures({ count, first }) {
  const python = await pythonWithPil();
  if (!python) return { skipped: 'python3 has no PIL and numpy (Debian: python3-pil python3-numpy)' };
  const folder = mkdtempSync(join(tmpdir(), 'gradcam-pictures-'));
  try {
    const made = await execute(python, [join(here, 'pictures.py'), folder, String(count), String(first)]);
    if (made.status !== 0) throw new Error(`pictures.py: ${indent(made.output)}`);
    const { engine } = await startEngine({ threads: 1, variant: 'auto' }, nodeHost, wasm, new AbortController().signal);
    const figures = { 'whole, as PIL has them': 0, 'damaged, read by both': 0, 'read by PIL alone': 0, 'read by us alone': 0, 'refused by both': 0 };
    for (const line of readFileSync(join(folder, 'index.txt'), 'utf8').trim().split('\n')) {
      const [i, kind, state, width, height] = line.split(' ').map((word) => (/^\d+$/.test(word) ? Number(word) : word));
      const what = `picture ${i} of seed ${first} (${kind}, ${state})`;
      let picture = null;
      try {
        picture = engine.decode(new Uint8Array(readFileSync(join(folder, `${i}.bin`))));
      } catch (error) {
        if (!error.code || !error.message || error.message.length > 300) throw new Error(`${what}: ${error.stack}`, { cause: error });
        if (state === 'whole') throw new Error(`${what} is refused: ${error.message}`, { cause: error });
      }
      if (picture && width && (picture.width !== width || picture.height !== height)) {
        throw new Error(`${what}: ${picture.width} x ${picture.height}, PIL says ${width} x ${height}`);
      }
      if (state === 'whole') {
        const { most, mean } = difference(picture.pixels(), readFileSync(join(folder, `${i}.rgba`)));
        const allowed = allowedFor(kind, width);
        if (most > allowed.most || mean > allowed.mean) throw new Error(`${what}: pixels differ by ${most}, ${mean.toFixed(2)} in the mean`);
        figures['whole, as PIL has them']++;
      } else figures[picture ? (width ? 'damaged, read by both' : 'read by us alone') : width ? 'read by PIL alone' : 'refused by both']++;
      picture?.free();
    }
    return { figures };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
