import assert from 'node:assert/strict';
import { closeSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { wholeFile } from '../../../store/fs/file-range.js';
import { type ArchiveEntry, listEntries } from '../../../store/tar/entries.js';
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
  symlink,
  tar,
} from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

function open(t: TestContext, bytes: Buffer, size = bytes.length) {
  const path = join(tempDir(t), 'archive.tar');
  writeFileSync(path, bytes);
  if (size !== bytes.length) truncateSync(path, size);
  const fd = openSync(path, 'r');
  t.after(() => closeSync(fd));
  return wholeFile(fd, 'archive.tar');
}

const shown = ({ name, kind, target, offset, size }: ArchiveEntry) =>
  `${kind} ${name}${target && ` -> ${target}`} ${offset}+${size}`;

const long = 'long/'.repeat(40);

const listed: [what: string, archive: Buffer, entries: string[]][] = [
  [
    'files of any length',
    tar(file('a', 'x'), file('b', 'x'.repeat(513)), file('c', ''), file('d', 'y')),
    ['file a 512+1', 'file b 1536+513', 'file c 3072+0', 'file d 3584+1'],
  ],
  [
    'directories, also with a size',
    tar(dir('d/'), { ...dir('e/'), size: 700 }, file('e/f')),
    ['directory d/ 512+0', 'directory e/ 1024+0', 'file e/f 1536+1'],
  ],
  [
    'links',
    tar(symlink('s', '../t'), hardlink('h', 's'), file('f')),
    ['symlink s -> ../t 512+0', 'link h -> s 1024+0', 'file f 1536+1'],
  ],
  [
    'long names of GNU and PAX',
    tar(gnuLong('L', `${long}1`), file('x'), file('y', 'yy', { pax: { path: `${long}2` } })),
    [`file ${long}1 1536+1`, `file ${long}2 3584+2`],
  ],
  [
    'a size of PAX',
    Buffer.concat([pax({ size: '3' }), header(file('a', '')), Buffer.alloc(512, 'abc'), END]),
    ['file a 1536+3'],
  ],
  ['a size in base 256', tar({ ...file('a', 'abc'), size: base256(3n, 12) }), ['file a 512+3']],
  ['headers without a mark of their format', tar(file('old', 'x', { magic: '\0' })), ['file old 512+1']],
  ['nothing behind the end mark', Buffer.concat([tar(file('a')), tar(file('hidden'))]), ['file a 512+1']],
  [
    'nothing behind the end mark, be it garbage',
    Buffer.concat([tar(file('a')), Buffer.alloc(5000, 'garbage')]),
    ['file a 512+1'],
  ],
  ['no end mark', member(file('a')), ['file a 512+1']],
  ['half an end mark', Buffer.concat([member(file('a')), Buffer.alloc(512)]), ['file a 512+1']],
  ['no padding', member(file('a', 'abc')).subarray(0, 515), ['file a 512+3']],
  [
    'contents that look like headers',
    tar(file('a', '', { content: tar(file('inner')) }), file('b')),
    ['file a 512+2048', 'file b 3072+1'],
  ],
  [
    'devices and sparse files as other',
    tar({ name: 'd', type: '3' }, { name: 'f', type: '6' }, file('s', 'x', { pax: { 'GNU.sparse.major': '1' } })),
    ['other d 512+0', 'other f 1024+0', 'other s 2560+1'],
  ],
  ['an empty archive', END, []],
];

for (const [what, archive, entries] of listed)
  test(`lists ${what}`, async (t) => {
    assert.deepEqual((await listEntries(open(t, archive))).map(shown), entries);
  });

const refused: [what: string, archive: Buffer, message: RegExp][] = [
  ['cut in a content', tar(file('a', 'x'.repeat(2000))).subarray(0, 1500), /ends inside the member "a"/],
  ['cut in a header', tar(file('a'), file('b')).subarray(0, 1200), /not a valid archive/],
  ['cut in a long name', gnuLong('L', 'x'.repeat(600)).subarray(0, 900), /not a valid archive/],
  ['a size beyond the file', tar({ ...file('a'), size: 1e9 }), /ends inside the member "a"/],
  ['a size beyond all numbers', tar({ ...file('a'), size: base256(2n ** 80n, 12) }), /ends inside the member/],
  ['a negative size', tar({ ...file('a'), size: base256(-512n, 12) }), /not a valid archive/],
  ['a symbolic link with content', tar(symlink('s', 't', { size: 512 })), /is a link and has content/],
  ['a hard link with content', tar(hardlink('h', 't', { size: 512 })), /is a link and has content/],
  [
    'one block of zeros before a member',
    Buffer.concat([member(file('a')), Buffer.alloc(512), tar(file('b'))]),
    /zeros where a header/,
  ],
  ['a wrong checksum', tar(file('a', 'x', { checksum: 1 })), /not a valid archive/],
  ['text', Buffer.from('{"errors": []}'.repeat(100)), /not a valid archive/],
  ['a name of megabytes', Buffer.concat([gnuLong('L', 'x'.repeat(10_000)), tar(file('a'))]), /name of more than/],
  ['an endless extended header', tar({ name: 'x', type: 'x', size: 1e10 }), /not a valid archive/],
];

for (const [what, archive, message] of refused)
  test(`refuses ${what}`, async (t) => {
    await assert.rejects(listEntries(open(t, archive)), { code: 'E_ARCHIVE', message });
  });

test('contents are not read: gigabytes take a moment', async (t) => {
  const gib = 1024 ** 3;
  const first = header({ ...file('big'), size: base256(BigInt(4 * gib), 12) });
  const archive = open(t, first, 512 + 4 * gib + 1024);
  const started = process.cpuUsage();
  assert.deepEqual((await listEntries(archive)).map(shown), [`file big 512+${4 * gib}`]);
  const { user, system } = process.cpuUsage(started);
  assert.ok(user + system < 3e6, `${user + system} µs`);
});

test('zeros after the end mark are not read', async (t) => {
  const archive = open(t, tar(file('a')), 1024 ** 4);
  assert.equal((await listEntries(archive)).length, 1);
});

test('an abort ends it', async (t) => {
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(listEntries(open(t, tar(file('a'))), signal), /enough/);
});

test('a hundred thousand members and no more', async (t) => {
  const one = member(file('a', ''));
  const archive = open(t, Buffer.concat(Array.from({ length: 100_001 }, () => one)));
  await assert.rejects(listEntries(archive), { code: 'E_ARCHIVE', message: /more than 100000 members/ });
});
