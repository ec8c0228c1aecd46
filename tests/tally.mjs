// What node:test's TAP says in numbers. Its own summary counts tests alone: a suite that is skipped whole, for want of
// a browser say, would be in none of them.

const SKIPPED_SUITE = /^ *ok \d+ - (.*?) # SKIP ?(.*)\n *---\n(?:(?! *\.\.\.$).*\n)*? *type: 'suite'$/gm;

/**
 * @param {string} tap
 * @returns {{passed: number, failed: number, skipped: number, suites: {name: string, why: string}[]}}  skipped: tests, and
 *   suites that were skipped whole, one each; suites: those
 */
export function tally(tap) {
  const number = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(tap)?.[1] ?? 0);
  const suites = [...tap.matchAll(SKIPPED_SUITE)].map(([, name, why]) => ({ name, why }));
  return {
    passed: number('pass'),
    failed: number('fail') + number('cancelled'),
    skipped: number('skipped') + number('todo') + suites.length,
    suites,
  };
}
