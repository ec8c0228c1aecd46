/** The repository's scripts as somebody types them for the first time. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { root } from './shared.mjs';

describe('scripts of package.json: --help and what they do not know', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const files = new Set(Object.values(scripts).flatMap((line) => line.match(/[\w/]+\.mjs/g) ?? []));
  for (const file of [...files, 'package/write.mjs', 'tests/bundlers/integrations.mjs', 'tests/bench/bench.mjs']) {
    test(file, { skip: file === 'tests/bench/bench.mjs' && !existsSync(join(root, 'tests/bench/node_modules')) && 'its packages are not installed' }, () => {
      const start = (...args) => spawnSync(process.execPath, [join(root, file), ...args], { encoding: 'utf8', timeout: 60_000 });
      const help = start('--help');
      assert.equal(help.status, 0, help.stderr);
      assert.match(help.stdout, /^[A-Zn].{40}/);
      assert.doesNotMatch(help.stdout, /^\s*(\*|\/\/|\/\*)/m);
      const odd = start('--no-such-option');
      assert.equal(odd.status, 2, odd.stderr);
      assert.match(odd.stderr, new RegExp(`^${file}: There is no option --no-such-option\\. --help says what there is\\.\\n$`));
    });
  }
});
