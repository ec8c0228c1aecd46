// Loads a model by the public interface, makes eight heatmaps, prints what it took: node load-once.mjs CARD
import { GradCam } from '../../web/node.js';
import { picture } from '../models/noise.mjs';

const started = performance.now();
const cam = await GradCam.load(process.argv[2], { threads: 2 });
const seconds = (performance.now() - started) / 1000;
await cam.explain(picture(224), { top: 8 });
const memory = await cam.memory();
cam.dispose();
console.log(JSON.stringify({ seconds, ...memory, resident: process.resourceUsage().maxRSS / 1024 }));
