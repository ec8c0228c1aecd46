#!/usr/bin/env node
/**
 * The command line: `gradcam --help` says all. Exit 0: done, 1: the work failed, 2: wrong usage.
 */
import { CommandLineError, run, wordsOf } from './commands.js';

// A reader that stops early (| head) is no error.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`gradcam: ${error.code === 'internal' && error.stack ? error.stack : wordsOf(error)}\n`);
  process.exitCode = error instanceof CommandLineError ? 2 : 1;
}
