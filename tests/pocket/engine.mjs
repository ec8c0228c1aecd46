// What this engine says of pictures, for models/pocket/evaluate.py: one line of JSON in, one line a picture out.
//   {model, options, pictures: [{file, groups: {cat: [281, ...]}}]}
//   -> {top: ids of the 5 highest scores, score: the highest, sure: the probability there, forward: ms,
//       maps: {cat: {width, height, data}}}, each group's map being that of its highest class
import { text } from 'node:stream/consumers';
import { GradCam } from '../../web/node.js';

const { model, options, pictures } = JSON.parse(await text(process.stdin));
const cam = await GradCam.load(model, { threads: 1, ...options });
for (const { file, groups = {} } of pictures) {
  const { scores, probabilities } = await cam.scores(file);
  const top = [...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, 5);
  const out = { top, score: scores[top[0]], sure: probabilities[top[0]], maps: {} };
  const names = Object.keys(groups);
  if (names.length) {
    const classes = names.map((name) => groups[name].reduce((a, b) => (scores[b] > scores[a] ? b : a)));
    const { maps } = await cam.explain(file, { classes, picture: false });
    names.forEach((name, i) => {
      const { width, height, normalized } = maps[i];
      out.maps[name] = { width, height, data: Array.from(normalized, (v) => Number(v.toFixed(5))) };
    });
  }
  process.stdout.write(`${JSON.stringify(out)}\n`);
}
cam.dispose();
