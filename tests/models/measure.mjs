// Converts one file and prints what it cost: node measure.mjs FILE DIR FORM
import { convert, folderSink } from '../../models/index.js';

const [source, folder, weights] = process.argv.slice(2);
const started = performance.now();
const { card } = await convert({ source, weights, out: await folderSink(folder) });
const { maxRSS } = process.resourceUsage();
console.log(JSON.stringify({
  seconds: (performance.now() - started) / 1000,
  megabytes: Math.round(maxRSS / 1024),
  name: card.name,
  shards: card.shards,
}));
