#!/usr/bin/env node
/**
 * The command line: `gradcam --help` says all. Exit 0: done, 1: the work failed, 2: wrong usage.
 */
import { whyNot } from '../../models/leftovers.js';
import { CommandLineError, run, wordsOf } from './commands.js';
import { PROGRAM } from './help.js';

process.stdout.on('error', (error) => {
  if (error.code === 'EPIPE') process.exit(0); // a reader that stops early (| head) is no error
  process.stderr.write(`gradcam: standard output cannot be written: ${whyNot(error)}.\n`);
  process.exit(1);
});
// Where nobody can be told, nothing is said.
process.stderr.on('error', () => {});

try {
  await run(process.argv.slice(2));
} catch (error) {
  const usage = error instanceof CommandLineError;
  const { command } = error;
  const hint = usage ? `\nTry: ${PROGRAM} ${!command || ['explain', 'help'].includes(command) ? '--help' : `help ${command}`}` : '';
  process.stderr.write(`gradcam: ${error.code === 'internal' && error.stack ? error.stack : wordsOf(error)}${hint}\n`);
  process.exitCode = usage ? 2 : 1;
}
