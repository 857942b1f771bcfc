import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KnownError, SyscallError } from '../../store/errors.js';
import { explainIoFailure } from '../../store/io-failure.js';

test('failures of the disk are worded, and say what to do', () => {
  for (const [code, words, hint] of [
    ['ENOSPC', /no space left: \d+ bytes and \d+ inodes are free/, /free some space/],
    ['EPERM', /the operation is not permitted/, /run as root/],
    ['EROFS', /read-only/, /kernel log/],
  ] as const) {
    const explained = explainIoFailure(new SyscallError('fchown', '"f"', 1, code), '/');
    assert.ok(explained instanceof KnownError);
    assert.equal(explained.code, 'E_STORE_IO');
    assert.match(explained.message, words);
    assert.match(explained.hint ?? '', hint);
  }
});

test('anything else passes unchanged', () => {
  const bug = new Error('bug');
  assert.equal(explainIoFailure(bug, '/'), bug);
});
