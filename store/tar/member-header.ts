/** Headers of tar members as Go's archive/tar writes them for Docker: ustar, with PAX records for what ustar cannot hold. */
import { BLOCK } from './header.js';

export interface MemberHeader {
  /** `0` file, `1` hard link, `2` symbolic link, `3` character device, `4` block device, `5` directory, `6` fifo. */
  type: '0' | '1' | '2' | '3' | '4' | '5' | '6';
  /** Bytes; of a directory with a slash at the end. */
  name: Buffer;
  linkName?: Buffer;
  /** With the bits of the file's type. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Seconds since 1970. */
  mtime: number;
  major?: number;
  minor?: number;
  xattrs?: readonly (readonly [name: string, value: Buffer])[];
}

const NAME_BYTES = 100;
const ID_LIMIT = 0o7777777;
const SIZE_LIMIT = 0o77777777777;

/** All blocks before the content. */
export function memberHeader(member: MemberHeader): Buffer {
  const records = paxRecords(member);
  const own = block(member, member.name, member.type, member.size);
  if (records.length === 0) return own;
  const body = Buffer.concat(records);
  const name = Buffer.from(`PaxHeaders.0/${member.name.toString('latin1').slice(-60).replaceAll('/', '_')}`, 'latin1');
  const header = block({ ...member, mode: 0o644, uid: 0, gid: 0, mtime: 0 }, name, 'x', body.length);
  return Buffer.concat([header, body, paddingAfter(body.length), own]);
}

/** What fills the last block of a content of that length. */
export function paddingAfter(length: number): Buffer {
  return Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK);
}

/** Two blocks of zeros. */
export const archiveEnd = Buffer.alloc(2 * BLOCK);

function paxRecords({ name, linkName, uid, gid, size, mtime, xattrs = [] }: MemberHeader): Buffer[] {
  const records: [string, Buffer][] = [];
  if (!fits(name)) records.push(['path', name]);
  if (linkName !== undefined && !fits(linkName)) records.push(['linkpath', linkName]);
  if (size > SIZE_LIMIT) records.push(['size', Buffer.from(String(size))]);
  if (uid > ID_LIMIT) records.push(['uid', Buffer.from(String(uid))]);
  if (gid > ID_LIMIT) records.push(['gid', Buffer.from(String(gid))]);
  if (mtime < 0 || mtime > SIZE_LIMIT) records.push(['mtime', Buffer.from(String(mtime))]);
  for (const [key, value] of xattrs) records.push([`SCHILY.xattr.${key}`, value]);
  return records.map(([key, value]) => record(key, value));
}

const fits = (name: Buffer): boolean => name.length <= NAME_BYTES && name.every((byte) => byte < 0x80);

/** The length at its start counts itself. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function block(member: Omit<MemberHeader, 'type'>, name: Buffer, type: string, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  name.copy(header, 0, 0, NAME_BYTES);
  octal(header, 100, 8, member.mode);
  octal(header, 108, 8, member.uid > ID_LIMIT ? 0 : member.uid);
  octal(header, 116, 8, member.gid > ID_LIMIT ? 0 : member.gid);
  octal(header, 124, 12, size > SIZE_LIMIT ? 0 : size);
  octal(header, 136, 12, Math.min(Math.max(member.mtime, 0), SIZE_LIMIT));
  header.fill(0x20, 148, 156);
  header.write(type, 156, 'latin1');
  if (type !== 'x') member.linkName?.copy(header, 157, 0, NAME_BYTES);
  header.write('ustar\x0000', 257, 'latin1');
  octal(header, 329, 8, type === 'x' ? 0 : (member.major ?? 0));
  octal(header, 337, 8, type === 'x' ? 0 : (member.minor ?? 0));
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** Digits and a NUL. */
function octal(header: Buffer, at: number, length: number, value: number): void {
  header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
}
