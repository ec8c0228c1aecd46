/**
 * Every classifier of torchvision against PyTorch: `npm run -s zoo -- FOLDER [options] [NETWORK ...]`.
 *
 * Reads the exports and golden values that export.py has written into FOLDER, and prints one table
 * (Markdown) of all that were ever measured there; FOLDER/results.jsonl keeps them, so that a run that was
 * broken off goes on. Status 1 where anything is out of its bounds.
 *
 *   --export         makes the exports first, one network at a time, and deletes them after. The largest
 *                    (vit_h_14, regnet_y_128gf) take 10 GB of disk, 17 GB of memory and 25 minutes of
 *                    one core each. NETWORK: these alone, else all that have no result yet
 *   --python PATH    with torch, torchvision and onnx (/usr/bin/python3)
 *   --table          prints the table of the results that are there, and measures nothing
 *   --into FILE      a table of an earlier run: rows of networks that have no result in FOLDER stay as
 *                    they are, each with its day, and count as measured; the new table goes there
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scriptArguments } from '../../emscripten/tools.mjs';
import { GradCam } from '../../web/node.js';

const LOGITS = 1e-4; // absolute
const MAP = 1e-3; // of the map's largest value

const { values: options, positionals: [folder, ...named] } = scriptArguments({
  export: { type: 'boolean' },
  table: { type: 'boolean' },
  into: { type: 'string' },
  python: { type: 'string', default: '/usr/bin/python3' },
});
if (!folder) {
  console.error('usage: npm run -s zoo -- FOLDER [--export] [--table] [--into FILE] [--python PATH] [NETWORK ...]');
  process.exit(2);
}
const script = fileURLToPath(new URL('export.py', import.meta.url));
const kept = resolve(folder, 'results.jsonl');

const python = (...args) => execFileSync(options.python, [script, ...args],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 });

/** The last result of each network. */
function results() {
  const lines = existsSync(kept) ? readFileSync(kept, 'utf8').trim().split('\n').filter(Boolean) : [];
  return new Map(lines.map((line) => JSON.parse(line)).map((result) => [result.network, result]));
}

/** The picture of export.py: rings and slopes. */
function picture(side) {
  const data = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      for (let c = 0; c < 3; c++) {
        data[(y * side + x) * 4 + c] = (x * (2 + c) + y * (4 - c) + ((x * y) >> 5) + ((x * x) >> 6)) % 256;
      }
    }
  }
  return { width: side, height: side, data };
}

const furthest = (got, wanted) => (got.length === wanted.length
  ? wanted.reduce((most, value, i) => Math.max(most, Math.abs(got[i] - value)), 0) : Infinity);

/**
 * A map against PyTorch's. A value that moves by less than half of what is allowed when the units at their
 * kink are decided otherwise is strict; another may be off by what is allowed and three times that move
 * more, as in tests/cam/test_methods.c.
 */
function compareMap(map, layer) {
  const found = { strict: 0, error: 0, bounded: 0, beyond: 0, excess: 0 };
  if (map.height !== layer.H || map.width !== layer.W) {
    return { ...found, error: null, shape: `${map.height}x${map.width}, not ${layer.H}x${layer.W}` };
  }
  layer.map.forEach((wanted, i) => {
    const error = Math.abs(map.raw[i] - wanted) / (layer.largest || 1);
    const move = layer.moves?.[i] ?? 0;
    if (move <= MAP / 2) {
      found.strict++;
      found.error = Math.max(found.error, error);
    } else {
      found.bounded++;
      found.beyond += error > MAP ? 1 : 0;
      found.excess = Math.max(found.excess, error / (MAP + 3 * move));
    }
  });
  return found;
}

async function measure(golden, variant, file) {
  let cam;
  try {
    cam = await GradCam.load(resolve(folder, file), { preprocess: 'torch',
      ...(variant === 'dynamic' ? { inputSize: [golden.side, golden.side] } : {}) });
    const image = picture(golden.side);
    const { scores } = await cam.scores(image);
    const explained = { classes: [golden.class], method: 'gradcam', score: 'logit' };
    const [standard, middle] = golden.layers;
    const maps = [];
    for (const [layer, name] of [[standard, undefined], [middle, middle.tensors[variant]]]) {
      const { maps: [map] } = await cam.explain(image, { ...explained, layer: name });
      maps.push(compareMap(map, layer));
    }
    return { logits: furthest(scores, golden.logits), default: maps[0], middle: maps[1],
      layer: cam.defaultLayer };
  } catch (error) {
    return { failed: `${error.message}`.split('\n')[0] };
  } finally {
    cam?.dispose();
  }
}

const holds = (map) => map.error !== null && map.error <= MAP && map.excess <= 1;
const good = (one) => !one.failed && one.logits <= LOGITS && holds(one.default) && holds(one.middle);

async function measureNetwork(name) {
  const golden = JSON.parse(readFileSync(resolve(folder, `${name}.json`), 'utf8'));
  const result = { network: name, day: new Date().toISOString().slice(0, 10), parameters: golden.parameters, side: golden.side, bits: golden.bits,
    single: golden.single, layers: golden.layers.map((layer) => layer.name), variants: {} };
  for (const [variant, file] of Object.entries(golden.variants)) {
    if (variant.endsWith(' refused')) continue;
    result.variants[variant] = file ? await measure(golden, variant, file)
      : { torch: golden.variants[`${variant} refused`] };
  }
  appendFileSync(kept, `${JSON.stringify(result)}\n`);
  const words = Object.entries(result.variants).map(([variant, one]) => `${variant}: ${
    one.torch ? `torch cannot: ${one.torch}` : one.failed ?? `${good(one) ? 'good' : 'BAD'} ${
      one.logits.toExponential(1)} ${JSON.stringify([one.default, one.middle, one.layer])}`}`);
  console.error(`${name}\n  ${words.join('\n  ')}`);
}

// ---- The table ------------------------------------------------------------------------------------

const worst = (values) => Math.max(...values);
const figure = (value) => (Number.isFinite(value) ? value.toExponential(1) : '-');
const sum = (values) => values.reduce((a, b) => a + b, 0);

function row({ network, day, parameters, layers, single, bits, variants }) {
  const all = Object.entries(variants);
  const ran = all.map(([, one]) => one).filter((one) => !one.torch && !one.failed);
  const state = (one) => (one.torch ? 'not by torch' : one.failed ? 'no' : good(one) ? 'yes' : 'yes, **off**');
  const middle = ran.map((one) => one.middle);
  const bounded = sum(middle.map((map) => map.bounded));
  const cells = bounded ? `${bounded} of ${bounded + sum(middle.map((map) => map.strict))}, ${
    sum(middle.map((map) => map.beyond))} over` : '';
  return `| ${[network, (parameters / 1e6).toFixed(1), ...all.map(([, one]) => state(one)),
    figure(worst(ran.map((one) => one.logits))), figure(single) + (bits === 32 ? ' (all)' : ''),
    figure(worst(ran.map((one) => one.default.error ?? Infinity))), `\`${layers[1]}\``,
    figure(worst(middle.map((map) => map.error ?? Infinity))), cells, day].join(' | ')} |`;
}

/** What is said of a network, its row and its failures, by its name: of an earlier table. */
function earlier(file) {
  const lines = file && existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const found = new Map(lines.filter((line) => /^\| \w+ \| [\d.]+ \|/.test(line))
    .map((line) => [line.split(' ')[1], { row: line, failures: [] }]));
  for (const line of lines) {
    const [, name] = /^- (\w+), \w+: /.exec(line) ?? [];
    found.get(name)?.failures.push(line);
  }
  return found;
}

function table() {
  const found = earlier(options.into);
  for (const result of results().values()) {
    const { network, variants } = result;
    const failures = Object.entries(variants).filter(([, one]) => one.torch || one.failed)
      .map(([variant, one]) => `- ${network}, ${variant}: ${one.torch ? `torch: ${one.torch}` : one.failed}`);
    found.set(network, { row: row(result), failures });
  }
  const networks = [...found.keys()].sort();
  const rows = networks.map((name) => found.get(name).row);
  const states = rows.flatMap((line) => line.split(' | ').slice(2, 6));
  const made = states.filter((state) => state !== 'not by torch');
  const failures = networks.flatMap((name) => found.get(name).failures);
  const good = made.filter((state) => state === 'yes');
  const text = `# torchvision's classifiers

Every classifier of Debian's torchvision 0.14 with random weights, exported by PyTorch at opset 11, 13, 17, and with dynamic axes (opset 13; batch, height and width open), run by the WebAssembly engine and compared with PyTorch in float64. Made by \`npm run -s zoo -- FOLDER --export --into docs/zoo.md\` (tests/zoo).

**${networks.length} of 80 networks measured, ${states.length} exports: ${made.length} that torch can write, ${made.filter((state) => state !== 'no').length} load, ${good.length} hold every bound.**

- *Logits*: largest difference, allowed ${LOGITS}; the logits have a standard deviation of 2. *float32*: what PyTorch's own float32 is off by; (all): too large for float64 here, the golden values are float32 themselves.
- *Default*: Grad-CAM of the best class at the layer that the engine takes by itself; *middle*: at the module named. Largest difference as a part of the map's largest value, allowed ${MAP}.
- *At kinks*: positions of the middle maps, all exports together, whose value depends on units nearer to the kink of their ReLU or max pooling than float32 rounds. Nothing closer is known of these than what they change by when the units are decided otherwise; they are held to ${MAP} and three times that change. *over*: how many of them are not within ${MAP}.
- *Measured*: the day, with the engine as it was then.

| Network | Million weights | 11 | 13 | 17 | dynamic | Logits | float32 | Default | Middle layer | Middle | At kinks | Measured |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
${rows.join('\n')}
${failures.length ? `\nNot there:\n\n${failures.join('\n')}\n` : ''}`;
  if (options.into) writeFileSync(options.into, text);
  else process.stdout.write(text);
  if (good.length < made.length) process.exitCode = 1;
}

if (!options.table) {
  const done = results();
  const listed = options.export ? python('--list').trim().split('\n')
    : readdirSync(folder).filter((file) => /\.json$/.test(file)).map((file) => file.slice(0, -5));
  for (const name of named.length ? named : listed.filter((one) => !done.has(one))) {
    try {
      if (options.export) console.error(python(folder, name).trim());
      await measureNetwork(name);
    } catch (error) {
      console.error(`${name}: ${error.message}`);
      process.exitCode = 1;
    }
    if (!options.export) continue;
    for (const file of readdirSync(folder)) {
      if (file !== 'results.jsonl') rmSync(resolve(folder, file), { recursive: true });
    }
  }
}
table();
