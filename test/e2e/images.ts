/** An image of busybox with everything that a layer may hold, and one that shares layers with it. */
import { readFileSync } from 'node:fs';
import { buildImage, type Image } from '../../fixtures/registry/image.js';
import { findProgram } from '../support/needs.js';
import {
  base256,
  dir,
  END,
  file,
  gnuLong,
  hardlink,
  type Member,
  member,
  symlink,
  tar,
} from '../support/tar-builder.js';

const applets =
  `sh cat ls id env pwd hostname mount umount mkdir rm ln ps kill sleep true false echo stat readlink touch chmod chown dd
  head tail grep sed tr wc seq test expr printf stty tty mknod ip date cut sort find su nproc sysctl setsid yes od chroot awk
  timeout df free uname cp mv md5sum sha256sum which nslookup ulimit getopt`.split(/\s+/);

export const passwd = [
  'root:x:0:0:root:/root:/bin/sh',
  'alice:x:1000:1001::/home/alice:/bin/sh',
  'bob:x:1002:1002::/nowhere:/bin/sh',
];
export const group = ['root:x:0:', 'tty:x:5:', 'wheel:x:10:alice', 'staff:x:50:alice,bob', 'alice:x:1001:'];
export const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

/** `security.capability` of cap_setuid+ep, version 2: bytes that are no UTF-8. */
const capability = Buffer.from('0100000280000000000000000000000000000000', 'hex');

function system(): (Member | Buffer)[] {
  const busybox = findProgram('busybox');
  if (busybox === undefined) throw new Error('busybox is missing');
  return [
    ...['bin', 'etc', 'root', 'home', 'sbin', 'usr', 'usr/bin', 'var'].map((name) => dir(name)),
    dir('tmp', { mode: 0o1777 }),
    dir('home/alice', { mode: 0o750, uid: 1000, gid: 1001 }),
    file('bin/busybox', '', { content: readFileSync(busybox), mode: 0o755 }),
    ...applets.map((name) => symlink(`bin/${name}`, 'busybox')),
    file('etc/passwd', text(passwd)),
    file('etc/group', text(group)),
  ];
}

const longName = `${'a-long-name-'.repeat(12)}end`;

/** Every kind of member with every kind of attribute. */
function curiosities(): (Member | Buffer)[] {
  return [
    dir('odd/', { mode: 0o2775, uid: 33, gid: 44, pax: { mtime: '1234567890.987654321' } }),
    file('odd/precise', 'p', { pax: { mtime: '1500000000.000000001' } }),
    file('odd/old', 'o', { pax: { mtime: '-1.5' } }),
    file('odd/huge-owner', 'h', { uid: base256(2_500_000_000n, 8), gid: base256(3_000_000_000n, 8) }),
    file('odd/setuid', 's', { mode: 0o4755 }),
    file('odd/setgid', 's', { mode: 0o2755, uid: 5 }),
    file('odd/none', 'n', { mode: 0 }),
    file('odd/cap', 'c', { mode: 0o755, pax: { 'SCHILY.xattr.security.capability': capability } }),
    file('odd/attributes', 'a', {
      pax: { 'SCHILY.xattr.user.plain': 'x', 'SCHILY.xattr.user.binary': Buffer.from([0, 255, 10, 61]) },
    }),
    file('odd/ blank and "quote" \\ $HOME', 'b'),
    file('odd/new\nline', 'n'),
    file('odd/ünïcödé 漢字', 'u'),
    file(Buffer.from('odd/latin-\xe9\xff', 'latin1'), 'l'),
    file('odd/<&>', 'amp'),
    gnuLong('L', `odd/gnu-${longName}`),
    file('odd/gnu', 'gnu'),
    file('odd/pax', 'pax', { pax: { path: `odd/pax-${longName}` } }),
    file('prefixed', 'prefix', { prefix: 'odd' }),
    file('odd/linked', 'linked', { mode: 0o640, uid: 7 }),
    hardlink('odd/link-2', 'odd/linked', { mode: 0o640, uid: 7 }),
    hardlink('odd/link-3', '/odd/linked', { mode: 0o640, uid: 7 }),
    symlink('odd/absolute', '/etc/passwd', { uid: 9 }),
    symlink('odd/dangling', '../../../nowhere'),
    { name: 'odd/char', type: '3', major: 1, minor: 3, mode: 0o666 },
    { name: 'odd/block', type: '4', major: 7, minor: 300, mode: 0o660, gid: 6 },
    { name: 'odd/fifo', type: '6', mode: 0o600 },
    file('implicit/parent/file', 'i'),
  ];
}

const lower = (): Buffer =>
  tar(
    ...system(),
    ...curiosities(),
    dir('hidden'),
    file('hidden/a', 'a'),
    dir('hidden/deep'),
    file('hidden/deep/b', 'b'),
    dir('opaque'),
    file('opaque/below', 'below'),
    file('gone', 'gone'),
    symlink('gone-link', 'etc'),
    file('becomes-dir', 'file'),
    dir('becomes-file'),
    file('becomes-file/x', 'x'),
    file('changed', 'first'),
  );

const middle = (): Buffer =>
  tar(
    file('.wh.gone', ''),
    file('.wh.gone-link', ''),
    file('.wh.hidden', ''),
    file('odd/.wh.setuid', '', { uid: 3 }),
    dir('opaque', { mode: 0o711, pax: { mtime: '1600000000.123456789' } }),
    file('opaque/.wh..wh..opq', ''),
    file('opaque/above', 'above'),
    dir('becomes-dir'),
    file('becomes-dir/y', 'y'),
    file('becomes-file', 'file now'),
    file('changed', 'second', { mode: 0o600, uid: 12 }),
    file('.wh.never-there', ''),
  );

const upper = (): Buffer =>
  tar(
    dir('odd', { mode: 0o2775, uid: 33, gid: 44, pax: { mtime: '1234567890.987654321' } }),
    dir('gone'),
    file('gone/back', 'as a directory'),
    file('odd/setuid', 'again', { mode: 0o6755 }),
    dir('fresh'),
    file('fresh/one', '1'),
    hardlink('fresh/two', 'fresh/one'),
    file('data', '', { content: Buffer.alloc(300_000, 'some data that gzip likes '), mode: 0o444 }),
  );

export const config = {
  Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'IMAGE=busybox'],
  Cmd: ['sh', '-c', 'echo from the image'],
  Labels: { kind: 'test' },
};

/** Five layers: the system, changes to it, more changes, an archive with nothing in it, and one that is no multiple of a record. */
export function busyboxImage(): Image {
  const layers = [
    lower(),
    middle(),
    upper(),
    END,
    Buffer.concat([member(file('last', 'last')), END, Buffer.alloc(7168)]),
  ];
  return buildImage({ layers, config, created: '2021-03-04T05:06:07.123456789Z' });
}

/** Stands on the busybox image's first two layers. */
export function siblingImage(): Image {
  return buildImage({
    layers: [lower(), middle(), tar(file('sibling', 's'))],
    config,
    created: '2022-03-04T05:06:07Z',
  });
}
