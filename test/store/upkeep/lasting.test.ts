/** What is found of containers while somebody is at work with one. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tryAcquire } from '../../../store/fs/lock.js';
import type { Finding } from '../../../store/upkeep/finding.js';
import { whatLasts } from '../../../store/upkeep/lasting.js';
import { tempDir } from '../../support/temp.js';

const finding = (area: Finding['area'], path: string): Finding => ({
  area,
  path,
  problem: 'it is wrong',
  fix: { kind: 'none', why: 'a test' },
});

test('it counts when it lasts, and the step of a container that is being made does not', (t) => {
  const root = tempDir(t);
  mkdirSync(join(root, 'tspull/live'), { recursive: true });
  const lasting = finding('container', 'mounts/a');
  const passing = finding('container', 'mounts/b');
  let looks = 0;
  const look = () => ({ findings: looks++ < 3 ? [lasting, passing] : [lasting] });
  assert.deepEqual(whatLasts(root, look).findings, [lasting, passing], 'nobody is at work');
  assert.equal(looks, 1);
  using _lock = tryAcquire(join(root, 'tspull/live/x'), 'exclusive');
  assert.deepEqual(whatLasts(root, look).findings, [lasting]);
  assert.ok(looks > 5, `${looks} looks`);
  looks = 0;
  const layers = [finding('layer-tree', 'overlay2/a/diff')];
  assert.deepEqual(whatLasts(root, () => ({ findings: looks++ < 1 ? layers : [] })).findings, layers);
  assert.equal(looks, 1, 'what is not of containers needs no patience');
});
