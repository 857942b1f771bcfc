import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveUser } from '../../../../src/run/spec/user.js';
import { KnownError } from '../../../../store/errors.js';

const passwd = [
  'root:x:0:0:root:/root:/bin/sh',
  'alice:x:1000:1001::/home/alice:/bin/sh\r',
  '+::::::',
  'broken:x:abc:1::/:/bin/sh',
  '4294967296:x:0:0::/evil:/bin/sh',
  '1234:x:0:0::/evil:/bin/sh',
  'root :x:0:0::/:/bin/sh',
  'huge:x:4294967295:0::/:/bin/sh',
].join('\n');
const group = ['root:x:0:', 'alice:x:1001:', 'staff:x:50:alice,alice', 'wheel:x:10:bob,alice', 'bad:x:-1:alice'].join(
  '\n',
);

const resolve = (user: string, groupAdd: string[] = []) => resolveUser({ user, groupAdd, passwd, group });

for (const [user, uid, gid, groups, home] of [
  ['', 0, 0, [0], '/root'],
  ['root', 0, 0, [0], '/root'],
  ['alice', 1000, 1001, [1001, 50, 10], '/home/alice'],
  ['1000', 1000, 1001, [1001, 50, 10], '/home/alice'],
  ['4242', 4242, 0, [0], '/'],
  ['1234', 1234, 0, [0], '/'],
  ['4242:staff', 4242, 50, [50], '/'],
  ['alice:wheel', 1000, 10, [10], '/home/alice'],
  ['alice:', 1000, 1001, [1001, 50, 10], '/home/alice'],
  [':50', 0, 50, [50], '/root'],
  ['01000', 1000, 1001, [1001, 50, 10], '/home/alice'],
  ['2147483647', 2147483647, 0, [0], '/'],
] as const) {
  test(`user ${JSON.stringify(user)}`, () => {
    assert.deepEqual(resolve(user), { uid, gid, groups: [...groups], home });
  });
}

for (const [user, message] of [
  ['nosuch', 'unable to find user nosuch: no matching entries in passwd file'],
  ['alice:nosuch', 'unable to find group nosuch: no matching entries in group file'],
  ['4294967296', 'uids and gids must be in range 0-2147483647'],
  ['2147483648', 'uids and gids must be in range 0-2147483647'],
  ['-1', 'uids and gids must be in range 0-2147483647'],
  ['0:2147483648', 'uids and gids must be in range 0-2147483647'],
  ['0x0', 'unable to find user 0x0: no matching entries in passwd file'],
  ['1e3', 'unable to find user 1e3: no matching entries in passwd file'],
  [' 0', 'unable to find user  0: no matching entries in passwd file'],
  ['broken', 'unable to find user broken: no matching entries in passwd file'],
  ['huge', 'uids and gids must be in range 0-2147483647'],
] as const) {
  test(`user ${JSON.stringify(user)} is refused`, () => {
    assert.throws(
      () => resolve(user),
      (error) => error instanceof KnownError && error.message === message && error.exitCode === 125,
    );
  });
}

test('added groups come by name and by number', () => {
  assert.deepEqual(resolve('alice:wheel', ['staff', '77']).groups, [10, 50, 77]);
});

test('without the files numbers still work', () => {
  assert.deepEqual(resolveUser({ user: '5:6', groupAdd: [], passwd: '', group: '' }), {
    uid: 5,
    gid: 6,
    groups: [6],
    home: '/',
  });
});

test('more groups than the kernel takes are refused', () => {
  const many = Array.from({ length: 70000 }, (_, index) => `g${index}:x:${index + 1}:alice`).join('\n');
  assert.throws(() => resolveUser({ user: 'alice', groupAdd: [], passwd, group: many }), /the kernel allows 65536/);
});
