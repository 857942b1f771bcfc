import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { getXattr, listXattrs } from '../../store/linux/xattr.js';

export interface TreeOptions {
  /** Leave times out. */
  times?: boolean;
  /** Attributes that count; overlayfs's own bookkeeping never does. */
  xattrs?: boolean;
}

/**
 * Every path below `root` with what it is: type, mode, owner, size or target or device, time in nanoseconds, link count,
 * attributes, content. Paths are latin1 bytes. Two trees are the same when their descriptions are.
 */
export function describeTree(root: string, { times = true, xattrs = true }: TreeOptions = {}): string[] {
  const lines: string[] = [];
  const walk = (path: Buffer, shown: string) => {
    const names = readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare);
    for (const name of names) {
      const child = Buffer.concat([path, Buffer.from('/'), name]);
      const label = `${shown}/${name.toString('latin1')}`;
      const info = lstatSync(child, { bigint: true });
      lines.push(
        [label, describe(child, info), times ? `t=${info.mtimeNs}` : '', xattrs ? attributes(child) : '']
          .join(' ')
          .trimEnd(),
      );
      if (info.isDirectory()) walk(child, label);
    }
  };
  walk(Buffer.from(root), '');
  return lines;
}

function describe(
  path: Buffer,
  info: ReturnType<typeof lstatSync> & { mode: bigint; uid: bigint; gid: bigint; rdev: bigint; nlink: bigint },
): string {
  const owner = `${(info.mode & 0o7777n).toString(8)} ${info.uid}:${info.gid}`;
  if (info.isDirectory()) return `dir ${owner}`;
  if (info.isSymbolicLink())
    return `link ${info.uid}:${info.gid} -> ${readlinkSync(path, { encoding: 'buffer' }).toString('latin1')}`;
  if (info.isFile())
    return `file ${owner} n=${info.nlink} ${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16)} ${info.size}`;
  if (info.isCharacterDevice()) return `char ${owner} ${info.rdev}`;
  if (info.isBlockDevice()) return `block ${owner} ${info.rdev}`;
  return `${info.isFIFO() ? 'fifo' : 'other'} ${owner}`;
}

function attributes(path: Buffer): string {
  return listXattrs(path)
    .filter((name) => !/^trusted\.overlay\.(origin|impure|uuid|nlink|upper)$/.test(name))
    .sort()
    .map((name) => `${name}=${getXattr(path, name)?.toString('hex')}`)
    .join(',');
}

/** Paths in `root` that a shell user would see, with type letters; for short expectations. */
export function listTree(root: string): string[] {
  return execFileSync('find', ['.', '-mindepth', '1', '-printf', '%y %P\\n'], { cwd: root, encoding: 'latin1' })
    .split('\n')
    .filter(Boolean)
    .sort();
}

/** Everything with its times, except that of the last use: what a write anywhere would change. */
export function treeTimes(root: string): string[] {
  return describeTree(root).filter((line) => !line.startsWith('/tspull/used/'));
}
