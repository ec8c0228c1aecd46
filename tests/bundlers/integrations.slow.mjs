/**
 * Every row of the integrations as a test: see integrations.mjs.
 */
import { after, before, describe, test } from 'node:test';
import { withoutBrowser } from '../browser/browser.mjs';
import { openTools, tryRow } from './integrations.mjs';
import { rows } from './rows.mjs';

describe('integrations', { skip: withoutBrowser, concurrency: 1 }, () => {
  let tools;
  before(async () => { tools = await openTools(); });
  after(() => tools?.close());
  for (const row of rows) test(row.title, { timeout: 15 * 60_000 }, () => tryRow(row, tools));
});
