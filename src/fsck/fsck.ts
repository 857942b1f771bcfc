/** Examines a data root, and repairs it when that is asked for. */
import { realpathSync } from 'node:fs';
import { errnoCode, KnownError } from '../../store/errors.js';
import { defaultRoot } from '../../store/store.js';
import { examine } from '../../store/upkeep/examine.js';
import type { Finding } from '../../store/upkeep/finding.js';
import { checkTrees } from './check-trees.js';
import { type FsckReport, fsckVersion, shownFinding } from './report.js';

export interface FsckOptions {
  /** The data root; default `TSPULL_ROOT`, else /var/lib/tspull. */
  root?: string;
  /** Leaves the trees of layers unread. */
  quick?: boolean;
  /** Puts right what can be: small files from each other, layers from where they came. */
  repair?: boolean;
  /** For a repair, as of `pull`. */
  insecure?: boolean;
  mirrors?: string[];
  configDir?: string;
  caFiles?: string[];
  signal?: AbortSignal;
}

/**
 * Without `repair` nothing is changed, and a dockerd may run.
 *
 * @throws KnownError when the root cannot be examined at all, and with `repair` as opening it for writing does
 */
export async function fsck(options: FsckOptions = {}): Promise<FsckReport> {
  const { quick = false, repair = false, signal = new AbortController().signal } = options;
  const root = realRoot(options.root ?? defaultRoot());
  try {
    if (repair) {
      const { repairRoot } = await import('./repair.js');
      return await repairRoot(root, { ...options, quick, signal });
    }
    const examination = examine(root);
    const trees = quick ? undefined : await checkTrees(root, examination, { signal });
    const findings: Finding[] = [...examination.findings, ...(trees?.findings ?? [])];
    return {
      version: fsckVersion,
      root,
      quick,
      images: examination.images,
      layers: examination.layers.length,
      bytes: trees?.bytes ?? 0,
      findings: findings.map((finding) => shownFinding(finding, { repaired: false })),
      clean: findings.length === 0,
    };
  } catch (cause) {
    throw explained(cause, root, signal);
  }
}

function realRoot(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    throw explained(cause, path, undefined);
  }
}

function explained(cause: unknown, root: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return new KnownError('E_CANCELLED', 'the examination was cancelled', { cause });
  const code = errnoCode(cause);
  if (code === undefined) return cause;
  const known = code === 'EACCES' || code === 'EPERM' ? 'E_PERMISSION' : 'E_STORE_IO';
  return new KnownError(known, `cannot examine the data root ${JSON.stringify(root)}: ${String(cause)}`, {
    cause,
    ...(known === 'E_PERMISSION' && { hint: 'run as the owner of the data root' }),
  });
}
