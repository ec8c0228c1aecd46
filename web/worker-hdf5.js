/**
 * The worker's script with the reader of HDF5 files, 4 MB: in an application that is bundled, the first
 * Keras file starts it (page-bundled.js).
 */
import h5wasm from 'h5wasm';
import { answerHere } from './dist/worker.js';

answerHere({ h5wasm: { default: h5wasm } });
