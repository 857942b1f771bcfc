/** PAX extended headers (POSIX.1-2001 pax, "pax Extended Header"), with the checks of Go's archive/tar. */
import { archiveError, type TarHeader } from './header.js';

/** Keyword to value, both as latin1 bytes. A later record of the same keyword wins. */
export type PaxRecords = Map<string, string>;

const textKeywords = new Set(['path', 'linkpath', 'uname', 'gname']);

export function parsePax(body: Buffer): PaxRecords {
  const records: PaxRecords = new Map();
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 ? '' : body.toString('latin1', at, Math.min(space, at + 20));
    const end = at + Number(digits);
    if (!/^\d+$/.test(digits) || Number(digits) < 5 || end > body.length || end - 1 <= space || body[end - 1] !== 0x0a)
      throw archiveError('invalid PAX header: malformed record');
    const equals = body.indexOf(0x3d, space + 1);
    if (equals < 0 || equals >= end - 1 || equals === space + 1)
      throw archiveError('invalid PAX header: record without a keyword');
    const keyword = body.toString('latin1', space + 1, equals);
    const value = body.toString('latin1', equals + 1, end - 1);
    if ((textKeywords.has(keyword) ? value : keyword).includes('\0'))
      throw archiveError('invalid PAX header: NUL in a record');
    records.set(keyword, value);
    at = end;
  }
  return records;
}

function integer(value: string, keyword: string): number {
  const number = /^[+-]?\d{1,19}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw archiveError(`invalid PAX header: bad ${keyword}`);
  return number;
}

function time(value: string): { seconds: number; nanoseconds: number } {
  const match = /^([+-]?)(\d{1,19})(?:\.(\d*))?$/.exec(value);
  if (!match) throw archiveError('invalid PAX header: bad mtime');
  const [, sign, whole = '', fraction = ''] = match;
  const seconds = Number(whole);
  const nanoseconds = Number(fraction.padEnd(9, '0').slice(0, 9));
  if (sign !== '-') return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: -seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

/** Applies the records of a local PAX header to the header that follows it. Empty values keep what the header says. */
export function mergePax(header: TarHeader, records: PaxRecords): void {
  for (const [keyword, value] of records) {
    if (value === '') continue;
    if (keyword === 'path') header.name = value;
    else if (keyword === 'linkpath') header.linkName = value;
    else if (keyword === 'uid') header.uid = integer(value, keyword);
    else if (keyword === 'gid') header.gid = integer(value, keyword);
    else if (keyword === 'size') header.size = integer(value, keyword);
    else if (keyword === 'mtime') header.mtime = time(value);
    else if (keyword.startsWith('GNU.sparse.')) throw archiveError(`sparse files are not supported in layers`);
  }
  if (header.size < 0) throw archiveError('invalid PAX header: negative size');
}

const xattrPrefix = 'SCHILY.xattr.';

/** The extended attributes among the records: name to value bytes. Other conventions (LIBARCHIVE, SCHILY.acl) are ignored, as dockerd does. */
export function xattrsOf(records: PaxRecords): [name: string, value: Buffer][] {
  const xattrs: [string, Buffer][] = [];
  for (const [keyword, value] of records)
    if (keyword.startsWith(xattrPrefix) && value !== '')
      xattrs.push([keyword.slice(xattrPrefix.length), Buffer.from(value, 'latin1')]);
  return xattrs;
}
