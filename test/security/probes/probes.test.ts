/** The probes of cases.ts inside our containers, and the same inside Docker's as a control. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultProfile } from '../../../src/run/seccomp/default-profile.js';
import { applicableRules } from '../../../src/run/seccomp/profile.js';
import { hasCapability } from '../../../src/run/spec/capabilities.js';
import { dockerdNeeds, startDockerd } from '../../support/dockerd.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';
import { tsrun } from '../../support/tsrun.js';
import { probes } from './cases.js';
import { needs, probeRoot } from './image.js';

const skip = missing(...needs);

test('probes from inside', { skip }, async (t) => {
  const root = probeRoot(t);
  for (const { title, flags = [], script, expected } of probes)
    await t.test(title, () => {
      const { stdout, stderr } = tsrun(root, ['--rm', ...flags, 'probes', 'sh', '-c', script]);
      if (typeof expected === 'string') assert.equal(stdout, expected, stderr);
      else assert.match(stdout, expected, stderr);
    });
});

/** Our profile as a file for Docker: without names that the libseccomp of its runtime may not know yet. */
function profileFile(folder: string): string {
  const rules = applicableRules(defaultProfile(), {
    capabilities: (name) => hasCapability(0xa80425fbn, name),
    architecture: 'amd64',
    kernel: '6.1.0',
  }).map(({ includes: _, excludes: __, ...rule }) => rule);
  const path = join(folder, 'profile.json');
  // Ours decides about every kind of call that the processor has; there, the kinds are named.
  const architectures = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'];
  writeFileSync(path, JSON.stringify({ ...defaultProfile(), architectures, syscalls: rules }));
  return path;
}

test('Docker as a control', { skip: skip || missing(...dockerdNeeds) }, async (t) => {
  const ours = probeRoot(t);
  const daemon = await startDockerd(t, { root: probeRoot(t) });
  const docker = ['run', '--rm', '--network', 'none'];
  for (const { title, flags = [], script, unlikeDocker } of probes.filter((probe) => probe.unlikeDocker === undefined))
    await t.test(title, async () => {
      assert.equal(unlikeDocker, undefined);
      const theirs = await daemon.docker([...docker, ...flags, 'probes', 'sh', '-c', script]);
      const { status, stdout } = tsrun(ours, ['--rm', ...flags, 'probes', 'sh', '-c', script]);
      assert.deepEqual([status, stdout], [theirs.status, theirs.stdout], theirs.stderr);
    });
  const profile = profileFile(tempDir(t));
  for (const [title, word] of [
    ['X26 every call with senseless arguments, under the same profile', 'refused'],
    ['X29 the same through the gate of 32-bit programs', 'refused-i386'],
  ] as const)
    await t.test(title, async () => {
      const flags = ['--security-opt', `seccomp=${profile}`, 'probes', '/probe', word];
      const theirs = await daemon.docker([...docker, ...flags]);
      const mine = tsrun(ours, ['--rm', 'probes', '/probe', word]);
      assert.equal(mine.status, 0, mine.stderr);
      assert.equal(theirs.status, 0, theirs.stderr);
      const refused = (stdout: string) => stdout.split('\n').filter((line) => line !== '');
      const [own, control] = [refused(mine.stdout), refused(theirs.stdout)];
      assert.ok(own.length > 50, `${own.length} calls were refused`);
      // Its libseccomp knows no newer ones: some that are allowed here do not exist there, and of those that are refused it says so.
      const known = (line: string): boolean => Number.parseInt(line, 10) < 448;
      assert.deepEqual(own.filter(known), control.filter(known));
      const numbers = control.map((line) => Number.parseInt(line, 10));
      assert.deepEqual(
        own.filter((line) => !numbers.includes(Number.parseInt(line, 10))),
        [],
      );
    });
  await daemon.stop();
});
