/** Archives that unpack: what it is, the archive, the tree that it makes, and what else must be true of it. */
import assert from 'node:assert/strict';
import { lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { getXattr } from '../../../store/linux/xattr.js';
import {
  base256,
  dir,
  END,
  file,
  gnuLong,
  hardlink,
  header,
  member,
  pax,
  rawPax,
  symlink,
  tar,
} from '../../support/tar-builder.js';

export type Accepted = [what: string, archive: Buffer, tree: string[], also?: (diff: string) => void];
const content = (diff: string, path: string | Buffer) =>
  readFileSync(Buffer.concat([Buffer.from(`${diff}/`), Buffer.from(path as string)]), 'latin1');

const capability = Buffer.from('0100000280000000000000000000000000000000', 'hex');

export const accepted: Accepted[] = [
  ['an empty archive', END, []],
  [
    'files, directories, links',
    tar(dir('d/'), file('d/f', 'hi'), hardlink('d/h', 'd/f'), symlink('s', 'd/f')),
    ['d d', 'f d/f', 'f d/h', 'l s'],
    (diff) => assert.equal(statSync(join(diff, 'd/h')).nlink, 2),
  ],
  [
    'names with ./ and /',
    tar(dir('./'), dir('./a/'), file('./a/b'), file('/abs'), file('x/./y//z')),
    ['d a', 'd x', 'd x/y', 'f a/b', 'f abs', 'f x/y/z'],
  ],
  ['.. inside the tree is cleaned away', tar(file('a/../b')), ['f b']],
  ['the root cannot become anything else', tar(symlink('.', '/etc'), file('f')), ['f f']],
  ['an entry after the end is no entry', Buffer.concat([tar(file('a')), tar(file('b'))]), ['f a']],
  ['no end blocks', member(file('a')), ['f a']],
  ['no padding', tar(file('a')).subarray(0, 513), ['f a']],
  ['half of the padding', tar(file('a')).subarray(0, 700), ['f a']],
  ['one end block', Buffer.concat([member(file('a')), Buffer.alloc(512)]), ['f a']],
  ['777 bytes after the end', Buffer.concat([tar(file('a')), Buffer.alloc(777, 7)]), ['f a']],
  [
    'links and directories have no payload whatever they say',
    Buffer.concat([
      header({ name: 's', type: '2', link: 't', size: 512 }),
      header({ name: 'd', type: '5', size: 512 }),
      header({ name: 'p', type: '6', size: 1024 }),
      member(file('a')),
      END,
    ]),
    ['d d', 'f a', 'l s', 'p p'],
  ],
  [
    'a hard link with a size',
    Buffer.concat([member(file('a', 'abc')), header({ name: 'h', type: '1', link: 'a', size: 3 }), END]),
    ['f a', 'f h'],
  ],
  [
    'PAX size overrides the header',
    tar({ name: 'a', content: Buffer.alloc(700, 65), size: 0, pax: { size: '700' } }, file('b')),
    ['f a', 'f b'],
    (diff) => assert.equal(statSync(join(diff, 'a')).size, 700),
  ],
  [
    'PAX size 0 overrides the header',
    Buffer.concat([pax({ size: '0' }), header({ name: 'a', size: 512 }), member(file('b')), END]),
    ['f a', 'f b'],
  ],
  [
    'global PAX records change nothing',
    Buffer.concat([
      pax({ path: 'evil', uid: '7', size: '512' }, 'g'),
      pax({ path: 'evil2' }, 'g'),
      member(file('a')),
      END,
    ]),
    ['f a'],
    (diff) => assert.equal(statSync(join(diff, 'a')).uid, 0),
  ],
  [
    'GNU long name wins over PAX, in both orders',
    Buffer.concat([
      gnuLong('L', 'gnu1'),
      pax({ path: 'pax1' }),
      member(file('h1')),
      pax({ path: 'pax2' }),
      gnuLong('L', 'gnu2'),
      member(file('h2')),
      END,
    ]),
    ['f gnu1', 'f gnu2'],
  ],
  [
    'long names',
    tar({ ...file('short'), pax: { path: `${'p'.repeat(200)}/q` } }, gnuLong('L', `${'g'.repeat(250)}`), file('x')),
    [`d ${'p'.repeat(200)}`, `f ${'p'.repeat(200)}/q`, `f ${'g'.repeat(250)}`],
  ],
  ['an empty PAX path keeps the name', tar({ ...file('a'), pax: { path: '' } }), ['f a']],
  [
    'the last of two equal PAX records wins',
    Buffer.concat([rawPax('13 path=aaaa\n13 path=bbbb\n'), member(file('x')), END]),
    ['f bbbb'],
  ],
  [
    'NUL type: a directory by its slash, else a file',
    tar(
      { name: 'd/', type: '\0' },
      { name: 'f', type: '\0', content: 'x' },
      { ...file('z'), type: '\0', content: '', pax: { path: 'e/' } },
    ),
    ['d d', 'd e', 'f f'],
  ],
  [
    'files whose names end in dots',
    tar(file('a/.', 'x'), file('b/c/..', 'y'), file('d..', 'z')),
    ['f a', 'f b', 'f d..'],
  ],
  ['type 0 with a slash is a file', tar(file('f/', 'x')), ['f f']],
  ['V7 header', tar({ ...file('a'), magic: '\0\0\0\0\0\0\0\0', prefix: 'ignored' }), ['f a']],
  [
    'old GNU header with a prefix where times belong',
    tar({ ...file('a'), magic: 'ustar  \0', prefix: 'sub' }),
    ['d sub', 'f sub/a'],
  ],
  ['ustar prefix', tar({ ...file('a'), prefix: 'p/q' }), ['d p', 'd p/q', 'f p/q/a']],
  [
    'names that are not UTF-8, in header and PAX',
    tar(file(Buffer.from('n\xff1', 'latin1')), file(Buffer.from('n\xfe1', 'latin1')), {
      ...file('x'),
      pax: { path: Buffer.from('p\xff', 'latin1') },
    }),
    ['f n\xff1', 'f n\xfe1', 'f p\xff'].sort(),
  ],
  [
    'odd names stay as they are',
    tar(...['-rf', ' ', '*', '$(id)', '\\', 'caf\u00e9', 'cafe\u0301', 'A', 'a'].map((name) => file(name, name))),
    ['-rf', ' ', '*', '$(id)', '\\', 'caf\u00e9', 'cafe\u0301', 'A', 'a']
      .map((name) => `f ${Buffer.from(name).toString('latin1')}`)
      .sort(),
  ],
  [
    'numbers in base-256',
    tar({ ...file('a'), uid: base256(2147483648n, 8), gid: base256(4294967294n, 8) }),
    ['f a'],
    (diff) =>
      assert.deepEqual([statSync(join(diff, 'a')).uid, statSync(join(diff, 'a')).gid], [2147483648, 4294967294]),
  ],
  ['checksum of signed bytes', signedChecksum(), ['f \xe9']],
  ['meta headers alone at the end', Buffer.concat([member(file('a')), pax({ path: 'b' })]), ['f a']],
  [
    'setuid, setgid, sticky survive the owner',
    tar(
      { ...file('a'), mode: 0o4755, uid: 5, gid: 6 },
      { ...dir('d'), mode: 0o3777, uid: 7, gid: 8 },
      { ...file('d/f'), mode: 0o600 },
    ),
    ['d d', 'f a', 'f d/f'],
    (diff) =>
      assert.deepEqual(
        [
          statSync(join(diff, 'a')).mode & 0o7777,
          statSync(join(diff, 'd')).mode & 0o7777,
          statSync(join(diff, 'd/f')).gid,
        ],
        [0o4755, 0o3777, 0],
      ),
  ],
  [
    'times in nanoseconds, before 1970, of links and of directories with children',
    tar(
      { ...dir('d'), pax: { mtime: '1234567890.123456789' } },
      { ...file('d/f'), pax: { mtime: '-5.5' } },
      { ...symlink('d/l', 'x'), pax: { mtime: '77.000000001' } },
    ),
    ['d d', 'f d/f', 'l d/l'],
    (diff) =>
      assert.deepEqual(
        ['d', 'd/f', 'd/l'].map((name) => lstatSync(join(diff, name), { bigint: true }).mtimeNs),
        [1234567890123456789n, 0n, 77000000001n],
      ),
  ],
  [
    'binary capabilities, also set before an owner',
    tar({ ...file('a'), uid: 1000, pax: { 'SCHILY.xattr.security.capability': capability } }),
    ['f a'],
    (diff) => assert.deepEqual(getXattr(join(diff, 'a'), 'security.capability'), capability),
  ],
  [
    "overlayfs's own attributes are dropped, others kept",
    tar({
      ...dir('d'),
      pax: {
        'SCHILY.xattr.trusted.overlay.opaque': 'y',
        'SCHILY.xattr.user.overlay.redirect': '/x',
        'SCHILY.xattr.user.foo': 'bar',
        'SCHILY.xattr.trusted.baz': '\0\x80',
      },
    }),
    ['d d'],
    (diff) =>
      assert.deepEqual(
        ['trusted.overlay.opaque', 'user.overlay.redirect', 'user.foo'].map((name) =>
          getXattr(join(diff, 'd'), name)?.toString(),
        ),
        [undefined, undefined, 'bar'],
      ),
  ],
  [
    'devices and fifos',
    tar(
      { name: 'c', type: '3', major: 1, minor: 3, mode: 0o666 },
      { name: 'b', type: '4', major: 259, minor: 70000 },
      { name: 'p', type: '6' },
    ),
    ['b b', 'c c', 'p p'],
    (diff) =>
      assert.deepEqual(
        [lstatSync(join(diff, 'c')).rdev, lstatSync(join(diff, 'b')).rdev],
        [0x103, (259 << 8) | (70000 & 0xff) | ((70000 & ~0xff) << 12)],
      ),
  ],
  [
    'whiteouts become devices 0:0, opaque becomes an attribute',
    tar(
      { ...file('.wh.a', ''), uid: 3 },
      file('d/.wh..wh..opq', 'ignored content'),
      file('d/.wh.b', 'content'),
      file('d/f'),
    ),
    ['c a', 'c d/b', 'd d', 'f d/f'],
    (diff) =>
      assert.deepEqual(
        [
          lstatSync(join(diff, 'a')).rdev,
          lstatSync(join(diff, 'a')).mode & 0o7777,
          lstatSync(join(diff, 'a')).uid,
          getXattr(join(diff, 'd'), 'trusted.overlay.opaque')?.toString(),
        ],
        [0, 0, 3, 'y'],
      ),
  ],
  [
    'an opaque root',
    tar(file('.wh..wh..opq', '')),
    [],
    (diff) => assert.equal(getXattr(diff, 'trusted.overlay.opaque')?.toString(), 'y'),
  ],
  [
    'a whiteout gives way to a file, a directory or a link of its name',
    tar(file('.wh.a', ''), file('a', 'new'), file('.wh.d', ''), dir('d'), file('.wh.l', ''), symlink('l', 'x')),
    ['d d', 'f a', 'l l'],
  ],
  [
    'aufs names are plain whiteouts',
    tar(file('.wh..wh.plnk', ''), file('.wh..wh.aufs', '')),
    ['c .wh.aufs', 'c .wh.plnk'],
  ],
  [
    'a whiteout as symlink, directory or device',
    tar(symlink('.wh.a', '/etc/passwd'), dir('.wh.b'), { name: '.wh.c', type: '3', major: 1, minor: 3 }),
    ['c a', 'c b', 'c c'],
  ],
  [
    'a path through a symlink stays inside',
    tar(
      dir('real'),
      symlink('l', '/real'),
      file('l/f', 'through'),
      symlink('m', '../../../../real'),
      file('m/g', 'clamped'),
    ),
    ['d real', 'f real/f', 'f real/g', 'l l', 'l m'],
  ],
  [
    'directory headers after their content',
    tar(file('d/e/f'), dir('d/e', { mode: 0o700 }), dir('d', { mode: 0o711 })),
    ['d d', 'd d/e', 'f d/e/f'],
    (diff) => assert.equal(statSync(join(diff, 'd')).mode & 0o777, 0o711),
  ],
  ['a directory nobody may enter', tar(dir('d', { mode: 0 }), file('d/f')), ['d d', 'f d/f']],
  [
    'symlink targets are never checked',
    tar(symlink('a', '/../../x\ny'), symlink('b', 'x'.repeat(100))),
    ['l a', 'l b'],
    (diff) => assert.equal(readlinkSync(join(diff, 'a')), '/../../x\ny'),
  ],
  [
    'a hard link to a symlink changes neither its target',
    tar(symlink('s', 'nowhere'), { ...hardlink('h', 's'), mode: 0o4777, uid: 9 }),
    ['l h', 'l s'],
  ],
  ['an absolute hard link target is inside', tar(file('a/b', 'x'), hardlink('h', '/a/b')), ['d a', 'f a/b', 'f h']],
  [
    'a name of 255 bytes, a thousand directories',
    tar({ ...file('x'), pax: { path: 'n'.repeat(255) } }, { ...file('y'), pax: { path: `${'d/'.repeat(1000)}f` } }),
    [
      `f ${'n'.repeat(255)}`,
      ...Array.from({ length: 1000 }, (_, i) => `d ${'d/'.repeat(i)}d`),
      `f ${'d/'.repeat(1000)}f`,
    ].sort(),
  ],
  ['an empty member name writes nothing', tar({ ...file('', 'content') }, file('a')), ['f a']],
  [
    'PAX uid and gid',
    tar({ ...file('a'), pax: { uid: '3000000000', gid: '4' } }),
    ['f a'],
    (diff) => assert.equal(statSync(join(diff, 'a')).uid, 3000000000),
  ],
  [
    'content is exact over buffer boundaries',
    tar(file('big', Buffer.alloc(3 * 1024 * 1024 + 13, 'abcdefg').toString()), file('after', 'z')),
    ['f after', 'f big'],
    (diff) => assert.equal(content(diff, 'big'), Buffer.alloc(3 * 1024 * 1024 + 13, 'abcdefg').toString()),
  ],
];

function signedChecksum(): Buffer {
  const block = header(file(Buffer.from('\xe9', 'latin1'), ''));
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : (byte << 24) >> 24), 0);
  return Buffer.concat([header({ ...file(Buffer.from('\xe9', 'latin1'), ''), checksum: sum }), END]);
}
