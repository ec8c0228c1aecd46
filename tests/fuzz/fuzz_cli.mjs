/**
 * Command lines put together at random from options, values and noise: each is read, or refused as wrong
 * usage (exit 2) with words that name what is wrong.
 */
import { COMMANDS, CommandLineError, readCommandLine } from '../../web/cli/options.js';
import { blame, fuzz } from './mutate.mjs';

const NAMES = [...new Set(Object.values(COMMANDS).flatMap(Object.keys))];
const WORDS = [...Object.keys(COMMANDS), ...NAMES, 'photo.jpg', '-', '--', '', '0', '-1', '1e9', 'NaN', '0x10', 'cat',
  'rgb,mean=1/2/3', 'bgr,mean=,std=', 'samples=5', '=', 'a=b=c', 'cat=281-285', '\u0000', '\ud800', '💥', 'x'.repeat(500),
  '__proto__', 'constructor', 'toString'];

await fuzz((dice) => {
  const args = Array.from({ length: dice.below(7) }, () => {
    const word = dice.of(WORDS);
    return dice.of([word, `--${word}`, `-${word}`, `--${dice.of(NAMES)}=${word}`, `-o${word}`]);
  });
  const input = JSON.stringify(args);
  try {
    const { command, options, positionals } = readCommandLine(args);
    if (!Object.hasOwn(COMMANDS, command) || !Array.isArray(positionals)) throw blame(input, 'no command came back');
    const stray = Object.keys(options).find((name) => !Object.hasOwn(COMMANDS[command], name));
    if (stray) throw blame(input, `${command} got the option ${stray}`);
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw blame(input, `${input}: ${error.stack}`, error);
    if (!error.message || !Object.hasOwn(COMMANDS, error.command)) throw blame(input, `${input}: "${error.message}" of no command`);
  }
});
