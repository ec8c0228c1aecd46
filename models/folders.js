/**
 * Where models lie (Node): those of the package, and those that were fetched or converted.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where `gradcam fetch` puts models. */
export function cachedModels() {
  const home = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return process.env.GRADCAM_MODELS || join(home, 'gradcam-wasm', 'models');
}

/** The package's own folder of models, then the one of fetched models. */
export const modelFolders = () => [fileURLToPath(new URL('.', import.meta.url)), cachedModels()];
