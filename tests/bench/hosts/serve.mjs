/**
 * What a contender's process does, in Node and in a worker alike: loads one network, then answers
 * requests one at a time. An answer is what the operation returns, or null where it has none such.
 *
 * @param {string} name  a file of ../contenders/
 * @returns {(request: string, args: any[]) => Promise<any>}
 */
export function contender(name) {
  let operations = {};
  return async (request, args) => {
    if (request !== 'load') return operations[request] ? operations[request](...args) : null;
    const module = await import(`../contenders/${name}.mjs`);
    const start = performance.now();
    operations = await module.load(...args);
    return performance.now() - start;
  };
}
