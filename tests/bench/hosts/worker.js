// One contender in a worker of a page; see chromium.mjs. A classic worker: tfjs comes as scripts.
let answer;

onmessage = async ({ data: { contender, request, args } }) => {
  try {
    answer ??= (await import('./serve.mjs')).contender(contender);
    postMessage({ result: await answer(request, args) });
  } catch (error) {
    postMessage({ error: String(error.stack ?? error) });
  }
};
