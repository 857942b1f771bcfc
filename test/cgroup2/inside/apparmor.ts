import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { run } from '../../support/dockerd.js';
import { tsrun } from './containers.js';

describe('AppArmor', () => {
  test('the kernel has it; a profile that is not loaded is refused by name, and none is asked for by default', async () => {
    assert.equal(readFileSync('/sys/module/apparmor/parameters/enabled', 'latin1').trim(), 'Y');
    if (!existsSync('/sys/kernel/security/apparmor'))
      await run('mount', ['-t', 'securityfs', 'securityfs', '/sys/kernel/security']);
    const { status, stderr } = await tsrun('--rm', '--security-opt', 'apparmor=no-such', 'bb', 'true');
    assert.equal(status, 125);
    assert.match(stderr, /^tsrun: the AppArmor profile "no-such" is not loaded\n {2}hint: /);
    const look = ['bb', 'cat', '/proc/self/attr/apparmor/current'];
    assert.equal((await tsrun('--rm', '--security-opt', 'apparmor=unconfined', ...look)).stdout, 'unconfined\n');
  });
});
