/** Contenders in Node, each in a process of its own. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./node-child.mjs', import.meta.url));

export const name = `Node ${process.versions.node}`;

/** @param {string} contender  @returns {Promise<{ask: (request: string, ...args: any[]) => Promise<any>, end: () => void}>} */
export async function start(contender) {
  const child = fork(CHILD, [contender], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return {
    ask: (request, ...args) => new Promise((resolve, reject) => {
      if (!child.connected) throw new Error(`${contender} has ended`);
      const exit = (code, signal) => reject(new Error(`${contender} ended (${signal ?? code}) while asked for "${request}"`));
      child.once('exit', exit);
      child.once('message', ({ result, error }) => {
        child.off('exit', exit);
        if (error) reject(new Error(error));
        else resolve(result);
      });
      child.send({ request, args });
    }),
    end: () => child.kill(),
  };
}
