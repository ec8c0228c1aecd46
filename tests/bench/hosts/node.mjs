/** Contenders in Node, each in a process of its own: in the Node that runs this, or in npm's newest. */
import { execFileSync, fork } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./node-child.mjs', import.meta.url));

export const name = `Node ${process.versions.node}`;

const starter = (execPath) => async (contender) => {
  const child = fork(CHILD, [contender], { execPath, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
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
};

/** @param {string} contender  @returns {Promise<{ask: (request: string, ...args: any[]) => Promise<any>, end: () => void}>} */
export const start = starter(process.execPath);

/**
 * The newest Node, as npm's package "node" has it; npm keeps it in its own cache, a hundred megabytes.
 * @returns {{name: string, missing: string | false, start?: typeof start}}
 */
export function newestNode() {
  try {
    const printed = execFileSync('npm', ['exec', '--yes', '--package=node@latest', '--',
      'node', '-p', 'JSON.stringify([process.versions.node, process.execPath])'],
    { cwd: tmpdir(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 180e3 });
    const [version, execPath] = JSON.parse(printed.trim().split('\n').at(-1));
    if (version === process.versions.node) return { name: 'newest Node', missing: `it is the one that runs this, ${version}` };
    return { name: `Node ${version}`, missing: false, start: starter(execPath) };
  } catch (error) {
    return { name: 'newest Node', missing: `npm cannot get its package "node": ${error.message.split('\n')[0]}` };
  }
}
