/** Archives byte by byte, also wrong ones: each part of a member can be given as it should not be. */

export interface Member {
  name?: string | Buffer;
  /** One character; default '0', a regular file. */
  type?: string;
  content?: string | Buffer;
  /** Overrides the size field, which is the content's length otherwise. */
  size?: number | Buffer;
  mode?: number;
  uid?: number | Buffer;
  gid?: number | Buffer;
  mtime?: number;
  link?: string | Buffer;
  major?: number;
  minor?: number;
  /** Default `ustar\0` + `00`. */
  magic?: string;
  prefix?: string;
  /** Overrides the right checksum. */
  checksum?: number;
  /** PAX records that precede the member. */
  pax?: Record<string, string | Buffer>;
}

function octal(value: number, length: number): Buffer {
  return Buffer.from(`${value.toString(8).padStart(length - 1, '0')}\0`);
}

/** GNU base-256, for what does not fit octal digits. */
export function base256(value: bigint, length: number): Buffer {
  const out = Buffer.alloc(length);
  let rest = BigInt.asUintN(length * 8, value);
  for (let i = length - 1; i >= 0; i--, rest >>= 8n) out[i] = Number(rest & 0xffn);
  out[0] = (out[0] ?? 0) | 0x80;
  return out;
}

function field(value: number | Buffer | undefined, length: number): Buffer {
  return Buffer.isBuffer(value) ? value : octal(value ?? 0, length);
}

export function header(member: Member): Buffer {
  const block = Buffer.alloc(512);
  const bytes = (text: string | Buffer | undefined) => (Buffer.isBuffer(text) ? text : Buffer.from(text ?? ''));
  const content = bytes(member.content);
  bytes(member.name).copy(block, 0, 0, 100);
  octal(member.mode ?? 0o644, 8).copy(block, 100);
  field(member.uid, 8).copy(block, 108);
  field(member.gid, 8).copy(block, 116);
  field(member.size ?? content.length, 12).copy(block, 124);
  octal(member.mtime ?? 1_000_000_000, 12).copy(block, 136);
  block.fill(0x20, 148, 156);
  block.write(member.type ?? '0', 156, 'latin1');
  bytes(member.link).copy(block, 157, 0, 100);
  block.write(member.magic ?? 'ustar\u000000', 257, 'latin1');
  octal(member.major ?? 0, 8).copy(block, 329);
  octal(member.minor ?? 0, 8).copy(block, 337);
  if (member.prefix) block.write(member.prefix, 345, 155, 'latin1');
  const sum = member.checksum ?? block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

export function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** A PAX header member (`x`, or `g` for a global one) with these records. */
export function pax(records: Record<string, string | Buffer>, type = 'x'): Buffer {
  return rawPax(Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, value))), type);
}

export function rawPax(body: string | Buffer, type = 'x'): Buffer {
  const content = Buffer.from(body as string);
  return Buffer.concat([header({ name: 'PaxHeaders/x', type, content }), padded(content)]);
}

export function gnuLong(type: 'L' | 'K', text: string): Buffer {
  const content = Buffer.from(`${text}\0`);
  return Buffer.concat([header({ name: '././@LongLink', type, content }), padded(content)]);
}

export function member(it: Member): Buffer {
  const content = Buffer.from((it.content ?? '') as string);
  return Buffer.concat([it.pax ? pax(it.pax) : Buffer.alloc(0), header(it), padded(content)]);
}

export const END = Buffer.alloc(1024);

/** A whole archive; buffers are taken as they are. */
export function tar(...parts: (Member | Buffer)[]): Buffer {
  return Buffer.concat([...parts.map((part) => (Buffer.isBuffer(part) ? part : member(part))), END]);
}

export const dir = (name: string, more: Member = {}): Member => ({ name, type: '5', mode: 0o755, ...more });
export const file = (name: string | Buffer, content = 'x', more: Member = {}): Member => ({ name, content, ...more });
export const symlink = (name: string, link: string, more: Member = {}): Member => ({
  name,
  type: '2',
  link,
  mode: 0o777,
  ...more,
});
export const hardlink = (name: string, link: string, more: Member = {}): Member => ({ name, type: '1', link, ...more });
