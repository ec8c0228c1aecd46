/** The report, docs/bench.md. */
import { cpus } from 'node:os';
import { busyGoals, busyTable } from './busy.mjs';
import { goalTable, missedList, singleGoalTable } from './goals.mjs';
import { kerasGoals, kerasTable } from './keras.mjs';
import { methodGoals, methodTable } from './methods.mjs';
import { pageGoals, pageTable } from './page.mjs';
import { folderRooflineTable, rooflineTable } from './roofline.mjs';

const number = (value, digits = 1) => (value === undefined || value === null ? '' : value.toFixed(digits));
const share = (value) => (value === undefined ? '' : `${(100 * value).toFixed(1)} %`);

function allFigures(rows) {
  return ['| network | runtime | threads | engine | forward ms | of the better rival | processor ms | of the better rival | 1 map ms | 8 maps ms | of forward | gradient to the input ms | load ms | peak MB |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map((r) => `| ${r.network} | ${r.runtime} | ${r.threads}${r.ownThreads === r.threads ? '' : ` (uses ${r.ownThreads})`} | ${r.contender} | ${number(r.forward)} | ${number(r.toRival, 2)} | ${number(r.cpu)} | ${number(r.cpuToRival, 2)} | ` +
      `${number(r.maps1, 2)} | ${number(r.maps8, 2)} | ${share(r.maps8OfForward)} | ${number(r.inputGradient, 0)} | ${number(r.load, 0)} | ${number(r.peak, 0)} |`),
  ].join('\n');
}

const post = (rows) => rows.filter((row) => row.postsWay)
  .map((row) => `${(row.postsWay / 1000).toFixed(1)} s in ${row.runtime}`).join(', ');

/**
 * @param {{rows: object[], size: number, keras?: object[], page?: object[], methods?: object, beside?: object[],
 *   roofline?: object, notes: string[], rounds: number, quick: boolean, minutes: string,
 *   busy: number}} found
 */
export function report({ rows, size, keras, page, methods, beside, roofline, notes, rounds, quick, busy, minutes }) {
  const engines = [...new Set(rows.map((row) => row.engine))].join(', ');
  const single = [
    { text: 'gradcam.wasm, kB', found: size / 1000, most: 520, digits: 0 },
    ...(keras ? kerasGoals(keras) : []),
    ...(page ? pageGoals(page) : []),
    ...(methods ? methodGoals(methods) : []),
    ...(beside ? busyGoals(beside) : []),
  ];
  const parts = [`# Speed

Written by \`npm run bench\`${quick ? ' with --quick: few rounds, a rough picture' : ''}; ${cpus()[0].model.trim()}, ${cpus().length} cores, load average ${busy.toFixed(1)} at the start; ${rounds} interleaved rounds (twice as many for the small networks), ${minutes} minutes. Compared: ${engines}.`];
  const goals = goalTable(rows);
  parts.push(`![Forward pass, ours against the faster of two rivals](bench.svg)

## Goals

The better rival is whichever of onnxruntime-web and tfjs-wasm is faster in that column. A ratio is the median of the rounds' ratios. 1T and 2T: one thread, two.

${goals || 'None concerns the networks measured.'}`);
  parts.push(singleGoalTable(single));
  const missed = missedList([goals, singleGoalTable(single)]);
  if (missed) parts.push(`What is missed, and why:

${missed}`);
  if (notes.length) parts.push(`What could not be measured:

${notes.map((note) => `- ${note}`).join('\n')}`);
  parts.push(`## How it is measured

- Each contender is a process (in Chromium and Firefox: a browser) of its own that loads the network once; rounds go round all of them, with a rest in between, since onnxruntime-web's threads spin on after a pass, and a pass that is not timed after it; a turn's forward time is the median of the passes that 100 ms hold. Figures are medians. Before anything is timed, every contender's output is compared with ours; 1e-3 of the largest value is allowed, ${Math.max(...rows.map((row) => row.off ?? 0)).toExponential(1)} is the most there was.
- The newest Node of npm and Firefox are measured leanly: relaxed SIMD and onnxruntime-web alone, which is the better rival there by definition.
- Processor ms: what a forward pass takes of all cores together, in Node, in passes one after another for a quarter of a second and what idle threads go on to spin; browsers do not tell.
- VGG16 and Xception have synthetic weights: speed does not depend on their values.
- tfjs-wasm runs the same graph, built from its fused operators, channels last. It runs on one thread in Node, and in Chromium where it finds few cores; "threads" says what it had. Its gradients re-run what follows the layer, and are measured on one thread alone. It has no gradient of a depthwise convolution. onnxruntime-web has no gradients.
- Native XNNPACK runs the convolutions, poolings and fully connected layers alone, weights packed beforehand, with the kernels it chooses for this CPU, on the engine's threads.
- A map is made from a forward pass that has been run, to the default layer; the gradient to the input is that of one logit.${rows.some((row) => row.postsWay) ? ` The post's way, for eight classes: one forward pass, then for each class two more and a gradient (the class's score by a whole pass; the layer's activation by a second one, whose rest runs inside tfjs's gradient): 17 forward passes and 8 gradients to block5_conv3, ${post(rows)}.` : ''}
- Load includes starting the engine and reading the files; peak is the process's largest resident size after forward pass and maps. Browsers do not tell theirs.`);
  parts.push(`## All figures

${allFigures(rows)}`);
  if (keras) parts.push(`## VGG16 from a Keras file

By the package's public interface, each step a process of its own, two threads.

${kerasTable(keras)}`);
  if (page?.length) parts.push(`## On the page

VGG16 in float32, by the package's public interface and on the page itself, in a browser whose profile is on the disk; threads as the browser has them. Loaded from the browser's cache by a page that has just been opened; then two pictures, one after the other; then the classes on show in turn, each from the press to the frame that has its heatmap.

${pageTable(page)}`);
  if (methods?.together.length) parts.push(`## Methods

By the package's public interface, one thread.

${methodTable(methods)}`);
  if (beside) parts.push(`## On a busy machine

The forward pass in Node, relaxed SIMD: on the idle machine, and with every core but one taken by a loop that never ends. Means over 0.7 s, medians of the rounds.

${busyTable(beside)}`);
  if (roofline) parts.push(`## Roofline

Every layer alone, relaxed SIMD, one thread, ${roofline.runtime}. The peak, ${(roofline.ceilings.flops / 1e9).toFixed(1)} GFLOP/s, and the memory's ${(roofline.ceilings.bandwidth / 1e9).toFixed(1)} GB/s were measured in the same process by two WebAssembly loops (multiply-adds in registers; reading 128 MB). GFLOP are counted as the definition has them, so that Winograd, which needs up to 4 times fewer multiplications, can pass the peak. Bytes are input, weights and output, each once; layers that fit a cache can pass the memory's rate; "of what its bytes allow" compares with the peak or with the memory, whichever is the lower roof.

${rooflineTable(roofline)}`);
  return `${parts.join('\n\n')}\n`;
}

/** The report of a folder's networks, docs/bench-zoo.md: all that was ever measured there. */
export function folderReport({ rows, beside, roofs, notes, rounds, busy }) {
  const engines = [...new Set(rows.map((row) => row.engine))].join(', ');
  const parts = [`# Speed on a folder of networks

Written by \`npm run bench -- --folder FOLDER\`; ${cpus()[0].model.trim()}, ${cpus().length} cores, load average ${busy.toFixed(1)} at the start of the last run, its rounds ${rounds}. Random weights: speed does not depend on their values. Relaxed SIMD. How it is measured says [bench.md](bench.md). Compared: ${engines}.`];
  const tables = [goalTable(rows), beside.length ? singleGoalTable(busyGoals(beside)) : ''].filter(Boolean);
  parts.push(`## Goals

${tables.join('\n\n') || 'Nothing is measured yet.'}`);
  const missed = missedList(tables);
  if (missed) parts.push(`What is missed, and why:

${missed}`);
  if (notes.length) parts.push(`What could not be measured in the last run:

${notes.map((note) => `- ${note}`).join('\n')}`);
  if (rows.length) parts.push(`## All figures

${allFigures(rows)}`);
  if (beside.length) parts.push(`## On a busy machine

${busyTable(beside)}`);
  if (roofs.length) parts.push(`## Roofline

Each convolution, fully connected layer and max pooling alone, one thread, ${roofs[0].runtime}, summed by kind; "all else" is what the whole forward pass takes beside them: additions, products of activations, copies, averages, a transformer's products. The peak, ${(roofs[0].ceilings.flops / 1e9).toFixed(1)} GFLOP/s, and the memory's ${(roofs[0].ceilings.bandwidth / 1e9).toFixed(1)} GB/s are measured as [bench.md](bench.md) says; so are the shares.

${folderRooflineTable(roofs)}`);
  return `${parts.join('\n\n')}\n`;
}
