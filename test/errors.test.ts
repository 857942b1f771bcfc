import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errorCodes } from '../store/errors.js';
import { repository, sourcesBelow } from './support/sources.js';

const codes = Object.keys(errorCodes).sort();

test('docs/errors.md explains every code, and no other', () => {
  const page = readFileSync(join(repository, 'docs/errors.md'), 'utf8');
  const explained = [...page.matchAll(/^### `(E_[A-Z_]+)`$/gm)].map(([, code]) => code);
  assert.deepEqual([...explained].sort(), codes);
  assert.deepEqual([...new Set(page.match(/\bE_[A-Z_]+\b/g))].sort(), codes);
});

test('every code is used, and only codes of the table are', () => {
  const text = sourcesBelow('src', 'store')
    .filter(({ path }) => path !== 'store/errors.ts')
    .map((source) => source.text)
    .join('\n');
  const used = new Set(text.match(/'E_[A-Z_]+'/g)?.map((quoted) => quoted.slice(1, -1)));
  assert.deepEqual([...used].sort(), codes);
});
