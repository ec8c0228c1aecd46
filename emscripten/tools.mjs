// What the set-up, build, start and test scripts share: paths, running a program, naming what is
// missing, a lock. No npm dependency: these scripts run on a fresh clone.
import { spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isAlive } from '../models/leftovers.js';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const cache = process.env.GRADCAM_CACHE
  ? resolve(process.env.GRADCAM_CACHE)
  : join(root, '.cache');

const started = Date.now();

/** One short progress line on stderr, so that stdout stays the program's own. */
export function say(text) {
  console.error(`[${String(Math.round((Date.now() - started) / 1000)).padStart(3)} s] ${text}`);
}

/** An error whose message is meant for the person at the terminal, without a stack. */
export class Stop extends Error {}

/** Runs main(); a Stop is printed as it is and ends with status 1. */
export async function runMain(main) {
  try {
    requireNode();
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(error instanceof Stop ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

/** The comment at a script's head, as text. @param {string} file */
function headOf(file) {
  const text = readFileSync(file, 'utf8').replace(/^#!.*\n/, '');
  const [head] = /^\/\*[\s\S]*?\*\/|^(\/\/.*\n)+/.exec(text) ?? [''];
  return head.replace(/^\/\*\*?\n?|\s*\*\/$/g, '').replace(/^ ?(\*|\/\/) ?/gm, '').trim();
}

/**
 * The arguments of the script that runs. --help prints the comment at its head; what it does not know is said in a
 * sentence, with status 2.
 * @param {Record<string, any>} [options]  as parseArgs has them
 * @param {number} [most]  words beside the options
 */
export function scriptArguments(options = {}, most = Infinity) {
  const script = resolve(process.argv[1]);
  const name = relative(root, script);
  const refuse = (why) => {
    console.error(`${name}: ${why} --help says what there is.`);
    process.exit(2);
  };
  let found;
  try {
    found = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } }, allowPositionals: true });
  } catch (error) {
    const [, option] = /'(-[^' ]*)/.exec(error.message) ?? [];
    return refuse(error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? `There is no option ${option}.` : `${error.message.split('. ')[0].replace(/\.$/, '')}.`);
  }
  if (found.values.help) {
    console.log(headOf(script));
    process.exit(0);
  }
  if (found.positionals.length > most) return refuse(`"${found.positionals[most]}" is one word too many.`);
  return found;
}

/** The absolute path of a program on PATH, or undefined. */
export function which(program) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder || '.', program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/** The system's own python3 first: one on PATH may be a shim that needs a home folder. */
export function python() {
  return ['/usr/bin/python3', which('python3')].find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function failure(program, args, why, output) {
  const end = output.trimEnd().split('\n').slice(-40).join('\n');
  return new Stop(`${program} ${args.join(' ')}\nfailed (${why})${end ? `:\n${end}` : '.'}`);
}

/** Runs a program and returns its stdout; throws a Stop with the end of what it printed. */
export function run(program, args, { cwd = root } = {}) {
  const result = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.error || result.status !== 0) {
    const why =
      result.error?.message ??
      (result.signal ? `ended by ${result.signal}` : `status ${result.status}`);
    throw failure(program, args, why, `${result.stdout ?? ''}${result.stderr ?? ''}`);
  }
  return result.stdout;
}

/**
 * The same for long work: lines that match `shown` appear as they come, others on failure; where none comes for
 * some seconds, a line says how far it is.
 * @param {string} program
 * @param {string[]} args
 * @param {{doing: string, shown?: RegExp, progress?: (output: string) => string | undefined,
 *   env?: Record<string, string | undefined>, cwd?: string, patience?: number}} options  doing: what, in words;
 *   progress: how far; patience: ms that are silent at most
 */
export function runShowing(program, args, options) {
  const { doing, shown, progress, env = {}, cwd = root, patience = 10_000 } = options;
  return new Promise((done, fail) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let said = Date.now();
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        for (const line of lines) {
          if (!shown?.test(line)) continue;
          say(line);
          said = Date.now();
        }
      });
    }
    const ticker = setInterval(() => {
      if (Date.now() - said < patience) return;
      said = Date.now();
      say(`${doing}: ${progress?.(output) ?? 'still at it'}`);
    }, Math.min(1000, patience));
    child.on('error', (error) => {
      clearInterval(ticker);
      fail(failure(program, args, error.message, output));
    });
    child.on('close', (status, signal) => {
      clearInterval(ticker);
      if (status === 0) done();
      else fail(failure(program, args, signal ? `ended by ${signal}` : `status ${status}`, output));
    });
  });
}

/** Megabytes in a folder, in words. */
export function sizeOf(folder) {
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true })) {
    bytes += statSync(join(folder, String(name)), { throwIfNoEntry: false })?.size ?? 0;
  }
  return `${Math.round(bytes / 1e6)} MB`;
}

const packages = {
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  tar: 'tar',
  xz: 'xz-utils',
  cmake: 'cmake',
  python3: 'python3',
  cc: 'gcc (or clang)',
  'c++': 'g++ (or clang)',
  'make or ninja': 'make (or ninja-build)',
};

/** Throws a Stop that names every missing program and the Debian package that brings it. */
export function requirePrograms(...programs) {
  const missing = programs.filter((program) => !program.split(' or ').some(which));
  if (missing.length) {
    const lines = missing.map(
      (program) => `  ${program.padEnd(14)} Debian package: ${packages[program] ?? program}`,
    );
    const names = missing.map((program) => (packages[program] ?? program).split(' ')[0]);
    throw new Stop(
      `Missing on this machine (looked on PATH):\n${lines.join('\n')}\n` +
        `On Debian:  sudo apt-get install ${names.join(' ')}`,
    );
  }
}

function requireNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) {
    throw new Stop(`Node ${process.versions.node} is too old: 20 or newer is needed.`);
  }
}

/** The text of a file, or '' where there is none. */
export function readOr(path, otherwise = '') {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

/**
 * npm packages of a folder of the repository, installed where its lock file has changed since.
 * @param {string} folder
 * @param {string[]} [options]  of npm
 */
export function installPackages(folder, options = []) {
  const at = join(root, folder);
  const lock = readOr(join(at, 'package-lock.json'));
  const stamp = join(at, 'node_modules/.installed');
  if (!lock || readOr(stamp) === lock) return;
  say(`installing the packages of ${folder === '.' ? 'the repository' : folder}`);
  const args = ['ci', '--no-audit', '--no-fund', '--cache', join(cache, 'npm'), ...options];
  run('npm', args, { cwd: at });
  mkdirSync(join(at, 'node_modules'), { recursive: true });
  writeFileSync(stamp, lock);
}

/** A lock left behind: its process is gone, or it is older than any build takes. */
function isStale(path, holder) {
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return holder ? !isAlive(holder) || age > 20 * 60_000 : age > 10_000;
}

/** Runs work() while holding a lock file; waits for another living process that holds it. */
export async function withLock(name, work) {
  mkdirSync(cache, { recursive: true });
  const path = join(cache, `${name}.lock`);
  for (let told = false; ;) {
    try {
      const file = openSync(path, 'wx');
      writeSync(file, String(process.pid));
      closeSync(file);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(readOr(path));
    if (isStale(path, holder)) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told) say(`waiting for process ${holder || '?'} (${name})`);
    told = true;
    await new Promise((done) => setTimeout(done, 500));
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
