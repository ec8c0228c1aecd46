/** What was promised, and whether it holds: the first table of the report. */

const FORWARD = [ // network, plain SIMD, relaxed SIMD: of the better rival's time
  ['VGG16', 0.5, 0.25],
  ['Xception', 0.85, 0.55],
  ['MobileNet-0.75', 0.9, 0.6],
  ['GoogLeNet', 0.9, 0.6],
  ['SqueezeNet', 0.9, 0.6],
];
/** Of a folder's networks: each, their median, and a transformer's more modest one. */
const [EACH, MEDIAN, TRANSFORMER] = [0.6, 0.42, 0.8];
const TRANSFORMERS = /^(vit|swin|convnext|maxvit)/;
const VARIANTS = [['gradcam simd', 'plain SIMD'], ['gradcam relaxed', 'relaxed SIMD']];

const percent = (ratio) => ratio && 100 * ratio;

/**
 * A goal with a figure per runtime and number of threads.
 * @typedef {{text: string, most?: number, least?: number, digits?: number, unit?: string, only?: number,
 *   figure: (row: object, rows: object[]) => number | undefined, network: string, contender: string}} Goal
 * only: this number of threads alone
 * @type {Goal[]}
 */
const goals = [
  ...FORWARD.flatMap(([network, ...limits]) => VARIANTS.map(([contender, variant], i) => ({
    text: `${network} forward, ${variant}: of the better rival's time`, network, contender, most: limits[i],
    figure: (row) => row.toRival }))),
  { text: 'VGG16 forward, relaxed SIMD: of native XNNPACK\'s time', network: 'VGG16', contender: 'gradcam relaxed', most: 1.15, only: 1,
    figure: (row) => row.toNative },
  ...VARIANTS.map(([contender, variant]) => ({
    text: `Eight heatmaps of VGG16, ${variant}: of a forward pass`, network: 'VGG16', contender, most: 3, unit: ' %', digits: 1,
    figure: (row) => percent(row.maps8OfForward) })),
  ...['Xception', 'MobileNet-0.75', 'GoogLeNet', 'SqueezeNet', 'pocket'].map((network) => ({
    text: `Eight heatmaps of ${network}, relaxed SIMD: of a forward pass`, network, contender: 'gradcam relaxed', most: 10, unit: ' %', digits: 1, only: 2,
    figure: (row) => percent(row.maps8OfForward) })),
  ...VARIANTS.map(([contender, variant]) => ({
    text: `Gradient of VGG16 to the input, ${variant}: of a forward pass`, network: 'VGG16', contender, most: 1.15, only: 2,
    figure: (row) => row.inputGradientOfForward })),
  { text: 'Eight heatmaps of VGG16, forward pass included: times faster than the post\'s way in tfjs-wasm', network: 'VGG16',
    contender: 'gradcam relaxed', least: 20, digits: 0, only: 1,
    figure: (row, rows) => {
      const post = rows.find((other) => other.postsWay && other.runtime === row.runtime)?.postsWay;
      return post && post / (row.forward + row.maps8);
    } },
];

const met = ({ most, least }, found) => (most === undefined ? found >= least : found <= most);

function cell(goal, found) {
  if (found === undefined || Number.isNaN(found)) return '';
  const printed = found.toFixed(goal.digits ?? 2); // compared as printed: more digits are noise
  const text = `${printed}${goal.unit ?? ''}`;
  return met(goal, Number(printed)) ? `${text} met` : `**${text} missed**`;
}

const limit = (goal) => {
  const value = goal.most ?? goal.least;
  return `${goal.most === undefined ? '>=' : '<='} ${goal.digits === 0 ? value.toFixed(0) : value}${goal.unit ?? ''}`;
};

/** The column of each runtime and number of threads that was measured. */
const columns = (rows) => [...new Map(rows.map(({ runtime, threads }) => [`${runtime}, ${threads}T`, { runtime, threads }]))];

const middle = (list) => {
  const sorted = list.filter((value) => value !== undefined).sort((a, b) => a - b);
  return sorted.length ? (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2 : undefined;
};

/** The goals of a folder's networks. @returns {Goal[]} */
function goalsOfFolder(rows) {
  const names = [...new Set(rows.filter(({ zoo }) => zoo).map(({ network }) => network))].sort();
  const contender = 'gradcam relaxed';
  if (!names.length) return [];
  return [
    { text: `Median of the ${names.length} networks: of the better rival's time`, network: names[0], contender, most: MEDIAN,
      figure: ({ runtime, threads }) => middle(rows.filter((row) => row.zoo && row.contender === contender &&
        row.runtime === runtime && row.threads === threads).map((row) => row.toRival)) },
    ...names.flatMap((network) => [
      { text: `${network} forward: of the better rival's time`, network, contender, most: EACH, figure: (row) => row.toRival },
      ...(TRANSFORMERS.test(network) ? [{ text: `${network} forward, a transformer's goal`, network, contender, most: TRANSFORMER,
        figure: (row) => row.toRival }] : []),
    ]),
    ...names.map((network) => ({ text: `Eight heatmaps of ${network}: of a forward pass`, network, contender, most: 10, unit: ' %',
      digits: 1, only: 2, figure: (row) => percent(row.maps8OfForward) })),
  ];
}

/** Empty where no goal concerns what was measured. */
export function goalTable(rows) {
  const heads = columns(rows);
  const lines = [`| | goal | ${heads.map(([title]) => title).join(' | ')} |`, `|---|---|${heads.map(() => '---|').join('')}`];
  for (const goal of [...goals, ...goalsOfFolder(rows)]) {
    const cells = heads.map(([, { runtime, threads }]) => {
      if (goal.only && goal.only !== threads) return '';
      const row = rows.find((one) => one.network === goal.network && one.contender === goal.contender && one.runtime === runtime && one.threads === threads);
      return cell(goal, row && goal.figure(row, rows));
    });
    if (cells.some((text) => text)) lines.push(`| ${goal.text} | ${limit(goal)} | ${cells.join(' | ')} |`);
  }
  return lines.length > 2 ? lines.join('\n') : '';
}

/** Goals with one figure each. @param {(Goal & {found: number})[]} list */
export const singleGoalTable = (list) => ['| | goal | found |', '|---|---|---|',
  ...list.map((goal) => `| ${goal.text} | ${limit(goal)} | ${cell(goal, goal.found)} |`)].join('\n');

/** The goal of a bar of the picture. */
export const forwardGoal = (network, contender) =>
  FORWARD.find(([name]) => name === network)?.[contender === 'gradcam simd' ? 1 : 2];

/**
 * Why a goal is missed, as far as profiles tell: of each whose text matches. What is listed nowhere is
 * missed for a reason that nobody has found yet.
 */
const REASONS = [
  [/^VGG16 forward/, 'its 3x3 convolutions run at one and three quarters to nearly three times the peak already, by Winograd, where four times would be all; 49 of 250 ms are fully connected layers at the memory\'s rate, and 7 the first layer, of three channels (roofline)'],
  [/^(SqueezeNet|squeezenet1_1) forward/, 'half of its multiplications are 1x1 convolutions and the first layer, which no algorithm saves, and its other 3x3 ones are of 16 to 64 channels, too few for Winograd\'s transforms to be small beside its product'],
  [/: loading from the cache/, 'browser and page copy 550 MB between their processes, and both touch it for the first time: two seconds of processor time for two cores to share'],
  [/: the first explanation/, 'the engine\'s loops are compiled anew for speed while they run for the first time, and the activations\' memory is touched for the first time'],
  [/conv_pw_5_relu: the methods of one backward pass/, 'seven further maps read the layer\'s activations and gradient once more each, a fifth of a millisecond, beside a backward pass that is itself short'],
  [/features.7: the methods of one backward pass/, 'the others need the gradient behind the pooling that follows, which Grad-CAM\'s sums do without; they go on from where its pass ended'],
  [/^(pocket|MobileNet-0.75|mobilenet|mnasnet|shufflenet|efficientnet).*forward/,
    '1x1 and depthwise convolutions alone, where no algorithm saves multiplications as Winograd\'s does: the first run at three fifths to nine tenths of the peak, the second at four fifths of what their bytes allow and more (docs/bench-zoo.md, Roofline)'],
  [/^(resnext|regnet).*forward/, 'six to nine tenths of its time are 1x1 convolutions, where no algorithm saves multiplications; grouped ones of four or eight channels fill half of a kernel\'s tile, in both engines (profile by function)'],
  [/^resnet50 forward/, 'more than half of its time are 1x1 convolutions (roofline), where no algorithm saves multiplications'],
  [/^inception_v3 forward/, 'two thirds of its time are convolutions of 1x7, 7x1, 5x5 and 1x1 (roofline), where Winograd\'s algorithm is not used'],
  [/^alexnet.*forward/, 'two fifths of its time on one thread are fully connected layers, 235 MB of weights at the memory\'s rate, as in the rival; its first layers are 11x11 with stride 4 and 5x5, not Winograd\'s (profile by function)'],
  [/^Median of/, 'it counts what the networks below say one by one: those of 3x3 convolutions meet it, those of 1x1 convolutions, depthwise ones and products cannot save multiplications, and gain what a fused multiply-add and one pass over memory give'],
  [/^Xception forward/, 'nine tenths of its time are 1x1 convolutions, at four fifths to nine tenths of the peak but for the first two (roofline): no algorithm saves multiplications there'],
  [/^(vit|swin|convnext).*forward/, 'products of rows by constants, where no algorithm saves multiplications: what is gained is the tile\'s rate (decisions.md, One tile)'],
  [/heatmaps of MobileNet/, 'its last 1x1 convolution, 3 MB of weights, follows the layer that is explained; and these are the first maps of a process: where the code is warm, Grad-CAM takes 0.2 ms there (Methods)'],
  [/heatmaps of mobilenet_v3/, 'two fully connected layers with a hard swish between them follow the layer that is explained: the first, 2 to 5 MB, comes from beyond the second cache for eight classes, beside a forward pass of a few milliseconds, and a thread that sleeps takes a quarter of one to come (profile by function)'],
  [/heatmaps of shufflenet/, 'a few hundred thousand products follow the layer: a third of a millisecond, half of it the question, its checks and copies'],
  [/heatmaps of (pocket|squeezenet|SqueezeNet)/, 'convolutions follow the layer that is explained: a backward pass through them for each class'],
  [/heatmaps of alexnet/, 'fully connected layers follow the layer that is explained; fc1 is read through sums over positions, what is left is fc2, 67 MB, for eight classes'],
  [/heatmaps of vit/, 'the last block stands behind the layer that is explained: its attention and products for each class, though rows of tokens without a gradient are left out'],
  [/heatmaps of VGG16/, 'three fully connected layers follow the layer that is explained, 494 MB of weights (roofline)'],
  [/last layer: the methods of one backward pass/, 'Grad-CAM itself takes sums over positions alone there, a few hundredths of a ms to a tenth; the others take every position'],
  [/^Gradient of VGG16 to the input/, 'every convolution\'s gradient is as many multiplications as itself, and none is kept of the forward pass'],
];

/** A list of what is missed and why, of the tables above it; empty where nothing is. */
export function missedList(tables) {
  const missed = tables.flatMap((table) => table.split('\n')).filter((line) => line.includes('missed**'))
    .map((line) => line.split('|')[1].trim());
  return missed.map((text) => `- ${text}: ${REASONS.find(([about]) => about.test(text))?.[1] ?? 'not explained yet'}.`).join('\n');
}
