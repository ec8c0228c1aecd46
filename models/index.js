/**
 * What the rest of the project uses of models/: converting Keras files, and the architectures known.
 * fetch.js (Node only) is imported by itself.
 */
export { convert, FORMS } from './convert.js';
export { ARCHITECTURES, architecture, readCard } from './architectures.js';
export { folderSink, memorySink } from './sinks.js';
export { ModelError } from './errors.js';
