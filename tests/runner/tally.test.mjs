/** The sum of `npm test`: what was skipped counts as skipped, whole suites too. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { tally } from '../tally.mjs';

test('suites without a browser, tests without data, what fails', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gradcam-tally-'));
  const file = join(folder, 'some.test.mjs');
  await writeFile(file, `import { describe, test } from 'node:test';
describe('the page', { skip: 'SKIPPED: no browser' }, () => { test('one', () => {}); test('two', () => {}); });
describe('half', () => {
  test('in it', { skip: 'no data' }, () => {});
  describe('inner', { skip: true }, () => { test('three', () => {}); });
  test('good', () => {});
});
test('alone', { skip: 'no' }, () => {});
test('bad', () => { throw new Error("type: 'suite'"); });
`);
  const env = { ...process.env };
  delete env.NODE_TEST_CONTEXT; // it runs by itself, not as a part of this run
  const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', file], { env }).catch((error) => error);
  await rm(folder, { recursive: true });
  assert.deepEqual(tally(stdout), { passed: 1, failed: 1, skipped: 4, suites: [{ name: 'the page', why: 'SKIPPED: no browser' },
    { name: 'inner', why: '' }] });
  assert.deepEqual(tally(''), { passed: 0, failed: 0, skipped: 0, suites: [] });
});
