/**
 * What every contender's process does: loads one network once, then answers requests, one at a time,
 * with the milliseconds each took. A process of its own, so that no contender's memory, garbage or
 * threads touch another's; the benchmark asks them in turn.
 */

/**
 * @param {(network: object) => Promise<Record<string, () => (number | Promise<number>)>>} load
 *   makes the operations, each of which returns its own time in ms
 */
export function serve(load) {
  let operations;
  process.on('message', async ({ id, name, network }) => {
    try {
      let ms;
      if (name === 'load') {
        const start = performance.now();
        operations = await load(network);
        ms = performance.now() - start;
      } else {
        ms = operations[name] ? await operations[name]() : null;
      }
      process.send({ id, ms, peak: process.resourceUsage().maxRSS / 1024 });
    } catch (error) {
      process.send({ id, error: error.stack });
    }
  });
}

/** Time of one call in ms. */
export async function time(run) {
  const start = performance.now();
  await run();
  return performance.now() - start;
}
