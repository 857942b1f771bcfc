import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dockerdNeeds, startDockerd } from './dockerd.js';
import { missing } from './needs.js';

test('a daemon of our own starts, answers and stops', { skip: missing(...dockerdNeeds) }, async (t) => {
  const daemon = await startDockerd(t);
  const { status, stdout } = await daemon.docker(['info', '--format', '{{.Driver}} {{.DockerRootDir}}']);
  assert.equal(status, 0);
  assert.equal(stdout.trim(), `overlay2 ${daemon.root}`);
  await daemon.stop();
  assert.throws(() => process.kill(daemon.pid, 0), { code: 'ESRCH' });
});
