/**
 * Layers whose last commit nothing has confirmed. A commit waits for the disk, but a disk may say so and lose what it had, or a machine may
 * lose its power in that very second. A note lies beside the layers from their commit until a later sync of the same boot has gone well;
 * a note of another boot means that the machine went down in between, and that the layer is to be proven once before it is used.
 *
 *     <root>/tspull/unproven/<chainID>.<boot id>    empty
 *
 * To look costs one readdir.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { privateDir } from '../data-root.js';
import { isErrno } from '../errors.js';
import { ensureDirectory, writeNewFile } from '../fs/exact-mode.js';
import { type ChainId, hexOf } from '../oci/digest.js';

/** A version 4 UUID, new with each boot (random(4)). */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

const dirOf = (root: string): string => join(privateDir(root), 'unproven');

export interface UnprovenNotes {
  /** Call when a sync that began after {@link noteUnproven} has gone well: what was noted before that is on the disk now. */
  confirm(): void;
}

/** Before the sync of a commit. */
export function noteUnproven(root: string, layers: readonly ChainId[]): UnprovenNotes {
  const dir = dirOf(root);
  ensureDirectory(dir, 0o700);
  const boot = bootId();
  const before = notesIn(dir).filter((name) => name.endsWith(`.${boot}`));
  for (const chainId of layers) {
    const name = `${hexOf(chainId)}.${boot}`;
    if (!before.includes(name)) writeNewFile(join(dir, name), '', 0o600);
  }
  const ours = new Set(layers.map((chainId) => `${hexOf(chainId)}.${boot}`));
  return {
    confirm() {
      for (const name of before) if (!ours.has(name)) rmSync(join(dir, name), { force: true });
    },
  };
}

/** Layers of these that were committed before the machine went down, and have not been proven since. */
export function unprovenOf(root: string, layers: readonly ChainId[]): ChainId[] {
  const names = notesIn(dirOf(root));
  if (names.length === 0) return [];
  const boot = bootId();
  const stale = new Set(names.filter((name) => !name.endsWith(`.${boot}`)).map((name) => name.slice(0, 64)));
  return layers.filter((chainId) => stale.has(hexOf(chainId)));
}

/** The layer is as it should be. */
export function markProven(root: string, chainId: ChainId): void {
  const dir = dirOf(root);
  const boot = bootId();
  for (const name of notesIn(dir))
    if (name.startsWith(hexOf(chainId)) && !name.endsWith(`.${boot}`)) rmSync(join(dir, name), { force: true });
}

function notesIn(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => /^[0-9a-f]{64}\.[0-9a-f-]{36}$/.test(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function bootId(): string {
  return readFileSync(BOOT_ID, 'utf8').trim();
}
