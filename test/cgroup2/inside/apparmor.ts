import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { cli } from '../../support/cli.js';
import { run } from '../../support/dockerd.js';
import { root, startContainer, tsrun } from './containers.js';

/** Everything is allowed but these. `file` lets executed programs inherit the profile. */
const profile = `
profile tspull-test flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  network,
  signal,
  umount,
  deny /etc/group rwklx,
  deny /secret/** wl,
  deny network raw,
  deny capability chown,
}
`;

/** One line an attempt. */
const attempts = `
  cat /proc/self/attr/apparmor/current
  cat /etc/group 2>/dev/null || echo not read
  mkdir /secret; (echo x >/secret/file) 2>/dev/null || echo not written
  chown 1000 /etc/passwd 2>/dev/null || echo not given away
  cat /etc/passwd >/free && sh -c 'cat /proc/self/attr/apparmor/current'
  (echo unconfined >/proc/self/attr/apparmor/current) 2>/dev/null || echo not left`;
const denied = [
  'tspull-test (enforce)',
  'not read',
  'not written',
  'not given away',
  'tspull-test (enforce)',
  'not left',
  '',
].join('\n');

const confined = ['--security-opt', 'apparmor=tspull-test'];

describe('AppArmor', () => {
  before(async () => {
    if (!existsSync('/sys/kernel/security/apparmor'))
      await run('mount', ['-t', 'securityfs', 'securityfs', '/sys/kernel/security']);
    const file = join(root, 'profile');
    writeFileSync(file, profile);
    const { status, stderr } = await run('apparmor_parser', ['--replace', '--skip-cache', file]);
    assert.equal(status, 0, stderr);
  });

  test('the kernel has it; a profile that is not loaded is refused by name, and none is asked for by default', async () => {
    assert.equal(readFileSync('/sys/module/apparmor/parameters/enabled', 'latin1').trim(), 'Y');
    const { status, stderr } = await tsrun('--rm', '--security-opt', 'apparmor=no-such', 'bb', 'true');
    assert.equal(status, 125);
    assert.match(stderr, /^tsrun: the AppArmor profile "no-such" is not loaded\n {2}hint: /);
    const look = ['bb', 'cat', '/proc/self/attr/apparmor/current'];
    assert.equal((await tsrun('--rm', '--security-opt', 'apparmor=unconfined', ...look)).stdout, 'unconfined\n');
    assert.equal((await tsrun('--rm', ...look)).stdout, 'unconfined\n');
  });

  test('what a profile denies is denied to the command, also with --init and no-new-privileges', async () => {
    for (const flags of [[], ['--init'], ['--security-opt', 'no-new-privileges']]) {
      const { stdout, stderr } = await tsrun('--rm', ...confined, ...flags, 'bb', 'sh', '-c', attempts);
      assert.equal(stdout, denied, `${flags.join(' ')}: ${stderr}`);
    }
    // As with docker.
    const privileged = await tsrun(
      '--rm',
      ...confined,
      '--privileged',
      'bb',
      'cat',
      '/proc/self/attr/apparmor/current',
    );
    assert.equal(privileged.stdout, 'unconfined\n', privileged.stderr);
    const free = await tsrun('--rm', 'bb', 'sh', '-c', attempts.replace(/.*chown.*/, ''));
    assert.doesNotMatch(free.stdout, /not read|not written/);
  });

  test('and to commands that are executed in the container', async () => {
    const container = await startContainer('confined', 'true', ...confined);
    try {
      const executed = await cli('tscontainer', root, ['exec', 'confined', 'sh', '-c', attempts]);
      assert.equal(executed.stdout, denied, executed.stderr);
      const other = await cli('tscontainer', root, [
        'exec',
        '-u',
        'alice',
        'confined',
        'cat',
        '/proc/self/attr/apparmor/current',
      ]);
      assert.equal(other.stdout, 'tspull-test (enforce)\n', other.stderr);
      // As with docker: --privileged is not about the profile.
      const privileged = await cli('tscontainer', root, ['exec', '--privileged', 'confined', 'cat', '/etc/group']);
      assert.equal(privileged.status, 1);
    } finally {
      container.kill('SIGTERM');
      await container.ended;
    }
  });

  test('in a sandbox', async () => {
    const { stdout, stderr } = await tsrun('--sandbox', ...confined, 'bb', 'cat', '/proc/self/attr/apparmor/current');
    assert.equal(stdout, 'tspull-test (enforce)\n', stderr);
  });
});
