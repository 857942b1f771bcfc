/** Archives for the kernel's first root: cpio in the format `newc` (Documentation/driver-api/early-userspace/buffer-format.rst). */
import { constants } from 'node:fs';

export interface InitramfsFile {
  /** Without a leading slash; folders above it are made. */
  path: string;
  content: Buffer | string;
  executable?: boolean;
}

export function initramfs(files: readonly InitramfsFile[]): Buffer {
  const folders = new Set(files.flatMap(({ path }) => foldersAbove(path)));
  const entries = [
    ...[...folders].map((path) => ({ path, mode: constants.S_IFDIR | 0o755, content: Buffer.alloc(0) })),
    ...files.map(({ path, content, executable }) => ({
      path,
      mode: constants.S_IFREG | (executable ? 0o755 : 0o644),
      content: Buffer.from(content),
    })),
    { path: 'TRAILER!!!', mode: 0, content: Buffer.alloc(0) },
  ];
  return Buffer.concat(entries.flatMap(({ path, mode, content }, index) => [...entry(index, mode, path, content)]));
}

function foldersAbove(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

function entry(inode: number, mode: number, path: string, content: Buffer): Buffer[] {
  const [links, nameSize] = [1, Buffer.byteLength(path) + 1];
  // inode, mode, owner, group, links, time, size, device, device of a node, size of the name, checksum
  const fields = [inode + 1, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, nameSize, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${path}\0`;
  return [padded(Buffer.from(header)), padded(content)];
}

/** Headers with their names, and contents, begin at multiples of four. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
