/** Files that configure registries, and what is wrong with them. */
import { readFileSync } from 'node:fs';
import { errnoCode, isErrno, KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import type { Provenance } from '../endpoint-plan.js';

/** The text of a file; undefined when it is not there. @throws KnownError `E_CONFIG` when it cannot be read */
export function readConfigFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return undefined;
    const what = `cannot read the configuration of registries in "${printable(path)}"${reasonText(cause)}`;
    throw new KnownError('E_CONFIG', what, { cause });
  }
}

/** `"/etc/…/hosts.toml", line 3: problem`. The problem must not quote values: they may be secrets. */
export function configError(at: Pick<Provenance, 'file' | 'line'>, problem: string, cause?: unknown): KnownError {
  const text = `${placeText(at)}: ${problem}${reasonText(cause)}`;
  return new KnownError('E_CONFIG', text, cause === undefined ? {} : { cause });
}

/** The kernel's reason: it need not be the file's, as when too many are open. */
function reasonText(cause: unknown): string {
  const code = errnoCode(cause);
  return code === undefined ? '' : ` (${code})`;
}

export function placeText({ file, line }: Pick<Provenance, 'file' | 'line'>): string {
  return `"${printable(file ?? '')}"${line === undefined ? '' : `, line ${line}`}`;
}
