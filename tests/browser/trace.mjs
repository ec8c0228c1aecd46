/**
 * What keeps the page's main thread busy, by Chromium's own trace: each task with its time by the clock and of
 * the processor. Where others use the machine too, the second alone says something about the page.
 *
 * @typedef {{ms: number, cpu: number, mostly: string}} Task   mostly: what in the browser took it
 */

const CATEGORIES = ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline', 'blink', 'v8', '__metadata'];

/** Of the events inside a task, what took longest without what is inside of it. */
function mostly(task, events) {
  const own = new Map();
  const add = (name, us) => own.set(name, (own.get(name) ?? 0) + us);
  const open = [];
  for (const event of events) {
    if (event === task || event.tid !== task.tid || event.pid !== task.pid || event.ts < task.ts || event.ts + event.dur > task.ts + task.dur) continue;
    const { functionName, url = '', lineNumber } = event.args?.data ?? {};
    const name = [event.name, functionName, url && `${url.split('/').at(-1)}:${lineNumber}`].filter(Boolean).join(' ');
    while (open.length && open.at(-1).end <= event.ts) open.pop();
    if (open.length) add(open.at(-1).name, -event.dur);
    add(name, event.dur);
    open.push({ name, end: event.ts + event.dur });
  }
  return [...own].filter(([name]) => !/RunTask$/.test(name)).sort((a, b) => b[1] - a[1]).slice(0, 2).map(([name, us]) => `${name} ${(us / 1000).toFixed(0)}`).join(', ');
}

/**
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').Page} page
 * @param {() => Promise<any>} work
 * @param {{rest?: number, least?: number}} [options]  rest: ms that are watched after it; least: ms of a task that counts
 * @returns {Promise<Task[]>}  the longest first, by the processor's time
 */
export async function tasksOf(browser, page, work, { rest = 300, least = 1 } = {}) {
  await browser.startTracing(page, { categories: CATEGORIES });
  let trace;
  try {
    await work();
    await page.waitForTimeout(rest);
  } finally {
    trace = await browser.stopTracing();
  }
  const { traceEvents } = JSON.parse(trace.toString());
  const mains = new Set(traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`));
  const events = traceEvents.filter(({ ph, dur, pid, tid }) => ph === 'X' && dur && mains.has(`${pid} ${tid}`)).sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  return events.filter(({ name, dur }) => /ThreadControllerImpl::RunTask$/.test(name) && dur >= 1000 * least)
    .map((task) => ({ ms: task.dur / 1000, cpu: (task.tdur ?? task.dur) / 1000, mostly: task.dur > 20000 ? mostly(task, events) : '' }))
    .sort((a, b) => b.cpu - a.cpu);
}
