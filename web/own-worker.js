/**
 * The worker's script for a worker that the application makes itself (option `worker`):
 * `import 'gradcam-wasm/worker'` in a file of its own is all that it has to hold.
 */
import { answerHere } from './dist/worker.js';

answerHere();
