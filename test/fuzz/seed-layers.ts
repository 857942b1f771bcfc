/** Layers that are valid, of every kind of member, and members that try to get out: what mutations start from. */
import {
  base256,
  dir,
  END,
  file,
  gnuLong,
  hardlink,
  type Member,
  member,
  pax,
  symlink,
} from '../support/tar-builder.js';
import type { Random } from './random.js';

/**
 * Ways to the guard tree, for code that follows them. The process stands in the directory above it, which gives it an absolute name
 * that is the same in every run.
 */
const waysOut = [
  '../../../guard',
  '../../../../../../../../proc/self/cwd/guard',
  '/proc/self/cwd/guard',
  '/proc/self/cwd/guard/folder',
  '/../../../guard/file',
  '/',
  '..',
  '.',
  '/dev/null',
] as const;

type Make = (random: Random, name: string) => (Member | Buffer)[];

const kinds: readonly Make[] = [
  (random, name) => [file(name, '', { content: random.bytes(random.below(3000)), mode: random.below(0o10000) })],
  (random, name) => [
    file(name, '', { uid: random.below(70000), gid: random.below(70000), mtime: random.below(2 ** 31) }),
  ],
  (_, name) => [dir(name), file(`${name}/inner`, 'inner'), symlink(`${name}/link`, 'inner')],
  (random, name) => [dir(`./${name}/`, { mode: random.below(0o10000), uid: random.below(1000) })],
  (_, name) => [file(name, 'linked'), hardlink(`${name}.hard`, name), hardlink(`${name}.again`, `./${name}.hard`)],
  (random, name) => [symlink(name, random.pick(waysOut))],
  (_, name) => [file(`.wh.${name}`, '')],
  (_, name) => [dir(name), file(`${name}/.wh..wh..opq`, ''), file(`${name}/kept`, 'k')],
  (random, name) => [{ name, type: random.pick(['3', '4', '6']), major: random.below(300), minor: random.below(300) }],
  (random, name) => [file(name, 'x', { pax: { 'SCHILY.xattr.user.a': random.bytes(random.below(50)), mtime: '1.5' } })],
  (random, name) => [file('short', 'pax', { pax: { path: `${'deep/'.repeat(random.below(60))}${name}` } })],
  (random, name) => [
    gnuLong('L', `${'long/'.repeat(random.below(60))}${name}`),
    file('short', 'gnu', { magic: 'ustar  \0' }),
  ],
  (_, name) => [gnuLong('K', 'target/'.repeat(30)), symlink(name, 'short')],
  (random, name) => [file(name, '', { uid: base256(BigInt(random.below(2 ** 31)), 8) })],
  (_, name) => [file(name, 'p', { prefix: 'prefix/of/it' })],
  (_, name) => [pax({ comment: 'global' }, 'g'), file(Buffer.from(`\xff\xfe${name}`, 'latin1'), 'bytes')],
];

const attacks: readonly Make[] = [
  (random, name) => [symlink(name, random.pick(waysOut)), file(`${name}/file`, 'overwritten')],
  (random, name) => [symlink(name, random.pick(waysOut)), dir(`${name}/folder`, { mode: 0o777, uid: 1 })],
  (random, name) => [symlink(name, random.pick(waysOut)), hardlink(`${name}.hard`, `${name}/file`)],
  (random, name) => [
    symlink(name, random.pick(waysOut)),
    file(`${name}/.wh.file`, ''),
    file(`${name}/.wh..wh..opq`, ''),
  ],
  (random, name) => [hardlink(name, random.pick(waysOut)), file(name, 'overwritten')],
  (random, name) => [
    symlink(name, random.pick(waysOut)),
    hardlink(`${name}.hard`, name),
    dir(`${name}.hard`, { mode: 0 }),
  ],
  (random, name) => [file(`${random.pick(waysOut)}/${name}`, 'new')],
  (random, name) => [file(`${name}/../../.wh.${random.pick(['guard', '..', 'file'])}`, '')],
  (random, name) => [symlink(name, random.pick(waysOut)), { name: `${name}/device`, type: '3', major: 1, minor: 3 }],
  (random, name) => [symlink(name, random.pick(waysOut)), symlink(`${name}/new`, '/')],
  (random, name) => [
    symlink(name, random.pick(waysOut)),
    file(name, '', { pax: { 'SCHILY.xattr.user.escaped': 'y' } }),
  ],
  (random) => [file(random.pick(waysOut), 'w', { mode: 0o4777 })],
];

/** The parts of an archive without its end; a third of them have a member that tries to get out. */
export function seedLayer(random: Random): Buffer[] {
  const members = Array.from({ length: 1 + random.below(8) }, (_, at) => random.pick(kinds)(random, `m${at}`));
  if (random.chance(0.35)) members.splice(random.below(members.length + 1), 0, random.pick(attacks)(random, 'attack'));
  return members.flat().map((part) => (Buffer.isBuffer(part) ? part : member(part)));
}

export const archiveOf = (parts: readonly Buffer[]): Buffer => Buffer.concat([...parts, END]);
