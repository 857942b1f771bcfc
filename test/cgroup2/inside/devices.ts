import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { root, script } from './containers.js';

describe('devices', () => {
  test('harmless ones can be used, others made but not opened, and those of --device as it says', async () => {
    const memory = join(root, 'memory');
    spawnSync('mknod', [memory, 'c', '1', '1']);
    const tries = [
      'head -c 3 /dev/zero | od -An -tx1',
      'mknod /null c 1 3 && echo x >/null && echo null',
      'mknod /port c 1 4 && echo made; head -c1 /port >/dev/null 2>&1 || echo not opened',
      'head -c1 /dev/it >/dev/null && echo read; (: >/dev/it) 2>/dev/null || echo not written',
    ];
    const flags = ['--device', `${memory}:/dev/it:r`, '--cap-add', 'SYS_RAWIO'];
    const { stdout, stderr } = await script(tries.join('; '), ...flags);
    assert.equal(stdout, ' 00 00 00\nnull\nmade\nnot opened\nread\nnot written\n', stderr);
  });
});
