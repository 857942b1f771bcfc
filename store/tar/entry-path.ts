/** Names of archive members as paths below the layer's root. Names are bytes in latin1 strings. */
import { archiveError } from './header.js';

/** PATH_MAX less the NUL: what the kernel, and so every other user of the store, can still name. */
const MAX_PATH_BYTES = 4095;
/** NAME_MAX of every file system that can carry overlay2. */
const MAX_NAME_BYTES = 255;

export interface EntryPath {
  /** The parent directory without leading or trailing slash; '' is the root of the layer. */
  parent: string;
  base: string;
}

/**
 * Cleans a member name as Go's path.Clean does and splits it; undefined for the root itself. A name that climbs above
 * the root is refused, as dockerd does since 28.
 */
export function splitEntryPath(name: string): EntryPath | undefined {
  const path = plainPath(name) ?? cleanPath(name);
  if (path === '') return undefined;
  if (path.length > MAX_PATH_BYTES) throw archiveError(`a path is longer than ${MAX_PATH_BYTES} bytes`);
  if (path.length > MAX_NAME_BYTES && path.split('/').some((part) => part.length > MAX_NAME_BYTES))
    throw archiveError(`a name is longer than ${MAX_NAME_BYTES} bytes`);
  const slash = path.lastIndexOf('/');
  return slash < 0 ? { parent: '', base: path } : { parent: path.slice(0, slash), base: path.slice(slash + 1) };
}

/** Nearly every name has at most `./` before it and `/` behind it; it is called for each member, so it is spared the rest. */
function plainPath(name: string): string | undefined {
  const start = name.startsWith('./') ? 2 : 0;
  const path = name.slice(start, name.endsWith('/') ? -1 : undefined);
  return /(?:^|\/)\.{0,2}(?:\/|$)/.test(path) ? undefined : path;
}

function cleanPath(name: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (parts.length === 0) throw archiveError('the name leads out of the layer');
      parts.pop();
      continue;
    }
    parts.push(part);
  }
  return parts.join('/');
}

export type Whiteout = { kind: 'opaque' } | { kind: 'remove'; base: string };

/**
 * Whiteouts of the OCI image specification (layer.md, "Whiteouts"), read as dockerd's native overlay2 mode reads them: only
 * `.wh..wh..opq` is special among the `.wh..wh.` names, all others remove the name behind the prefix.
 */
export function whiteoutOf(base: string): Whiteout | undefined {
  if (!base.startsWith('.wh.')) return undefined;
  if (base === '.wh..wh..opq') return { kind: 'opaque' };
  const target = base.slice('.wh.'.length);
  if (target === '' || target === '.' || target === '..') throw archiveError(`invalid whiteout entry`);
  return { kind: 'remove', base: target };
}
