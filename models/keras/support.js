/**
 * What the tables of layers and of operators share: words for errors, axes, constants, joining tensors,
 * resizing.
 *
 * Letters: C channels, H, W height and width. A tensor's shape is H, W, C whatever the file says; where
 * the file has channels first, the tensor is marked `first`, and axes of the file are translated here.
 */
import { ModelError } from '../errors.js';
import { numbersOf, plainValue } from './config.js';

export const pair = (value) => (Array.isArray(value) ? value : [value, value]);
export const where = (layer) => `Layer "${layer.name.slice(0, 60)}" (${layer.className.slice(0, 40)})`;

export const unsupported = (layer, what) =>
  new ModelError('unsupported', `${where(layer)}: ${what} is not supported.`);

/** The axis of H, W, C (or of a vector) that the file's `axis` is, the batch being its axis 0. */
export function axisOf(layer, x, axis) {
  const rank = x.shape.length;
  const at = axis < 0 ? axis + rank : axis - 1;
  if (!Number.isInteger(at) || at < 0 || at >= rank) throw unsupported(layer, `axis ${axis}`);
  return x.first && rank === 3 ? [2, 0, 1][at] : at;
}

/** The layer must work in the order in which its input's axes stand. */
export function requireOrder(layer, x) {
  const asked = layer.config.data_format;
  if (x.shape.length !== 3 || (asked !== 'channels_first' && asked !== 'channels_last')) return;
  if ((asked === 'channels_first') !== Boolean(x.first) && !x.shape.every((d) => d === 1)) {
    throw unsupported(layer, `data_format ${asked} on a tensor with channels ${x.first ? 'first' : 'last'}`);
  }
}

export const channelDims = (x) => (x.shape.length === 3 ? [x.shape[2], 1, 1] : [x.shape.at(-1)]);

/** Sizes of a nested list. */
function sizesOf(value) {
  const plain = plainValue(value);
  return Array.isArray(plain) ? [plain.length, ...sizesOf(plain[0])] : [];
}

/**
 * A number, or an array of numbers, of the file, as a constant that broadcasts against `x` as numpy's
 * would. Returns its name in the graph.
 */
export function constant(b, layer, x, wanted, value) {
  const values = numbersOf(value);
  if (!values) throw unsupported(layer, 'a setting that holds something else than numbers');
  if (values.length === 1) return b.graph.constant(wanted, 'float32', [], values);
  const sizes = sizesOf(value);
  while (sizes.length && sizes[0] === 1) sizes.shift();
  const rank = x.shape.length;
  const own = x.first && rank === 3 ? [x.shape[2], x.shape[0], x.shape[1]] : x.shape;
  const full = [...new Array(Math.max(rank - sizes.length, 0)).fill(1), ...sizes];
  const fits = full.length === rank && full.every((d, i) => d === 1 || d === own[i]) &&
    full.reduce((all, d) => all * d, 1) === values.length;
  if (!fits || (rank !== 1 && rank !== 3)) {
    throw new ModelError('format', `${where(layer)}: numbers of shape (${sizes}) do not go with its ` +
      `input of shape (${own}).`);
  }
  if (rank === 1 || x.first) return b.graph.constant(wanted, 'float32', full, values);
  const [H, W, C] = full;
  const turned = Array.from({ length: values.length }, (_, i) => {
    const [c, at] = [Math.floor(i / (H * W)), i % (H * W)];
    return values[at * C + c];
  });
  return b.graph.constant(wanted, 'float32', [C, H, W], turned);
}

/** Same-shape operands, or operands that broadcast as numpy's do. */
export function merge(b, layer, xs, name, combine) {
  const rank = xs[0]?.shape.length;
  if (xs.length < 1 || xs.some((x) => x.shape.length !== rank)) {
    throw unsupported(layer, 'joining tensors of different ranks');
  }
  requireSameOrder(layer, xs);
  const shape = xs[0].shape.map((_, i) => Math.max(...xs.map((x) => x.shape[i])));
  if (xs.some((x) => x.shape.some((d, i) => d !== 1 && d !== shape[i]))) {
    throw new ModelError('format', `${where(layer)}: shapes ${xs.slice(0, 4).map((x) => `(${x.shape})`)
      .join(' and ')} do not go together.`);
  }
  const names = xs.map((x, i) => (rank === 3 ? b.spatial(x, `${name}/${i}`)
    : b.flat(x, `${name}/${i}/flat`)));
  const out = combine(names);
  return rank === 3 ? { ...b.image(out, ...shape), first: xs[0].first }
    : { ...b.vectorTensor(out, shape[0]), shape };
}

export function requireSameOrder(layer, xs) {
  const spatial = xs.filter((x) => x.shape.length === 3 && x.shape.some((d) => d !== 1));
  if (spatial.some((x) => Boolean(x.first) !== Boolean(spatial[0].first))) {
    throw unsupported(layer, 'joining tensors with channels first and channels last');
  }
}

/** op applied from left to right; only the last node carries the layer's name. */
export const chainOf = (op) => (b, layer, xs, name) => merge(b, layer, xs, name, (names) =>
  names.slice(1).reduce((left, right, i) => b.graph.add(op,
    i === names.length - 2 ? name : `${name}/${i}`, [left, right]), names[0]));

/** ONNX's words for Keras's and TensorFlow's ways to resize; TensorFlow's centres are half a pixel in. */
const RESIZE = {
  nearest: { mode: 'nearest', coordinate_transformation_mode: 'half_pixel', nearest_mode: 'round_prefer_ceil' },
  bilinear: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
};

/** x cut to a box and resized; an identity costs nothing. box: [top, left, height, width]. */
export function cutAndResize(b, layer, x, name, box, [height, width], how = 'bilinear', antialias = false) {
  const [H, W, C] = x.shape;
  let source = b.spatial(x, name);
  const [top, left, boxHeight, boxWidth] = box ?? [0, 0, H, W];
  const resized = boxHeight !== height || boxWidth !== width;
  if (boxHeight !== H || boxWidth !== W) {
    source = b.graph.add('Slice', resized ? `${name}/cut` : name, [
      source,
      b.graph.ints(`${name}/starts`, [top, left]),
      b.graph.ints(`${name}/ends`, [top + boxHeight, left + boxWidth]),
      b.graph.ints(`${name}/axes`, [2, 3]),
    ]);
  }
  if (resized) {
    if (!Object.hasOwn(RESIZE, how)) throw unsupported(layer, `interpolation "${String(how).slice(0, 20)}"`);
    const sizes = b.graph.ints(`${name}/sizes`, [1, C, height, width]);
    // The triangle is stretched over what becomes one pixel, and what lies outside does not count.
    const smooth = antialias && how === 'bilinear' && (height < boxHeight || width < boxWidth) ? { antialias: 1, exclude_outside: 1 } : {};
    if (smooth.antialias) b.graph.opset = 18;
    source = b.graph.add('Resize', name, [source, '', '', sizes], { ...RESIZE[how], ...smooth });
  }
  return { ...b.image(source, height, width, C), first: x.first };
}
