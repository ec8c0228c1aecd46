/** What was promised, and whether it holds: the first table of the report. */

const FORWARD = [ // network, plain SIMD, relaxed SIMD: of the better rival's time
  ['VGG16', 0.5, 0.36],
  ['Xception', 0.85, 0.72],
  ['MobileNet-0.75', 0.9, 0.75],
  ['GoogLeNet', 0.9, 0.75],
  ['SqueezeNet', 0.9, 0.75],
];
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
    text: `Eight heatmaps of VGG16, ${variant}: of a forward pass`, network: 'VGG16', contender, most: 8, unit: ' %', digits: 1,
    figure: (row) => percent(row.maps8OfForward) })),
  ...['MobileNet-0.75', 'GoogLeNet', 'SqueezeNet'].map((network) => ({
    text: `Eight heatmaps of ${network}, relaxed SIMD: of a forward pass`, network, contender: 'gradcam relaxed', most: 10, unit: ' %', digits: 1,
    figure: (row) => percent(row.maps8OfForward) })),
  ...VARIANTS.map(([contender, variant]) => ({
    text: `Gradient of VGG16 to the input, ${variant}: of a forward pass`, network: 'VGG16', contender, most: 1.2,
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

/** Empty where no goal concerns what was measured. */
export function goalTable(rows) {
  const heads = columns(rows);
  const lines = [`| | goal | ${heads.map(([title]) => title).join(' | ')} |`, `|---|---|${heads.map(() => '---|').join('')}`];
  for (const goal of goals) {
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
