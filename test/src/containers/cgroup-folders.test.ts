import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeCgroups } from '../../../src/containers/cgroup-folders.js';
import { findHierarchies } from '../../../src/run/cgroup/hierarchies.js';
import { missing } from '../../support/needs.js';

const skip = missing('root');

/** Where cgroups without controllers' settings of their own can be made: the freezer's, or version 2. */
function mountPoint(): string {
  const { v1, v2 } = findHierarchies();
  return v1.get('freezer') ?? v2?.mountPoint ?? '';
}

test('cgroups that a container made below its own go with it, and so do their processes', { skip }, async (t) => {
  const folder = join(mountPoint(), `tspull-test-${process.pid}`);
  const below = join(folder, 'a', 'b');
  mkdirSync(below, { recursive: true });
  mkdirSync(join(folder, 'c'));
  const child = spawn('sleep', ['600']);
  t.after(() => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  writeFileSync(join(below, 'cgroup.procs'), String(child.pid), { flag: 'r+' });
  removeCgroups([folder, join(folder, 'not-there')]);
  assert.equal(existsSync(folder), false);
  assert.equal(await ended, 'SIGKILL');
});
