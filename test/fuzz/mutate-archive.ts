/** Damage to a tar archive: to its bits, its blocks, its fields and its extended headers. */
import { base256, gnuLong, rawPax } from '../support/tar-builder.js';
import type { Random } from './random.js';
import { archiveOf, seedLayer } from './seed-layers.js';

const BLOCK = 512;

type Mutation = (archive: Buffer, random: Random) => Buffer;

/** Places of the numbers in a header (POSIX ustar): start and length. */
const numbers = [
  [100, 8],
  [108, 8],
  [116, 8],
  [124, 12],
  [136, 12],
  [329, 8],
  [337, 8],
  [148, 8],
] as const;

function extreme(length: number, random: Random): Buffer {
  const text = (value: string) => Buffer.from(value.padEnd(length, '\0').slice(0, length), 'latin1');
  return random.pick([
    text('7'.repeat(length)),
    text('7'.repeat(length - 1)),
    text('0'.repeat(length)),
    text(' '.repeat(length)),
    text('9'.repeat(length)),
    text('-1'),
    text('0x7f'),
    text('\xff'.repeat(length)),
    text(`\x80${'\xff'.repeat(length)}`),
    text(`\xff${'\0'.repeat(length)}`),
    base256(BigInt(random.pick([1, -1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 511, 512, 513])), length),
    random.bytes(length),
  ]);
}

const names = [
  '..',
  '/',
  '.',
  '',
  './',
  '../x',
  '/../../guard/file',
  'm0',
  'm0/',
  'm0/x',
  'm1',
  '.wh.m0',
  '.wh.',
  '.wh...',
  '.wh..wh..opq',
  '.wh..wh.aufs',
  'm0/.wh..wh..opq',
  'attack/file',
  'attack/.wh.file',
  'attack',
  '//m0//',
  'm0/../m1',
  '\xff\xfe',
  'a\nb',
  '\x1b[2J',
  'x'.repeat(100),
  'x/'.repeat(50),
] as const;

/** Where headers begin: blocks with the magic. */
function headers(archive: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at + BLOCK <= archive.length; at += BLOCK)
    if (archive.toString('latin1', at + 257, at + 262) === 'ustar') found.push(at);
  return found;
}

function repair(archive: Buffer, at: number): void {
  archive.fill(0x20, at + 148, at + 156);
  const sum = archive.subarray(at, at + BLOCK).reduce((total, byte) => total + byte, 0);
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
}

/** Changes one header and mends its checksum. */
function inHeader(change: (header: Buffer, random: Random) => void): Mutation {
  return (archive, random) => {
    const all = headers(archive);
    if (all.length === 0) return archive;
    const at = random.pick(all);
    change(archive.subarray(at, at + BLOCK), random);
    repair(archive, at);
    return archive;
  };
}

const blocks = (archive: Buffer): number => Math.floor(archive.length / BLOCK);
const at = (block: number): number => block * BLOCK;

function insert(archive: Buffer, block: number, bytes: Buffer): Buffer {
  return Buffer.concat([archive.subarray(0, at(block)), bytes, archive.subarray(at(block))]);
}

const mutations: readonly Mutation[] = [
  (archive, random) => {
    for (let count = 1 + random.below(8); count > 0; count--) {
      const byte = random.below(archive.length);
      archive.writeUInt8(archive.readUInt8(byte) ^ (1 << random.below(8)), byte);
    }
    return archive;
  },
  (archive, random) => {
    const [one, other] = [at(random.below(blocks(archive))), at(random.below(blocks(archive)))];
    const kept = Buffer.from(archive.subarray(one, one + BLOCK));
    archive.copy(archive, one, other, other + BLOCK);
    kept.copy(archive, other);
    return archive;
  },
  (archive, random) => {
    const from = random.below(blocks(archive));
    const copy = Buffer.from(archive.subarray(at(from), at(from + 1 + random.below(6))));
    return insert(archive, random.below(blocks(archive) + 1), copy);
  },
  (archive, random) => {
    const from = random.below(blocks(archive));
    return Buffer.concat([archive.subarray(0, at(from)), archive.subarray(at(from + 1 + random.below(4)))]);
  },
  (archive, random) => archive.subarray(0, random.below(archive.length + 1)),
  (archive, random) =>
    insert(archive, random.below(blocks(archive) + 1), random.pick([Buffer.alloc(512), Buffer.alloc(1024)])),
  (archive, random) => insert(archive, random.below(blocks(archive) + 1), archiveOf(seedLayer(random))),
  (archive, random) => Buffer.concat([archive, random.chance(0.5) ? archiveOf(seedLayer(random)) : random.bytes(700)]),
  inHeader((header, random) => {
    const [start, length] = random.pick(numbers);
    extreme(length, random).copy(header, start);
  }),
  inHeader((header, random) => {
    header.writeUInt8(
      random.chance(0.7) ? random.pick([...Buffer.from('01234567xgLKSDVMNX\0')]) : random.below(256),
      156,
    );
  }),
  inHeader((header, random) => {
    const start = random.pick([0, 157]);
    header.fill(0, start, start + 100);
    header.write(random.pick(names), start, 100, 'latin1');
  }),
  inHeader((header, random) => {
    random
      .pick([Buffer.from('ustar\u000000'), Buffer.from('ustar  \0'), random.bytes(8), Buffer.alloc(8)])
      .copy(header, 257);
    random.bytes(random.below(155)).copy(header, 345);
  }),
  (archive, random) => insert(archive, random.pick([0, ...headers(archive)]) / BLOCK, extension(random)),
];

const keywords = [
  'path',
  'linkpath',
  'size',
  'uid',
  'gid',
  'mtime',
  'atime',
  'uname',
  'comment',
  'SCHILY.xattr.user.x',
  'SCHILY.xattr.',
  'SCHILY.xattr.trusted.overlay.opaque',
  'SCHILY.xattr.trusted.overlay.redirect',
  'SCHILY.xattr.security.capability',
  'SCHILY.xattr.user.',
  'SCHILY.xattr.nonsense',
  'SCHILY.xattr.system.posix_acl_access',
  'SCHILY.xattr.security.selinux',
  `SCHILY.xattr.user.${'n'.repeat(300)}`,
  'SCHILY.xattr.user.a\x01b',
  'GNU.sparse.major',
  'GNU.sparse.name',
  '',
  'x\0y',
] as const;

const values = [
  '',
  '0',
  '-1',
  '1',
  '512',
  '1e3',
  ' 5',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '99999999999999999999',
  '-0.5',
  '9223372036.999999999',
  '1.',
  '.5',
  '-9223372036854775808',
  '../../../guard/file',
  '/proc/self/cwd/guard/file',
  'm0',
  'm0/',
  '.wh.m0',
  'a\0b',
  'a\nb',
  '\xff',
  '.',
  '..',
  '/',
  'x'.repeat(256),
  'd/'.repeat(3000),
  'y'.repeat(70_000),
  `${'d/'.repeat(40)}f`,
] as const;

/** As deep as a path can be: it takes long to make and remove, so it is rare. */
const deepest = `${'d/'.repeat(2047)}f`;

function extension(random: Random): Buffer {
  const value = () => (random.chance(0.001) ? deepest : random.pick(values));
  if (random.chance(0.2)) return gnuLong(random.pick(['L', 'K']), value().replaceAll('\xff', '?'));
  const record = () => {
    const rest = ` ${random.pick(keywords)}=${value()}\n`;
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    if (random.chance(0.15)) return `${random.pick([0, 1, 4, length - 1, length + 1, 2 ** 31, 2 ** 53])}${rest}`;
    return random.chance(0.1) ? rest : `${length}${rest}`;
  };
  const body = Buffer.from(Array.from({ length: 1 + random.below(4) }, record).join(''), 'latin1');
  return rawPax(
    random.chance(0.1) ? body.subarray(0, random.below(body.length)) : body,
    random.pick(['x', 'x', 'x', 'g']),
  );
}

/** A layer with up to four kinds of damage; some have none. */
export function damagedArchive(random: Random): Buffer {
  let archive = archiveOf(seedLayer(random));
  for (let count = random.below(5); count > 0 && archive.length > 0; count--)
    archive = random.pick(mutations)(Buffer.from(archive), random);
  if (random.chance(0.3)) for (const header of headers(archive)) repair(archive, header);
  return archive;
}
