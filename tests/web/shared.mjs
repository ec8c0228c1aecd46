/**
 * What the tests of the JavaScript side share: where the data lies, and what is read from it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { resolve } from 'node:path';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const shared = resolve(process.env.GRADCAM_SHARED ?? resolve(root, '../shared'), 'data');

/** A file of the shared data. */
export const data = (path) => resolve(shared, path);

/** For node:test's `skip`: false, or why the test cannot run. */
export const withoutData = existsSync(data('golden/golden.json')) ? false
  : `SKIPPED: the shared data is not at ${shared} (GRADCAM_SHARED says where)`;

/** PyTorch's numbers for whole networks, in float64 (golden/README.md). */
export const reference = withoutData ? { models: [] }
  : JSON.parse(readFileSync(data('golden/golden.json'), 'utf8')).reference;

/** A photo as pixels that no JPEG decoder has touched. */
export function decodedPhoto(name) {
  return data(name.endsWith('.png') ? `photos/${name}` : `golden/decoded/${name.replace(/\.\w+$/, '.png')}`);
}

/** golden.json's input description as the API's preprocess. */
export const preprocessOf = ({ order, mean, std }) => (
  { order: order.toLowerCase(), mean, std, resize: 'bilinear' });

export const squeezenet = {
  path: data('onnx/squeezenet1_1.onnx'),
  options: { preprocess: 'torch' },
};
