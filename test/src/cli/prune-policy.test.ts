/** `tsimage prune` with a policy, as people type it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { recordUse } from '../../../store/images/last-use.js';
import { listLayers } from '../../../store/layers/layer-db.js';
import { cli } from '../../support/cli.js';
import { makeImages } from '../../support/image-root.js';
import { tempDir } from '../../support/temp.js';
import { describeTree } from '../../support/tree.js';

const DAY = 86_400_000;

async function threeVersions(t: TestContext): Promise<string> {
  const root = join(tempDir(t), 'root');
  const ids = await makeImages(
    root,
    [1, 2, 3].map((at) => ({
      layers: ['base', `own ${at}`],
      tags: [`app:${at}`],
      config: { created: `2024-01-0${at}T00:00:00Z` },
    })),
  );
  for (const [at, id] of ids.entries()) recordUse(root, id, new Date(Date.now() - (40 - 10 * at) * DAY));
  return root;
}

async function prune(root: string, ...args: string[]) {
  const { status, stdout, stderr } = await cli('tsimage', root, ['prune', ...args]);
  return {
    status,
    stdout,
    stderr,
    lines: stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/\b[0-9a-f]{12}\b/, 'ID').replace(/ {3,}/g, ' | ')),
  };
}

test('a dry run tells what each image frees, and touches nothing', async (t) => {
  const root = await threeVersions(t);
  const before = describeTree(root);
  const { status, lines, stderr } = await prune(root, '--dry-run', '--keep-last', '1', '--pin', '*:1');
  assert.equal(status, 0, stderr);
  assert.deepEqual(lines, [
    'Would remove:',
    'IMAGE | ID | LAST USED | SIZE | UNIQUE | FREES | WHY',
    'app:2 | ID | 4 weeks ago | 14B | 7B | 7B | nothing keeps it',
    '',
    'Would keep:',
    'IMAGE | ID | LAST USED | SIZE | WHY',
    'app:1 | ID | 5 weeks ago | 14B | pinned by *:1',
    'app:3 | ID | 2 weeks ago | 14B | among the last 1 of app',
    '',
    'Total reclaimable space: 7B of 28B',
  ]);
  assert.deepEqual(describeTree(root), before);
});

test('a policy from a file; flags decide over it', async (t) => {
  const root = await threeVersions(t);
  const file = join(tempDir(t), 'policy.json');
  writeFileSync(file, JSON.stringify({ 'keep-last': 1, 'unused-for': '25d', pin: ['nobody'], only: ['app'] }));
  const { lines } = await prune(root, '-f', '--policy', file, '--keep-last', '2');
  assert.deepEqual(
    lines.filter((line) => line.startsWith('untagged')),
    ['untagged: app:1'],
  );
  assert.equal(listLayers(root).length, 3);
});

test('above the quota: what was done is shown, what stays is told, and the status is 1', async (t) => {
  const root = await threeVersions(t);
  const { status, stdout, stderr } = await prune(root, '-f', '--max-bytes', '10', '--pin', 'app:3');
  assert.equal(status, 1);
  assert.match(stdout, /untagged: app:1[\s\S]*untagged: app:2[\s\S]*Total reclaimed space: 14B\n$/);
  assert.match(stderr, /layers have 14B, more than the quota of 10B\n.*app:3 \(14B\): pinned by app:3/);
  assert.equal((await prune(root, '-f', '--max-bytes', '14')).status, 0);
});

test('what means nothing is refused before anything is removed', async (t) => {
  const root = await threeVersions(t);
  const folder = tempDir(t);
  for (const [args, message] of [
    [['--keep-last', '0'], /invalid argument "0" for "--keep-last" flag: .* a number from 1 on is expected/],
    [['--unused-for', '30'], /"30" is no time such as 30d/],
    [['--max-bytes', '20x'], /"20x" is no size such as 20g/],
    [['--all', '--pin', '['], /syntax error in pattern/],
    [['--policy', join(folder, 'none')], /cannot read ".*none": ENOENT/],
    [['--policy', folder], /cannot read ".*": EISDIR/],
  ] as const) {
    const { status, stderr } = await prune(root, '-f', ...args);
    assert.notEqual(status, 0, args.join(' '));
    assert.match(stderr, message);
  }
  for (const [text, message] of [
    ['[]', /is not an object/],
    ['{"keep_last": 3}', /has "keep_last", which means nothing in a policy/],
    ['{"Pin": []}', /spells "pin" as "Pin"/],
    ['{"keep-last": 1, "keep-last": 2}', /the key "keep-last" twice/],
    ['{"keep-last": -1}', /a number from 1 on is expected/],
    ['{"keep-last": 1.5}', /not an exact integer/],
    ['{"pin": "app"}', /a "pin" that is not an array/],
    [`{"pin": ["${'x'.repeat(300_000)}"]}`, /has more than 262144 bytes/],
  ] as const) {
    writeFileSync(join(folder, 'policy'), text);
    const { status, stderr } = await prune(root, '-f', '--policy', join(folder, 'policy'));
    assert.equal(status, 1, text.slice(0, 80));
    assert.match(stderr, message);
  }
  assert.equal(listLayers(root).length, 4);
});
