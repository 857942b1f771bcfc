import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { repository } from './support/sources.js';

const pages = [
  ...readdirSync(repository).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  'fixtures/README.md',
];

test('files that the documentation names are there', () => {
  const gone = pages.flatMap((page) =>
    [
      ...readFileSync(join(repository, page), 'utf8').matchAll(
        /`((?:src|store|test|fixtures|docs|scripts)\/[\w./-]+)`/g,
      ),
    ]
      .map(([, path = '']) => path)
      .filter((path) => !existsSync(join(repository, path)))
      .map((path) => `${page}: ${path}`),
  );
  assert.deepEqual(gone, []);
});

test('links between pages lead somewhere', () => {
  const gone = pages.flatMap((page) =>
    [...readFileSync(join(repository, page), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)]
      .map(([, path = '']) => path)
      .filter((path) => !existsSync(join(repository, dirname(page), path)))
      .map((path) => `${page}: ${path}`),
  );
  assert.deepEqual(gone, []);
});
