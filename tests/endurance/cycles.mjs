/** A network loaded, asked, disposed of, again and again: what the process holds stays flat. */
import { GradCam } from '../../web/node.js';
import { tinyNetwork, tinyPicture } from '../web/tiny.mjs';

const FLAT = 150e6; // bytes: engines are 100 MB each before they are collected
const WARM = 10;

export async function cycles({ count }) {
  const { onnx } = tinyNetwork();
  const round = async () => {
    const cam = await GradCam.load(onnx, { preprocess: 'tf', threads: 1 });
    await cam.explain(tinyPicture());
    cam.dispose();
  };
  for (let i = 0; i < WARM; i++) await round();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < count; i++) await round();
  const grown = process.memoryUsage().rss - before;
  if (grown > FLAT) throw new Error(`${count} engines left ${(grown / 1e6).toFixed(0)} MB behind`);
  return { figures: { 'most MB grown in a portion': grown / 1e6 } };
}
