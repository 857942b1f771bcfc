/** Extended attributes with binary values (xattr(7)); Node's fs has no such calls. */

import { isErrno } from '../errors.js';
import { bind, check, cstring } from './libc.js';

const cLsetxattr = bind('int lsetxattr(const void *, const void *, const void *, size_t, int)');
const cFsetxattr = bind('int fsetxattr(int, const void *, const void *, size_t, int)');
const cLgetxattr = bind('intptr_t lgetxattr(const void *, const void *, void *, size_t)');
const cLlistxattr = bind('intptr_t llistxattr(const void *, void *, size_t)');
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
  try {
    for (;;) {
      const size = Number(check(cLgetxattr(cpath, cname, null, 0), 'lgetxattr', `${name} on ${path}`));
      const value = Buffer.alloc(size);
      if (
        size === 0 ||
        Number(check(cLgetxattr(cpath, cname, value, size), 'lgetxattr', `${name} on ${path}`)) === size
      )
        return value;
    }
  } catch (error) {
    if (isErrno(error, 'ENODATA', 'EOPNOTSUPP', 'ENOTSUP')) return undefined;
    throw error;
  }
}

/** Names of all attributes of the entry itself, in the kernel's order. */
export function listXattrs(path: string | Uint8Array): string[] {
  const cpath = cstring(path);
  const size = Number(check(cLlistxattr(cpath, null, 0), 'llistxattr', String(path)));
  if (size === 0) return [];
  const names = Buffer.alloc(size);
  const used = Number(check(cLlistxattr(cpath, names, size), 'llistxattr', String(path)));
  return names.subarray(0, used).toString('latin1').split('\0').filter(Boolean);
}

export function removeXattr(path: string | Uint8Array, name: string): void {
  check(cLremovexattr(cstring(path), cstring(name)), 'lremovexattr', `${name} on ${path}`);
}
