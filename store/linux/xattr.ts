/** Extended attributes with binary values (xattr(7)); Node's fs has no such calls. */

import { isErrno } from '../errors.js';
import { bind, check, cstring } from './libc.js';

const cLsetxattr = bind('int lsetxattr(const void *, const void *, const void *, size_t, int)');
const cFsetxattr = bind('int fsetxattr(int, const void *, const void *, size_t, int)');
const cLgetxattr = bind('intptr_t lgetxattr(const void *, const void *, void *, size_t)');
const cLlistxattr = bind('intptr_t llistxattr(const void *, void *, size_t)');
const cFlistxattr = bind('intptr_t flistxattr(int, void *, size_t)');
const cLremovexattr = bind('int lremovexattr(const void *, const void *)');

/** Sets an attribute on the entry `path` itself, also on a symbolic link. */
export function setXattr(path: string | Uint8Array, name: string, value: Uint8Array): void {
  check(cLsetxattr(cstring(path), cstring(name), value, value.length, 0), 'lsetxattr', `${name} on ${path}`);
}

export function setXattrOn(fd: number, name: string, value: Uint8Array): void {
  check(cFsetxattr(fd, cstring(name), value, value.length, 0), 'fsetxattr', name);
}

/** The value of an attribute, or undefined when the entry has none of that name. */
export function getXattr(path: string | Uint8Array, name: string): Buffer | undefined {
  const cpath = cstring(path);
  const cname = cstring(name);
  const call = (value: Buffer | null): number =>
    Number(check(cLgetxattr(cpath, cname, value, value?.length ?? 0), 'lgetxattr', `${name} on ${path}`));
  try {
    return bytesOf(call);
  } catch (error) {
    if (isErrno(error, 'ENODATA', 'EOPNOTSUPP', 'ENOTSUP')) return undefined;
    throw error;
  }
}

/** False where the file system has no attributes of that kind, or keeps them from us: one that is missing was never written. */
export function takesXattr(path: string | Uint8Array, name: string): boolean {
  try {
    check(Number(cLgetxattr(cstring(path), cstring(name), null, 0)), 'lgetxattr', name);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENODATA')) return true;
    if (isErrno(error, 'EOPNOTSUPP', 'ENOTSUP', 'EPERM', 'EACCES', 'EINVAL', 'ERANGE')) return false;
    throw error;
  }
}

/** How often bytes are asked for whose number somebody changes all the time. */
const TRIES = 100;

/** @param call without a buffer it tells how many bytes there are, with one it fills it and tells how many it took */
function bytesOf(call: (value: Buffer | null) => number): Buffer {
  for (let tries = 1; ; tries++) {
    const size = call(null);
    if (size === 0) return Buffer.alloc(0);
    const bytes = Buffer.alloc(size);
    try {
      return bytes.subarray(0, call(bytes));
    } catch (error) {
      if (!isErrno(error, 'ERANGE') || tries === TRIES) throw error;
    }
  }
}

/** Names of all attributes of the entry itself, in the kernel's order. */
export function listXattrs(path: string | Uint8Array): string[] {
  const cpath = cstring(path);
  const names = bytesOf((value) =>
    Number(check(cLlistxattr(cpath, value, value?.length ?? 0), 'llistxattr', String(path))),
  );
  return names.toString('latin1').split('\0').filter(Boolean);
}

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h. */
const largest = Buffer.alloc(64 * 1024);

/** As {@link listXattrs} in one call, as nearly always there are none; of an open file, or of the entry that a NUL-terminated path names. */
export function listXattrsOnce(of: number | Uint8Array): string[] {
  const size =
    typeof of === 'number'
      ? Number(cFlistxattr(of, largest, largest.length))
      : Number(cLlistxattr(of, largest, largest.length));
  if (size === 0) return [];
  return largest.toString('latin1', 0, check(size, 'listxattr')).split('\0').filter(Boolean);
}

export function removeXattr(path: string | Uint8Array, name: string): void {
  check(cLremovexattr(cstring(path), cstring(name)), 'lremovexattr', `${name} on ${path}`);
}
