/** One contender in a Node process of its own; see node.mjs. argv: its name. */
import { contender } from './serve.mjs';

const answer = contender(process.argv[2]);

/** What the process itself can tell: its memory in MB; its processor time in ms, of all its threads. */
const own = {
  peak: () => process.resourceUsage().maxRSS / 1024,
  cpu() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e3;
  },
};

process.on('disconnect', () => process.exit()); // the benchmark ended, however it did

process.on('message', async ({ request, args }) => {
  try {
    const result = own[request] ? own[request]() : await answer(request, args);
    process.send({ result });
  } catch (error) {
    process.send({ error: error.stack });
  }
});
