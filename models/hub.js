/**
 * What lies beside an ONNX file in the layout of the Hugging Face hub, as Optimum writes it: config.json names the
 * classes, preprocessor_config.json says how a picture is prepared.
 */
import { parseLabels } from './labels.js';

/** Where the network lies in such a folder, by the form that is wanted; the first that is there is taken. */
export const hubFiles = (weights) => [...({ f16: ['onnx/model_fp16.onnx'], int8: ['onnx/model_quantized.onnx', 'onnx/model_int8.onnx'] }[weights] ?? []),
  'onnx/model.onnx', 'model.onnx', 'onnx/model_fp16.onnx', 'onnx/model_quantized.onnx'];

const RESAMPLE = { 0: 'nearest', 1: 'bicubic', 2: 'bilinear', 3: 'bicubic' };
const isSize = (value) => Number.isInteger(value) && value > 0;

/** A size is a number, {height, width}, or {shortest_edge}. */
function sizeOf(value) {
  if (isSize(value)) return { height: value, width: value };
  if (isSize(value?.shortest_edge)) return { shortest: value.shortest_edge };
  return isSize(value?.height) && isSize(value?.width) ? { height: value.height, width: value.width } : {};
}

/**
 * The fields of a card that the two files give.
 * @param {any} config        config.json
 * @param {any} preprocessor  preprocessor_config.json
 * @returns {{labels?: string[], input?: object, activation?: 'softmax' | 'sigmoid'}}
 */
export function hubCard(config, preprocessor) {
  const { names } = config?.id2label && typeof config.id2label === 'object' ? parseLabels(JSON.stringify({ id2label: config.id2label })) : { names: [] };
  return {
    ...(names.length ? { labels: names } : {}),
    ...(config?.problem_type === 'multi_label_classification' ? { activation: 'sigmoid' } : {}),
    ...(preprocessor && typeof preprocessor === 'object' ? { input: inputOf(preprocessor, config?.num_channels) } : {}),
  };
}

/** Of what anybody may have written there, what makes sense. */
function inputOf(settings, asked) {
  const channels = [1, 3, 4].includes(asked) ? asked : 3;
  const { image_mean: mean, image_std: std, do_rescale: rescales = true, do_normalize: normalizes = Boolean(mean), do_center_crop: crops,
    crop_size: cropSize, crop_pct: share, do_resize: resizes = true } = settings;
  const factor = rescales === false ? 1 : settings.rescale_factor > 0 ? settings.rescale_factor : 1 / 255;
  const numbers = (value, otherwise) => (Array.isArray(value) && value.length && value.every((one) => Number.isFinite(one) && (one !== 0 || otherwise === 0)) ? value : [otherwise]);
  const [m, s] = normalizes ? [numbers(mean, 0), numbers(std, 1)] : [[0], [1]];
  const spread = (values) => Array.from({ length: channels }, (_, i) => values[i % values.length] / factor);
  const size = resizes ? sizeOf(settings.size) : {};
  const crop = crops ? sizeOf(cropSize ?? settings.size) : undefined;
  const { height, width } = crop?.height ? crop : size.height ? size : { height: size.shortest, width: size.shortest };
  // ConvNeXt's: below 384 the picture is made larger by crop_pct first, then cut.
  const ratio = share > 0 && share < 1 && size.shortest < 384 ? share
    : crop?.height && size.shortest ? Math.min(1, Math.max(crop.height, crop.width) / size.shortest) : undefined;
  const cut = ratio !== undefined ? { fit: 'crop', ratio } : size.shortest ? { fit: 'crop' } : { fit: 'stretch' };
  return { ...(height ? { height, width, channels } : {}), order: channels === 1 ? 'grey' : settings.do_flip_channel_order ? 'bgr' : 'rgb',
    mean: spread(m), std: spread(s), resize: RESAMPLE[settings.resample] ?? 'bilinear', ...cut, from: 'file' };
}
