// What the runner of tests and the endurance suite share: test files by their names, programs with their output.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../emscripten/tools.mjs';

/** Files below tests/ whose name matches, packages installed there left out. */
export function testFiles(pattern, folder = join(root, 'tests')) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : testFiles(pattern, path);
      return pattern.test(entry.name) ? [path] : [];
    });
}

/** Runs a program from the repository root; resolves with its status (or signal) and its output. */
export function execute(program, args, { env = {}, seconds = 600 } = {}) {
  return new Promise((done) => {
    const started = Date.now();
    let output = '';
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => {
        output += data;
      });
    const end = (status) => {
      clearTimeout(timer);
      done({ status, output, seconds: ((Date.now() - started) / 1000).toFixed(1) });
    };
    child.on('error', (error) => end(error.message));
    child.on('close', (status, signal) => end(signal ? `ended by ${signal}` : status));
  });
}

export function indent(text) {
  return text
    .trimEnd()
    .split('\n')
    .slice(-60)
    .map((line) => `    ${line}`)
    .join('\n');
}
