/**
 * What the rest of the project uses of models/: telling what a file is, what its picture and outputs
 * mean, reading labels, converting Keras files, and the architectures known.
 * fetch.js (Node only) is imported by itself.
 */
export { convert, FORMS } from './convert.js';
export { ARCHITECTURES, architecture, readCard } from './architectures.js';
export { folderSink, memorySink } from './sinks.js';
export { ModelError } from './errors.js';
export { detectBytes, detectSource, folderKind, refusal, HEAD_BYTES, TAIL_BYTES } from './detect.js';
export { parseLabels, checkCount, unnamed } from './labels.js';
export { chooseOutput, channelProblem } from './meaning.js';
export { outputsOfOnnx, pictureOfOnnx } from './onnx/meaning.js';
export { readOnnx } from './onnx/read.js';
export { MODES, MODE_WORDS, settingsOf, modeOf } from './modes.js';
export { remedyWords, withRemedy } from './remedies.js';
export { LAYER_NAMES } from './keras/layers.js';
export { OPERATOR_NAMES } from './keras/operators.js';
