/** One contender in a Node process of its own; see node.mjs. argv: its name. */
import { contender } from './serve.mjs';

const answer = contender(process.argv[2]);

process.on('disconnect', () => process.exit()); // the benchmark ended, however it did

process.on('message', async ({ request, args }) => {
  try {
    const result = request === 'peak' ? process.resourceUsage().maxRSS / 1024 : await answer(request, args);
    process.send({ result });
  } catch (error) {
    process.send({ error: error.stack });
  }
});
